/** The leader of two servers is stopped (SIGSTOP) in the midst of a rollout, again and again: the other carries the change out, and the old one writes nothing when it wakes. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { signal, startProcess, until } from '../../bench/support/processes.mjs';
import { graphql, scale } from '../support/control.mjs';
import { startProgram } from '../support/program.mjs';

export const name = 'stopped-leader';
export const point = 8;

const MOST_MS = 15_000;
const PATIENCE_MS = 60_000;
/** From the change to the stop: the leader has begun with it then, sometimes in the midst of a transaction. */
const STOP_AFTER_MS = [0, 5, 10, 20, 30, 40, 60, 80, 100, 120];
/** How long the old leader may try after it woke. */
const AWAKE_MS = 3_000;
const MODEL = 'digits';
const ROOT = join(import.meta.dirname, '..', '..', '..');

export async function run({ short, root }) {
  const program = await startProgram({ root });
  const main = join(root ?? ROOT, 'dist/bundle/server/main.js');
  const first = { pid: program.pid, control: program.control };
  const child = startProcess(process.execPath, [main], {
    cwd: root,
    env: { PILOTHOUSE_HOME: program.home, PILOTHOUSE_PORT: '0', PILOTHOUSE_HTTP_PORT: '0', PILOTHOUSE_GRPC_PORT: '0', PILOTHOUSE_GATEWAY_AUTH: 'required' },
    log: join(program.home, 'second.log'),
  });
  const database = new pg.Client({ connectionString: databaseUrl(program) });
  database.on('error', () => undefined);
  const facts = { rounds: 0, takenOverMs: [], carriedOutMs: [], writtenByTheOldOne: 0 };
  const broken = [];
  try {
    await until(() => controlOf(program.home, child.pid), 'the second server', { failure: child.failure, timeoutMs: 120_000, everyMs: 200 });
    const second = { pid: child.pid, control: controlOf(program.home, child.pid) };
    await database.connect();
    for (const stopAfterMs of short ? STOP_AFTER_MS.slice(4, 5) : STOP_AFTER_MS) {
      const [leader, other] = (await leads(first, program)) ? [first, second] : [second, first];
      const round = await stopLeader({ leader, other, program, database, stopAfterMs, replicas: 1 + (facts.rounds % 2) + 1 });
      facts.rounds++;
      facts.takenOverMs.push(round.takenOverMs);
      facts.carriedOutMs.push(round.carriedOutMs);
      facts.writtenByTheOldOne += round.written.length;
      for (const what of round.written) broken.push(`round ${facts.rounds}: the old leader wrote after it woke: ${what}`);
      if (round.takenOverMs === null) broken.push(`round ${facts.rounds}: the other did not take over within ${PATIENCE_MS / 1000} s`);
      if (round.carriedOutMs === null) broken.push(`round ${facts.rounds}: not carried out ${PATIENCE_MS / 1000} s after the leader was stopped`);
      else if (!short && round.carriedOutMs > MOST_MS)
        broken.push(`round ${facts.rounds}: carried out after ${round.carriedOutMs} ms, at most ${MOST_MS} are allowed`);
      if (broken.length > 0) break;
    }
    return { facts, broken };
  } finally {
    await database.end().catch(() => undefined);
    for (const { pid } of [first, child]) signal(pid, 'SIGCONT');
    await child.stop();
    await program.stop();
  }
}

async function stopLeader({ leader, other, program, database, stopAfterMs, replicas }) {
  // The change goes to the server that lives on: what it has acknowledged is to be carried out.
  await scale({ ...program, control: other.control }, replicas);
  await delay(stopAfterMs);
  signal(leader.pid, 'SIGSTOP');
  const stopped = performance.now();
  try {
    const since = (done) => (done ? Math.round(performance.now() - stopped) : null);
    const [takenOverMs, carriedOutMs] = await Promise.all([
      takenOver(other, program, PATIENCE_MS).then(since),
      carriedOut(other, program, replicas, PATIENCE_MS).then(since),
    ]);
    if (takenOverMs === null || carriedOutMs === null) return { takenOverMs, carriedOutMs, written: [] };
    await settled(database);
    const before = await written(database);
    signal(leader.pid, 'SIGCONT');
    await until(() => answers(leader), 'the old leader answers again', { timeoutMs: 30_000, everyMs: 100 });
    await delay(AWAKE_MS);
    const after = await written(database);
    return {
      takenOverMs,
      carriedOutMs,
      written: Object.keys(after).flatMap((what) => (after[what] === before[what] ? [] : [`${what}: ${before[what]} became ${after[what]}`])),
    };
  } finally {
    signal(leader.pid, 'SIGCONT');
  }
}

/** Everything that only a leader writes, as text. */
async function written(database) {
  const { rows } = await database.query(`
    SELECT (SELECT concat(epoch, ' ', holder) FROM leadership) AS leader,
      (SELECT concat(count(*), ' up to ', max(position)) FROM event) AS events,
      (SELECT concat(version) FROM route_table) AS routes,
      (SELECT string_agg(concat(id, ' ', state, ' ', pid, ' ', xmin), ', ' ORDER BY id) FROM replica) AS replicas,
      (SELECT string_agg(concat(id, ' ', phase, ' ', generation, ' ', xmin), ', ' ORDER BY id) FROM deployment) AS deployments`);
  return rows[0];
}

/** Waits until nothing changes any more, so that every later change has but one author. */
async function settled(database) {
  let last = '';
  let since = performance.now();
  await until(
    async () => {
      const now = JSON.stringify(await written(database));
      if (now !== last) [last, since] = [now, performance.now()];
      return performance.now() - since > 2_000;
    },
    'the end of the rollout',
    { timeoutMs: 60_000, everyMs: 100 },
  );
}

/** Whether as many replicas as are wanted are READY before time is up. */
async function carriedOut(server, program, replicas, timeoutMs) {
  const query = `{ deployment(name: "${MODEL}") { phase generation observedGeneration replicas(first: 100) { nodes { state } } } }`;
  for (const end = performance.now() + timeoutMs; performance.now() < end; await delay(50)) {
    const { deployment } = await graphql({ ...program, control: server.control }, query).catch(() => ({}));
    const ready = deployment?.replicas.nodes.filter(({ state }) => state === 'READY').length;
    if (deployment?.phase === 'READY' && deployment.observedGeneration === deployment.generation && ready === replicas) return true;
  }
  return false;
}

async function takenOver(server, program, timeoutMs) {
  for (const end = performance.now() + timeoutMs; performance.now() < end; await delay(50)) if (await leads(server, program)) return true;
  return false;
}

const leads = async ({ control }, { authorization }) =>
  /^pilothouse_leader(\{.*\})? 1$/m.test(await (await fetch(`${control}/metrics`, { headers: { authorization } })).text());

const answers = ({ control }) =>
  fetch(`${control}/readyz`, { signal: AbortSignal.timeout(1_000) }).then(
    () => true,
    () => false,
  );

function controlOf(home, pid) {
  const folder = join(home, 'run', 'servers');
  return readdirSync(folder).includes(`${pid}.json`) ? JSON.parse(readFileSync(join(folder, `${pid}.json`), 'utf8')).endpoints?.control : undefined;
}

/** The gateway was told it. */
function databaseUrl(program) {
  const environment = readFileSync(`/proc/${program.pids('gateway')[0]}/environ`, 'utf8').split('\0');
  return environment.find((entry) => entry.startsWith('DATABASE_URL=')).slice('DATABASE_URL='.length);
}
