/** The disk of the home is full, to the last byte: inference goes on, no process ends, and everything works again once there is space. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { endEverything, signal, until } from '../../bench/support/processes.mjs';
import { INFERENCE, startProgram } from '../support/program.mjs';

export const name = 'full-disk';
export const point = 7;

const DISK = '700m';
const RECOVERY_MS = 120_000;

/** The disk is a file system in memory, which only this attack's own processes see. */
export async function run({ short, root }) {
  const folder = mkdtempSync(join(tmpdir(), 'pilothouse-disk-'));
  const disk = join(folder, 'disk');
  mkdirSync(disk);
  const result = join(folder, 'result.json');
  const flags = process.getuid() === 0 ? ['-m'] : ['-rm'];
  if (spawnSync('unshare', [...flags, 'mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]).status !== 0) {
    rmSync(folder, { recursive: true, force: true });
    const why = 'no mount namespace can be made here (unshare), so there is no disk to fill';
    // Where checks are said to be complete, one that did not run has failed.
    return { facts: { skipped: why }, broken: process.env.CI ? [why] : [] };
  }
  const script = `mount -t tmpfs -o size=${DISK} tmpfs "$1" && TMPDIR=$1 exec "$2" "$3" "$4"`;
  const options = JSON.stringify({ short, root, disk, result });
  try {
    const run = spawnSync('unshare', [...flags, 'sh', '-c', script, 'sh', disk, process.execPath, fileURLToPath(import.meta.url), options], {
      encoding: 'utf8',
      timeout: 600_000,
    });
    if (!existsSync(result)) return { broken: [`it ended with status ${run.status}: ${run.stderr.slice(-2_000)}`] };
    return JSON.parse(readFileSync(result, 'utf8'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function attack({ short, root, disk }) {
  const program = await startProgram({ root, environment: { PILOTHOUSE_ACCESS_LOG_SAMPLE: '1' } });
  const facts = { during: undefined, mutation: undefined, gatewayKept: false, readyAgainMs: undefined, changedAgainMs: undefined, droppedLines: 0 };
  const broken = [];
  try {
    await until(async () => (await replicasOf(program, 'iris')).length > 0, 'the sample iris', { timeoutMs: 180_000, everyMs: 250 });
    const [victim] = await replicasOf(program, 'iris');
    const gateways = program.pids('gateway');
    const filler = join(disk, 'filler');
    const logs = ['gateway.log', 'gateway-access.log', 'server.log'].map((file) => join(program.home, 'logs', file));
    // The page that a file ends in has room left, also on a full disk.
    const fillAll = () => [filler, ...logs].forEach(fill);
    fillAll();
    // The gateway has something to log: a replica of another model is gone.
    signal(victim, 'SIGKILL');
    const inferring = inferFor(program, short ? 8_000 : 30_000, fillAll);
    // PostgreSQL has some room of its own in the files that it has.
    for (let i = 0; i < 20; i++) if ((facts.mutation = await mutate(program)) !== 'done') break;
    facts.during = await inferring;
    facts.gatewayKept = gateways.every((pid) => program.pids('gateway').includes(pid));
    rmSync(filler);
    const freed = performance.now();
    const since = () => Math.round(performance.now() - freed);
    await until(async () => (await mutate(program)) === 'done', 'a change', { timeoutMs: RECOVERY_MS, everyMs: 200 });
    facts.changedAgainMs = since();
    await until(async () => (await replicasOf(program, 'iris')).some((pid) => pid !== victim), 'another replica of iris', {
      timeoutMs: RECOVERY_MS,
      everyMs: 100,
    });
    facts.readyAgainMs = since();
    facts.droppedLines = await droppedLines(program);
    if (facts.during.failed > 0) broken.push(`${facts.during.failed} of ${facts.during.count} inferences failed`);
    if (!facts.gatewayKept) broken.push('the gateway ended');
    if (/internal/i.test(facts.mutation)) broken.push(`a change on a full disk is answered with: ${facts.mutation}`);
    if (program.failure()) broken.push(`the server: ${program.failure()}`);
    if (facts.droppedLines === 0) broken.push('no dropped line was counted');
    const log = readFileSync(join(program.home, 'logs', 'gateway.log'), 'utf8');
    if (facts.droppedLines > 0 && !log.includes('log lines were dropped')) broken.push('the log of the gateway does not say that lines are missing');
    return { facts, broken };
  } catch (error) {
    return { facts, broken: [...broken, error.stack] };
  } finally {
    await program.stop();
  }
}

/** Until not a byte more fits. */
function fill(path) {
  for (let bytes = 8 * 1024 ** 2; bytes >= 1; bytes = Math.floor(bytes / 2)) {
    try {
      for (;;) appendFileSync(path, Buffer.alloc(bytes, 'x'));
    } catch {
      // A smaller piece may fit.
    }
  }
}

async function inferFor(program, ms, eachTime) {
  const counts = { count: 0, failed: 0, longestMs: 0 };
  for (const end = performance.now() + ms; performance.now() < end; await delay(20)) {
    const began = performance.now();
    counts.count++;
    if (!(await infer(program))) counts.failed++;
    counts.longestMs = Math.max(counts.longestMs, Math.round(performance.now() - began));
    eachTime();
  }
  return counts;
}

const infer = ({ gateway, authorization }) =>
  fetch(`${gateway}/v2/models/digits/infer`, { method: 'POST', headers: { authorization }, body: INFERENCE, signal: AbortSignal.timeout(10_000) }).then(
    async (response) => (await response.arrayBuffer(), response.ok),
    () => false,
  );

async function graphql({ control, authorization }, query) {
  const response = await fetch(`${control}/graphql`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
    signal: AbortSignal.timeout(10_000),
  });
  return response.json();
}

let projects = 0;
/** `done`, or what the caller was told. */
const mutate = (program) =>
  graphql(
    program,
    `mutation { createProject(input: { name: "disk-${projects++}", description: "${randomBytes(4_900).toString('hex')}" }) { userErrors { code message } } }`,
  ).then(
    ({ data, errors }) => {
      const [error] = errors ?? data.createProject.userErrors;
      return error ? `${error.code ?? error.extensions?.code}: ${error.message}` : 'done';
    },
    (error) => `no answer: ${error.message}`,
  );

/** Process ids of the replicas that are READY. */
const replicasOf = (program, deployment) =>
  graphql(program, `{ deployment(name: "${deployment}") { replicas(first: 100) { nodes { state pid } } } }`).then(
    ({ data }) => (data.deployment?.replicas.nodes ?? []).flatMap(({ state, pid }) => (state === 'READY' ? [pid] : [])),
    () => [],
  );

async function droppedLines({ gateway, authorization }) {
  const text = await (await fetch(`${gateway}/metrics`, { headers: { authorization } })).text();
  return Number(/^pilothouse_log_lines_dropped_total\{.*log="gateway".*\} (\d+)$/m.exec(text)?.[1] ?? 0);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const options = JSON.parse(process.argv[2]);
  writeFileSync(options.result, JSON.stringify(await attack(options)));
  await endEverything();
  process.exit(0);
}
