/** What a replica answered to one request, and how long each part of it took. */
import type { InferResponse } from '../../../runtimes/open-inference/message.js';
import type { TargetMeter } from '../metering/meter.js';

/** Where the time of an answered request went, by the gateway's clock. */
export interface Timing {
  /** When it was sent to the replica that answered. */
  readonly sentAt: number;
  readonly answeredAt: number;
  /** What reading, the runtime itself, and encoding took for the batch the request was in: `ExecutionTotals` says what counts. */
  readonly inputMs: number;
  readonly computeMs: number;
  readonly outputMs: number;
  /** Rows of that batch, and requests merged into it. */
  readonly batchRows: number;
  readonly batchRequests: number;
  readonly replicaId: string;
}

/** A replica's answer, and the number of the version that gave it. */
export interface Answer {
  readonly response: InferResponse;
  readonly version: number;
  readonly timing: Timing;
  /** By the gateway's clock: until when it is of use to the caller. */
  readonly deadline: number;
  /** Of the tensors (`tensor-bytes.ts`). */
  readonly responseBytes: number;
  /** Of the target that gave it. */
  readonly meter: TargetMeter;
}
