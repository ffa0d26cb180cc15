/** The route document of one deployment becomes unreadable, and the gateway is killed: the others are served on, by the new gateway too. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { signal, until } from '../../bench/support/processes.mjs';
import { INFERENCE, startProgram } from '../support/program.mjs';

export const name = 'unreadable-route';
export const point = 13;

const SPOILED = 'iris';

export async function run({ short, root }) {
  const program = await startProgram({ root });
  const gatewayPid = program.pids('gateway')[0];
  const url = readFileSync(`/proc/${gatewayPid}/environ`, 'utf8')
    .split('\0')
    .find((entry) => entry.startsWith('DATABASE_URL='));
  const database = new pg.Client({ connectionString: url.slice('DATABASE_URL='.length) });
  database.on('error', () => undefined);
  const facts = { inferences: 0, failed: 0, afterRestart: { inferences: 0, failed: 0 }, refusedRoutes: undefined };
  try {
    await database.connect();
    const routed = async () => (await database.query(`SELECT 1 FROM route WHERE document->>'name' = $1`, [SPOILED])).rowCount === 1;
    await until(routed, `the route of ${SPOILED}`, { timeoutMs: 120_000 });
    await database.query(`UPDATE route SET document = document - 'targets' WHERE document->>'name' = $1`, [SPOILED]);
    await database.query('UPDATE route_table SET version = version + 1');
    await database.query(`SELECT pg_notify('pilothouse_routes', '')`);
    // Longer than a gateway goes without looking.
    await inferFor(program, 3_000, facts);
    signal(gatewayPid, 'SIGKILL');
    await until(() => program.pids('gateway').some((pid) => pid !== gatewayPid), 'another gateway', { timeoutMs: 60_000 });
    await until(() => live(program), 'an answer of the new gateway', { timeoutMs: 60_000, everyMs: 100 });
    // It serves nothing before it has read its table.
    await until(async () => (await infer(program)) === 200, 'an inference', { timeoutMs: 10_000, everyMs: 100 }).catch(() => undefined);
    await inferFor(program, short ? 2_000 : 10_000, facts.afterRestart);
    facts.refusedRoutes = await refusedRoutes(program);
    const broken = [facts, facts.afterRestart].flatMap(({ inferences, failed }) =>
      failed > 0 ? [`${failed} of ${inferences} inferences of another deployment failed`] : [],
    );
    if (facts.refusedRoutes !== 1) broken.push(`the metric of refused routes is ${facts.refusedRoutes}, and one was refused`);
    return { facts, broken };
  } finally {
    await database.end().catch(() => undefined);
    await program.stop();
  }
}

async function inferFor(program, ms, counts) {
  for (const end = performance.now() + ms; performance.now() < end; await delay(20)) {
    counts.inferences++;
    if ((await infer(program)) !== 200) counts.failed++;
  }
}

const infer = ({ gateway, authorization }) =>
  fetch(`${gateway}/v2/models/digits/infer`, { method: 'POST', headers: { authorization }, body: INFERENCE }).then(
    async (response) => (await response.arrayBuffer(), response.status),
    () => 0,
  );

const live = ({ gateway }) =>
  fetch(`${gateway}/v2/health/live`).then(
    ({ ok }) => ok,
    () => false,
  );

async function refusedRoutes({ gateway, authorization }) {
  const text = await (await fetch(`${gateway}/metrics`, { headers: { authorization } })).text();
  const value = /^pilothouse_gateway_routes_refused\{.*\} (\d+)$/m.exec(text)?.[1];
  return value === undefined ? undefined : Number(value);
}
