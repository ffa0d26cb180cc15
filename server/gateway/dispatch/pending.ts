/** A request on its way through the gateway, and the line it waits in. */
import { GatewayError } from '../gateway-error.js';
import type { TargetMeter } from '../metering/meter.js';
import type { Decode } from './reading.js';
import type { InferRequest, InferResponse } from '../../../runtimes/open-inference/message.js';

/** What a protocol knows of a request beside the tensors. */
export interface CallContext {
  readonly requestId: string;
  readonly protocol: Protocol;
  /** Who calls: the hash of the bearer token, or `''` where none is asked for. Queues are fair between callers. */
  readonly caller: string;
  /** Headers, or gRPC metadata, by lower-case name: the sticky key and `traceparent` are among them. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Bytes of the request as it came; over gRPC, which says no such number, those of the message that was inflated. */
  readonly requestBytes: number;
  /** The method that was called, where the protocol has several for an inference (gRPC). */
  readonly method?: string;
  /** The path's pattern, where the protocol has several for an inference (MLflow). */
  readonly path?: string | undefined;
  /** The protocol's own deadline, counted from arrival, where it has one (gRPC). */
  readonly timeoutMs?: number;
}

export type Protocol = 'oip-rest' | 'oip-grpc' | 'tfs-rest' | 'kserve-v1' | 'mlflow';

/** Told how an inference ended. */
export interface Witness {
  /** @param error why its caller has no answer; undefined where it has one */
  ended(call: Call, model: string, error: unknown): void;
}

/**
 * One caller's request from the moment it arrived. The protocol calls `cancel` when the caller is gone, and `end` when it has written the
 * answer or said why there is none: only then is it known how the request ended, and how long it took.
 */
export class Call {
  cancelled = false;
  /** A replica's, from its coming on. */
  answer: Answer | undefined;
  /** The model whose inference this is; undefined of any other call, and of one that has ended. */
  model: string | undefined;
  /** Reads the request again, for another version than it was read for first. */
  decode: Decode | undefined;
  private listener: (() => void) | undefined;

  /**
   * @param arrivedAt by the gateway's clock: the deadline runs from here
   * @param witness undefined where nobody waits for the answer, and so the replica's is the end
   */
  constructor(
    readonly arrivedAt: number,
    readonly context: CallContext,
    readonly witness?: Witness,
  ) {}

  /** At most one room holds the call at a time. */
  onCancel(listener: (() => void) | undefined): void {
    this.listener = listener;
  }

  cancel(): void {
    if (this.cancelled) return;
    this.cancelled = true;
    this.listener?.();
    this.end(new GatewayError('CANCELLED', 'the caller is gone'));
  }

  /** Only the first word counts. */
  end(error?: unknown): void {
    const { model } = this;
    if (model === undefined) return;
    this.model = undefined;
    this.witness?.ended(this, model, error);
  }
}

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

/** A request that is accepted and not yet answered. */
export class Pending {
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
  batch: { drop(pending: Pending, late: boolean): void } | undefined;
  /** By the gateway's clock. */
  readonly deadline: number;
  /** Its places in the lines that it stands in. */
  readonly byArrival = new Place(this);
  readonly byKey = new Place(this);
  readonly byDeadline = new Place(this);

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
    return this.byArrival.line !== undefined;
  }
}

/** Where a request stands in one line. */
export class Place {
  line: Line | undefined;
  before: Place | undefined;
  after: Place | undefined;

  constructor(readonly pending: Pending) {}
}

/** A line in the order of arrival, from whose middle one may leave at no cost. */
export class Line {
  length = 0;
  private first: Place | undefined;
  private last: Place | undefined;

  get head(): Pending | undefined {
    return this.first?.pending;
  }

  /** Takes the place that its arrival gives it: the last, unless it comes back from a replica or another line. */
  join(place: Place): void {
    const { arrivedAt } = place.pending.call;
    let before = this.last;
    // Those that come back are older than nearly all who wait: they are looked for from the front.
    if (before && before.pending.call.arrivedAt > arrivedAt) {
      before = undefined;
      for (let next = this.first; next && next.pending.call.arrivedAt <= arrivedAt; next = next.after) before = next;
    }
    this.insert(place, before);
  }

  remove(place: Place): void {
    if (place.line !== this) return;
    if (place.before) place.before.after = place.after;
    else this.first = place.after;
    if (place.after) place.after.before = place.before;
    else this.last = place.before;
    place.line = place.before = place.after = undefined;
    this.length--;
  }

  private insert(place: Place, before: Place | undefined): void {
    const after = before ? before.after : this.first;
    place.line = this;
    place.before = before;
    place.after = after;
    if (before) before.after = place;
    else this.first = place;
    if (after) after.before = place;
    else this.last = place;
    this.length++;
  }
}
