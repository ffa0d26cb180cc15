/** The only gateway is killed right after a change was acknowledged, again and again; once with the server, which is started again. How long until the change is carried out? */
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { signal, until } from '../../bench/support/processes.mjs';
import { databaseUrl, infer, quantile, scale, settled, startAgain } from '../support/control.mjs';
import { startProgram } from '../support/program.mjs';

export const name = 'gateway-kill';
export const point = 12;

const P90_MS = 2_000;
const PATIENCE_MS = 60_000;
/** A gateway that dies within a second or two of its start, again and again, is started more slowly: that is not what is measured. */
const BETWEEN_MS = 3_000;

export async function run({ short, root }) {
  const program = await startProgram({ root });
  const database = new pg.Client({ connectionString: databaseUrl(program) });
  database.on('error', () => undefined);
  const facts = { undisturbedMs: [], readyMs: [], answersMs: [], afterRestartMs: null, rowsOfTheDead: 0 };
  const broken = [];
  let again;
  try {
    await database.connect();
    // What the changes take by themselves.
    for (let round = 0; round < (short ? 2 : 6); round++) {
      await scale(program, 1 + ((round + 1) % 2));
      facts.undisturbedMs.push(await settled(program, PATIENCE_MS));
    }
    for (let round = 0; round < (short ? 2 : 20); round++) {
      if (!short) await delay(BETWEEN_MS);
      const [pid] = program.pids('gateway');
      await scale(program, 1 + ((round + 1) % 2));
      signal(pid, 'SIGKILL');
      const answers = answered(program);
      const readyMs = await settled(program, PATIENCE_MS);
      facts.readyMs.push(readyMs);
      facts.answersMs.push(await answers);
      if (readyMs === null) broken.push(`round ${round}: not READY ${PATIENCE_MS / 1000} s after the gateway was killed`);
      facts.rowsOfTheDead += await rowsOfTheDead(database, program);
    }
    await scale(program, 2);
    for (const pid of [program.pid, ...program.pids('gateway')]) signal(pid, 'SIGKILL');
    again = await startAgain(program, root);
    facts.afterRestartMs = await settled(again, PATIENCE_MS);
    facts.rowsOfTheDead += await rowsOfTheDead(database, again);
    const p90 = quantile(facts.readyMs, 0.9);
    Object.assign(facts, { p50: quantile(facts.readyMs, 0.5), p90 });
    if (facts.rowsOfTheDead > 0) broken.push(`${facts.rowsOfTheDead} times a killed gateway still had its row when the change was carried out`);
    if (facts.afterRestartMs === null) broken.push(`not READY ${PATIENCE_MS / 1000} s after the restart`);
    if (!short && p90 > P90_MS) broken.push(`READY after ${p90} ms (p90), at most ${P90_MS} are allowed`);
    if (!short && facts.afterRestartMs > P90_MS) broken.push(`READY ${facts.afterRestartMs} ms after the restart, at most ${P90_MS} are allowed`);
    return { facts, broken };
  } finally {
    await database.end().catch(() => undefined);
    await again?.server.stop();
    await program.stop();
  }
}

/** Milliseconds until a request that is sent now is answered: the port outlives the gateway. */
async function answered(program) {
  const began = performance.now();
  await until(async () => (await infer(program)) === 200, 'an inference', { timeoutMs: PATIENCE_MS, everyMs: 10 });
  return Math.round(performance.now() - began);
}

async function rowsOfTheDead(database, program) {
  const { rows } = await database.query('SELECT pid FROM gateway');
  const living = program.pids('gateway');
  return rows.filter(({ pid }) => !living.includes(pid)).length;
}
