/**
 * What every target did, by windows of `WINDOW_MS` aligned to the machine's clock. Counts only: no I/O, and time is an argument
 * (milliseconds of a monotonic clock). A window is written many times while it is open, always with what it holds so far, so that
 * a repeated write adds nothing.
 */
import { BATCH_SIZE_BUCKETS, BUCKETS } from '../../metering/histogram.js';
import { coarsen, type MetricWindow } from '../../metering/metric-window.js';
import type { OpenWindow, WindowSource } from '../../metering/window-writer.js';
import { MAX_METER_BYTES } from '../limits.js';
import { TargetMeter } from './target-meter.js';

export { TargetMeter, type Stages } from './target-meter.js';

const WINDOW_BYTES = 500 + (3 * BUCKETS + BATCH_SIZE_BUCKETS) * 8;

/** All targets' meters, and what of them is still to be written. */
export class Meter implements WindowSource {
  private readonly targets = new Map<string, TargetMeter>();
  /** Targets without a route any more: kept until their last request and window are over. */
  private readonly leaving = new Set<string>();

  /** @param wallTime the machine's clock at a moment of the monotonic one, in milliseconds since 1970 (`clock.ts`) */
  constructor(
    private readonly maxBytes = MAX_METER_BYTES,
    private readonly wallTime: (at: number) => number = (at) => at,
  ) {}

  /** The meter of a target, which has a route from now on: its windows are written even when nothing happens. */
  target(deploymentId: string, versionId: string, now: number): TargetMeter {
    const key = `${deploymentId}/${versionId}`;
    this.leaving.delete(key);
    let meter = this.targets.get(key);
    if (!meter) this.targets.set(key, (meter = new TargetMeter(deploymentId, versionId, now, this.wallTime)));
    return meter;
  }

  /** A target's route is gone. */
  retire(deploymentId: string, versionId: string): void {
    this.leaving.add(`${deploymentId}/${versionId}`);
  }

  /** Merges what has become too much to keep, too. */
  roll(now: number): void {
    for (const meter of this.targets.values()) meter.roll(now);
    this.bound();
  }

  collect(now: number): { readonly closed: readonly MetricWindow[]; readonly open: readonly OpenWindow[] } {
    this.roll(now);
    const meters = [...this.targets.values()];
    return { closed: meters.flatMap((meter) => meter.closed), open: meters.flatMap((meter) => meter.unwritten(now) ?? []) };
  }

  written(windows: readonly MetricWindow[]): void {
    const done = new Set(windows);
    for (const [key, meter] of this.targets) {
      const left = meter.closed.filter((window) => !done.has(window));
      meter.closed.splice(0, meter.closed.length, ...left);
      if (!this.leaving.has(key) || !meter.settled) continue;
      this.targets.delete(key);
      this.leaving.delete(key);
    }
  }

  /** Closed windows that wait for the database. */
  get backlog(): number {
    let count = 0;
    for (const meter of this.targets.values()) count += meter.closed.length;
    return count;
  }

  /** While the database is away for long, neighbouring windows become one: coarser, but nothing is lost. */
  private bound(): void {
    while (this.backlog * WINDOW_BYTES > this.maxBytes) {
      let merged = false;
      for (const meter of this.targets.values()) {
        const coarse = coarsen(meter.closed);
        merged ||= coarse.length < meter.closed.length;
        meter.closed.splice(0, meter.closed.length, ...coarse);
      }
      if (!merged) return;
    }
  }
}
