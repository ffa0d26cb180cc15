/** The package as its users get it: packed, installed into an empty folder, and used from there. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { PROJECT_ROOT } from '../../server/paths.js';
import { eventually } from '../support/eventually.js';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const run = promisify(execFile);
const { DATABASE_URL: _1, PILOTHOUSE_URL: _2, PILOTHOUSE_TOKEN: _3, ...inherited } = process.env;
let folder: string;
let installed: string;
let env: NodeJS.ProcessEnv;
let server: ChildProcess | undefined;
let ended: Promise<unknown>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pilothouse-package-'));
  installed = join(folder, 'app', 'node_modules', 'pilothouse');
  // As a user: nothing of what npm sets for the scripts of this clone.
  const clean = Object.fromEntries(Object.entries(inherited).filter(([name]) => !name.startsWith('npm_') && name !== 'NODE_ENV'));
  env = { ...clean, XDG_CONFIG_HOME: join(folder, 'config'), PILOTHOUSE_HOME: join(folder, 'home'), ONNXRUNTIME_NODE_INSTALL: 'skip' };
  mkdirSync(join(folder, 'app'));
  writeFileSync(join(folder, 'app', 'package.json'), '{ "name": "app", "private": true }\n');
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  await run('npm', ['pack', '--pack-destination', folder, ...quiet], { cwd: PROJECT_ROOT, env });
  const [tarball] = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
  await run('npm', ['install', '--prefer-offline', ...quiet, join(folder, tarball!)], { cwd: join(folder, 'app'), env });
});
afterAll(async () => {
  server?.kill('SIGTERM');
  await ended;
  rmSync(folder, { recursive: true, force: true });
});

const pilothouse = async (...words: string[]): Promise<string> =>
  (await run(join(folder, 'app', 'node_modules', '.bin', 'pilothouse'), words, { cwd: folder, env })).stdout;

it('holds what runs, and neither sources nor tests', () => {
  const files = readdirSync(installed, { recursive: true, encoding: 'utf8' });
  expect(files.filter((path) => path.endsWith('.ts') || path.startsWith('test') || path.endsWith('package-lock.json'))).toEqual([]);
  const needed = ['dist/bundle/server/main.js', 'server/launch.mjs', 'server/samples/digits/digits.onnx', 'runtimes/python/host/start.py', 'LICENSE'];
  expect(files).toEqual(expect.arrayContaining(needed));
  // What `import` needs of the Python host, and nothing that an import has left there.
  const python = files.filter((path) => path.startsWith('runtimes/python/host/pilothouse_host'));
  expect(python).toContain('runtimes/python/host/pilothouse_host/main.py');
  expect(python.filter((path) => path.includes('__pycache__'))).toEqual([]);
});

it('starts, takes a model, serves it and stops, from any folder', async () => {
  const ports = { PILOTHOUSE_PORT: '0', PILOTHOUSE_HTTP_PORT: '0', PILOTHOUSE_GRPC_PORT: '0', PILOTHOUSE_SAMPLES: 'off' };
  server = spawn(join(folder, 'app', 'node_modules', '.bin', 'pilothouse'), ['up'], {
    cwd: folder,
    env: { ...env, ...ports },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const stream of [server.stdout!, server.stderr!]) stream.on('data', (chunk: Buffer) => void (printed += chunk.toString()));
  ended = new Promise((resolve) => server!.once('exit', resolve));
  await eventually(
    async () => {
      if (server!.exitCode !== null) throw new Error(`"pilothouse up" ended with ${server!.exitCode}: ${printed}`);
      try {
        const { control } = JSON.parse(readFileSync(join(env['PILOTHOUSE_HOME']!, 'run', 'endpoints.json'), 'utf8')) as { control: string };
        return (await fetch(`${control}/readyz`)).ok;
      } catch {
        return false; // not there yet
      }
    },
    'the server is ready',
    120_000,
  );
  const model = join(installed, 'server', 'samples', 'digits', 'digits.onnx');
  expect(await pilothouse('push', 'reader', model)).toMatch(/^reader:1\n/);
  expect(await pilothouse('deploy', 'reader', 'reader:1')).toBe('reader READY: reader:1, 1 replica, revision 1\n');
  expect(await pilothouse('infer', 'reader', '--sample')).toMatch(/probabilities +FP32 +\[1, 10\]/);
  expect(JSON.parse(await pilothouse('doctor', '--json'))).not.toContainEqual(expect.objectContaining({ state: 'FAILED' }));
  await pilothouse('stop');
  await ended;
  expect(readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && homeOf(pid) === env['PILOTHOUSE_HOME'])).toEqual([]);
});

/** The home in the environment of a process that lives. */
function homeOf(pid: string): string | undefined {
  try {
    if (/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) return undefined;
    return /(?:^|\0)PILOTHOUSE_HOME=([^\0]*)/.exec(readFileSync(`/proc/${pid}/environ`, 'utf8'))?.[1];
  } catch {
    return undefined; // ended just now
  }
}
