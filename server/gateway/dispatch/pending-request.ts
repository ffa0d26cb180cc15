/** A request between its acceptance and its answer, as the queues and the batches know it. */
import type { InferRequest } from '../../../runtimes/open-inference/message.js';
import type { Answer } from './answer.js';
import type { Call } from './call.js';
import { QueueNode } from './arrival-queue.js';

/** A request that is accepted and not yet answered. */
export class PendingRequest {
  /** Answered, failed, or given up. */
  done = false;
  /** It was under way when a replica crashed: it is tried again once, alone, with a replica for itself. */
  suspect = false;
  /** It was in a merged message that failed as a whole: it is not merged again. */
  alone = false;
  /** Rows along the batch dimension; 1 for a request without one. */
  rows = 1;
  /** Requests with the same key may be merged; undefined for one that goes alone. */
  key: string | undefined;
  /** Of its tensors; counted while it waits. */
  bytes = 0;
  /** When it was last sent to a replica. */
  sentAt = 0;
  /** The message to a replica that it is part of. */
  batch: { drop(pending: PendingRequest, late: boolean): void } | undefined;
  /** By the gateway's clock. */
  readonly deadline: number;
  /** Its nodes in the queues that it is in. */
  readonly byArrival = new QueueNode(this);
  readonly byKey = new QueueNode(this);
  readonly byDeadline = new QueueNode(this);

  /**
   * @param request as the version reads it that it waits for
   * @param version the version the caller asked for by number; undefined lets the weights decide
   */
  constructor(
    readonly call: Call,
    public request: InferRequest,
    readonly version: number | undefined,
    readonly timeoutMs: number,
    readonly resolve: (answer: Answer) => void,
    readonly reject: (error: Error) => void,
  ) {
    this.deadline = call.arrivedAt + timeoutMs;
  }

  /** Waits for a replica. */
  get waits(): boolean {
    return this.byArrival.queue !== undefined;
  }
}
