/** The database of a server: the one that DATABASE_URL names, or the one that Pilothouse brings along. */
import type { Logger } from 'pino';
import type { Config } from '../config.js';
import { otherServers } from '../lifecycle/server-records.js';
import { EmbeddedPostgres } from './embedded-postgres.js';
import { checkDatabase } from './external-database.js';

export interface Database {
  /** For `pg` and TypeORM; the same for as long as the server lives. */
  readonly url: string;
  /** Pilothouse's own PostgreSQL; undefined where DATABASE_URL names one. */
  readonly embedded: EmbeddedPostgres | undefined;
  /** The last server of a home stops Pilothouse's own PostgreSQL, even if clients are connected. */
  stop(options?: { force?: boolean }): Promise<void>;
  /** A server that is not the last one lets it run. */
  leave(): Promise<void>;
  /** For a start that failed: ends what this start began, unless another server of the home uses it by now. */
  undo(): Promise<void>;
}

export interface OpenDatabaseOptions {
  readonly log: Logger;
  /** Tells the person at the terminal what takes its time. */
  readonly say?: (line: string) => void;
  /** Ends the wait for a database that is just starting. */
  readonly signal?: AbortSignal | undefined;
}

/** @throws DomainError with one line that says why there is no database to be had */
export async function openDatabase(config: Config, { log, say = () => undefined, signal }: OpenDatabaseOptions): Promise<Database> {
  if (config.databaseUrl !== undefined) {
    await checkDatabase(config.databaseUrl, say, signal);
    const nothing = async (): Promise<void> => undefined;
    return { url: config.databaseUrl, embedded: undefined, stop: nothing, leave: nothing, undo: nothing };
  }
  const embedded = await EmbeddedPostgres.start({
    home: config.home,
    log,
    say,
    onRestart: (pid) => say(`PostgreSQL ended and was started again (process ${pid}).`),
  });
  return {
    url: embedded.url,
    embedded,
    stop: (options) => embedded.stop(options),
    leave: () => embedded.leave(),
    undo: () => (embedded.adopted || otherServers(config.home).length > 0 ? embedded.leave() : embedded.stop()),
  };
}
