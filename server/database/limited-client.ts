/** A connection to PostgreSQL whose waits all end. Uses pg alone, so that the gateway can share it. */
import pg from 'pg';

/** The kernel asks a silent peer after this long, then every second, and ends the connection after ten questions without an answer. */
export const KEEP_ALIVE = { keepAlive: true, keepAliveInitialDelayMillis: 5_000 } as const;
const GOODBYE_MS = 1_000;

export class LimitedClient extends pg.Client {
  /** Why the connection ended: the first of its errors, which has the reason. */
  lost: Error | undefined;

  /** @param silentMs a statement that is not answered within this time ends the connection */
  constructor(
    config: pg.ClientConfig | undefined,
    private readonly silentMs: number,
  ) {
    super(config);
    // A pool stops listening when it hands a connection out, and TypeORM begins a moment later. An error in between would be an event
    // without a listener, which ends the process. The next statement fails, and that is all that anybody needs to know.
    this.on('error', (error) => (this.lost ??= error));
    this.query = ((...statement: [string]) => this.limit(super.query(...statement))) as pg.Client['query'];
  }

  /**
   * Ends the connection with a statement that is not answered. pg's own `query_timeout` keeps it: others would wait behind that statement,
   * and a ROLLBACK would wait as long again. PostgreSQL undoes a transaction whose client is gone.
   */
  private limit(answer: unknown): unknown {
    if (answer instanceof Promise) {
      const silence = setTimeout(() => this.cut(`the database has not answered for ${this.silentMs / 1_000} s`), this.silentMs);
      const answered = (): void => clearTimeout(silence);
      answer.then(answered, answered);
    }
    return answer;
  }

  /** Says goodbye, and does not wait long for a peer that does not answer. Never throws. */
  async leave(): Promise<void> {
    const late = setTimeout(() => this.cut('the database did not answer when the connection was closed'), GOODBYE_MS);
    await this.end().catch(() => undefined);
    clearTimeout(late);
  }

  private cut(reason: string): void {
    this.connection.stream.destroy(Object.assign(new Error(reason), { code: 'ETIMEDOUT' }));
  }
}
