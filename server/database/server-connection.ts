/** The server's connections to PostgreSQL, as its pool makes them. */
import pg from 'pg';
import type { QueryRunner } from 'typeorm';

/** Thrown for a change whose connection was lost in its midst; the cause is what PostgreSQL or the network said. Nothing was changed. */
export class ConnectionLostError extends Error {
  override readonly name = 'ConnectionLostError';
}

/** PostgreSQL itself ends a statement after this long. */
export const STATEMENT_TIMEOUT_MS = 30_000;
/** Where it does not, nobody is there to do so: its processes hang, or its machine is cut off. */
export const SILENT_MS = STATEMENT_TIMEOUT_MS + 5_000;

export class ServerConnection extends pg.Client {
  /** What ended it: of all that is said in the end, the first has the reason. */
  lost: Error | undefined;

  constructor(config?: pg.ClientConfig) {
    super(config);
    // The pool stops listening when it hands a connection out, and TypeORM begins a moment later. What PostgreSQL says in between would be
    // an event that nobody hears, and such an event ends the process. The next statement fails, which is all that anybody needs to know.
    this.on('error', (error) => (this.lost ??= error));
  }

  /**
   * Gives the connection up with a statement that nobody answers. pg's own `query_timeout` would keep it: in the pool for others, who would
   * wait behind that statement, and for a ROLLBACK, which would wait as long again. PostgreSQL undoes a transaction whose client is gone.
   */
  override query(...statement: unknown[]): never {
    const answer: unknown = super.query(...(statement as [string]));
    if (answer instanceof Promise) {
      const silence = setTimeout(() => {
        const said = `the database has not answered for ${SILENT_MS / 1_000} s`;
        this.connection.stream.destroy(Object.assign(new Error(said), { code: 'ETIMEDOUT' }));
      }, SILENT_MS);
      const answered = (): void => clearTimeout(silence);
      answer.then(answered, answered);
    }
    return answer as never;
  }
}

/** TypeORM lets go of a connection that breaks between two statements, and of the next statement says no more than that. */
const LET_GO = ['QueryRunnerAlreadyReleasedError', 'QueryRunnerProviderAlreadyReleasedError'];

/** The error of a statement, or why its connection was lost where it tells only that. */
export async function reasonOfFailure(error: unknown, runner: QueryRunner | undefined): Promise<unknown> {
  if (!(error instanceof Error) || !LET_GO.includes(error.name)) return error;
  // The one that it had: no other is made any more.
  const connection: unknown = await runner?.connect();
  const lost = connection instanceof ServerConnection ? connection.lost : undefined;
  return new ConnectionLostError(`the connection to the database was lost${lost ? `: ${lost.message}` : ''}`, { cause: lost ?? error });
}
