/** One caller's request, from its arrival to the last word about it. */
import { GatewayError } from '../gateway-error.js';
import type { Answer } from './answer.js';
import type { Decode } from './reading.js';

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

/** Is told how an inference ended. */
export interface CallObserver {
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
   * @param observer undefined where no caller waits for the answer: then the call ends with the replica's answer
   */
  constructor(
    readonly arrivedAt: number,
    readonly context: CallContext,
    readonly observer?: CallObserver,
  ) {}

  /** At most one room holds the call at a time. */
  onCancel(listener: (() => void) | undefined): void {
    this.listener = listener;
  }

  cancel(): void {
    if (this.cancelled) return;
    this.cancelled = true;
    this.listener?.();
    this.end(new GatewayError('CANCELLED', 'the client has left'));
  }

  /** Only the first word counts. */
  end(error?: unknown): void {
    const { model } = this;
    if (model === undefined) return;
    this.model = undefined;
    this.observer?.ended(this, model, error);
  }
}
