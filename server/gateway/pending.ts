/** A request on its way through the gateway, and the line it waits in. */
import type { InferRequest, InferResponse } from '../../runtimes/open-inference/message.js';

/** What a protocol knows of a request beside the tensors. */
export interface CallContext {
  readonly requestId: string;
  readonly protocol: Protocol;
  /** Who calls: the hash of the bearer token, or `''` where none is asked for. Queues are fair between callers. */
  readonly caller: string;
  /** Headers, or gRPC metadata, by lower-case name: the sticky key and `traceparent` are among them. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Bytes of the request as it came. */
  readonly requestBytes: number;
  /** The protocol's own deadline, counted from arrival, where it has one (gRPC). */
  readonly timeoutMs?: number;
}

export type Protocol = 'oip-rest' | 'oip-grpc' | 'tfs-rest' | 'kserve-v1' | 'mlflow';

/** One caller's request from the moment it arrived. The protocol calls `cancel` when the caller is gone. */
export class Call {
  cancelled = false;
  private listener: (() => void) | undefined;

  /** @param arrivedAt by the gateway's clock: the deadline runs from here */
  constructor(
    readonly arrivedAt: number,
    readonly context: CallContext,
  ) {}

  /** At most one room holds the call at a time. */
  onCancel(listener: (() => void) | undefined): void {
    this.listener = listener;
  }

  cancel(): void {
    if (this.cancelled) return;
    this.cancelled = true;
    this.listener?.();
  }
}

/** Where the time of an answered request went, by the gateway's clock. */
export interface Timing {
  /** When it was sent to the replica that answered. */
  readonly sentAt: number;
  readonly answeredAt: number;
  /** What the runtime itself took for the batch the request was in. */
  readonly computeMs: number;
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
}

/** A request that is accepted and not yet answered. */
export interface Pending {
  readonly call: Call;
  readonly request: InferRequest;
  /** The version the caller asked for by number; undefined lets the weights decide. */
  readonly version: number | undefined;
  readonly timeoutMs: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
  /** Answered, failed, or given up. */
  done: boolean;
  /** It was under way when a replica crashed: it is tried again once, alone. */
  suspect: boolean;
  /** When it was last sent to a replica. */
  sentAt: number;
  timer: NodeJS.Timeout | undefined;
  /** While it is at a replica. */
  abort: AbortController | undefined;
  // Links of the line it waits in.
  line: Line | undefined;
  before: Pending | undefined;
  after: Pending | undefined;
}

/** A first-in-first-out line from whose middle one may leave at no cost. */
export class Line {
  length = 0;
  private first: Pending | undefined;
  private last: Pending | undefined;

  get head(): Pending | undefined {
    return this.first;
  }

  /** Takes the place that its arrival gives it: the last, unless it comes back from a replica or another line. */
  join(pending: Pending): void {
    const { arrivedAt } = pending.call;
    let before = this.last;
    // Those that come back are older than nearly all who wait: they are looked for from the front.
    if (before && before.call.arrivedAt > arrivedAt) {
      before = undefined;
      for (let next = this.first; next && next.call.arrivedAt <= arrivedAt; next = next.after) before = next;
    }
    this.insert(pending, before);
  }

  remove(pending: Pending): void {
    if (pending.line !== this) return;
    if (pending.before) pending.before.after = pending.after;
    else this.first = pending.after;
    if (pending.after) pending.after.before = pending.before;
    else this.last = pending.before;
    pending.line = pending.before = pending.after = undefined;
    this.length--;
  }

  private insert(pending: Pending, before: Pending | undefined): void {
    const after = before ? before.after : this.first;
    pending.line = this;
    pending.before = before;
    pending.after = after;
    if (before) before.after = pending;
    else this.first = pending;
    if (after) after.before = pending;
    else this.last = pending;
    this.length++;
  }
}
