/**
 * `npm test`: everything that must hold, in one command, on a machine where nothing was installed by hand. Installs the
 * dependencies where they are missing, builds, checks what is generated and how it is written, runs every test, and says at its end how
 * many passed and failed. Plain JavaScript and the standard library only: it runs before anything is installed.
 *
 *   npm test                    every step
 *   npm test -- lint unit       these steps only (after installing and building what they need)
 *   npm test -- quick           lint, types and unit tests, side by side and with caches. Only the full check looks at every file anew
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const inCi = process.env.CI === 'true' || process.env.CI === '1';
const reports = mkdtempSync(join(tmpdir(), 'pilothouse-test-'));
/** What failed and why, told once more at the end, where it is looked for. */
const failures = [];
/** Tests with what each took, in milliseconds. */
const durations = [];
const bin = (name) => join(root, 'node_modules', '.bin', name);

/** @typedef {{ passed: number, failed: number, skipped?: number, note?: string }} Outcome */

/** Whether steps run side by side: what a command prints is then shown when the command ends, so that it does not mix with others'. */
let sideBySide = false;

/** Runs a command in the project's root and shows its output. Answers its exit code; undefined when it took too long and was killed. */
function run(command, args, { minutes = 10, env = {} } = {}) {
  return new Promise((resolve) => {
    const output = sideBySide ? 'pipe' : 'inherit';
    // A group of its own, so that a test that hangs is ended with everything it started.
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', output, output], detached: true, env: { ...process.env, ...env } });
    const printed = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => printed.push(chunk));
    const kill = (signal) => {
      try {
        process.kill(-child.pid, signal);
      } catch {
        // ended just now
      }
    };
    const interrupted = () => kill('SIGTERM');
    process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
    const timer = setTimeout(() => kill('SIGKILL'), minutes * 60_000);
    const end = (code) => {
      clearTimeout(timer);
      process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
      process.stdout.write(Buffer.concat(printed));
      resolve(code ?? undefined);
    };
    child.on('error', (error) => {
      console.log(`${command}: ${error.message}`);
      end(undefined);
    });
    child.on(sideBySide ? 'close' : 'exit', end);
  });
}

/** A check that holds or does not: one test. */
const check = (command, args, options) => async () => {
  const code = await run(command, args, options);
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1, note: code === undefined ? 'did not end by itself' : `exit code ${code}` };
};

/** A folder of vitest tests, counted from vitest's own report. */
const vitest = (folder, minutes) => async () => {
  const file = join(reports, `${folder}.json`);
  const code = await run(bin('vitest'), ['run', `test/${folder}/`, '--reporter=default', '--reporter=json', `--outputFile.json=${file}`], { minutes });
  if (!existsSync(file)) return { passed: 0, failed: 1, note: code === undefined ? `not within ${minutes} minutes` : `no report, exit code ${code}` };
  const report = JSON.parse(readFileSync(file, 'utf8'));
  // A file that does not even load has no test that could fail, and an error outside any test fails none: both must not look green.
  const unloaded = report.testResults.filter((suite) => suite.status === 'failed' && suite.assertionResults.every((test) => test.status !== 'failed')).length;
  const failed = report.numFailedTests + unloaded;
  for (const suite of report.testResults)
    for (const test of suite.assertionResults) {
      const name = `${suite.name.slice(root.length + 1)} > ${test.fullName}`;
      durations.push({ name, ms: test.duration ?? 0 });
      if (test.status === 'failed') failures.push(`${name}\n    ${(test.failureMessages[0] ?? '').split('\n').slice(0, 4).join('\n    ')}`);
    }
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && code !== 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
    note: failed === 0 && code !== 0 ? `vitest exited with ${code}` : undefined,
  };
};

/** Tests in Python, counted from the last line that their runner prints. */
const python = (script, minutes) => async () => {
  const file = join(reports, `${script.replace(':', '-')}.txt`);
  const code = await run('sh', ['-c', 'npm run --silent "$1" 2>&1 | tee "$0"', file, script], { minutes });
  const text = existsSync(file) ? readFileSync(file, 'utf8').trimEnd() : '';
  const [, passed, failed, skipped] = /(?:^|\n)(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/.exec(text) ?? [];
  if (passed === undefined) return { passed: 0, failed: 1, note: code === undefined ? `not within ${minutes} minutes` : 'it did not say how many passed' };
  return { passed: Number(passed), failed: Number(failed), skipped: Number(skipped ?? 0) };
};

/** Whether node_modules is missing or was installed for another lock file. */
function mustInstall() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  return !existsSync(installed) || statSync(installed).mtimeMs < statSync(join(root, 'package-lock.json')).mtimeMs;
}

async function install() {
  if (!mustInstall()) return { passed: 0, failed: 0, note: 'nothing to do' };
  const code = await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { minutes: 15 });
  return code === 0 ? { passed: 0, failed: 0 } : { passed: 0, failed: 1, note: `npm ci: exit code ${code}` };
}

/** The native TensorFlow binding, so that the contract suite covers it too. It needs a C++ compiler and pip, which CI has and a laptop may lack. */
async function tfjsNode() {
  const code = await run('npm', ['run', '--silent', 'build:tfjs-node'], { minutes: 10 });
  if (code === 0) return { passed: 1, failed: 0 };
  return inCi
    ? { passed: 0, failed: 1, note: `exit code ${code}` }
    : { passed: 0, failed: 0, skipped: 1, note: 'not built: the native backend is not tested here' };
}

/** Every attack in its short form, each of them one test. */
async function attacks() {
  const file = join(reports, 'attacks.json');
  const code = await run(process.execPath, ['test/attack/main.mjs', '--short', '--json', file], { minutes: 15 });
  if (!existsSync(file)) return { passed: 0, failed: 1, note: code === undefined ? 'not within 15 minutes' : `no report, exit code ${code}` };
  const results = JSON.parse(readFileSync(file, 'utf8'));
  const failed = results.filter(({ broken }) => broken.length > 0);
  for (const { name, broken } of failed) failures.push(`test/attack > ${name}\n    ${broken.join('\n    ')}`);
  return { passed: results.length - failed.length, failed: failed.length };
}

/** A short campaign of kills: each count that must be 0 is one test. */
async function chaos() {
  const file = join(reports, 'chaos.json');
  const code = await run(process.execPath, ['test/chaos/main.mjs', '--seed', '3', '--rounds', '8', '--json', file], { minutes: 10 });
  if (!existsSync(file)) return { passed: 0, failed: 1, note: code === undefined ? 'not within 10 minutes' : `no report, exit code ${code}` };
  const { counts = {}, broken } = JSON.parse(readFileSync(file, 'utf8'));
  if (broken.length > 0) failures.push(`test/chaos\n    ${broken.join('\n    ')}`);
  const failed = Object.values(counts).filter((count) => count > 0).length;
  return { passed: Object.keys(counts).length - failed, failed: broken.length > 0 ? Math.max(failed, 1) : 0 };
}

const cache = join(root, 'node_modules', '.cache', 'pilothouse');

/** The type check, which looks only at what changed since the last one. */
async function quickTypes() {
  for (const project of ['test/tsconfig.json', 'clients/typescript/tsconfig.json']) {
    const info = join(cache, `${project.replaceAll('/', '-')}.tsbuildinfo`);
    const outcome = await check(bin('tsc'), ['-p', project, '--noEmit', '--incremental', '--tsBuildInfoFile', info])();
    if (outcome.failed > 0) return outcome;
  }
  return { passed: 1, failed: 0 };
}

/** Steps of `quick`, instead of those of the same name. */
const QUICK = {
  lint: check(bin('eslint'), ['--max-warnings', '0', '--cache', '--cache-strategy', 'content', '--cache-location', join(cache, 'eslint'), '.']),
  typecheck: quickTypes,
};

/** In this order. Those marked `always` run even when only others were asked for. */
const STEPS = [
  { name: 'install', always: true, does: install },
  { name: 'build', always: true, does: check('npm', ['run', '--silent', 'build']) },
  { name: 'build:client', always: true, does: check('npm', ['run', '--silent', 'build:client']) },
  { name: 'build:tfjs-node', does: tfjsNode },
  { name: 'format', does: check('npm', ['run', '--silent', 'format:check']) },
  { name: 'lint', does: check('npm', ['run', '--silent', 'lint']) },
  { name: 'typecheck', does: check('npm', ['run', '--silent', 'typecheck']) },
  { name: 'schema drift', does: check('npm', ['run', '--silent', 'schema', '--', '--check']) },
  { name: 'client types drift', does: check('npm', ['run', '--silent', 'codegen', '--', '--check']) },
  { name: 'unit', does: vitest('unit', 10) },
  { name: 'contract', does: vitest('contract', 15) },
  // Migration drift is among these: entities against migrations, and schema.sql against the migrated database.
  { name: 'integration', does: vitest('integration', 20) },
  { name: 'e2e', does: vitest('e2e', 15) },
  { name: 'attack', does: attacks },
  { name: 'chaos', does: chaos },
  // Existing Python clients, unmodified.
  { name: 'clients', does: python('test:clients', 15) },
  // The Python package in clients/python.
  { name: 'python', does: python('test:python', 40) },
];

const words = process.argv.slice(2);
const quick = words.includes('quick');
const wanted = words.flatMap((word) => (word === 'quick' ? ['lint', 'typecheck', 'unit'] : [word]));
const unknown = wanted.filter((name) => !STEPS.some((step) => step.name === name));
if (unknown.length > 0) {
  console.log(`no step is called ${unknown.join(', ')}; there are: ${STEPS.map((step) => step.name).join(', ')}, and quick`);
  process.exit(2);
}

const results = [];
const total = performance.now();
const chosen = STEPS.filter((step) => wanted.length === 0 || step.always || wanted.includes(step.name));

async function take(step) {
  if (!sideBySide) console.log(`\n── ${step.name}`);
  const start = performance.now();
  /** @type {Outcome} */
  const outcome = await ((quick && QUICK[step.name]) || step.does)();
  results.push({ name: step.name, ...outcome, seconds: (performance.now() - start) / 1000 });
  return outcome.failed === 0;
}

/** Of steps marked `always`: nothing that comes later can be believed when one of them fails. */
async function prepared() {
  for (const step of chosen.filter(({ always }) => always)) if (!(await take(step))) return false;
  return true;
}

if (await prepared()) {
  const steps = chosen.filter(({ always }) => !always);
  sideBySide = quick;
  // Unit tests wait more than they compute: a second core is enough for lint and types beside them.
  const lanes = quick ? [steps.filter(({ name }) => name !== 'unit'), steps.filter(({ name }) => name === 'unit')] : [steps];
  await Promise.all(
    lanes.map(async (lane) => {
      for (const step of lane) await take(step);
    }),
  );
}
rmSync(reports, { recursive: true, force: true });

console.log(`\n${'step'.padEnd(20)}${'passed'.padStart(8)}${'failed'.padStart(8)}${'skipped'.padStart(9)}${'seconds'.padStart(9)}`);
for (const r of results) {
  console.log(
    `${r.name.padEnd(20)}${String(r.passed).padStart(8)}${String(r.failed).padStart(8)}${String(r.skipped ?? 0).padStart(9)}${r.seconds.toFixed(1).padStart(9)}${r.note ? `  ${r.note}` : ''}`,
  );
}
const sum = (key) => results.reduce((n, r) => n + (r[key] ?? 0), 0);
console.log(`${'total'.padEnd(20)}${' '.repeat(25)}${((performance.now() - total) / 1000).toFixed(1).padStart(9)}\n`);
if (words.length === 0) {
  console.log('the ten tests that took longest:');
  const longest = durations.sort((a, b) => b.ms - a.ms).slice(0, 10);
  for (const { name, ms } of longest) console.log(`${(ms / 1000).toFixed(1).padStart(7)} s  ${name}`);
  console.log('');
}
for (const failure of failures) console.log(`FAILED ${failure}`);
if (sum('skipped') > 0) console.log(`${sum('skipped')} skipped`);
console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
process.exit(sum('failed') === 0 ? 0 : 1);
