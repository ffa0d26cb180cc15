/** The closed list of what can go wrong in a way that a caller can act on. */
export const ERROR_CODES = {
  INVALID: 'the input is malformed or contradicts itself; correct it and call again',
  NOT_FOUND: 'an object named in the input does not exist, or the caller may not see it',
  ALREADY_EXISTS: 'the name is taken',
  CONFLICT: 'the object changed since the caller read it (expectedGeneration), or an idempotencyKey was used before with another input',
  FAILED_PRECONDITION: 'the object is not in a state that allows this',
  LIMIT_EXCEEDED: 'a limit on size, depth, cost or number was exceeded',
  UNAUTHENTICATED: 'no valid bearer token came with the request',
  FORBIDDEN: 'the token does not allow this',
  CURSOR_EXPIRED: 'the feed no longer holds events that far back; read the state again and subscribe without a cursor',
  UNAVAILABLE: 'a part that this needs, such as the database, is not available now; call again later',
  UNCONFIRMED: 'the change was made, or may have been made; the message says which. Call again only with the same idempotencyKey, or read the object first',
  DEADLINE_EXCEEDED: 'the deadline passed before there was an answer',
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** An error that the caller can act on. Everything else that is thrown is a fault of ours: masked, logged, given an id. */
export class DomainError extends Error {
  override readonly name = 'DomainError';

  /**
   * @param code what kind of failure it is
   * @param message what was wrong, where, and what would be right; shown to the caller as it is
   * @param field path of the offending field below `input`, for example `['targets', '0', 'version']`
   */
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly field: readonly string[] = [],
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
