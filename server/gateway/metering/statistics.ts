/** What a target did since this gateway started to serve it: running totals, as Triton's statistics and `/metrics` give them. */
import type { ErrorKind } from '../../metering/error-kinds.js';

/** Calls and the time they took in all, in nanoseconds. */
export interface DurationTotal {
  count: number;
  ns: number;
}

/** The parts of a batch's execution. What is left of a request's time are queues and sockets. */
export interface ExecutionTotals {
  /** The gateway merges and sends it, the replica reads it. */
  readonly input: DurationTotal;
  /** In the runtime. */
  readonly compute: DurationTotal;
  /** The replica encodes the outputs, the gateway cuts them apart. */
  readonly output: DurationTotal;
}

/** The totals of one version of one deployment. */
export interface TargetStatistics {
  /** The deployment's name, as protocols call the model. */
  readonly model: string;
  readonly version: number;
  /** Milliseconds since 1970 of the last answered request; 0 for none. */
  lastInferenceAt: number;
  /** Rows answered, counted by the batch dimension; requests without one count as one. */
  inferenceCount: number;
  /** Batches the runtime executed. */
  executionCount: number;
  /** Of requests, from arrival to answer. */
  readonly success: DurationTotal;
  readonly fail: DurationTotal;
  /** Of answered requests: waiting for a replica. */
  readonly queue: DurationTotal;
  /** Of answered requests. */
  readonly execution: ExecutionTotals;
  /** Executions by their rows. */
  readonly batches: ReadonlyMap<number, ExecutionTotals>;
  /** Of a shadow: copies it answered as the primary did, copies it answered otherwise, and copies that were not sent to it. */
  shadowAgreed: number;
  shadowDisagreed: number;
  shadowDropped: number;
}

/** The same as counters and histograms, for a scrape: they only grow while the target has a route. */
export interface TargetCounters {
  readonly model: string;
  readonly version: number;
  /** Finished requests, failed ones included. */
  readonly requests: number;
  readonly errors: Readonly<Partial<Record<ErrorKind, number>>>;
  /** By the buckets of `histogram.ts`, as `MetricWindow` has them. */
  readonly latency: readonly number[];
  readonly queueTime: readonly number[];
  readonly computeTime: readonly number[];
  /** Sums of what these histograms count. */
  readonly seconds: { readonly latency: number; readonly queueTime: number; readonly computeTime: number };
  readonly executions: number;
  readonly rows: number;
  readonly batchSizes: readonly number[];
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** Of a shadow: its copies. */
  readonly shadow: { readonly agreed: number; readonly disagreed: number; readonly dropped: number };
  /** At this moment. */
  readonly inFlight: number;
  readonly queued: number;
}
