/** What a target did since this gateway started to serve it: running totals, as Triton's statistics and `/metrics` give them. */

/** Calls and the time they took in all, in nanoseconds. */
export interface DurationTotal {
  count: number;
  ns: number;
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
  /** Of answered requests: from the replica's socket to the runtime and back, without the runtime itself. */
  readonly transfer: DurationTotal;
  /** Of answered requests: in the runtime. */
  readonly compute: DurationTotal;
  /** Executions by their rows. */
  readonly batches: ReadonlyMap<number, DurationTotal>;
  /** Of a shadow: copies it answered as the primary did, copies it answered otherwise, and copies that were not sent to it. */
  shadowAgreed: number;
  shadowDisagreed: number;
  shadowDropped: number;
}
