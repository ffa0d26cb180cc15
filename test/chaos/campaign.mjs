/** Kills processes of a program under load, one after the other, while it is being changed, and counts what went wrong. */
import { setTimeout as delay } from 'node:timers/promises';
import { connectTo } from '../bench/systems/pilothouse.mjs';
import { signal } from '../bench/support/processes.mjs';
import { planRounds, randomNumbers } from './plan.mjs';
import { createChangeMaker, retried } from './support/changes.mjs';
import { followFeed } from './support/feed.mjs';
import { startHome } from './support/home.mjs';
import { startLoad } from './support/load.mjs';
import { whatIsMissing } from './support/readiness.mjs';
import { summaryOf } from './support/report.mjs';
import { createWorld } from './support/world.mjs';

const POLL_MS = 100;
const READY_WITHIN_MS = 90_000;

/**
 * @param {{ seed: number, rounds: number, gateways: number, keep: boolean, say: (line: string) => void, enough: () => boolean }} options
 *   `enough`: whether to end after the round that is under way
 * @returns what `summaryOf` makes of it
 */
export async function runCampaign({ seed, rounds, gateways, keep, say, enough }) {
  const started = performance.now();
  const random = randomNumbers(seed + 1);
  const home = await startHome({ gateways, keep });
  const client = await connectTo({ control: home.control, http: home.gateway, token: home.token });
  const world = createWorld();
  const maker = createChangeMaker({ client, home, world, random });
  const load = await startLoad({ client, grpcAddress: home.grpc, token: home.token, random, world });
  const parts = { home, client, load, world, gateways, maker, say };
  const { eventCursor } = await retried(() => client.request('{ eventCursor }'));
  const feed = await followFeed({ control: home.control, token: home.token, after: eventCursor });
  const told = { rounds: [], neverReady: [] };
  try {
    await prepare(parts);
    for (const round of planRounds({ seed, rounds })) {
      if (enough()) break;
      const result = await runRound(parts, round);
      told.rounds.push(result);
      say(
        `${round.number} ${result.kill}${round.quiet ? ' in quiet' : ''}: ${result.changes.join(', ')}; answers ${result.answersMs} ms, READY ${result.readyMs ?? 'never'} ms`,
      );
      if (result.readyMs === undefined) {
        told.neverReady.push(`round ${round.number}, ${result.kill}: ${result.missing}`);
        break;
      }
    }
    await load.stop();
    const { lost, doubled, untold } = await maker.verify();
    const [position] = await home.query('SELECT max(position)::int AS last, count(*) FILTER (WHERE position IS NULL)::int AS without FROM event');
    await feed.reach(position.last).catch((error) => (feed.told.failure ??= error.message));
    const strays = await strayReplicas(home);
    await feed.stop();
    await client.close();
    const orphans = [...strays, ...(await home.stop())];
    const seconds = Math.round((performance.now() - started) / 1_000);
    return summaryOf({ seed, gateways, seconds, told, load: load.told, feed: feed.told, maker, lost, doubled, untold, position, orphans, ended: home.ended });
  } finally {
    await home.remove();
  }
}

/** Two versions and two deployments that stay. */
async function prepare({ maker, world, client, ...parts }) {
  await retried(() => client.createModel({ name: 'marked' }));
  world.models.set('marked', { name: 'marked', versions: new Map() });
  await Promise.all([1, 2].map(() => maker.make('version')));
  const sizes = { pair: 2, single: 1 };
  await Promise.all(Object.entries(sizes).map(([name, replicas]) => maker.make('create', new Set(), { name, replicas, brief: false })));
  const { missing } = await untilReady({ maker, world, client, ...parts });
  if (missing) throw new Error(`the deployments did not become READY: ${missing}`);
  serveAll(world);
}

/** Callers may expect answers of everything that is READY. */
const serveAll = (world) => world.live().forEach((deployment) => (deployment.served = true));

async function runRound(parts, { kill, quiet, changes, delayMs, stopMs, victim }) {
  const { maker, world } = parts;
  const busy = new Set();
  const before = maker.records.length;
  const making = Promise.all(changes.map((kind) => maker.make(kind, busy)));
  // What fails while nobody waits for it is thrown where it is waited for.
  making.catch(() => undefined);
  if (quiet) {
    await making;
    const { missing } = await untilReady(parts);
    if (missing) return { kill, quiet, changes, missing: `before the kill: ${missing}` };
    serveAll(world);
  } else {
    await delay(delayMs);
  }
  const done = maker.records.slice(before).map((record) => record.kind);
  const killed = await strike(parts.home, { kill, stopMs, victim });
  const at = performance.now();
  const settled = world.servedNames().filter((name) => quiet || !busy.has(name));
  const [answersMs] = await Promise.all([untilAnswered(parts.load, settled, at), making]);
  const { readyMs, missing } = await untilReady(parts, killed, at);
  if (!missing) serveAll(world);
  return { kill, quiet, changes: done, answersMs, readyMs, missing };
}

/** Ends one process, or stops it for a while. @returns which one, where another must take its place */
async function strike(home, { kill, stopMs, victim }) {
  const stops = kill.startsWith('stopped ');
  const role = kill.replace('stopped ', '');
  let pids;
  // A process that was killed a moment ago may not have its successor yet.
  await retried(async () => {
    if ((pids = home.pids(role)).length === 0) throw new Error(`no ${role} runs`);
  });
  const pid = pids[Math.floor(victim * pids.length)];
  if (stops) {
    signal(pid, 'SIGSTOP');
    await delay(stopMs);
    if (home.pids(role).includes(pid)) signal(pid, 'SIGCONT');
    return undefined;
  }
  if (role === 'server') home.expectEnd(pid);
  signal(pid, 'SIGKILL');
  return { role, pid };
}

/** Waits until each of these deployments has answered a request that was sent after the kill. @returns after how many ms that was */
async function untilAnswered(load, names, since) {
  const open = new Set(names);
  while (open.size > 0 && performance.now() - since < READY_WITHIN_MS) {
    for (const name of [...open]) if ((await load.probe('HTTP', name)) !== undefined) open.delete(name);
    if (open.size > 0) await delay(POLL_MS);
  }
  return Math.round(performance.now() - since);
}

async function untilReady(parts, killed, since = performance.now()) {
  const began = performance.now();
  for (;;) {
    const missing = await whatIsMissing(parts, killed);
    if (!missing) return { readyMs: Math.round(performance.now() - since) };
    if (performance.now() - began > READY_WITHIN_MS) return { missing };
    await delay(POLL_MS);
  }
}

/** Replica processes that no row of a running replica names. */
async function strayReplicas(home) {
  const rows = await home.query(`SELECT pid FROM replica WHERE state NOT IN ('STOPPED', 'FAILED')`);
  const known = new Set(rows.map(({ pid }) => pid));
  return home
    .pids('replica')
    .filter((pid) => !known.has(pid))
    .map((pid) => `replica ${pid} belongs to no row`);
}
