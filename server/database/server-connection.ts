/** The server's connections to PostgreSQL, as its pool makes them. */
import pg from 'pg';

export class ServerConnection extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config);
    // The pool stops listening when it hands a connection out, and TypeORM begins a moment later. What PostgreSQL says in between would be
    // an event that nobody hears, and such an event ends the process. The next statement fails, which is all that anybody needs to know.
    this.on('error', () => undefined);
  }
}
