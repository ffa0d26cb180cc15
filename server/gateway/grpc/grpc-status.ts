/** What a gRPC caller is told when a request gets no result. */
import { Metadata, status, type StatusObject } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { asRefusal, GatewayError, type FailureKind } from '../gateway-error.js';

export const GRPC_STATUS_OF: Readonly<Record<FailureKind, status>> = {
  UNAUTHENTICATED: status.UNAUTHENTICATED,
  NOT_FOUND: status.NOT_FOUND,
  INVALID: status.INVALID_ARGUMENT,
  UNSUPPORTED_TYPE: status.INVALID_ARGUMENT,
  CANCELLED: status.CANCELLED,
  OVERLOADED: status.RESOURCE_EXHAUSTED,
  DEADLINE_EXCEEDED: status.DEADLINE_EXCEEDED,
  UNAVAILABLE: status.UNAVAILABLE,
  RUNTIME_FAILED: status.INTERNAL,
  // Not UNAVAILABLE, at which clients try again: this request may be what kills replicas.
  REPLICA_LOST: status.INTERNAL,
};

/** Clients refuse headers beyond 8 KiB, and the message is percent-encoded in one. */
const MAX_DETAILS = 2_000;

/** Thrown for a status that no failure of an inference has. */
export class StatusError extends Error {
  override readonly name = 'StatusError';

  constructor(
    readonly code: status,
    message: string,
  ) {
    super(message);
  }
}

/** Metadata of a status, for programs: the kind of the failure, and the part of the request that is wrong. */
const KIND = 'x-error-kind';
const FIELD = 'x-error-field';

/** Turns whatever was thrown into a status; a fault of ours is logged, and only its request's id told. */
export function statusOf(thrown: unknown, requestId: string, { log }: { log: Logger }): StatusObject {
  const error = asRefusal(thrown);
  const metadata = new Metadata();
  metadata.set('x-request-id', requestId);
  if (error instanceof GatewayError) {
    if (error.retryAfterSeconds !== undefined) metadata.set('retry-after', String(error.retryAfterSeconds));
    metadata.set(KIND, error.kind);
    if (error.part) metadata.set(FIELD, error.part.field);
    return { code: GRPC_STATUS_OF[error.kind], details: detailsOf(error.message), metadata };
  }
  if (error instanceof StatusError) return { code: error.code, details: error.message, metadata };
  metadata.set(KIND, 'INTERNAL');
  log.error({ err: error, requestId }, 'a request failed with an internal error');
  return { code: status.INTERNAL, details: `internal error; see request ${requestId} in the log of the gateway`, metadata };
}

/** Half a surrogate pair, which percent-encoding throws at, becomes a replacement character. */
function detailsOf(message: string): string {
  const cut = message.length > MAX_DETAILS ? `${message.slice(0, MAX_DETAILS)}…` : message;
  const text = Buffer.from(cut).toString();
  return encodeURI(text).length > 3 * MAX_DETAILS ? `${text.slice(0, MAX_DETAILS / 4)}…` : text;
}
