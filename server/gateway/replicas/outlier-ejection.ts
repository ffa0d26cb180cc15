/**
 * Takes a replica that fails again and again, or that hangs, out of use for a while, and probes it back: outlier ejection as service
 * proxies do it. The last one in use is never ejected: a bad replica is better than none.
 */
import type { Lane } from './lane.js';
import { EJECT_AFTER_FAILURES, EJECT_CHECK_MS, EJECT_SILENT_MS, PROBE_FORGET_MS, PROBE_MAX_MS, PROBE_MIN_MS } from '../limits.js';

export interface OutlierEjectionOptions {
  readonly now: () => number;
  /** A replica may be sent to again. */
  readonly onBack: () => void;
  /** Told of every ejection, with its reason, and of every return. */
  readonly onChange: (lane: Lane, reason: string | undefined) => void;
}

export class OutlierEjection {
  private lanes: readonly Lane[] = [];
  private check: NodeJS.Timeout | undefined;
  /**
   * How long the target's batches usually take: a smoothed mean, and the mean deviation from it, as RFC 6298 estimates round trips, but
   * slower to learn: one slow answer must not hide a replica that hangs.
   */
  private meanMs: number | undefined;
  private deviationMs = 0;

  constructor(private readonly options: OutlierEjectionOptions) {}

  update(lanes: readonly Lane[]): void {
    for (const lane of this.lanes) if (!lanes.includes(lane)) clearTimeout(lane.probe);
    this.lanes = lanes;
  }

  close(): void {
    clearTimeout(this.check);
    for (const lane of this.lanes) clearTimeout(lane.probe);
    this.lanes = [];
  }

  /** Something was sent: from now on somebody must look whether answers come. */
  sent(): void {
    if (this.check || this.lanes.length < 2) return;
    this.check = setTimeout(() => {
      // Where this process was held up, timers are told before the answers that have come meanwhile are read: those are not silent.
      setImmediate(() => {
        this.check = undefined;
        this.ejectSilent();
        if (this.lanes.some((lane) => !lane.idle)) this.sent();
      });
    }, EJECT_CHECK_MS);
    this.check.unref();
  }

  /** A replica answered, with a result or with what was wrong with the request. */
  answered(lane: Lane, sentAt: number, now: number): void {
    this.learn(now - Math.max(sentAt, lane.answeredAt));
    lane.answeredAt = now;
    lane.failures = 0;
    if (lane.standing !== 'IN') this.back(lane, now);
    else if (lane.probeMs !== PROBE_MIN_MS && now - lane.backAt > PROBE_FORGET_MS) lane.probeMs = PROBE_MIN_MS;
  }

  /** Every deadline of a message passed at a replica. Where it had little time for it, that is no fault of the replica's. */
  late(lane: Lane, sentAt: number): void {
    if (this.options.now() - Math.max(sentAt, lane.answeredAt) > this.unusualMs) this.failed(lane, 'no answer came before the deadline', false);
  }

  /** A replica failed or died. @param alive it said so itself */
  failed(lane: Lane, reason: string, alive: boolean): void {
    if (alive) lane.answeredAt = this.options.now();
    lane.failures++;
    if (lane.standing === 'TRIAL') this.out(lane);
    else if (lane.failures >= EJECT_AFTER_FAILURES) this.eject(lane, `${lane.failures} requests in a row failed there, the last one because ${reason}`);
  }

  private get unusualMs(): number {
    return 10 * ((this.meanMs ?? 0) + 4 * this.deviationMs);
  }

  private learn(tookMs: number): void {
    if (this.meanMs === undefined) {
      this.meanMs = tookMs;
      this.deviationMs = tookMs / 2;
      return;
    }
    this.deviationMs += (Math.abs(tookMs - this.meanMs) - this.deviationMs) / 16;
    this.meanMs += (tookMs - this.meanMs) / 32;
  }

  private ejectSilent(): void {
    const now = this.options.now();
    const limit = Math.max(EJECT_SILENT_MS, this.unusualMs);
    for (const lane of this.lanes) {
      const since = lane.silentSince;
      if (since === undefined || now - since <= limit || !lane.link.usable) continue;
      // Where no replica answers, the cause is the load or this machine, and not one replica.
      if (!this.lanes.some((other) => other !== lane && other.answeredAt > since)) continue;
      if (lane.standing === 'TRIAL') this.out(lane);
      else this.eject(lane, `it has not answered for ${Math.round(now - since)} ms, while other replicas have`);
    }
  }

  private eject(lane: Lane, reason: string): void {
    if (lane.standing !== 'IN' || !this.lanes.some((other) => other !== lane && other.standing === 'IN' && other.link.usable)) return;
    lane.standing = 'OUT';
    this.options.onChange(lane, reason);
    this.probeLater(lane);
  }

  /** Out again after a trial that failed. */
  private out(lane: Lane): void {
    lane.standing = 'OUT';
    this.probeLater(lane);
  }

  private probeLater(lane: Lane): void {
    const delayMs = lane.probeMs;
    lane.probeMs = Math.min(delayMs * 2, PROBE_MAX_MS);
    clearTimeout(lane.probe);
    lane.probe = setTimeout(() => void this.probe(lane), delayMs);
    lane.probe.unref();
  }

  private async probe(lane: Lane): Promise<void> {
    const alive = await lane.link.probe();
    if (lane.standing !== 'OUT' || !this.lanes.includes(lane)) return;
    if (!alive) return this.probeLater(lane);
    lane.standing = 'TRIAL';
    this.options.onBack();
  }

  private back(lane: Lane, now: number): void {
    clearTimeout(lane.probe);
    lane.standing = 'IN';
    lane.backAt = now;
    this.options.onChange(lane, undefined);
  }
}
