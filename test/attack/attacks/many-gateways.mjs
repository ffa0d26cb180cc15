/** More gateway processes than the database has connections for, and then as many as it has: the connections are never used up. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import pg from 'pg';
import { onEnd } from '../../bench/support/processes.mjs';
import { startProgram } from '../support/program.mjs';

export const name = 'many-gateways';
export const point = 13;

const ROOT = join(import.meta.dirname, '..', '..', '..');
/** PostgreSQL keeps these for its superuser. */
const RESERVED = 3;

export async function run({ short, root }) {
  const { EmbeddedPostgres } = await import(join(root ?? ROOT, 'dist/server/database/embedded-postgres.js'));
  const [connections, tooMany, fitting] = short ? [30, 12, 2] : [100, 40, 37];
  const home = mkdtempSync(join(tmpdir(), 'pilothouse-attack-postgres-'));
  const postgres = await EmbeddedPostgres.start({ home, log: pino({ level: 'silent' }), settings: { max_connections: String(connections) } });
  const stop = onEnd(async () => {
    await postgres.stop({ force: true });
    rmSync(home, { recursive: true, force: true });
  });
  const database = new pg.Client({ connectionString: postgres.url });
  database.on('error', () => undefined);
  const facts = { connections, runs: [] };
  const broken = [];
  try {
    await database.connect();
    for (const gateways of [tooMany, fitting]) {
      const seen = await runWith({ gateways, root, database, url: postgres.url, forMs: short ? 5_000 : 20_000 });
      facts.runs.push({ gateways, ...seen });
      if (seen.failed) {
        broken.push(`${gateways} gateways: ${seen.failed}`);
        break;
      }
      if (seen.refused) {
        if (gateways === fitting) broken.push(`${gateways} gateways fit, and were refused: ${seen.refused}`);
        continue;
      }
      if (seen.most >= connections - RESERVED) broken.push(`${gateways} gateways: ${seen.most} connections of ${connections - RESERVED} were used`);
      if (seen.heard < gateways) broken.push(`${gateways} gateways: ${gateways - seen.heard} of them cannot reach the database`);
    }
    return { facts, broken };
  } finally {
    await database.end().catch(() => undefined);
    await stop();
  }
}

async function runWith({ gateways, root, database, url, forMs }) {
  const own = new URL(url);
  own.pathname = `/gateways_${gateways}`;
  await database.query(`CREATE DATABASE gateways_${gateways}`);
  let program;
  try {
    program = await startProgram({ root, environment: { DATABASE_URL: own.href, PILOTHOUSE_GATEWAYS: String(gateways) } });
  } catch (error) {
    const refused = /the database allows [^|]*/.exec(error.message)?.[0].trim();
    return refused ? { refused } : { failed: error.message };
  }
  try {
    let most = 0;
    for (const end = performance.now() + forMs; performance.now() < end; await delay(50)) {
      void Promise.allSettled(Array.from({ length: 20 }, () => look(program)));
      const { rows } = await database.query(`SELECT count(*)::int AS used FROM pg_stat_activity WHERE backend_type = 'client backend'`);
      most = Math.max(most, rows[0].used);
    }
    return { most, heard: await heardOf(own.href) };
  } finally {
    await program.stop();
  }
}

const look = ({ control, authorization }) =>
  fetch(`${control}/graphql`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: '{"query":"{ deployments { nodes { name replicas { nodes { state } } } } }"}',
    signal: AbortSignal.timeout(10_000),
  }).then((response) => response.text());

/** Gateways whose heartbeat arrives. As the superuser, who has connections of its own. */
async function heardOf(url) {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query(`SELECT count(*)::int AS n FROM gateway WHERE heartbeat_at > now() - interval '5 s'`);
    return rows[0].n;
  } catch {
    return 0;
  } finally {
    await client.end().catch(() => undefined);
  }
}
