/** A replica is killed seven times, serves for 45 s undisturbed, and everything is stopped and started as usual. How long until the first inference? */
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { signal, until } from '../../bench/support/processes.mjs';
import { databaseUrl, infer, settled, startAgain } from '../support/control.mjs';
import { startProgram } from '../support/program.mjs';

export const name = 'restart-after-kills';
export const point = 10;

const STABLE_MS = 45_000;
const MOST_MS = 2_000;
const PATIENCE_MS = 60_000;
const REPLICA = `SELECT r.id, r.pid, r.state, extract(epoch FROM r.start_after - r.created_at)::float8 * 1000 AS delay_ms
  FROM replica r JOIN deployment d ON d.id = r.deployment_id WHERE d.name = 'digits' ORDER BY r.created_at DESC LIMIT 1`;

export async function run({ short, root }) {
  const program = await startProgram({ root });
  const facts = { kills: 0, delaysMs: [], startDelayMs: null, firstInferenceMs: null };
  const broken = [];
  let again;
  try {
    await withDatabase(program, async (database) => {
      for (; facts.kills < (short ? 3 : 7); facts.kills++) {
        const replica = await ready(database);
        facts.delaysMs.push(Math.round(replica.delay_ms));
        signal(replica.pid, 'SIGKILL');
        await until(async () => (await database.query(REPLICA)).rows[0].id !== replica.id, 'the next replica', { timeoutMs: PATIENCE_MS, everyMs: 50 });
      }
      const { id } = await ready(database);
      await settled(program, PATIENCE_MS);
      // A test does not wait: it says that the replica has served for as long.
      if (short) await database.query(`UPDATE replica SET ready_at = ready_at - interval '45 s' WHERE state = 'READY' AND id = $1`, [id]);
      if (short) await database.query(`UPDATE replica SET stopped_at = stopped_at - interval '46 s' WHERE state = 'FAILED'`);
      else await delay(STABLE_MS);
    });
    signal(program.pid, 'SIGTERM');
    await until(() => program.failure(), 'the end of the server', { timeoutMs: PATIENCE_MS });
    again = await startAgain(program, root);
    const began = performance.now();
    await until(async () => (await infer(again)) === 200, 'the first inference', { timeoutMs: PATIENCE_MS, everyMs: 5 });
    facts.firstInferenceMs = Math.round(performance.now() - began);
    await withDatabase(again, async (database) => (facts.startDelayMs = Math.round((await ready(database)).delay_ms)));
    if (facts.startDelayMs > 0) broken.push(`the replica was started ${facts.startDelayMs} ms late for failures before a stable service`);
    if (!short && facts.firstInferenceMs > MOST_MS) broken.push(`the first inference came after ${facts.firstInferenceMs} ms, at most ${MOST_MS} are allowed`);
    return { facts, broken };
  } finally {
    await again?.server.stop();
    await program.stop();
  }
}

async function ready(database) {
  let row;
  const isReady = async () => ([row] = (await database.query(REPLICA)).rows)[0]?.state === 'READY';
  await until(isReady, 'a READY replica', { timeoutMs: PATIENCE_MS, everyMs: 50 });
  return row;
}

async function withDatabase(program, work) {
  const database = new pg.Client({ connectionString: databaseUrl(program) });
  database.on('error', () => undefined);
  await database.connect();
  try {
    return await work(database);
  } finally {
    await database.end();
  }
}
