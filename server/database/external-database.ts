/** Looks at a database that somebody else runs, before anything is done with it. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { DomainError } from '../errors.js';
import { announced } from '../lifecycle/announced.js';

/** As `server_version_num` counts. */
const OLDEST = 140_000;
const CONNECT_MS = 10_000;
/** A database that says that it is just starting is given this long. */
const STARTING_MS = 30_000;
const STARTING = '57P03';

/**
 * Checks that the database can be reached and is new enough.
 * @param say is told when that takes its time
 * @param signal ends the wait for one that is just starting
 * @throws DomainError UNAVAILABLE or FAILED_PRECONDITION, in one line without the password; the signal's AbortError
 */
export async function checkDatabase(url: string, say?: (line: string) => void, signal?: AbortSignal): Promise<void> {
  const shown = redactUrl(url);
  await announced(say, `Waiting for the database ${shown}…`, () => untilUsable(url, shown, signal));
}

async function untilUsable(url: string, shown: string, signal: AbortSignal | undefined): Promise<void> {
  const deadline = performance.now() + STARTING_MS;
  for (;;) {
    try {
      const { number, name } = await readVersion(url);
      if (number < OLDEST) throw new DomainError('FAILED_PRECONDITION', `the database ${shown} is PostgreSQL ${name}: Pilothouse needs 14 or newer`);
      return;
    } catch (error) {
      if (error instanceof DomainError) throw error;
      if ((error as { code?: unknown }).code !== STARTING || performance.now() > deadline) {
        throw new DomainError('UNAVAILABLE', `the database ${shown} (DATABASE_URL) cannot be used: ${reasonOf(error)}`, [], { cause: error });
      }
      await sleep(250, undefined, { signal });
    }
  }
}

/** A database's URL as it may be shown and logged: no password, and none of the parameters, which can hold secrets too. */
export function redactUrl(url: string): string {
  try {
    const parsed = new URL(url);
    const user = parsed.username ? `${parsed.username}${parsed.password ? ':***' : ''}@` : '';
    return `${parsed.protocol}//${user}${parsed.host}${parsed.pathname}`;
  } catch {
    return 'that DATABASE_URL names (it is not a URL such as postgres://user:password@host:5432/name)';
  }
}

async function readVersion(url: string): Promise<{ number: number; name: string }> {
  const client = new pg.Client({ connectionString: url, application_name: 'pilothouse-start', connectionTimeoutMillis: CONNECT_MS });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ number: string; name: string }>(
      "SELECT current_setting('server_version_num') AS number, current_setting('server_version') AS name",
    );
    return { number: Number(rows[0]?.number), name: rows[0]?.name ?? '' };
  } finally {
    // A server that does not answer does not say goodbye either.
    void client.end().catch(() => undefined);
  }
}

/** A name with several addresses fails once per address, and the error that holds them all has no message. */
function reasonOf(error: unknown): string {
  const errors = error instanceof AggregateError ? (error.errors as Error[]) : [error as Error];
  return [...new Set(errors.map((each) => (each.message || (each as NodeJS.ErrnoException).code) ?? 'no reason given'))].join('; ').split('\n')[0]!;
}
