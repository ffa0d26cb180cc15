/**
 * `npm run test:python`: the Python package, built and installed as its users install it, against the real program in an empty home.
 * Runs pytest on every Python that is found, mypy and ruff. What the tests need comes from PyPI, into a virtual environment that later runs find again.
 *
 *   npm run test:python                          all
 *   npm run test:python -- tests/test_client.py  pytest with these arguments
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

const root = join(import.meta.dirname, '..', '..');
const folder = join(root, 'clients', 'python');
const START_MS = 120_000;
/** Versions of Python whose types are checked beside those of the interpreter that runs the tests. */
const TYPED_FOR = ['3.10', '3.12', '3.14'];

/** Runs a program to its end with its output shown. @throws Error when it fails */
function expectSuccess(what, command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: folder, stdio: 'inherit', ...options });
  if (status !== 0) throw new Error(`${what}: ${error?.message ?? `exit code ${status}`}`);
}

/** Every Python that the package is for: `python3`, those beside it with a version in their name, and those of pyenv, one of each minor version. */
function interpreters() {
  const names = ['python3', ...Array.from({ length: 10 }, (_, i) => `python3.${10 + i}`)];
  const pyenv = join(process.env.PYENV_ROOT || join(homedir(), '.pyenv'), 'versions');
  const others = existsSync(pyenv) ? readdirSync(pyenv).map((name) => join(pyenv, name, 'bin', 'python3')) : [];
  const found = new Map();
  for (const command of [...names, ...others]) {
    const { status, stdout } = spawnSync(command, ['-c', 'import sys; print(*sys.version_info[:2], sys.version)'], { encoding: 'utf8' });
    const [, major, minor] = (status === 0 && /^(\d+) (\d+) /.exec(stdout)) || [];
    const name = `${major}.${minor}`;
    if (Number(major) === 3 && Number(minor) >= 10 && !found.has(name)) found.set(name, { name, command, version: stdout });
  }
  if (found.size === 0) throw new Error('the tests of the Python package need Python 3.10 or newer');
  return [...found.values()];
}

/** The Python of an environment, which is made where it is not there yet. It holds what the package and its tests need, not the package. */
function environment({ name, command, version }) {
  const key = createHash('sha256')
    .update(version)
    .update(readFileSync(join(folder, 'pyproject.toml')))
    .digest('hex')
    .slice(0, 16);
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'pilothouse');
  const made = join(cache, `python-${key}`);
  const executable = join(made, 'bin', 'python');
  if (existsSync(join(made, 'complete'))) return executable;
  console.log(`installing what the package needs on Python ${name} into ${made}`);
  mkdirSync(cache, { recursive: true });
  // An interrupted run left half of it.
  rmSync(made, { recursive: true, force: true });
  const pip = ['-m', 'pip', '--quiet', '--disable-pip-version-check'];
  expectSuccess(`${command} -m venv`, command, ['-m', 'venv', made]);
  expectSuccess('pip install', executable, [...pip, 'install', `${folder}[test]`]);
  expectSuccess('pip uninstall', executable, [...pip, 'uninstall', '--yes', 'pilothouse']);
  mkdirSync(join(made, 'complete.new'));
  renameSync(join(made, 'complete.new'), join(made, 'complete'));
  return executable;
}

/** Builds the package and installs it for a Python, afresh each time, beside the environment: other checkouts use that one too. */
function install(python, site) {
  const pip = ['-m', 'pip', '--quiet', '--disable-pip-version-check', 'install', '--no-deps', '--no-build-isolation', '--target', site];
  expectSuccess('pip install', python, [...pip, folder]);
}

/** Starts the program and waits until it is ready. */
async function start(home) {
  const env = { ...process.env, PILOTHOUSE_HOME: home, PILOTHOUSE_SAMPLES: 'off', PILOTHOUSE_PORT: '0', PILOTHOUSE_HTTP_PORT: '0', PILOTHOUSE_GRPC_PORT: '0' };
  delete env.DATABASE_URL;
  const child = spawn(process.execPath, [join(root, 'server', 'launch.mjs')], { env, stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const stop = () => (child.kill('SIGTERM'), ended);
  const end = Date.now() + START_MS;
  const endpoints = join(home, 'run', 'endpoints.json');
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the program ended with ${child.exitCode}`);
    const control = existsSync(endpoints) ? JSON.parse(readFileSync(endpoints, 'utf8')).control : undefined;
    const ready = control && (await fetch(`${control}/readyz`).catch(() => undefined));
    if (ready?.ok) return stop;
    if (Date.now() > end) {
      await stop();
      throw new Error(`the program was not ready within ${START_MS / 1000} s`);
    }
    await setTimeout(50);
  }
}

/** How many tests of pytest's report passed and failed. */
function count(report) {
  const of = (name) => Number(new RegExp(`<testsuite [^>]*\\b${name}="(\\d+)"`).exec(report)?.[1] ?? 0);
  const failed = of('failures') + of('errors');
  return { passed: of('tests') - failed - of('skipped'), failed, skipped: of('skipped') };
}

const home = mkdtempSync(join(tmpdir(), 'pilothouse-python-'));
const outcome = { passed: 0, failed: 0, skipped: 0 };
const check = (what, does) => {
  try {
    does();
    outcome.passed++;
  } catch (error) {
    outcome.failed++;
    console.log(`failed: ${what}: ${error.message}`);
  }
};
/** The package's tests on one Python, against a server of their own. */
async function tests({ name, python }) {
  const own = join(home, name);
  const site = join(own, 'site-packages');
  install(python, site);
  const env = {
    ...process.env,
    PILOTHOUSE_HOME: own,
    XDG_CONFIG_HOME: join(own, 'config'),
    PYTHONPATH: [site, process.env.PYTHONPATH].filter(Boolean).join(delimiter),
    PYTHONDONTWRITEBYTECODE: '1',
  };
  for (const name of ['PILOTHOUSE_URL', 'PILOTHOUSE_TOKEN', 'PILOTHOUSE_GATEWAY_URL']) delete env[name];
  const stop = await start(own);
  try {
    console.log(`pytest on Python ${name}`);
    const report = join(own, 'pytest.xml');
    const words = ['-m', 'pytest', '-p', 'no:cacheprovider', `--junitxml=${report}`, ...process.argv.slice(2)];
    const { status } = spawnSync(python, words, { cwd: folder, env, stdio: 'inherit' });
    const counts = existsSync(report) ? count(readFileSync(report, 'utf8')) : { passed: 0, failed: 0, skipped: 0 };
    outcome.passed += counts.passed;
    outcome.failed += counts.failed === 0 && status !== 0 ? 1 : counts.failed;
    outcome.skipped += counts.skipped;
  } finally {
    await stop();
  }
}

try {
  const found = interpreters().map((each) => ({ ...each, python: environment(each) }));
  const [{ python }] = found;
  check('ruff check', () => expectSuccess('ruff check', python, ['-m', 'ruff', 'check', '--no-cache']));
  check('ruff format', () => expectSuccess('ruff format', python, ['-m', 'ruff', 'format', '--check', '--no-cache']));
  const cache = `--cache-dir=${join(home, 'mypy')}`;
  for (const version of TYPED_FOR) check(`mypy for Python ${version}`, () => expectSuccess('mypy', python, ['-m', 'mypy', cache, '--python-version', version]));
  for (const each of found) await tests(each);
} catch (error) {
  outcome.failed++;
  console.log(`failed: ${error.message}`);
} finally {
  rmSync(home, { recursive: true, force: true });
}
console.log(`${outcome.passed} passed, ${outcome.failed} failed${outcome.skipped > 0 ? `, ${outcome.skipped} skipped` : ''}`);
process.exit(outcome.failed === 0 ? 0 : 1);
