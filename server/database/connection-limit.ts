/** Asks the database how many connections it lets this user have. */
import pg from 'pg';
import type { ConnectionDemand } from './connection-plan.js';

const CONNECT_MS = 10_000;

/** The settings that limit it. Superusers are limited by the server's alone. */
const LIMITS = `
  SELECT name, "limit" FROM (
    SELECT 'max_connections' AS name, current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true)::int, 0) AS "limit"
    UNION ALL SELECT 'CONNECTION LIMIT of the database', datconnlimit FROM pg_database, pg_roles
      WHERE datname = current_database() AND rolname = current_user AND NOT rolsuper
    UNION ALL SELECT 'CONNECTION LIMIT of the role', rolconnlimit FROM pg_roles WHERE rolname = current_user AND NOT rolsuper
  ) AS known WHERE "limit" >= 0 ORDER BY "limit" LIMIT 1`;

/** @throws what pg throws */
export async function readConnectionLimit(url: string): Promise<Pick<ConnectionDemand, 'limit' | 'limitedBy'>> {
  const client = new pg.Client({ connectionString: url, application_name: 'pilothouse-start', connectionTimeoutMillis: CONNECT_MS, query_timeout: CONNECT_MS });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ name: string; limit: number }>(LIMITS);
    return { limit: rows[0]!.limit, limitedBy: rows[0]!.name };
  } finally {
    // A server that does not answer does not say goodbye either.
    void client.end().catch(() => undefined);
  }
}
