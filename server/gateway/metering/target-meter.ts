/** The counters of one target: its open window, the closed ones that wait for the database, and totals since it began. */
import type { ErrorKind } from '../../metering/error-kinds.js';
import { batchSizeBucketOf, bucketOf } from '../../metering/histogram.js';
import { merge, openWindow, WINDOW_MS, type MetricWindow } from '../../metering/metric-window.js';
import type { OpenWindow } from '../../metering/window-writer.js';
import type { DurationTotal, ExecutionTotals, TargetCounters, TargetStatistics } from './statistics.js';

/** Rejections that took no time: in the latency histogram they would make an overloaded target look fast. */
const WITHOUT_LATENCY: readonly ErrorKind[] = ['INVALID', 'CANCELLED', 'OVERLOADED'];

/** Batch sizes that are counted exactly, for Triton's statistics: callers choose them. Further ones count as the power of two below. */
const EXACT_BATCH_SIZES = 256;

/** Who was away for longer than this did not count: the time is left out, where a window for each 5 s of it could fill the memory. */
const LONGEST_GAP_MS = 12 * WINDOW_MS;

/** Where the time of an answered request went. */
export interface Stages extends Execution {
  readonly queueMs: number;
}

/** Where the time of a batch went, as `ExecutionTotals` has it. */
export interface Execution {
  readonly inputMs: number;
  readonly computeMs: number;
  readonly outputMs: number;
}

/**
 * Its calls are on the path of every request: they allocate nothing. Time is counted by the monotonic clock; the machine's clock says only
 * where a window begins, so that a jump of that clock leaves a gap between two windows.
 */
export class TargetMeter {
  private window: MetricWindow;
  /** Everything before the open window, so that a total costs nothing on the path of a request. */
  private past: MetricWindow;
  /** Grows with every change, so that a write that crosses with a change is not taken for the newest. */
  private edits = 1;
  private writtenEdits = 0;
  /** Up to when the integrals are counted, and when the open window ends, by the monotonic clock. */
  private at: number;
  private endsAt = 0;
  /** Where windows begin after a full 5 s. It grows when the clock is set back, so that no window has the key of an earlier one. */
  private phaseMs = 0;
  private inFlight = 0;
  /** Requests that a replica has answered, and whose callers do not have the answer yet. */
  private unsettled = 0;
  private queued = 0;
  readonly closed: MetricWindow[] = [];
  private readonly totals = newTotals();
  /** Of what the latency histogram counts. */
  private latencyMs = 0;

  constructor(
    private readonly deploymentId: string,
    private readonly versionId: string,
    now: number,
    private readonly wallTime: (at: number) => number = (at) => at,
  ) {
    this.at = now;
    this.window = this.open(now);
    this.past = openWindow(deploymentId, versionId, 0, 0, 0);
  }

  /** Nothing is under way. */
  get idle(): boolean {
    return this.inFlight === 0;
  }

  /** Nothing is under way, and nothing that it counted is unwritten or in a window that may still grow. */
  get settled(): boolean {
    return (
      this.idle &&
      this.unsettled === 0 &&
      this.closed.length === 0 &&
      this.edits === this.writtenEdits &&
      this.window.requests === 0 &&
      this.window.inFlightMax === 0
    );
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
  queue(change: number, now: number): void {
    this.advance(now);
    this.queued += change;
    if (this.queued > this.window.queueMax) this.window.queueMax = this.queued;
  }

  /** A replica answered a request: it has nothing more to do with it. `settle` says how it ended. */
  answered(now: number): void {
    this.advance(now);
    this.inFlight--;
    this.unsettled++;
  }

  /** A request ended, `latencyMs` after its arrival. @param stages of an answered one */
  leave(now: number, latencyMs: number, failure?: ErrorKind, stages?: Stages): void {
    this.answered(now);
    this.settle(now, latencyMs, failure, stages);
  }

  /** A request that a replica answered ended, `latencyMs` after its arrival: its caller has the answer, or for some reason none. */
  settle(now: number, latencyMs: number, failure?: ErrorKind, stages?: Stages): void {
    this.advance(now);
    this.unsettled--;
    this.count(latencyMs, failure);
    add(failure === undefined ? this.totals.success : this.totals.fail, latencyMs);
    if (!stages) return;
    this.totals.lastInferenceAt = this.wallTime(now);
    add(this.totals.queue, stages.queueMs);
    addExecution(this.totals.execution, stages);
    this.window.queueTime[bucketOf(stages.queueMs)]!++;
    this.window.computeTime[bucketOf(stages.computeMs)]!++;
  }

  /** What an answered request brought and took, in bytes (`RequestOutcome` says of what). */
  carried(requestBytes: number, responseBytes: number): void {
    this.edits++;
    this.window.requestBytes += requestBytes;
    this.window.responseBytes += responseBytes;
  }

  /** The runtime executed a batch. @param rows by the batch dimension; 1 without one */
  executed(rows: number, execution: Execution): void {
    const { totals, window } = this;
    this.edits++;
    window.executions++;
    window.rows += rows;
    window.batchSizes[batchSizeBucketOf(rows)]!++;
    totals.inferenceCount += rows;
    totals.executionCount++;
    let batch = totals.batches.get(rows);
    if (!batch) {
      const size = totals.batches.size < EXACT_BATCH_SIZES ? rows : 2 ** Math.floor(Math.log2(Math.max(rows, 1)));
      batch = totals.batches.get(size);
      if (!batch) totals.batches.set(size, (batch = newExecution()));
    }
    addExecution(batch, execution);
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

  /** Everything so far, for a scrape. */
  counters(model: string, version: number): TargetCounters {
    const { totals, inFlight, queued, latencyMs } = this;
    const { requests, errors, latency, queueTime, computeTime, executions, rows, batchSizes, requestBytes, responseBytes } = merge(this.past, this.window);
    const seconds = { latency: latencyMs / 1e3, queueTime: totals.queue.ns / 1e9, computeTime: totals.execution.compute.ns / 1e9 };
    return {
      model,
      version,
      requests,
      errors,
      latency,
      queueTime,
      computeTime,
      seconds,
      executions,
      rows,
      batchSizes,
      requestBytes,
      responseBytes,
      shadow: { agreed: totals.shadowAgreed, disagreed: totals.shadowDisagreed, dropped: totals.shadowDropped },
      inFlight,
      queued,
    };
  }

  /** A request ended before it was accepted, `latencyMs` after its arrival. */
  reject(now: number, failure: ErrorKind, latencyMs = 0): void {
    this.advance(now);
    this.count(latencyMs, failure);
  }

  /** Brings the integrals up to `now`, and closes every window that has ended. */
  advance(now: number): void {
    this.edits++;
    if (now <= this.at) return;
    this.closeEnded(now);
    this.integrate(now);
  }

  /** Closes every window that has ended; touches nothing else of a target that is idle. */
  roll(now: number): void {
    if (this.idle) this.closeEnded(now);
    else this.advance(now);
  }

  /** The open window, if it holds anything that was not written yet. */
  unwritten(now: number): OpenWindow | undefined {
    if (this.edits === this.writtenEdits) return undefined;
    const windowMs = Math.max(1, Math.round(now - (this.endsAt - WINDOW_MS)));
    return { meter: this, window: Object.assign(this.window, { windowMs }), edits: this.edits };
  }

  wrote({ window, edits }: OpenWindow): void {
    if (window === this.window) this.writtenEdits = edits;
  }

  private closeEnded(now: number): void {
    while (now >= this.endsAt) {
      const gap = now - this.endsAt > LONGEST_GAP_MS;
      this.close(gap ? now : this.endsAt);
    }
  }

  /** Closes the open window, and opens one at `next`: later than the end where the time between was not counted. */
  private close(next: number): void {
    this.integrate(this.endsAt);
    this.at = Math.max(this.at, next);
    this.window.windowMs = WINDOW_MS;
    // An idle target closes as many windows as a busy one, and adds nothing by them.
    if (this.window.requests > 0 || this.window.executions > 0) this.past = merge(this.past, this.window);
    this.closed.push(this.window);
    this.window = this.open(next, this.window.windowStart);
    this.edits++;
  }

  private count(latencyMs: number, failure: ErrorKind | undefined): void {
    const { window } = this;
    window.requests++;
    if (failure !== undefined) window.errors[failure] = (window.errors[failure] ?? 0) + 1;
    if (failure !== undefined && WITHOUT_LATENCY.includes(failure)) return;
    window.latency[bucketOf(latencyMs)]!++;
    this.latencyMs += latencyMs;
  }

  private integrate(until: number): void {
    const ms = until - this.at;
    if (ms <= 0) return;
    this.window.inFlightMs += this.inFlight * ms;
    this.window.queueMs += this.queued * ms;
    this.at = until;
  }

  /** @param previous where the window before it begins */
  private open(now: number, previous = -Infinity): MetricWindow {
    const wall = Math.round(this.wallTime(now));
    const start = (): number => Math.floor((wall - this.phaseMs) / WINDOW_MS) * WINDOW_MS + this.phaseMs;
    if (start() < previous + WINDOW_MS) this.phaseMs++;
    this.endsAt = now + start() + WINDOW_MS - wall;
    return openWindow(this.deploymentId, this.versionId, start(), this.inFlight, this.queued);
  }
}

const newExecution = (): ExecutionTotals => ({ input: { count: 0, ns: 0 }, compute: { count: 0, ns: 0 }, output: { count: 0, ns: 0 } });

const newTotals = () => ({
  lastInferenceAt: 0,
  inferenceCount: 0,
  executionCount: 0,
  success: { count: 0, ns: 0 },
  fail: { count: 0, ns: 0 },
  queue: { count: 0, ns: 0 },
  execution: newExecution(),
  batches: new Map<number, ExecutionTotals>(),
  shadowAgreed: 0,
  shadowDisagreed: 0,
  shadowDropped: 0,
});

function addExecution({ input, compute, output }: ExecutionTotals, { inputMs, computeMs, outputMs }: Execution): void {
  add(input, inputMs);
  add(compute, computeMs);
  add(output, outputMs);
}

function add(total: DurationTotal, ms: number): void {
  total.count++;
  total.ns += Math.round(ms * 1e6);
}
