import 'reflect-metadata';
import { DataSource } from 'typeorm';
import { migrations } from '../../migrations/index.js';
import { KEEP_ALIVE } from './limited-client.js';
import { SnakeNaming } from './naming.js';
import { reasonOfFailure, ServerConnection, STATEMENT_TIMEOUT_MS } from './server-connection.js';

export type EntityClass = new () => object;

/** Key of the advisory lock under which migrations run, so that two servers may start at once. */
const MIGRATION_LOCK = 0x50494c4f;

const CONNECT_MS = 10_000;
/** A server that was stopped in the middle of a change holds its row locks this long; the server that takes over waits for them. */
const IDLE_IN_TRANSACTION_MS = 8_000;

/** A data source that is not connected yet. @param entities what it can read and write */
export function createDataSource(url: string, entities: readonly EntityClass[], poolSize = 20): DataSource {
  return new DataSource({
    type: 'postgres',
    url,
    entities: [...entities],
    migrations,
    migrationsTableName: 'migration',
    namingStrategy: new SnakeNaming(),
    poolSize,
    applicationName: 'pilothouse-server',
    // To be let in, or, where all connections are in use, to get one of them.
    connectTimeoutMS: CONNECT_MS,
    extra: { Client: ServerConnection, ...KEEP_ALIVE, statement_timeout: STATEMENT_TIMEOUT_MS, idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS },
    // Ids are made here, so that no database extension is needed.
    installExtensions: false,
  });
}

/** Runs the migrations that are missing, one server at a time. @throws ConnectionLostError */
export async function migrate(dataSource: DataSource): Promise<void> {
  const runner = dataSource.createQueryRunner();
  try {
    await runner.connect();
    await runner.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    try {
      await dataSource.runMigrations({ transaction: 'all' });
    } finally {
      // A connection that was lost has no lock any more, and why it was is told by what failed before.
      await runner.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]).catch(() => undefined);
    }
  } catch (error) {
    throw await reasonOfFailure(error, runner);
  } finally {
    await runner.release();
  }
}
