import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { processesOf } from '../../server/database/embedded-postgres-process.js';
import { stopEmbeddedPostgres } from '../../server/database/embedded-postgres.js';
import { listLaunches } from '../../server/engines/gateway-launch.js';
import { listReplicas } from '../../server/engines/replica-folder.js';
import { program, PROJECT_ROOT } from '../../server/paths.js';
import { prepareData } from '../support/prepared-home.js';

vi.setConfig({ testTimeout: 120_000 });

let folder: string;
let home: string;
const running: Running[] = [];
const servers: Server[] = [];

interface Running {
  readonly child: ChildProcess;
  output(): string;
  said(what: string | RegExp): Promise<string>;
  readonly ended: Promise<number | NodeJS.Signals>;
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pilothouse-life-'));
  home = join(folder, 'home');
});

afterEach(async () => {
  // What still dies may still write.
  await Promise.all(running.splice(0).map(({ child, ended }) => (child.kill('SIGKILL'), ended)));
  for (const server of servers.splice(0)) server.close();
  await stopEmbeddedPostgres(home, { force: true }).catch(() => undefined);
  rmSync(folder, { recursive: true, force: true });
});

const environment = (more: Record<string, string> = {}): NodeJS.ProcessEnv => ({
  ...process.env,
  DATABASE_URL: '',
  PILOTHOUSE_HOME: home,
  PILOTHOUSE_PORT: '0',
  SMALL_DATABASE: 'no',
  ...more,
});

const SMALL = join(PROJECT_ROOT, 'test', 'support', 'small-server.mjs');

function start(more: Record<string, string> = {}, script = SMALL): Running {
  const child = spawn(process.execPath, [script], {
    env: environment(more),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = new Promise<number | NodeJS.Signals>((resolve) => child.once('close', (code, signal) => resolve(code ?? signal!)));
  const said = async (what: string | RegExp): Promise<string> => {
    for (let waited = 0; waited < 60_000; waited += 20) {
      const match = typeof what === 'string' ? output.includes(what) && what : what.exec(output)?.[1];
      if (match) return match;
      await sleep(20);
    }
    throw new Error(`did not say ${what}; it said: ${output}`);
  };
  const started: Running = { child, output: () => output, said, ended };
  running.push(started);
  return started;
}

/** Tells a server to stop, and once more when it is on its way for longer than a signal and its echo are apart. */
async function hurry(server: Running): Promise<void> {
  server.child.kill('SIGTERM');
  await server.said('app stops force=false');
  await sleep(1_200);
  server.child.kill('SIGTERM');
}

const stop = (): Promise<{ code: number; output: string }> =>
  new Promise((resolve) =>
    execFile(process.execPath, [program('server/stop-main')], { env: environment() }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), output: stdout + stderr }),
    ),
  );

/** Every file below a folder of the home. */
const files = (path: string): string[] =>
  existsSync(path)
    ? readdirSync(path, { recursive: true, withFileTypes: true })
        .filter((entry) => !entry.isDirectory())
        .map((entry) => entry.name)
    : [];

async function listen(): Promise<number> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}

describe('a server process', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('drains once and ends with 0 at %s, which may come twice at once', async (signal) => {
    const server = start({ SMALL_STOP_MS: '300', SMALL_SAME_MS: '60000' });
    await server.said('is ready');
    expect(JSON.parse(readFileSync(join(home, 'run', 'endpoints.json'), 'utf8'))).toMatchObject({
      control: await server.said(/GraphQL\s+(\S+)\/graphql/),
      pid: server.child.pid,
    });
    server.child.kill(signal);
    server.child.kill(signal);
    expect(await server.ended).toBe(0);
    expect(server.output().match(/app stops .*/g)).toEqual(['app stops force=false last=true']);
    expect(files(join(home, 'run'))).toEqual([]);
  });

  it('hurries when it is told again later', async () => {
    const server = start({ SMALL_STOP_MS: '60000' });
    await server.said('is ready');
    await hurry(server);
    expect(await server.ended).toBe(1);
    expect(server.output().match(/app stops .*/g)).toEqual(['app stops force=false last=true', 'app stops force=true last=true']);
    expect(files(join(home, 'run'))).toEqual([]);
  });

  it('stops cleanly when it is told to before it has started', async () => {
    const server = start({ SMALL_DATABASE: 'yes' });
    while (!existsSync(join(home, 'run', 'servers')) && server.child.exitCode === null) await sleep(5);
    server.child.kill('SIGINT');
    expect(await server.ended).toBe(0);
    expect(processesOf(join(home, 'postgres'))).toEqual([]);
    expect(files(join(home, 'run'))).toEqual([]);
  });

  it('says that it stops as soon as it is told to, and of its start nothing any more', async () => {
    const goOn = join(folder, 'go-on');
    const server = start({ SMALL_START: goOn });
    await server.said('half-way');
    server.child.kill('SIGINT');
    await server.said('Stopping…');
    writeFileSync(goOn, '');
    expect(await server.ended).toBe(0);
    expect(server.output()).toBe('half-way\nStopping…\napp stops force=false last=true\nStopped.\n');
  });

  it('gives its start up when it is told to stop, and ends what a killed server had left too', async () => {
    await prepareData(home);
    const killed = start({ SMALL_DATABASE: 'yes' });
    await killed.said('is ready');
    killed.child.kill('SIGKILL');
    await killed.ended;
    expect(processesOf(join(home, 'postgres'))).not.toEqual([]);
    const server = start({ SMALL_START: 'signal' });
    await server.said('half-way');
    server.child.kill('SIGINT');
    expect(await server.ended).toBe(0);
    expect(server.output()).toBe('half-way\nStopping…\nStopped.\n');
    expect(processesOf(join(home, 'postgres'))).toEqual([]);
    expect(files(join(home, 'run'))).toEqual([]);
  });

  it.each(['postgres', join('run', 'gateway'), 'admin-token'])('leaves nothing of a whole program that is told to stop once there is %s', async (sign) => {
    const server = start({ PILOTHOUSE_HTTP_PORT: '0', PILOTHOUSE_GRPC_PORT: '0' }, program('server/main'));
    while (!existsSync(join(home, sign)) && server.child.exitCode === null) await sleep(5);
    server.child.kill('SIGINT');
    expect(await server.ended).toBe(0);
    expect(server.output()).toMatch(/(^|\n)Stopping…\nStopped\.\n$/);
    expect(processesOf(join(home, 'postgres'))).toEqual([]);
    expect(listLaunches(home)).toEqual([]);
    expect(listReplicas(home)).toEqual([]);
  });

  it('leaves what is shared to the last server of the home', async () => {
    await prepareData(home);
    const first = start({ SMALL_DATABASE: 'yes' });
    const postgres = Number(await first.said(/postgres (\d+)/));
    const second = start({ SMALL_DATABASE: 'yes' });
    expect(Number(await second.said(/postgres (\d+)/))).toBe(postgres);
    await Promise.all([first.said('is ready'), second.said('is ready')]);
    first.child.kill('SIGTERM');
    expect(await first.ended).toBe(0);
    expect(first.output()).toContain('last=false');
    expect(processesOf(join(home, 'postgres')).map(({ pid }) => pid)).toContain(postgres);
    second.child.kill('SIGTERM');
    expect(await second.ended).toBe(0);
    expect(second.output()).toContain('last=true');
    expect(processesOf(join(home, 'postgres'))).toEqual([]);
    expect(files(join(home, 'run'))).toEqual([]);
  });

  const named = (): unknown => JSON.parse(readFileSync(join(home, 'run', 'endpoints.json'), 'utf8'));
  const addressesOf = async (server: Running): Promise<object> => {
    const control = await server.said(/GraphQL\s+(\S+)\/graphql/);
    return { control, http: control, grpc: control.slice('http://'.length), pid: server.child.pid };
  };

  it('leaves endpoints.json to a server that stays, however it is stopped', async () => {
    // It does not look by itself here.
    const stays = start({ SMALL_CHECK_MS: '600000' });
    const addresses = await addressesOf(stays);
    expect(named()).toEqual(addresses);
    const drained = start();
    expect(await addressesOf(drained)).toEqual(named());
    drained.child.kill('SIGTERM');
    expect(await drained.ended).toBe(0);
    expect(named()).toEqual(addresses);
    const hurried = start({ SMALL_STOP_MS: '60000' });
    expect(await addressesOf(hurried)).toEqual(named());
    await hurry(hurried);
    expect(await hurried.ended).toBe(1);
    expect(named()).toEqual(addresses);
    stays.child.kill('SIGTERM');
    expect(await stays.ended).toBe(0);
    expect(files(join(home, 'run'))).toEqual([]);
  });

  it('takes endpoints.json over from a server that was killed', async () => {
    const survivor = start({ SMALL_CHECK_MS: '50' });
    const addresses = await addressesOf(survivor);
    const killed = start();
    expect(await addressesOf(killed)).toEqual(named());
    // The one that is named is alive: its name stays.
    await sleep(200);
    expect(named()).toEqual(await addressesOf(killed));
    killed.child.kill('SIGKILL');
    await killed.ended;
    await vi.waitFor(() => expect(named()).toEqual(addresses), 30_000);
  });

  it('says what it waits for while its database does not answer', async () => {
    const port = await listen();
    const server = start({ SMALL_DATABASE: 'yes', DATABASE_URL: `postgres://me:hush@127.0.0.1:${port}/x` });
    await server.said('\n');
    expect(server.output()).toBe(`Waiting for the database postgres://me:***@127.0.0.1:${port}/x…\n`);
  });

  it('ends what a failed start began, and leaves what it had only adopted', async () => {
    await prepareData(home);
    const failed = start({ SMALL_DATABASE: 'yes', SMALL_FAULT: 'start' });
    expect(await failed.ended).toBe(1);
    expect(failed.output()).toMatch(/^postgres \d+\npilothouse: the app does not start \(details in .*server\.log\)\n$/m);
    expect(processesOf(join(home, 'postgres'))).toEqual([]);
    expect(files(join(home, 'run'))).toEqual([]);
    const killed = start({ SMALL_DATABASE: 'yes' });
    await killed.said('is ready');
    killed.child.kill('SIGKILL');
    await killed.ended;
    const postgres = Number(await killed.said(/postgres (\d+)/));
    expect(await start({ SMALL_DATABASE: 'yes', SMALL_FAULT: 'start' }).ended).toBe(1);
    expect(processesOf(join(home, 'postgres')).map(({ pid }) => pid)).toContain(postgres);
  });

  it('ends with 1 at a fault of its own, and leaves what a crash leaves', async () => {
    await prepareData(home);
    const server = start({ SMALL_DATABASE: 'yes', SMALL_FAULT: 'later' });
    expect(await server.ended).toBe(1);
    expect(server.output()).toMatch(/pilothouse: nobody caught this \(details in .*server\.log\)\n/);
    expect(processesOf(join(home, 'postgres')).length).toBeGreaterThan(0);
  });

  it('logs no secrets, in files that nobody else can read', async () => {
    const server = start();
    await server.said('is ready');
    server.child.kill('SIGTERM');
    await server.ended;
    const log = readFileSync(join(home, 'logs', 'server.log'), 'utf8');
    expect(log).toContain('postgres://me:***@host:5432/x');
    expect(log).not.toMatch(/hush|very-secret/);
    expect([home, join(home, 'logs', 'server.log')].map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o600]);
  });
});

describe('a server that cannot start says why in one line', () => {
  const refused = async (more: Record<string, string>): Promise<string> => {
    const server = start(more);
    expect(await server.ended).toBe(1);
    // What takes a busy machine more than a second is said as well.
    return server.output().replace(/^Waiting for the database \S+…\n/, '');
  };

  it('a port that another program has', async () => {
    const port = await listen();
    expect(await refused({ PILOTHOUSE_PORT: String(port), SMALL_DATABASE: 'yes' })).toBe(
      `pilothouse: port ${port} (PILOTHOUSE_PORT) on 127.0.0.1 is taken by another program: stop that program, or set PILOTHOUSE_PORT to another port\n`,
    );
    expect(existsSync(join(home, 'postgres'))).toBe(false);
  });

  it('two ports of one number, and a variable with a slip of the pen', async () => {
    expect(await refused({ PILOTHOUSE_PORT: '14401', PILOTHOUSE_HTTP_PORT: '14401', PILOTHOUSE_SAMPELS: 'off' })).toBe(
      'unknown variable PILOTHOUSE_SAMPELS: did you mean PILOTHOUSE_SAMPLES?\n' +
        'pilothouse: configuration: PILOTHOUSE_PORT and PILOTHOUSE_HTTP_PORT are both 14401; set one of them to another port, or to 0 for any free one\n',
    );
    expect(existsSync(join(home, 'run', 'servers'))).toBe(false);
  });

  it('a port that the Pilothouse of the same home has', async () => {
    const server = start();
    const port = await server.said(/GraphQL\s+http:\/\/127\.0\.0\.1:(\d+)/);
    expect(await refused({ PILOTHOUSE_PORT: port })).toBe(
      `pilothouse: port ${port} (PILOTHOUSE_PORT) on 127.0.0.1 is in use by the Pilothouse that already runs in ${home} (process ${server.child.pid}): stop that one with "pilothouse stop", or set PILOTHOUSE_PORT to another port\n`,
    );
    expect(server.child.exitCode).toBeNull();
  });

  it('a home below a folder in which nothing can be made', async () => {
    const nowhere = '/proc/pilothouse/home';
    expect(await refused({ PILOTHOUSE_HOME: nowhere })).toBe(
      `pilothouse: the home ${nowhere} (PILOTHOUSE_HOME) cannot be written: a part of its path cannot be created; set PILOTHOUSE_HOME to a writable folder\n`,
    );
  });

  it('a home that is no folder', async () => {
    writeFileSync(join(folder, 'file'), '');
    home = join(folder, 'file', 'home');
    expect(await refused({})).toBe(
      `pilothouse: the home ${home} (PILOTHOUSE_HOME) cannot be written: a part of its path is a file; set PILOTHOUSE_HOME to a writable folder\n`,
    );
  });

  it("an address that is not this machine's, and a variable that is no number", async () => {
    expect(await refused({ PILOTHOUSE_HOST: '192.0.2.1', PILOTHOUSE_PORT: '4123' })).toBe(
      'pilothouse: PILOTHOUSE_HOST=192.0.2.1 is not an address of this machine: use 127.0.0.1, 0.0.0.0 or one that it has\n',
    );
    expect(await refused({ PILOTHOUSE_PORT: 'many' })).toBe(
      'pilothouse: configuration: PILOTHOUSE_PORT is "many"; it must be a whole number from 0 to 65535\n',
    );
    expect(existsSync(join(home, 'run', 'servers'))).toBe(false);
  });

  it('a database that cannot be reached, without its password', async () => {
    // No program is ever given this one by chance.
    const port = 1;
    const output = await refused({ SMALL_DATABASE: 'yes', DATABASE_URL: `postgres://me:hush@127.0.0.1:${port}/x` });
    expect(output).toBe(
      `pilothouse: the database postgres://me:***@127.0.0.1:${port}/x (DATABASE_URL) cannot be used: connect ECONNREFUSED 127.0.0.1:${port}\n`,
    );
    expect(await refused({ SMALL_DATABASE: 'yes', DATABASE_URL: 'http://me:hush@host/x' })).toBe(
      'pilothouse: configuration: DATABASE_URL must be a postgres:// or postgresql:// URL, such as postgres://user@host:5432/pilothouse\n',
    );
    expect(readFileSync(join(home, 'logs', 'server.log'), 'utf8')).not.toContain('hush');
  });

  it('a database that does not let it in', async () => {
    const url = new URL(process.env['PILOTHOUSE_TEST_POSTGRES']!);
    url.pathname = '/no-such-database';
    expect(await refused({ SMALL_DATABASE: 'yes', DATABASE_URL: url.href })).toMatch(
      /^pilothouse: the database postgres:.* cannot be used: database "no-such-database" does not exist\n$/,
    );
  });

  it('a database that is too old', async () => {
    const port = await listenAsOldPostgres();
    expect(await refused({ SMALL_DATABASE: 'yes', DATABASE_URL: `postgres://me@127.0.0.1:${port}/x` })).toBe(
      `pilothouse: the database postgres://me@127.0.0.1:${port}/x is PostgreSQL 13.22: Pilothouse needs 14 or newer\n`,
    );
  });
});

describe('pilothouse stop', () => {
  it('says that nothing runs, and makes no home', async () => {
    expect(await stop()).toEqual({ code: 0, output: `Nothing runs in ${home}.\n` });
    expect(existsSync(home)).toBe(false);
  });

  it('stops the servers of the home', async () => {
    await prepareData(home);
    const [first, second] = [start({ SMALL_DATABASE: 'yes' }), start({ SMALL_DATABASE: 'yes' })];
    await Promise.all([first.said('is ready'), second.said('is ready')]);
    const { code, output } = await stop();
    expect([code, await first.ended, await second.ended]).toEqual([0, 0, 0]);
    expect(output).toMatch(/^Stopping 2 servers \(processes \d+, \d+\)…\nStopped 2 servers \(processes \d+, \d+\)\.\n$/);
    expect(processesOf(join(home, 'postgres'))).toEqual([]);
  });

  it('ends the PostgreSQL that a killed server left, and every trace of them', async () => {
    await prepareData(home);
    const server = start({ SMALL_DATABASE: 'yes' });
    await server.said('is ready');
    server.child.kill('SIGKILL');
    await server.ended;
    const postgres = await server.said(/postgres (\d+)/);
    expect(await stop()).toEqual({ code: 0, output: `Stopped PostgreSQL (process ${postgres}).\n` });
    expect(processesOf(join(home, 'postgres'))).toEqual([]);
    expect(files(join(home, 'run'))).toEqual([]);
    expect(await stop()).toEqual({ code: 0, output: `Nothing runs in ${home}.\n` });
  });
});

/** Says what a PostgreSQL 13 says to a client that asks for its version: there is none of it to be had here. */
async function listenAsOldPostgres(): Promise<number> {
  const message = (type: string, ...parts: Buffer[]): Buffer => {
    const body = Buffer.concat(parts);
    const head = Buffer.alloc(5);
    head.write(type);
    head.writeInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
  };
  const int16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
  const int32 = (value: number): Buffer => Buffer.from([value >> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255]);
  const ready = message('Z', Buffer.from('I'));
  const column = (name: string): Buffer => Buffer.concat([Buffer.from(`${name}\0`), int32(0), int16(0), int32(25), int16(-1), int32(-1), int16(0)]);
  const value = (text: string): Buffer => Buffer.concat([int32(text.length), Buffer.from(text)]);
  const answer = Buffer.concat([
    message('T', int16(2), column('number'), column('name')),
    message('D', int16(2), value('130022'), value('13.22')),
    message('C', Buffer.from('SELECT 1\0')),
    ready,
  ]);
  const server = createServer((socket) => {
    socket.once('data', () => {
      socket.write(Buffer.concat([message('R', int32(0)), ready]));
      socket.on('data', (data) => void (data[0] === 0x51 ? socket.write(answer) : socket.end()));
    });
    socket.on('error', () => undefined);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}
