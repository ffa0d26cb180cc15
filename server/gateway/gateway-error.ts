/** Why the gateway does not answer a request with a result. Protocols turn kinds into their own error shapes; the meter counts them. */

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

/** Thrown for every request that gets no result. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';

  /**
   * @param message what was wrong and what would be right; shown to the caller as it is
   * @param retryAfterSeconds where waiting helps: after how long
   */
  constructor(
    readonly kind: FailureKind,
    message: string,
    readonly retryAfterSeconds?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
