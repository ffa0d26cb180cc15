/** The server's connections to PostgreSQL, as its pool makes them. */
import type pg from 'pg';
import type { QueryRunner } from 'typeorm';
import { LimitedClient } from './limited-client.js';

/** Thrown for a change whose connection was lost in its midst; the cause is what PostgreSQL or the network said. Nothing was changed. */
export class ConnectionLostError extends Error {
  override readonly name = 'ConnectionLostError';
}

/** PostgreSQL itself ends a statement after this long. */
export const STATEMENT_TIMEOUT_MS = 30_000;
/** A server that has not ended it by now is not working: its processes hang, or its machine is cut off. */
export const SILENT_MS = STATEMENT_TIMEOUT_MS + 5_000;

export class ServerConnection extends LimitedClient {
  constructor(config?: pg.ClientConfig) {
    super(config, SILENT_MS);
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
