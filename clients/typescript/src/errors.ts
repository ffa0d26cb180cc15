/** What can go wrong between a caller and Pilothouse, as one class. */
import type { ErrorCode } from './generated/operations.js';

/** The schema's codes, and `INTERNAL` for a fault of the server. */
export type PilothouseErrorCode = ErrorCode | 'INTERNAL';

/** One thing about the input of a mutation that the caller can act on. */
export interface UserError {
  readonly code: ErrorCode;
  /** What was wrong, where, and what would be right. */
  readonly message: string;
  /** Path of the offending field, from `input` down; empty where it is not one field. */
  readonly field: readonly string[];
}

export interface PilothouseErrorDetail {
  readonly userErrors?: readonly UserError[];
  /** HTTP status of the answer, where there was one. */
  readonly status?: number;
  /** After how long another attempt makes sense, where the answer said so. */
  readonly retryAfterMs?: number;
  /** Id under which the server logged what it does not tell: a fault of its own, or what it needs and had no answer from. */
  readonly errorId?: string;
  readonly cause?: unknown;
}

/**
 * Thrown by every method of the client.
 * `code` is one of the schema's `ErrorCode`, or `INTERNAL` for a fault of the server; an operation that the schema does not allow is
 * `INVALID`. What never reached the server, or got no
 * answer from it, is `UNAVAILABLE`; what the caller gave up itself is its own AbortSignal's reason, not this.
 */
export class PilothouseError extends Error {
  override readonly name = 'PilothouseError';
  readonly userErrors: readonly UserError[];
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly errorId: string | undefined;

  constructor(
    readonly code: PilothouseErrorCode,
    message: string,
    { userErrors = [], status, retryAfterMs, errorId, cause }: PilothouseErrorDetail = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.userErrors = userErrors;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
    this.errorId = errorId;
  }
}

/** A GraphQL error as it stands in an answer. */
export interface GraphQLErrorJson {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions?: { readonly code?: string; readonly id?: string };
}

/** Each once, or it does not compile. */
const CODES: Readonly<Record<PilothouseErrorCode, true>> = {
  ALREADY_EXISTS: true,
  CONFLICT: true,
  CURSOR_EXPIRED: true,
  DEADLINE_EXCEEDED: true,
  FAILED_PRECONDITION: true,
  FORBIDDEN: true,
  INTERNAL: true,
  INVALID: true,
  LIMIT_EXCEEDED: true,
  NOT_FOUND: true,
  UNAUTHENTICATED: true,
  UNAVAILABLE: true,
  UNCONFIRMED: true,
};

/** What GraphQL and HTTP say of an operation or a request that cannot be carried out as it was sent. */
const MALFORMED = ['BAD_REQUEST', 'BAD_USER_INPUT', 'GRAPHQL_PARSE_FAILED', 'GRAPHQL_VALIDATION_FAILED', 'OPERATION_RESOLUTION_FAILURE'];

/** A code as it stands in an answer, as one of the client's; undefined for one that says nothing to it. */
export function codeOf(code: string | undefined): PilothouseErrorCode | undefined {
  if (code === undefined) return undefined;
  if (Object.hasOwn(CODES, code)) return code as PilothouseErrorCode;
  return MALFORMED.includes(code) ? 'INVALID' : undefined;
}

/** The first of the errors of an answer as an exception; the others stand in its message. */
export function fromGraphQLErrors(errors: readonly GraphQLErrorJson[], status?: number): PilothouseError {
  const { code, id } = errors[0]?.extensions ?? {};
  const message = errors.map((error) => error.message).join('; ');
  return new PilothouseError(codeOf(code) ?? 'INTERNAL', message, { ...(status !== undefined && { status }), ...(id !== undefined && { errorId: id }) });
}

/** The `userErrors` of a payload as an exception. */
export function fromUserErrors(userErrors: readonly UserError[]): PilothouseError {
  const message = userErrors.map(({ message: text, field }) => (field.length > 0 ? `${field.join('.')}: ${text}` : text)).join('; ');
  return new PilothouseError(userErrors[0]!.code, message, { userErrors });
}
