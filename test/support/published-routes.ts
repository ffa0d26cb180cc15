/** Publishes a route table, and waits until a gateway serves it. */
import pg from 'pg';
import { NOTIFICATION } from '../../server/database/notification-names.js';
import type { RouteDocument } from '../../server/routing/route-document.js';
import { eventually } from './eventually.js';
import { START_MS } from './processes.js';
import type { TestGateway } from './test-gateway.js';

/** Makes these the route table, as the reconciler does: in one transaction, then the wake-up. Answers the table's version. */
export async function publish(databaseUrl: string, routes: readonly RouteDocument[], notify = true): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('BEGIN');
    const { rows } = await client.query<{ version: string }>('UPDATE route_table SET version = version + 1 WHERE id = 1 RETURNING version');
    const version = Number(rows[0]!.version);
    await client.query('DELETE FROM route');
    for (const route of routes)
      await client.query('INSERT INTO route (deployment_id, version, document, updated_at) VALUES ($1, $2, $3, now())', [
        route.deploymentId,
        version,
        JSON.stringify(route),
      ]);
    await client.query('COMMIT');
    if (notify) await client.query(`SELECT pg_notify('${NOTIFICATION.ROUTES}', '')`);
    return version;
  } finally {
    await client.end();
  }
}

/** Waits until a gateway says that it serves a table, and answers its row. */
export function acknowledged(
  query: (sql: string, parameters: unknown[]) => Promise<unknown>,
  gateway: TestGateway,
  version: number,
): Promise<{ acknowledged_version: string; in_flight: Record<string, number> }> {
  return eventually(
    async () => {
      const rows = (await query('SELECT acknowledged_version, in_flight FROM gateway WHERE id = $1', [gateway.id])) as {
        acknowledged_version: string;
        in_flight: Record<string, number>;
      }[];
      return rows[0] && Number(rows[0].acknowledged_version) >= version && rows[0];
    },
    `the gateway's acknowledgement of table ${version}`,
    START_MS,
  );
}
