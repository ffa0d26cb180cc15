/**
 * What every target did, by windows of `WINDOW_MS` aligned to the clock. Counts only: no I/O, and time is an argument (milliseconds
 * since 1970, never running backwards). A window is written many times while it is open, always with what it holds so far, so that
 * a repeated write adds nothing.
 */
import type { ErrorKind } from './error-kinds.js';
import { bucketOf, BUCKETS } from './histogram.js';
import { MAX_METER_BYTES, WINDOW_MS } from './limits.js';
import type { DurationTotal, TargetStatistics } from './statistics.js';
import { coarsen, openWindow, type MetricWindow } from './metric-window.js';

export { ERROR_KINDS, SERVER_ERROR_KINDS, type ErrorKind } from './error-kinds.js';
export type { MetricWindow } from './metric-window.js';

/** Rejections that took no time: in the latency histogram they would make an overloaded target look fast. */
const WITHOUT_LATENCY: readonly ErrorKind[] = ['INVALID', 'CANCELLED', 'OVERLOADED'];

/** A window that is still being counted, as it was at one moment. */
export interface OpenWindow {
  readonly meter: TargetMeter;
  readonly window: MetricWindow;
  readonly edits: number;
}

const WINDOW_BYTES = 400 + BUCKETS * 8;

/** The counters of one target. Its calls are on the path of every request: they allocate nothing. */
export class TargetMeter {
  private window: MetricWindow;
  /** Grows with every change, so that a write that crosses with a change is not taken for the newest. */
  private edits = 1;
  private writtenEdits = 0;
  private at: number;
  private inFlight = 0;
  private queued = 0;
  readonly closed: MetricWindow[] = [];
  private readonly totals = newTotals();

  constructor(
    private readonly deploymentId: string,
    private readonly versionId: string,
    now: number,
  ) {
    this.at = now;
    this.window = this.open(now);
  }

  /** Nothing is under way. */
  get idle(): boolean {
    return this.inFlight === 0;
  }

  /** Nothing is under way, and nothing that it counted is unwritten or in a window that may still grow. */
  get settled(): boolean {
    return this.idle && this.closed.length === 0 && this.edits === this.writtenEdits && this.window.requests === 0 && this.window.inFlightMax === 0;
  }

  /** A request was accepted. */
  enter(now: number): void {
    this.advance(now);
    if (++this.inFlight > this.window.inFlightMax) this.window.inFlightMax = this.inFlight;
  }

  /** A request goes to another target instead, and counts there. */
  withdraw(now: number): void {
    this.advance(now);
    this.inFlight--;
  }

  /** A request began (+1) or ceased (-1) to wait for a replica. */
  queue(change: 1 | -1, now: number): void {
    this.advance(now);
    this.queued += change;
    if (this.queued > this.window.queueMax) this.window.queueMax = this.queued;
  }

  /** A request ended, `latencyMs` after its arrival. @param stages of an answered one */
  leave(now: number, latencyMs: number, failure?: ErrorKind, stages?: Stages): void {
    this.advance(now);
    this.inFlight--;
    this.count(latencyMs, failure);
    add(failure === undefined ? this.totals.success : this.totals.fail, latencyMs);
    if (!stages) return;
    this.totals.lastInferenceAt = now;
    add(this.totals.queue, stages.queueMs);
    add(this.totals.compute, stages.computeMs);
    add(this.totals.transfer, stages.transferMs);
  }

  /** The runtime executed a batch. @param rows by the batch dimension; 1 without one */
  executed(rows: number, computeMs: number): void {
    const { totals } = this;
    totals.inferenceCount += rows;
    totals.executionCount++;
    let batch = totals.batches.get(rows);
    if (!batch) totals.batches.set(rows, (batch = { count: 0, ns: 0 }));
    add(batch, computeMs);
  }

  /** Requests whose copy this target, a shadow, answered as the primary did; `agreement.ts` says what that means. */
  shadowAgreed(requests: number): void {
    this.totals.shadowAgreed += requests;
  }

  shadowDisagreed(requests: number): void {
    this.totals.shadowDisagreed += requests;
  }

  /** Copies that were not sent to this target, a shadow, because they could only have waited. */
  shadowDropped(requests: number): void {
    this.totals.shadowDropped += requests;
  }

  statistics(model: string, version: number): TargetStatistics {
    return { model, version, ...this.totals };
  }

  /** A request ended before it was accepted. */
  reject(now: number, failure: ErrorKind): void {
    this.advance(now);
    this.count(0, failure);
  }

  /** Brings the integrals up to `now`, and closes every window that has ended. */
  advance(now: number): void {
    this.edits++;
    if (now <= this.at) return;
    while (now >= this.window.windowStart + WINDOW_MS) this.close();
    this.integrate(now);
  }

  /** Closes every window that has ended; touches nothing else of a target that is idle. */
  roll(now: number): void {
    if (!this.idle) return this.advance(now);
    while (now >= this.window.windowStart + WINDOW_MS) this.close();
  }

  /** The open window, if it holds anything that was not written yet. */
  unwritten(now: number): OpenWindow | undefined {
    if (this.edits === this.writtenEdits) return undefined;
    const windowMs = Math.max(1, Math.round(now - this.window.windowStart));
    return { meter: this, window: Object.assign(this.window, { windowMs }), edits: this.edits };
  }

  wrote({ window, edits }: OpenWindow): void {
    if (window === this.window) this.writtenEdits = edits;
  }

  private close(): void {
    const end = this.window.windowStart + WINDOW_MS;
    this.integrate(end);
    this.window.windowMs = WINDOW_MS;
    this.closed.push(this.window);
    this.window = this.open(end);
    this.edits++;
  }

  private count(latencyMs: number, failure: ErrorKind | undefined): void {
    const { window } = this;
    window.requests++;
    if (failure !== undefined) window.errors[failure] = (window.errors[failure] ?? 0) + 1;
    if (failure === undefined || !WITHOUT_LATENCY.includes(failure)) window.latency[bucketOf(latencyMs)]!++;
  }

  private integrate(until: number): void {
    const ms = until - this.at;
    if (ms <= 0) return;
    this.window.inFlightMs += this.inFlight * ms;
    this.window.queueMs += this.queued * ms;
    this.at = until;
  }

  private open(now: number): MetricWindow {
    return openWindow(this.deploymentId, this.versionId, now, this.inFlight, this.queued);
  }
}

/** Where the time of an answered request went. */
export interface Stages {
  readonly queueMs: number;
  readonly computeMs: number;
  readonly transferMs: number;
}

const newTotals = () => ({
  lastInferenceAt: 0,
  inferenceCount: 0,
  executionCount: 0,
  success: { count: 0, ns: 0 },
  fail: { count: 0, ns: 0 },
  queue: { count: 0, ns: 0 },
  transfer: { count: 0, ns: 0 },
  compute: { count: 0, ns: 0 },
  batches: new Map<number, DurationTotal>(),
  shadowAgreed: 0,
  shadowDisagreed: 0,
  shadowDropped: 0,
});

function add(total: DurationTotal, ms: number): void {
  total.count++;
  total.ns += Math.round(ms * 1e6);
}

/** All targets' meters, and what of them is still to be written. */
export class Meter {
  private readonly targets = new Map<string, TargetMeter>();
  /** Targets without a route any more: kept until their last request and window are over. */
  private readonly leaving = new Set<string>();

  constructor(private readonly maxBytes = MAX_METER_BYTES) {}

  /** The meter of a target, which has a route from now on: its windows are written even when nothing happens. */
  target(deploymentId: string, versionId: string, now: number): TargetMeter {
    const key = `${deploymentId}/${versionId}`;
    this.leaving.delete(key);
    let meter = this.targets.get(key);
    if (!meter) this.targets.set(key, (meter = new TargetMeter(deploymentId, versionId, now)));
    return meter;
  }

  /** A target's route is gone. */
  retire(deploymentId: string, versionId: string): void {
    this.leaving.add(`${deploymentId}/${versionId}`);
  }

  /** Closes the windows that have ended, and merges what has become too much to keep. */
  roll(now: number): void {
    for (const meter of this.targets.values()) meter.roll(now);
    this.bound();
  }

  /** Every window that holds something unwritten. Closed ones are final. */
  collect(now: number): { readonly closed: readonly MetricWindow[]; readonly open: readonly OpenWindow[] } {
    this.roll(now);
    const meters = [...this.targets.values()];
    return { closed: meters.flatMap((meter) => meter.closed), open: meters.flatMap((meter) => meter.unwritten(now) ?? []) };
  }

  /** These closed windows are in the database now. */
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
