import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { HostSpec } from '../../runtimes/host/host-spec.js';
import { FRAME, FrameReader, jsonMessage, writeFrame } from '../../runtimes/open-inference/frame.js';
import { ReplicaConnection } from '../../runtimes/open-inference/connection.js';
import type { ObservedReplica, ReplicaEngine, ReplicaSpec } from '../../server/engines/engine.js';
import { identityOf, isAlive } from '../../server/engines/process-identity.js';
import { record } from '../../server/engines/replica-folder.js';
import { socketFolder, socketPath } from '../../server/engines/socket-folder.js';
import { stopEverythingUnder } from '../../server/engines/stop-everything.js';
import { PROJECT_ROOT } from '../../server/paths.js';
import { eventually } from '../support/eventually.js';
import { ENGINE_PLUGIN, openLocalEngine, type LocalHarness } from '../support/local-engine.js';
import { describeReplicaEngine, type TestModel } from './replica-engine.suite.js';

// Every replica is a process that has to start, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

describeReplicaEngine('of local processes', () => openLocalEngine());

describe('the local engine', () => {
  let harness: LocalHarness;
  let home: string;

  beforeEach(async () => {
    harness = await openLocalEngine();
    home = harness.home;
  });
  const servers: ChildProcess[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) server.kill('SIGKILL');
    await harness.close();
  });

  const specOf = async (model: TestModel = {}, overrides: Partial<ReplicaSpec> = {}): Promise<ReplicaSpec> => {
    const files = await harness.store(model);
    return {
      ...{ replicaId: randomUUID(), deploymentId: 'd', versionId: 'v', versionDigest: files[0]!.digest, runtime: 'engine-test', format: 'engine-test', files },
      ...{
        sample: null,
        backend: null,
        signature: null,
        options: {},
        declaredSignature: null,
        threads: 1,
        maxConcurrency: 1,
        memoryLimitBytes: null,
        ...overrides,
      },
    };
  };
  const until = async (replicaId: string, state: ObservedReplica['state'], engine: ReplicaEngine = harness.engine): Promise<ObservedReplica> => {
    const give = performance.now() + 40_000;
    for (;;) {
      const replica = (await engine.observe()).find((r) => r.replicaId === replicaId);
      if (replica?.state === state) return replica;
      if (performance.now() > give || replica?.state === 'EXITED') throw new Error(`${replicaId} is ${JSON.stringify(replica)}, not ${state}`);
      await setTimeout(5);
    }
  };
  const ready = async (model?: TestModel, overrides?: Partial<ReplicaSpec>) => {
    const spec = await specOf(model, overrides);
    await harness.engine.start(spec, 1);
    return { spec, replica: await until(spec.replicaId, 'READY') };
  };
  const hostSpec = (spec: ReplicaSpec): HostSpec => ({
    ...{
      replicaId: spec.replicaId,
      versionDigest: spec.versionDigest,
      runtime: spec.runtime,
      format: spec.format,
      sample: null,
      threads: 1,
      maxConcurrency: 1,
      epoch: 1,
    },
    ...{
      folder: join(home, 'run', 'versions', spec.versionDigest),
      files: ['model.json'],
      socketPath: socketPath(home, spec.replicaId),
      runtimes: [ENGINE_PLUGIN],
    },
  });
  /** Runs a program of the project's own, to be killed: an engine in a process of its own. */
  const inAnotherServer = async (script: string, ...args: string[]) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, ...args], { cwd: PROJECT_ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
    servers.push(child);
    await new Promise((resolve) => child.stdout.once('data', resolve));
    return { child, kill: () => new Promise((resolve) => (child.once('exit', resolve), child.kill('SIGKILL'))) };
  };
  const SERVER = `
    import { LocalEngine } from './dist/server/engines/local-engine.js';
    import { folderSource } from './dist/server/engines/version-folders.js';
    const [home, artifacts, runtime, spec] = process.argv.slice(1);
    const engine = new LocalEngine({ home, artifacts: folderSource(artifacts), runtimes: [runtime], environment: process.env });
    await engine.start(JSON.parse(spec), 1);
    while (!(await engine.observe()).some((r) => r.state === 'READY')) await new Promise((next) => setTimeout(next, 5));
    console.log('ready');
    setInterval(() => {}, 1000);`;

  it('declares a replica EXITED whose server died between record and spawn, and the late process ends itself', async () => {
    const spec = await specOf();
    const dead = spawn('sleep', ['60']);
    const starter = identityOf(dead.pid!)!;
    await new Promise((resolve) => (dead.once('exit', resolve), dead.kill('SIGKILL')));
    expect(record(home, { replicaId: spec.replicaId, deploymentId: 'd', versionId: 'v', memoryLimitBytes: null, starter }, hostSpec(spec))).toBe(true);
    const ended = await until(spec.replicaId, 'EXITED');
    expect(ended).toMatchObject({ pid: null, exitCode: null, exitSignal: null, reason: 'the server died before it started this replica', starterGone: true });
    // As if the spawn had come through after all: told to start again, nothing is started.
    await harness.engine.start(spec, 1);
    expect((await harness.engine.observe())[0]).toMatchObject({ state: 'EXITED' });
    await harness.engine.stop(spec.replicaId, 0, 1);
    expect(await harness.engine.observe()).toEqual([]);
    expect(existsSync(join(home, 'run', 'replicas', spec.replicaId))).toBe(false);
  });

  it('does not give up a replica that a living server is about to start', async () => {
    const spec = await specOf();
    record(home, { replicaId: spec.replicaId, deploymentId: 'd', versionId: 'v', memoryLimitBytes: null, starter: identityOf(process.pid)! }, hostSpec(spec));
    await setTimeout(100);
    expect(await harness.another().observe()).toEqual([expect.objectContaining({ replicaId: spec.replicaId, state: 'STARTING' })]);
  });

  it('gives up a replica that a living server was about to start, once another leads: that one may be stopped', async () => {
    const spec = await specOf();
    record(home, { replicaId: spec.replicaId, deploymentId: 'd', versionId: 'v', memoryLimitBytes: null, starter: identityOf(process.pid)! }, hostSpec(spec));
    const next = harness.another();
    next.begin(2);
    expect(await until(spec.replicaId, 'EXITED', next)).toMatchObject({ pid: null, reason: 'the server that was to start this replica no longer leads' });
    await next.stop(spec.replicaId, 0, 2);
  });

  it('starts one process for an id that two servers start at the same time', async () => {
    const spec = await specOf();
    const other = harness.another();
    await Promise.all([harness.engine.start(spec, 1), other.start(spec, 1)]);
    const [a, b] = [await until(spec.replicaId, 'READY'), await until(spec.replicaId, 'READY', other)];
    expect(a.pid).toBe(b.pid);
    expect((await other.logs(spec.replicaId, 100_000)).match(/ listens, loading /g)).toHaveLength(1);
    await other.stop(spec.replicaId, 1_000, 1);
    expect(await harness.engine.observe()).toEqual([]);
  });

  it('leaves replicas alive when the server is killed, and keeps the exit code of one that ends before the next server', async () => {
    const spec = await specOf();
    const server = await inAnotherServer(SERVER, home, join(home, '..', 'artifacts'), ENGINE_PLUGIN, JSON.stringify(spec));
    const { pid, address } = await until(spec.replicaId, 'READY');
    await server.kill();
    await setTimeout(50);
    const connection = await ReplicaConnection.connect(address, { timeoutMs: 20_000, maxFrameBytes: 1 << 20 });
    expect((await connection.hello(20_000)).pid).toBe(pid);
    harness.engine.detach();
    await connection.infer({ inputs: [{ name: 'command', datatype: 'BYTES', shape: [1], data: [Buffer.from('exit:42')] }] }).catch(() => undefined);
    await connection.closed;
    expect(await until(spec.replicaId, 'EXITED', await harness.restart())).toMatchObject({ exitCode: 42, reason: 'exited with code 42' });
  });

  it('never takes another process at its socket for the replica, and never signals it', async () => {
    const { spec, replica } = await ready();
    process.kill(replica.pid!, 'SIGSTOP');
    const path = replica.address.slice('unix:'.length);
    rmSync(path);
    const received: number[] = [];
    const impostor = createServer((socket) => {
      const reader = new FrameReader((frame) => {
        received.push(frame.kind);
        writeFrame(
          socket,
          frame.id,
          FRAME.HELLO_ANSWER,
          jsonMessage({ replicaId: 'another', versionDigest: 'else', pid: process.pid, state: 'READY', runtime: 'x', inFlight: 0 }),
        );
      }, 1 << 20);
      socket.on('data', (chunk) => reader.push(chunk));
    });
    await new Promise<void>((resolve) => impostor.listen(path, resolve));
    const ended = await until(spec.replicaId, 'EXITED', await harness.restart());
    expect(ended.reason).toContain('another process answers at its socket: replica another of else');
    // Stopping it ends the replica's own process, which is known by its identity, and asks nothing of the impostor.
    const own = identityOf(replica.pid!)!;
    await harness.restart().then((engine) => engine.stop(spec.replicaId, 100, 1));
    expect(isAlive(own)).toBe(false);
    expect(received.every((kind) => kind === FRAME.HELLO)).toBe(true);
    await new Promise((resolve) => impostor.close(resolve));
  });

  it('asks nothing of a process at its socket that has not said who it is', async () => {
    const { spec, replica } = await ready();
    process.kill(replica.pid!, 'SIGSTOP');
    const path = replica.address.slice('unix:'.length);
    rmSync(path);
    const received: number[] = [];
    const mute = createServer((socket) => {
      const reader = new FrameReader((frame) => received.push(frame.kind), 1 << 20);
      socket.on('data', (chunk) => reader.push(chunk)).on('error', () => undefined);
    });
    await new Promise<void>((resolve) => mute.listen(path, resolve));
    const engine = await harness.restart();
    await eventually(() => received.length > 0, 'that it is asked who it is');
    await engine.stop(spec.replicaId, 100, 1);
    expect(received).toEqual([FRAME.HELLO]);
    await new Promise((resolve) => mute.close(resolve));
  });

  it('does not take another process with the recorded pid for the replica', async () => {
    const { spec, replica } = await ready();
    process.kill(replica.pid!, 'SIGKILL');
    await until(spec.replicaId, 'EXITED');
    harness.engine.detach();
    // What is left when the machine went down: no exit code, and the pid belongs to somebody else by now (to us).
    const folder = join(home, 'run', 'replicas', spec.replicaId);
    rmSync(join(folder, 'exit'));
    const elsewhen = `${identityOf(process.pid)!.bootId}\n${process.pid} (node) S 1 ${process.pid} 1 ${'0 '.repeat(15)}12345\n`;
    for (const file of ['claim', 'process']) writeFileSync(join(folder, file), elsewhen);
    const engine = await harness.restart();
    expect(await until(spec.replicaId, 'EXITED', engine)).toMatchObject({
      exitCode: null,
      exitSignal: null,
      reason: expect.stringContaining('left no exit code'),
    });
    await engine.stop(spec.replicaId, 0, 1);
    expect(await engine.observe()).toEqual([]);
  });

  it('reports a replica that answers nothing for long, and does not end it', async () => {
    await harness.close();
    harness = await openLocalEngine({ unresponsiveMs: 200 });
    home = harness.home;
    const { spec, replica } = await ready();
    process.kill(replica.pid!, 'SIGSTOP');
    const engine = await harness.restart();
    const hung = await until(spec.replicaId, 'LOADING', engine);
    expect(hung.reason).toContain('has not answered for 200 ms');
    process.kill(replica.pid!, 'SIGCONT');
    expect(await until(spec.replicaId, 'READY', engine)).toMatchObject({ pid: replica.pid, reason: null });
  });

  it('ends a replica that passed its memory where the kernel holds no limit', async () => {
    // Started without a limit, so that the kernel knows of none; recorded with one.
    const { spec, replica } = await ready();
    harness.engine.detach();
    const path = join(home, 'run', 'replicas', spec.replicaId, 'record.json');
    writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as object), memoryLimitBytes: 128 * 1024 ** 2 }));
    const engine = await harness.restart();
    await until(spec.replicaId, 'READY', engine);
    const connection = await ReplicaConnection.connect(replica.address, { timeoutMs: 20_000, maxFrameBytes: 1 << 20 });
    // It may be ended in the middle of it.
    await connection.infer({ inputs: [{ name: 'command', datatype: 'BYTES', shape: [1], data: [Buffer.from('grow:400')] }] }).catch(() => undefined);
    const ended = await until(spec.replicaId, 'EXITED');
    expect(ended).toMatchObject({
      exitSignal: 'SIGKILL',
      reason: expect.stringMatching(/^it used \d+ bytes; its limit is 134217728 bytes on top of the idle runtime$/),
    });
  });

  it('lays out real copies, once for all replicas of a version, and removes them with the last', async () => {
    const a = await ready();
    const b = await ready();
    expect(a.spec.versionDigest).toBe(b.spec.versionDigest);
    const versions = join(home, 'run', 'versions');
    expect(readdirSync(versions)).toEqual([a.spec.versionDigest]);
    const file = lstatSync(join(versions, a.spec.versionDigest, 'model.json'));
    expect({ file: file.isFile(), links: file.nlink }).toEqual({ file: true, links: 1 });
    await harness.engine.stop(a.spec.replicaId, 1_000, 1);
    expect(readdirSync(versions)).toEqual([a.spec.versionDigest]);
    await harness.engine.stop(b.spec.replicaId, 1_000, 1);
    expect(readdirSync(versions)).toEqual([]);
  });

  it("gives a replica nothing of the server's environment that is secret", async () => {
    process.env['DATABASE_URL'] = 'postgres://secret';
    try {
      const { replica } = await ready();
      const environment = readFileSync(`/proc/${replica.pid}/environ`, 'utf8');
      expect(environment).not.toContain('secret');
      expect(environment).toContain(`PILOTHOUSE_HOME=${home}`);
    } finally {
      delete process.env['DATABASE_URL'];
    }
  });

  it('ends everything at a clean stop: no process, no socket, no folder of a replica', async () => {
    const replicas = [await ready(), await ready({ loadMs: 1 })];
    await harness.engine.shutdown(2_000, 1);
    for (const { replica } of replicas) expect(identityOf(replica.pid!)).toBeUndefined();
    expect(readdirSync(join(home, 'run', 'replicas'))).toEqual([]);
    expect(readdirSync(join(home, 'run', 'versions'))).toEqual([]);
    expect(existsSync(join(home, 'run', 'sockets'))).toBe(false);
  });

  it('ends what a killed server left', async () => {
    const spec = await specOf();
    const server = await inAnotherServer(SERVER, home, join(home, '..', 'artifacts'), ENGINE_PLUGIN, JSON.stringify(spec));
    const { pid } = await until(spec.replicaId, 'READY');
    await server.kill();
    harness.engine.detach();
    expect(await stopEverythingUnder(home, 2_000)).toEqual({ replicas: 1, gateways: 0 });
    expect(identityOf(pid!)).toBeUndefined();
    expect(readdirSync(join(home, 'run'))).toEqual([]);
    expect(await stopEverythingUnder(home)).toEqual({ replicas: 0, gateways: 0 });
  });

  it('serves from a home whose path is too long for a socket', async () => {
    await harness.close();
    const root = mkdtempSync(join(tmpdir(), 'pilothouse-long-'));
    home = join(root, 'x'.repeat(120), 'home');
    mkdirSync(home, { recursive: true });
    harness = await openLocalEngine({ home });
    const a = await ready();
    const b = await ready();
    expect(a.replica.address).not.toBe(b.replica.address);
    const folder = socketFolder(home);
    expect(folder.startsWith(home)).toBe(false);
    expect(lstatSync(folder).mode & 0o777).toBe(0o700);
    expect(readdirSync(folder)).toHaveLength(2);
    await harness.engine.shutdown(1_000, 1);
    expect(existsSync(folder)).toBe(false);
    rmSync(root, { recursive: true, force: true });
  });
});
