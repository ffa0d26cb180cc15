/** What callers see of an error: what they can act on as it is, a fault of ours only as an id that the log has. */
import { randomUUID } from 'node:crypto';
import { GraphQLError, type GraphQLFormattedError, Kind, OperationTypeNode } from 'graphql';
import type { Logger } from 'pino';
import { diskFullError } from '../disk-full.js';
import { UnconfirmedError } from '../database/unconfirmed-error.js';
import { DomainError, type ErrorCode } from '../errors.js';

export const FAULT = 'INTERNAL_SERVER_ERROR';

/** PostgreSQL's and the network's ways of saying that the database is away, or wants the transaction again. */
const AWAY = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOENT', '57P01', '57P02', '57P03', '57014', '53300', '40001', '40P01']);
const AWAY_MESSAGE =
  /connection terminated|is not queryable|timeout exceeded when trying to connect|the database system is (starting up|shutting down)|Driver not Connected/i;
/** Of a connection that broke between two statements: ours, and TypeORM's two of what is read outside of a change. */
const AWAY_NAMES = ['ConnectionLostError', 'QueryRunnerAlreadyReleasedError', 'QueryRunnerProviderAlreadyReleasedError'];

function isAway(error: Error & { code?: unknown; syscall?: unknown; driverError?: { code?: unknown } }): boolean {
  // A file that is missing has ENOENT too: only what a connection says counts.
  const ofConnection = 'driverError' in error || 'severity' in error || ['connect', 'read', 'write'].includes(String(error.syscall));
  const code = String(error.driverError?.code ?? error.code ?? '');
  return (
    (ofConnection && (AWAY.has(code) || code.startsWith('08'))) ||
    AWAY_MESSAGE.test(error.message) ||
    AWAY_NAMES.includes(error.name) ||
    (error instanceof AggregateError && error.errors.every((e) => e instanceof Error && isAway(e)))
  );
}

/** An error that callers can act on, as it is; anything else logged under an id and masked. */
export function toClientError(error: unknown, log: Logger, requestId?: string): { code: string; message: string; field?: readonly string[]; id?: string } {
  if (error instanceof DomainError) return { code: error.code, message: error.message, ...(error.field.length > 0 ? { field: error.field } : {}) };
  const id = randomUUID();
  if (error instanceof UnconfirmedError) {
    log.warn({ err: error, id, requestId }, 'a change could not be confirmed: the database did not answer');
    return { code: 'UNCONFIRMED' satisfies ErrorCode, message: error.message, id };
  }
  if (error instanceof Error && isAway(error)) {
    log.warn({ err: error, id, requestId }, 'the database, or another part, did not answer');
    return { code: 'UNAVAILABLE' satisfies ErrorCode, message: 'a part that this needs does not answer now; call again later', id };
  }
  const full = diskFullError(error);
  if (full) {
    log.error({ err: error, id, requestId }, 'a disk is full');
    return { code: full.code, message: full.message, id };
  }
  log.error({ err: error, id, requestId }, 'a request failed inside Pilothouse');
  return { code: FAULT, message: 'internal error', id };
}

/** Errors of fields below a mutation's payload: the payload is there, so the change was made. */
const belowChanges = new WeakSet<GraphQLError>();

/** Call it with the errors of an operation before they are formatted. */
export function noteErrors(operation: OperationTypeNode | undefined, errors: readonly GraphQLError[] | undefined): void {
  if (operation !== OperationTypeNode.MUTATION) return;
  for (const error of errors ?? []) if ((error.path?.length ?? 0) > 1) belowChanges.add(error);
}

/** For every GraphQL answer, over HTTP and over WebSocket. */
export function formatGraphQLError(error: unknown, log: Logger, requestId?: string): GraphQLFormattedError {
  const located = error instanceof GraphQLError ? error : undefined;
  let cause: unknown = error;
  while (cause instanceof GraphQLError && cause.originalError) cause = cause.originalError;
  const place = { ...(located?.locations ? { locations: located.locations } : {}), ...(located?.path ? { path: located.path } : {}) };
  if (cause instanceof GraphQLError) {
    const code = cause.extensions['code'] ?? located?.extensions['code'];
    // graphql-js has no codes. What it says about an argument is the caller's doing; what it says about a field's value is ours.
    const aboutInput = cause.nodes?.some((node) => node.kind !== Kind.FIELD) ?? false;
    if (code !== undefined && code !== FAULT) return { message: cause.message, ...place, extensions: { ...withoutHttp(cause.extensions), code } };
    if (aboutInput) return { message: cause.message, ...place, extensions: { code: 'BAD_USER_INPUT' } };
  }
  const unread = located && belowChanges.has(located) && cause instanceof Error && isAway(cause);
  const { message, ...extensions } = toClientError(unread ? UnconfirmedError.unread(cause) : cause, log, requestId);
  return { message, ...place, extensions };
}

function withoutHttp({ http: _http, stacktrace: _stacktrace, ...extensions }: GraphQLError['extensions']): Record<string, unknown> {
  return extensions;
}

/** HTTP statuses of routes that are not GraphQL. */
export const STATUS_OF: Record<ErrorCode, number> = {
  INVALID: 400,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  CONFLICT: 409,
  FAILED_PRECONDITION: 412,
  LIMIT_EXCEEDED: 413,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  CURSOR_EXPIRED: 410,
  UNAVAILABLE: 503,
  UNCONFIRMED: 503,
  DEADLINE_EXCEEDED: 504,
};

export const statusOf = (code: string): number => STATUS_OF[code as ErrorCode] ?? 500;
