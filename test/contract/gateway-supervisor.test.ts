import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { listLaunches } from '../../server/engines/gateway-launch.js';
import { GatewaySupervisor, type GatewayOptions } from '../../server/engines/gateway-supervisor.js';
import { identityOf, isAlive } from '../../server/engines/process-identity.js';
import { stopEverythingUnder } from '../../server/engines/stop-everything.js';
import { PROJECT_ROOT } from '../../server/paths.js';
import { ownLoopback } from '../support/loopback.js';

const STAND_IN = fileURLToPath(new URL('../support/gateway-stand-in.mjs', import.meta.url));

vi.setConfig({ testTimeout: 90_000 });

/** Ports are let go of here, and taken again. */
const HOST = ownLoopback();

interface Answer {
  readonly pid: number;
  readonly flavour: string;
  readonly home: string;
  readonly build: string;
}

describe('the gateway supervisor', () => {
  let root: string;
  let home: string;
  const messages: string[] = [];
  const supervisors: GatewaySupervisor[] = [];

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'pilothouse-gateway-'));
    home = join(root, 'home');
    mkdirSync(home);
    messages.length = 0;
  });
  afterEach(async () => {
    supervisors.splice(0).forEach((supervisor) => supervisor.detach());
    await stopEverythingUnder(home, 0);
    rmSync(root, { recursive: true, force: true });
  });

  const optionsWith = (change: Partial<GatewayOptions> = {}): GatewayOptions => ({
    home,
    sockets: [{ name: 'http', host: HOST, port: 0, variable: 'PILOTHOUSE_HTTP_PORT' }],
    workers: 1,
    environment: { STAND_IN_FLAVOUR: 'plain' },
    serverEnvironment: process.env,
    build: 'one',
    command: [process.execPath, STAND_IN],
    log: (message) => messages.push(message),
    lookMs: 50,
    ...change,
  });
  const start = async (change?: Partial<GatewayOptions>): Promise<GatewaySupervisor> => {
    const supervisor = await GatewaySupervisor.start(optionsWith(change));
    supervisors.push(supervisor);
    return supervisor;
  };
  /** One request on a connection of its own. `begun` when the head of its answer has come (or never will), which `/held` sends before the request is whole. */
  const open = (port: number, path: string): { begun: Promise<void>; answer: Promise<Answer>; finish(): void } => {
    let begin!: () => void;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const call = request({ port, host: HOST, path, method: 'POST', agent: new Agent({ keepAlive: false }) });
    const answer = new Promise<Answer>((resolve, reject) => {
      call.on('error', reject).on('response', (response) => {
        begin();
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('error', reject).on('end', () => resolve(JSON.parse(body) as Answer));
      });
    });
    answer.catch(begin);
    call.flushHeaders();
    return { begun, answer, finish: () => void call.end() };
  };
  const ask = (port: number): Promise<Answer> => {
    const { answer, finish } = open(port, '/');
    finish();
    return answer;
  };
  const until = async (what: () => Promise<boolean> | boolean, ms = 60_000): Promise<number> => {
    const begun = performance.now();
    while (!(await what())) {
      if (performance.now() - begun > ms)
        throw new Error(
          `not within ${ms} ms: ${what.toString()}; ${messages.join('; ')}; ${existsSync(join(home, 'logs/gateway.log')) ? readFileSync(join(home, 'logs/gateway.log'), 'utf8') : ''}`,
        );
      await setTimeout(10);
    }
    return performance.now() - begun;
  };
  const kill = async (pid: number) => {
    const identity = identityOf(pid)!;
    process.kill(pid, 'SIGKILL');
    await until(() => !isAlive(identity));
  };

  it('keeps the port while a worker is killed: every connection made then is answered', async () => {
    const supervisor = await start();
    const { port } = supervisor.endpoints['http']!;
    const first = await ask(port);
    expect(first).toMatchObject({ flavour: 'plain', home, build: 'one' });
    process.kill(first.pid, 'SIGKILL');
    const answers = await Promise.all(Array.from({ length: 30 }, async (_, i) => (await setTimeout(i * 5), ask(port))));
    for (const answer of answers) expect(answer.pid).not.toBe(first.pid);
    expect(new Set(answers.map((answer) => answer.pid)).size).toBe(1);
  });

  it('outlives its server, replaces a worker without one, and is taken over with the same processes', async () => {
    const script = `
      import { GatewaySupervisor } from './dist/server/engines/gateway-supervisor.js';
      const supervisor = await GatewaySupervisor.start({ ...JSON.parse(process.argv[1]), serverEnvironment: process.env, log: console.error });
      console.log(supervisor.endpoints.http.port);
      setInterval(() => {}, 1000);`;
    const server = spawn(process.execPath, ['--input-type=module', '-e', script, JSON.stringify(optionsWith())], {
      cwd: PROJECT_ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const port = await new Promise<number>((resolve) => server.stdout.once('data', (text: Buffer) => resolve(Number(text))));
    const before = await ask(port);
    await kill(server.pid!);
    expect((await ask(port)).pid).toBe(before.pid);
    process.kill(before.pid, 'SIGKILL');
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(port)));
    expect(answers.every((answer) => answer.pid !== before.pid)).toBe(true);

    const [launch] = listLaunches(home);
    const supervisor = await start({ sockets: [{ name: 'http', host: HOST, port, variable: 'PILOTHOUSE_HTTP_PORT' }] });
    expect(supervisor.adopted).toBe(true);
    expect(supervisor.holderPid).toBe(launch!.holder()!.pid);
    expect((await ask(port)).pid).toBe(answers[0]!.pid);
  });

  it('replaces a lost holder on the same port, and lets its worker finish', async () => {
    const supervisor = await start();
    const { port } = supervisor.endpoints['http']!;
    const first = await ask(port);
    const held = open(port, '/held');
    await held.begun;
    const holder = supervisor.holderPid!;
    process.kill(holder, 'SIGKILL');
    await until(() => supervisor.holderPid !== holder);
    expect(supervisor.endpoints['http']!.port).toBe(port);
    const next = await ask(port);
    expect(next.pid).not.toBe(first.pid);
    held.finish();
    expect((await held.answer).pid).toBe(first.pid);
    await until(() => identityOf(first.pid) === undefined && listLaunches(home).length === 1);
    expect(messages).toEqual(['the holder of the gateway is gone: starting another']);
  });

  it('runs several workers on one socket, each replaced when it dies, and the whole when a loop is lost', async () => {
    const supervisor = await start({ workers: 2 });
    const { port } = supervisor.endpoints['http']!;
    const [launch] = listLaunches(home);
    const seen = new Set<number>();
    await until(async () => seen.add((await ask(port)).pid).size === 2);
    for (const pid of [...seen]) {
      process.kill(pid, 'SIGKILL');
      await until(async () => (await ask(port)).pid !== pid && launch!.processes().length === 4);
    }
    const loop = launch!.loops()[0]!;
    process.kill(loop.pid, 'SIGKILL');
    await until(() => listLaunches(home).every((other) => other.folder !== launch!.folder) && listLaunches(home)[0]?.isWhole() === true);
    expect(supervisor.endpoints['http']!.port).toBe(port);
    expect((await ask(port)).flavour).toBe('plain');
  });

  it('hands on several sockets by name', async () => {
    const sockets = ['http', 'grpc'].map((name) => ({ name, host: HOST, port: 0, variable: `PILOTHOUSE_${name.toUpperCase()}_PORT` }));
    const { endpoints } = await start({ sockets });
    expect((await ask(endpoints['http']!.port)).flavour).toBe('plain');
    expect(await (await fetch(endpoints['grpc']!.url)).text()).toBe('grpc');
  });

  it('names the port that is taken, and its variable, and leaves nothing running', async () => {
    const other = createServer().listen(0, HOST);
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    const sockets = [
      { name: 'http', host: HOST, port: 0, variable: 'PILOTHOUSE_HTTP_PORT' },
      { name: 'grpc', host: HOST, port, variable: 'PILOTHOUSE_GRPC_PORT' },
    ];
    await expect(start({ sockets })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: `port ${port} on ${HOST} is taken by another process: end it, or set PILOTHOUSE_GRPC_PORT to another port (0 for any free one)`,
    });
    expect(listLaunches(home)).toEqual([]);
    expect(existsSync(join(home, 'run', 'gateway'))).toBe(false);
    other.close();
  });

  it('says so when the host is none of this machine', async () => {
    const sockets = [{ name: 'http', host: '192.0.2.1', port: 0, variable: 'PILOTHOUSE_HTTP_PORT' }];
    await expect(start({ sockets })).rejects.toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('192.0.2.1') });
  });

  it('starts anew when other ports, or another number of workers, are wanted', async () => {
    const first = await start();
    const pid = first.holderPid!;
    first.detach();
    const second = await start({ workers: 2 });
    expect(second.adopted).toBe(false);
    await until(() => identityOf(pid) === undefined && listLaunches(home).length === 1);
    expect((await ask(second.endpoints['http']!.port)).flavour).toBe('plain');
    // On the same port as well.
    const { port } = second.endpoints['http']!;
    second.detach();
    const third = await start({ sockets: [{ name: 'http', host: HOST, port, variable: 'PILOTHOUSE_HTTP_PORT' }] });
    expect(third.adopted).toBe(false);
    expect((await ask(port)).flavour).toBe('plain');
  });

  it('replaces the workers, and not the socket, when the build or the configuration changed; no request is lost', async () => {
    const first = await start();
    const { port } = first.endpoints['http']!;
    const before = await ask(port);
    first.detach();
    let on = true;
    const flavours = new Set<string>();
    const load = (async () => {
      while (on) flavours.add((await ask(port)).flavour);
    })();
    await until(() => flavours.has('plain'));
    const second = await start({ environment: { STAND_IN_FLAVOUR: "it's new" }, build: 'two' });
    expect(second.adopted).toBe(true);
    expect(second.holderPid).toBe(first.holderPid);
    await until(() => flavours.has("it's new") && identityOf(before.pid) === undefined);
    on = false;
    await load;
    expect([...flavours]).toEqual(['plain', "it's new"]);
    expect((await ask(port)).build).toBe('two');
  });

  it('slows down for a worker that dies at once, and recovers', async () => {
    // Two at once, then after 0.2, 0.5 and 1 s: so soon at the earliest, whenever it is looked at.
    const earliest = [0, 0, 0, 200, 700, 1_700];
    const begun = performance.now();
    const supervisor = await start({ command: ['/bin/sh', '-c', 'exit 1'] });
    const deaths = () => readFileSync(join(home, 'logs', 'gateway.log'), 'utf8').match(/starting another/g)?.length ?? 0;
    await until(() => {
      const seen = deaths();
      expect(performance.now() - begun).toBeGreaterThanOrEqual(earliest[seen] ?? 1_700);
      return seen >= 4;
    });
    supervisor.detach();
    const mended = await start({ environment: { STAND_IN_FLAVOUR: 'mended' } });
    expect((await ask(mended.endpoints['http']!.port)).flavour).toBe('mended');
  });

  it('stops: the port is free at once, what is under way is answered, nothing is left', async () => {
    const supervisor = await start({ workers: 2 });
    const { port } = supervisor.endpoints['http']!;
    const { pid } = await ask(port);
    const held = open(port, '/held');
    await held.begun;
    const [launch] = listLaunches(home);
    await until(() => launch!.processes().length === 4);
    const processes = launch!.processes();
    const stopped = supervisor.stop({ graceMs: 60_000 });
    await until(async () =>
      ask(port).then(
        () => false,
        (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED',
      ),
    );
    held.finish();
    expect((await held.answer).pid).toBeGreaterThan(0);
    await stopped;
    expect(identityOf(pid)).toBeUndefined();
    expect(processes.filter(isAlive)).toEqual([]);
    expect(listLaunches(home)).toEqual([]);
  });

  it('kills a worker that does not drain within the grace', async () => {
    const supervisor = await start();
    const { port } = supervisor.endpoints['http']!;
    const held = open(port, '/held');
    const broken = expect(held.answer).rejects.toThrow();
    await held.begun;
    await supervisor.stop({ graceMs: 100 });
    await broken;
    expect(listLaunches(home)).toEqual([]);
  });

  it('ends what a killed server left', async () => {
    const supervisor = await start();
    const { pid } = await ask(supervisor.endpoints['http']!.port);
    supervisor.detach();
    expect(await stopEverythingUnder(home, 1_000)).toEqual({ replicas: 0, gateways: 1 });
    expect(identityOf(pid)).toBeUndefined();
    expect(existsSync(join(home, 'run', 'gateway'))).toBe(false);
  });

  it('is one gateway when two servers of the home start at the same time, and either may restart it', async () => {
    const free = createServer().listen(0, HOST);
    await new Promise((resolve) => free.once('listening', resolve));
    const { port } = free.address() as AddressInfo;
    await new Promise((resolve) => free.close(resolve));
    const sockets = [{ name: 'http', host: HOST, port, variable: 'PILOTHOUSE_HTTP_PORT' }];
    const [a, b] = await Promise.all([start({ sockets }), start({ sockets })]);
    expect(a.holderPid).toBe(b.holderPid);
    expect([a.adopted, b.adopted].sort()).toEqual([false, true]);
    const lost = a.holderPid!;
    process.kill(lost, 'SIGKILL');
    await until(() => a.holderPid !== lost && a.holderPid === b.holderPid && listLaunches(home).length === 1);
    expect((await ask(port)).flavour).toBe('plain');
  });
});
