/**
 * `npm run test:clients`: Triton's own Python client, unmodified, over HTTP and gRPC, against the real program in an empty home. Its
 * packages come from PyPI in pinned versions, into a virtual environment that later runs find again.
 *
 *   npm run test:clients                   all
 *   npm run test:clients -- test_grpc.py   one file's
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { connect } from '@pilothouse/client';

const here = import.meta.dirname;
const root = join(here, '..', '..');
const inCi = process.env.CI === 'true' || process.env.CI === '1';
const START_MS = 120_000;
const READY_MS = 120_000;

/** Ends with what `npm test` reads. */
function finish(passed, failed, skipped, note) {
  if (note !== undefined) console.log(note);
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  process.exit(failed === 0 ? 0 : 1);
}

/** In CI everything must run; on a machine without Python there is nothing to test with. */
function unable(reason) {
  finish(0, inCi ? 1 : 0, inCi ? 0 : 1, reason);
}

/** The environment's Python, made where it is not there yet. */
function python() {
  const wanted = createHash('sha256')
    .update(readFileSync(join(here, 'requirements.txt')))
    .digest('hex')
    .slice(0, 16);
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'pilothouse');
  const folder = join(cache, `clients-${wanted}`);
  const executable = (at) => join(at, 'bin', 'python');
  if (existsSync(join(folder, 'whole'))) return executable(folder);
  console.log(`installing the clients into ${folder}`);
  mkdirSync(cache, { recursive: true });
  // A run that was interrupted left half of it.
  rmSync(folder, { recursive: true, force: true });
  const made = spawnSync('python3', ['-m', 'venv', folder], { encoding: 'utf8' });
  if (made.status !== 0) return unable(`no virtual environment can be made with python3: ${made.error?.message ?? (made.stderr || made.stdout).trim()}`);
  const installed = spawnSync(executable(folder), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', join(here, 'requirements.txt')], {
    encoding: 'utf8',
  });
  if (installed.status !== 0) {
    rmSync(folder, { recursive: true, force: true });
    return unable(`pip cannot install the clients: ${installed.stderr.trim().split('\n').at(-1)}`);
  }
  mkdirSync(join(folder, 'whole.new'));
  renameSync(join(folder, 'whole.new'), join(folder, 'whole'));
  return executable(folder);
}

async function eventually(look, what, timeoutMs) {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what} did not come within ${timeoutMs / 1000} s`);
    await setTimeout(50);
  }
}

async function start(home) {
  const env = { ...process.env, PILOTHOUSE_HOME: home, PILOTHOUSE_SAMPLES: 'off', PILOTHOUSE_PORT: '0', PILOTHOUSE_HTTP_PORT: '0', PILOTHOUSE_GRPC_PORT: '0' };
  delete env.DATABASE_URL;
  const child = spawn(process.execPath, [join(root, 'server', 'launch.mjs')], { env, stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const endpoints = await eventually(
    async () => {
      if (child.exitCode !== null) throw new Error(`the program ended with ${child.exitCode}`);
      const file = join(home, 'run', 'endpoints.json');
      if (!existsSync(file)) return undefined;
      const written = JSON.parse(readFileSync(file, 'utf8'));
      const ready = await fetch(`${written.control}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      );
      return ready && written;
    },
    'the program',
    START_MS,
  );
  return { endpoints, stop: () => (child.kill('SIGTERM'), ended) };
}

async function deployAll(client, models, folder) {
  await Promise.all(
    models.map(async (name) => {
      await client.createModel({ name });
      const created = await client.createVersion({ model: name, files: [join(folder, `${name}.onnx`)] });
      const version = await client.waitForVersion(created, { signal: AbortSignal.timeout(READY_MS) });
      if (version.state !== 'READY') throw new Error(`model ${name} is ${version.state}: ${version.reason ?? ''}`);
      const change = await client.deploy({ name, targets: [{ versionId: version.id }] });
      const { phase } = await client.ready(change, { signal: AbortSignal.timeout(READY_MS) });
      if (phase !== 'READY') throw new Error(`deployment ${name} is ${phase}`);
    }),
  );
}

const interpreter = python();
const home = mkdtempSync(join(tmpdir(), 'pilothouse-clients-'));
let program;
let report = { passed: 0, failed: ['the tests did not run'] };
try {
  const models = spawnSync(interpreter, [join(here, 'models.py'), home], { stdio: 'inherit' });
  if (models.status !== 0) throw new Error('the models could not be made');
  program = await start(home);
  const { control, http, grpc } = program.endpoints;
  const client = connect({ url: control, gatewayUrl: http, token: readFileSync(join(home, 'admin-token'), 'utf8').trim() });
  await deployAll(client, ['every-type', 'simple', 'slow'], home);
  await client.close();
  const file = join(home, 'report.json');
  const env = { ...process.env, PILOTHOUSE_HTTP_ADDRESS: new URL(http).host, PILOTHOUSE_GRPC_ADDRESS: grpc, PYTHONDONTWRITEBYTECODE: '1' };
  const tests = spawn(interpreter, [join(here, 'main.py'), file, ...process.argv.slice(2)], { env, stdio: 'inherit' });
  await new Promise((resolve) => tests.once('exit', resolve));
  if (existsSync(file)) report = JSON.parse(readFileSync(file, 'utf8'));
} catch (error) {
  report = { passed: 0, failed: [error.message] };
} finally {
  await program?.stop();
  rmSync(home, { recursive: true, force: true });
}
for (const name of report.failed) console.log(`failed: ${name}`);
finish(report.passed, report.failed.length, 0);
