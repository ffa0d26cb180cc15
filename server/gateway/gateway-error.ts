/** Why the gateway does not answer a request with a result. Protocols turn kinds into their own error shapes; the meter counts them. */
import { TensorError, type RequestPart } from '../../runtimes/tensor.js';

/** The closed list of kinds. The first two never reach a target, so no window counts them. */
export const FAILURE_KINDS = {
  /** no valid bearer token came with the request */
  UNAUTHENTICATED: { httpStatus: 401 },
  /** the model or version is unknown */
  NOT_FOUND: { httpStatus: 404 },
  /** the request is malformed, does not fit the model's signature, or is one that the model cannot compute though it answers its sample: the caller's mistake */
  INVALID: { httpStatus: 400 },
  /** the body is in a form that the protocol does not read; counted as INVALID */
  UNSUPPORTED_TYPE: { httpStatus: 415 },
  /** the caller left before the answer was there */
  CANCELLED: { httpStatus: 499 },
  /** the queue of the deployment is full */
  OVERLOADED: { httpStatus: 429 },
  /** the deadline passed while the request waited for, or was at, a living replica */
  DEADLINE_EXCEEDED: { httpStatus: 504 },
  /** there was no replica to send it to until the deadline */
  UNAVAILABLE: { httpStatus: 503 },
  /** the replica's answer is none that can be read, or its runtime failed and it is not known whose fault that was */
  RUNTIME_FAILED: { httpStatus: 500 },
  /** the replica died while it worked on this request, or its runtime broke, and trying again would endanger others */
  REPLICA_LOST: { httpStatus: 502 },
} as const;

export type FailureKind = keyof typeof FAILURE_KINDS;

/** The kinds of what is wrong with a request as HTTP, by status; a request of such a kind is for no model. */
export const HTTP_FAILURE_KINDS = {
  400: 'INVALID',
  403: 'FORBIDDEN',
  405: 'METHOD_NOT_ALLOWED',
  408: 'REQUEST_TIMEOUT',
  413: 'TOO_LARGE',
  415: 'UNSUPPORTED_TYPE',
  417: 'EXPECTATION_FAILED',
  431: 'HEADERS_TOO_LARGE',
  501: 'NOT_IMPLEMENTED',
  503: 'UNAVAILABLE',
} as const;

/** Every kind that an HTTP caller can be told. INTERNAL is a fault of the gateway's own. */
export type HttpFailureKind = FailureKind | (typeof HTTP_FAILURE_KINDS)[keyof typeof HTTP_FAILURE_KINDS] | 'INTERNAL';

/** Thrown for every request that gets no result. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  /** The part of the request that is wrong, where that is known. */
  readonly part: RequestPart | undefined;

  /**
   * @param message what was wrong and what would be right; shown to the caller as it is
   * @param retryAfterSeconds where waiting helps: after how long
   */
  constructor(
    readonly kind: FailureKind,
    message: string,
    readonly retryAfterSeconds?: number,
    options?: ErrorOptions & { readonly part?: RequestPart | undefined },
  ) {
    super(message, options);
    this.part = options?.part;
  }
}

/**
 * Turns a TensorError, which is the caller's mistake, into a GatewayError INVALID. Any other error stays what it is.
 * @param part which part of the request is wrong, where the error does not say it
 */
export const asRefusal = (error: unknown, part?: RequestPart): unknown =>
  error instanceof TensorError ? new GatewayError('INVALID', error.message, undefined, { part: error.part ?? part }) : error;
