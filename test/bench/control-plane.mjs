/**
 * `npm run bench`: how long a deploy takes to READY, and a warm start to its first served inference, beside what starting Node itself
 * takes on this machine at this moment: the ratios are what to compare. Starts the real program in an empty home; plain JavaScript, on what
 * `npm run build` compiled.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { connect } from '@pilothouse/client';

const ROUNDS = 10;
const root = join(import.meta.dirname, '..', '..');
const home = mkdtempSync(join(tmpdir(), 'pilothouse-bench-'));
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

function nodeStartMs() {
  const started = performance.now();
  spawnSync(process.execPath, ['-e', '0']);
  return performance.now() - started;
}

/** Starts the program and waits until its endpoints are written. */
async function start(ports) {
  const env = { ...process.env, PILOTHOUSE_HOME: home, PILOTHOUSE_SAMPLES: 'off', ...ports };
  delete env.DATABASE_URL;
  const child = spawn(process.execPath, [join(root, 'server', 'launch.mjs')], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  return { stop: () => (child.kill('SIGTERM'), ended) };
}

async function endpoints() {
  for (;;) {
    try {
      return JSON.parse(readFileSync(join(home, 'run', 'endpoints.json'), 'utf8'));
    } catch {
      await setTimeout(10);
    }
  }
}

const any = { PILOTHOUSE_PORT: '0', PILOTHOUSE_HTTP_PORT: '0', PILOTHOUSE_GRPC_PORT: '0' };
let program = await start(any);
try {
  const { control, http } = await endpoints();
  const token = readFileSync(join(home, 'admin-token'), 'utf8').trim();
  const client = connect({ url: control, gatewayUrl: http, token });
  await client.createModel({ name: 'digits' });
  const version = await client.waitForVersion(
    await client.createVersion({ model: 'digits', files: [join(root, 'server', 'samples', 'digits', 'digits.onnx')] }),
  );

  const node = [];
  const deploys = [];
  for (let i = 0; i < ROUNDS; i++) {
    node.push(nodeStartMs());
    const started = performance.now();
    await client.ready(await client.deploy({ name: `bench-${i}`, targets: [{ versionId: version.id }] }));
    deploys.push(performance.now() - started);
    if (i > 0) await client.deleteDeployment(`bench-${i}`);
  }
  await client.close();
  await setTimeout(2_000);
  await program.stop();

  const port = new URL(http).port;
  const ports = { ...any, PILOTHOUSE_HTTP_PORT: port };
  const body = JSON.stringify({ inputs: [{ name: 'pixels', datatype: 'FP32', shape: [1, 64], data: Array(64).fill(0) }] });
  const warm = [];
  for (let i = 0; i < 3; i++) {
    const started = performance.now();
    program = await start(ports);
    for (let served = false; !served; await setTimeout(5)) {
      served = await fetch(`${http}/v2/models/bench-0/infer`, { method: 'POST', body }).then(
        (answer) => answer.status === 200,
        () => false,
      );
    }
    warm.push(performance.now() - started);
    await endpoints();
    await program.stop();
  }

  const bare = median(node);
  const row = (what, values) => ({
    what,
    'median ms': Math.round(median(values)),
    'worst ms': Math.round(Math.max(...values)),
    'ratio to node -e 0': +(median(values) / bare).toFixed(1),
  });
  console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}`);
  console.table([row('node -e 0', node), row(`deploy to READY (${ROUNDS})`, deploys), row('warm start to first inference (3)', warm)]);
} finally {
  await program.stop();
  rmSync(home, { recursive: true, force: true });
}
