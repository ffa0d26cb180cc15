import { execFile, execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { identityOf } from '../../server/engines/process-identity.js';
import { PROJECT_ROOT } from '../../server/paths.js';
import { eventually } from '../support/eventually.js';

vi.setConfig({ testTimeout: 120_000 });

/** A clone without dependencies and build, where "installing" and "building" are small scripts that write down that they ran. */
let root: string;

const put = (path: string, text: string): void => {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), text);
};
const lock = (version: string): string =>
  JSON.stringify({
    packages: {
      '': {},
      'node_modules/a': { version },
      'node_modules/linux-only': { version: '1.0.0', optional: true },
      'node_modules/typescript': { version: '6.0.0', dev: true },
      'clients/typescript': {},
    },
  });
const ran = (): string[] => (existsSync(join(root, 'ran')) ? readFileSync(join(root, 'ran'), 'utf8').trim().split('\n') : []);

const INSTALL = `
const fs = require('node:fs');
fs.appendFileSync('ran', 'install ' + process.env.ONNXRUNTIME_NODE_INSTALL + '\\n');
if (fs.existsSync('slow')) { fs.writeFileSync('npm-pid', String(process.pid)); for (let left = Number(fs.readFileSync('slow', 'utf8')); left > 0 && !fs.existsSync('go'); left -= 20) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20); }
if (fs.existsSync('broken')) { console.error('npm error code E404'); console.error('npm error 404 Not Found - some-package'); process.exit(3); }
fs.mkdirSync('node_modules/typescript', { recursive: true });
const { packages } = JSON.parse(fs.readFileSync('package-lock.json', 'utf8'));
delete packages['']; delete packages['node_modules/linux-only']; delete packages['clients/typescript'];
fs.writeFileSync('node_modules/typescript/package.json', '{"version":"6.0.0"}');
fs.writeFileSync('node_modules/.package-lock.json', JSON.stringify({ packages }));
`;
const BUILD = `
const fs = require('node:fs');
fs.appendFileSync('ran', 'build\\n');
if (fs.readFileSync('server/main.ts', 'utf8').includes('syntax error')) { console.log("server/main.ts(1,1): error TS1005: ';' expected."); process.exit(2); }
fs.mkdirSync('dist/server', { recursive: true }); fs.mkdirSync('dist/bundle/server', { recursive: true });
for (const name of fs.readdirSync('server')) if (name.endsWith('.ts')) for (const to of ['dist/server/', 'dist/bundle/server/']) fs.copyFileSync('server/' + name, to + name.replace('.ts', '.js'));
for (const folder of ['server/doctor', 'clients/cli']) fs.mkdirSync('dist/bundle/' + folder, { recursive: true });
fs.writeFileSync('dist/bundle/server/doctor/main.js', 'export const doctor = async () => [];');
fs.writeFileSync('dist/bundle/clients/cli/main.js', 'export const run = async (words) => console.log("command line: " + words.join(" "));');
fs.writeFileSync('dist/.tsbuildinfo', '{}');
`;
/** Runs the real launcher's `prepare` on the clone, with these scripts in the place of npm and tsc. */
const RUN = `
import { prepare } from './server/launch/prepare.mjs';
const node = (script) => [process.execPath, script];
await prepare(process.cwd(), console.log, { install: node('install.cjs'), build: node('build.cjs') }).then(() => console.log('prepared'), (error) => { console.log(error.message); process.exitCode = 1; });
`;

/** Lines of progress come before it on a machine that is busy. */
const PREPARED = { code: 0, output: expect.stringMatching(/(^|\n)prepared\n$/) as string };

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pilothouse-launch-'));
  mkdirSync(join(root, 'server'));
  cpSync(join(PROJECT_ROOT, 'server', 'launch.mjs'), join(root, 'server', 'launch.mjs'));
  cpSync(join(PROJECT_ROOT, 'server', 'launch'), join(root, 'server', 'launch'), { recursive: true });
  put('package.json', '{"version":"9.8.7","type":"module"}');
  put('package-lock.json', lock('1.0.0'));
  put('tsconfig.json', '{}');
  put('server/main.ts', 'console.log("up in process", process.pid);');
  put('server/stop-main.ts', 'console.log("stop");');
  put('install.cjs', INSTALL);
  put('build.cjs', BUILD);
  put('run.mjs', RUN);
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function prepare(): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['run.mjs'], { cwd: root, env: { ...process.env, NODE_ENV: 'production' } }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), output: stdout + stderr }),
    );
  });
}

interface Preparing {
  readonly pid: number;
  output(): string;
  readonly ended: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
}

/** As `prepare`, to be watched meanwhile. */
function begin(): Preparing {
  const child = spawn(process.execPath, ['run.mjs'], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  return { pid: child.pid!, output: () => output, ended, kill: (signal) => child.kill(signal) };
}

/** The npm that a slow installation runs as, once it is on record as one that others must wait for. */
const npmOf = (launcher: Preparing): Promise<number> =>
  eventually(
    () => {
      // It is empty for a moment.
      const npm = existsSync(join(root, 'npm-pid')) ? readFileSync(join(root, 'npm-pid'), 'utf8') : '';
      return npm !== '' && readdirSync(join(root, 'dist', '.launch')).some((claim) => claim.split('~')[1] === npm) && Number(npm);
    },
    `npm of process ${launcher.pid}`,
    60_000,
  );

const launch = (...words: string[]): { code: number; output: string } => {
  try {
    return { code: 0, output: execFileSync(process.execPath, [join(root, 'server', 'launch.mjs'), ...words], { encoding: 'utf8', stdio: 'pipe' }) };
  } catch (error) {
    const { status, stdout, stderr } = error as { status: number; stdout: string; stderr: string };
    return { code: status, output: stdout + stderr };
  }
};

describe('the launcher, before anything is installed', () => {
  it('explains itself, and says its version', () => {
    for (const word of ['help', '--help', '-h'])
      expect(launch(word)).toMatchObject({
        code: 0,
        output: expect.stringMatching(
          /up .*start[\s\S]*stop .*stop[\s\S]*PILOTHOUSE_HOME[\s\S]*DATABASE_URL[\s\S]*PILOTHOUSE_HTTP_PORT[\s\S]*admin-token/,
        ) as string,
      });
    expect(launch('up', '--help').output).toBe(launch('help').output);
    expect(launch('--version')).toEqual({ code: 0, output: '9.8.7\n' });
    expect(readdirSync(root)).not.toContain('dist');
  });

  it('names every variable of the configuration', () => {
    const variables = readFileSync(join(PROJECT_ROOT, 'server', 'config.ts'), 'utf8')
      .match(/^ {2}(PILOTHOUSE_\w+|DATABASE_URL)(?=:)/gm)!
      .map((name) => name.trim());
    expect(variables.length).toBeGreaterThan(10);
    const { output } = launch('help');
    // What the server hands to the gateway is nobody's to set.
    const handed = /_FD$|^PILOTHOUSE_WORKER/;
    expect(variables.filter((name) => !output.includes(name) && !handed.test(name))).toEqual([]);
  });

  it('refuses what it does not know, in one line', () => {
    expect(launch('stop', 'now')).toEqual({ code: 2, output: 'pilothouse: "stop" takes no arguments, and got "now": "pilothouse help" explains\n' });
    expect(readdirSync(root)).not.toContain('dist');
  });
});

describe('what the launcher does before it starts', () => {
  it('installs, without CUDA, and builds; and nothing the second time', async () => {
    expect(await prepare()).toMatchObject(PREPARED);
    expect(ran()).toEqual(['install skip', 'build']);
    await prepare();
    expect(ran()).toHaveLength(2);
    expect(readdirSync(join(root, 'dist'))).not.toContain('.launch');
    // Another user may run what this one built.
    expect(statSync(join(root, 'dist')).mode).toBe(statSync(join(root, 'server')).mode);
  });

  it('installs again when the lock file names something else, whatever the dates say, and not for what this platform lacks', async () => {
    await prepare();
    put('package-lock.json', lock('1.0.1'));
    utimesSync(join(root, 'package-lock.json'), 1, 1);
    await prepare();
    expect(ran()).toEqual(['install skip', 'build', 'install skip']);
    utimesSync(join(root, 'package-lock.json'), new Date(), new Date());
    await prepare();
    expect(ran()).toHaveLength(3);
    rmSync(join(root, 'node_modules'), { recursive: true });
    await prepare();
    expect(ran()).toHaveLength(4);
  });

  it('builds again when a source changed, came or went, and not when only its date did', async () => {
    await prepare();
    const builds = (): number => ran().filter((line) => line === 'build').length;
    put('server/main.ts', 'console.log("changed");');
    await prepare();
    expect([builds(), readFileSync(join(root, 'dist/server/main.js'), 'utf8')]).toEqual([2, 'console.log("changed");']);
    put('server/more.ts', '');
    await prepare();
    expect([builds(), existsSync(join(root, 'dist/server/more.js'))]).toEqual([3, true]);
    rmSync(join(root, 'server/more.ts'));
    await prepare();
    expect([builds(), existsSync(join(root, 'dist/server/more.js'))]).toEqual([4, false]);
    utimesSync(join(root, 'server/main.ts'), new Date(), new Date());
    await prepare();
    rmSync(join(root, 'dist/bundle/server/main.js'));
    expect(builds()).toBe(4);
    await prepare();
    expect([builds(), existsSync(join(root, 'dist/bundle/server/main.js'))]).toEqual([5, true]);
  });

  it('does it once for two that start at once', async () => {
    put('slow', '60000');
    const both = [begin(), begin()];
    const said = (): string => both.map(({ output }) => output()).join('');
    // Whichever is second waits for as long as it takes.
    for (const what of [/Installing dependencies… \d+ s/, /Waiting for process \d+, which installs or builds this clone…/])
      await eventually(() => what.test(said()), String(what), 60_000);
    put('go', '');
    expect(await Promise.all(both.map(({ ended }) => ended))).toEqual([0, 0]);
    expect(ran()).toEqual(['install skip', 'build']);
    expect(said()).toMatch(/Installing dependencies… \d+ s[\s\S]*Installed dependencies in \d+ s\./);
  });

  it('shows what npm said when it fails, and tries again the next time', async () => {
    put('broken', '');
    const { code, output } = await prepare();
    expect(code).toBe(1);
    expect(output).toContain(
      'npm error code E404\nnpm error 404 Not Found - some-package\nThe dependencies could not be installed: npm ended with 3. Is the package registry reachable? Run "npm start" to try again.\n',
    );
    rmSync(join(root, 'broken'));
    expect(await prepare()).toMatchObject(PREPARED);
  });

  it('shows what the compiler said, and does not take the failed build for one', async () => {
    put('server/main.ts', 'syntax error');
    const failed = await prepare();
    expect(failed).toMatchObject({
      code: 1,
      output: expect.stringMatching(/server\/main\.ts\(1,1\): error TS1005: ';' expected\.\nThe build failed: the compiler ended with 2\.\n$/) as string,
    });
    expect((await prepare()).code).toBe(1);
    expect(ran().filter((line) => line === 'build')).toHaveLength(2);
  });

  it('ends npm with it when it is told to stop, and trusts nothing of what was half done', async () => {
    await prepare();
    put('package-lock.json', lock('1.0.1'));
    put('slow', '60000');
    const stopped = begin();
    const npm = await npmOf(stopped);
    expect(identityOf(npm)).toBeDefined();
    stopped.kill('SIGTERM');
    expect(await stopped.ended).toBe(143);
    expect(identityOf(npm)).toBeUndefined();
    // Even if the lock file were to name what is there by chance.
    put('package-lock.json', lock('1.0.0'));
    put('slow', '0');
    await prepare();
    expect(ran()).toEqual(['install skip', 'build', 'install skip', 'install skip']);
  });

  it('waits for the npm of a launcher that was killed, and then trusts what that has installed', async () => {
    put('slow', '60000');
    const killed = begin();
    const npm = await npmOf(killed);
    killed.kill('SIGKILL');
    await killed.ended;
    const next = begin();
    await eventually(() => next.output().includes(`Waiting for process ${npm}`), 'that the next one waits', 60_000);
    put('go', '');
    expect([await next.ended, ran()]).toEqual([0, ['install skip', 'build']]);
  });

  it('neither installs nor builds where it is a package of somebody else', async () => {
    rmSync(join(root, 'package-lock.json'));
    expect(await prepare()).toMatchObject({ code: 1, output: expect.stringContaining('holds neither a build nor the sources') as string });
    put('dist/bundle/server/main.js', 'console.log("up in process", process.pid);');
    expect(await prepare()).toEqual({ code: 0, output: 'prepared\n' });
    expect(ran()).toEqual([]);
    expect(launch('up').output).toMatch(/^up in process \d+\n$/);
  });

  it('leaves every other word to the command line', async () => {
    await prepare();
    expect(launch('show', 'digits', '--json')).toEqual({ code: 0, output: 'command line: show digits --json\n' });
    expect(launch('--url', 'http://x', 'models').output).toBe('command line: --url http://x models\n');
  });

  it('runs the program in its own process', async () => {
    await prepare();
    const child = spawn(process.execPath, [join(root, 'server', 'launch.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] });
    const printed = await new Promise<string>((resolve) => child.stdout.once('data', (data: Buffer) => resolve(data.toString())));
    expect(printed).toBe(`up in process ${child.pid}\n`);
    expect(launch('stop').output).toBe('stop\n');
  });
});
