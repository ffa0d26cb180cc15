/** Thrown for a change that was made, or may have been made, where the caller cannot be given its result. */
export class UnconfirmedError extends Error {
  override readonly name = 'UnconfirmedError';

  /** @param idempotencyKey the caller's, where it gave one */
  static maybe(idempotencyKey: string | undefined, cause: unknown): UnconfirmedError {
    const advice =
      idempotencyKey === undefined
        ? 'read the object before you call again'
        : `call again with the same idempotencyKey ("${idempotencyKey}"): the answer is the same in both cases, and nothing is made twice`;
    return new UnconfirmedError(
      `the connection to the database was lost while the change was committed, and the database does not answer: it is not known whether the change was made; ${advice}`,
      { cause },
    );
  }

  static unread(cause: unknown): UnconfirmedError {
    return new UnconfirmedError(
      'the change was made, but the database does not answer now, so it cannot be shown; read the object later, and do not call again',
      {
        cause,
      },
    );
  }
}
