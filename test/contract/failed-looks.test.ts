/** Errors of looking at files and processes (EMFILE and the like): nothing is forgotten, ended or started because of one. */
import { randomUUID } from 'node:crypto';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { findPostmaster, readPostmasterFile } from '../../server/database/embedded-postgres-process.js';
import { StaleEpochError, type ObservedReplica, type ReplicaSpec } from '../../server/engines/engine.js';
import { EpochFence } from '../../server/engines/epoch-fence.js';
import { createLaunch, listLaunches } from '../../server/engines/gateway-launch.js';
import { FailedLookError, FailedLooks, failedLooks, look } from '../../server/engines/look.js';
import { groupOf, identityOf, isAlive, killIdentity, ownIdentity } from '../../server/engines/process-identity.js';
import { livingServers, recordServer } from '../../server/lifecycle/server-records.js';
import { withLock } from '../../server/lifecycle/claim-lock.js';
import { eventually } from '../support/eventually.js';
import { openLocalEngine, type LocalHarness } from '../support/local-engine.js';

/** While `code` is set, every look at a path that `of` takes fails with it. */
const fault = vi.hoisted(() => ({ code: undefined as string | undefined, of: (_path: string): boolean => true, count: 0 }));

vi.mock('node:fs', async (importOriginal) => {
  const real: Record<string, unknown> = await importOriginal();
  const failing = (name: string) => {
    const call = real[name] as (...args: unknown[]) => unknown;
    return (...args: unknown[]) => {
      const path = String(args[0]);
      if (fault.code === undefined || !fault.of(path)) return call(...args);
      fault.count++;
      throw Object.assign(new Error(`${fault.code}: injected, ${name} '${path}'`), { code: fault.code });
    };
  };
  const names = ['readFileSync', 'readdirSync', 'lstatSync', 'readlinkSync', 'realpathSync', 'openSync'];
  const broken = { ...real, ...Object.fromEntries(names.map((name) => [name, failing(name)])) };
  return { ...broken, default: broken };
});

vi.setConfig({ testTimeout: 60_000 });

let folder: string;
let child: ChildProcess;
beforeEach(async () => {
  ownIdentity();
  folder = mkdtempSync(join(tmpdir(), 'pilothouse-looks-'));
  child = spawn('sleep', ['600'], { detached: true });
  await once(child, 'spawn');
});
afterEach(() => {
  Object.assign(fault, { code: undefined, of: () => true, count: 0 });
  child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

describe.each(['EMFILE', 'EACCES', 'EIO'])('%s', (code) => {
  it('says nothing of a process: it counts as alive, and is not signalled', async () => {
    const identity = identityOf(child.pid!)!;
    fault.code = code;
    expect(isAlive(identity)).toBe(true);
    expect(() => killIdentity(identity, 'SIGKILL')).toThrow(FailedLookError);
    expect(() => groupOf(identity)).toThrow(FailedLookError);
    expect(() => identityOf(child.pid!)).toThrow(`cannot look at /proc/${child.pid}/stat: ${code}`);
    fault.code = undefined;
    expect(isAlive({ ...identity, startTime: '1' })).toBe(false);
    expect(killIdentity(identity, 'SIGKILL')).toBe(true);
    await once(child, 'exit');
    expect(isAlive(identity)).toBe(false);
  });

  it('lets no command of an old leader pass', () => {
    const fence = new EpochFence(folder);
    fence.pass(7);
    fault.code = code;
    expect(() => fence.pass(3)).toThrow(FailedLookError);
    fault.code = undefined;
    expect(() => fence.pass(3)).toThrow(StaleEpochError);
  });

  it('makes no server, gateway or PostgreSQL be gone', () => {
    recordServer(folder, { version: '1', ports: {} });
    createLaunch(folder, [], 1, '');
    const data = join(folder, 'postgres');
    mkdirSync(data);
    writeFileSync(join(data, 'postmaster.pid'), `${child.pid}\n`);
    fault.code = code;
    expect(() => livingServers(folder)).toThrow(FailedLookError);
    expect(() => listLaunches(folder)).toThrow(FailedLookError);
    expect(() => readPostmasterFile(data)).toThrow(FailedLookError);
    expect(() => findPostmaster(data)).toThrow(FailedLookError);
    // The record alone cannot be read.
    fault.of = (path) => path.endsWith('.json');
    expect(() => livingServers(folder)).toThrow(FailedLookError);
    expect(() => listLaunches(folder)).toThrow(FailedLookError);
    fault.code = undefined;
    expect(livingServers(folder).map(({ identity }) => identity)).toEqual([ownIdentity()]);
    expect(listLaunches(folder)).toHaveLength(1);
  });

  it('lets nobody else into a lock, and leaves no claim in it', async () => {
    const lock = join(folder, 'lock');
    fault.code = code;
    fault.of = (path) => path === lock;
    await expect(withLock(lock, () => Promise.resolve('in'))).rejects.toThrow(code);
    fault.code = undefined;
    expect(existsSync(lock)).toBe(false);
    await expect(withLock(lock, () => Promise.resolve('in'), { timeoutMs: 0 })).resolves.toBe('in');
  });
});

describe('an engine that cannot look', () => {
  let harness: LocalHarness;
  beforeEach(async () => {
    harness = await openLocalEngine();
  });
  afterEach(() => {
    fault.code = undefined;
    return harness.close();
  });

  const started = async (): Promise<ReplicaSpec> => {
    const files = await harness.store({});
    const spec: ReplicaSpec = {
      ...{ replicaId: randomUUID(), deploymentId: 'd', versionId: 'v', versionDigest: files[0]!.digest, runtime: 'engine-test', format: 'engine-test', files },
      ...{ sample: null, backend: null, signature: null, options: {}, declaredSignature: null, threads: 1, maxConcurrency: 1, memoryLimitBytes: null },
    };
    await harness.engine.start(spec, 1);
    return spec;
  };
  const observe = async (engine = harness.engine): Promise<ObservedReplica | undefined> => (await engine.observe())[0];
  const until = (state: ObservedReplica['state'], engine = harness.engine) =>
    eventually(
      async () => {
        const replica = await observe(engine);
        return replica?.state === state && replica;
      },
      `state ${state}`,
      40_000,
    );
  /** What reconciling sees: no observation, or one that keeps the replica. */
  const seen = (engine = harness.engine) =>
    observe(engine).catch((error: unknown) => (error instanceof FailedLookError ? 'no observation' : Promise.reject(error)));
  const looks = (atLeast: number) => eventually(() => fault.count > atLeast, 'failed looks', 40_000);

  it.each(['EMFILE', 'EACCES', 'EIO'])('keeps what it knows (%s), and sees a death later', async (code) => {
    await started();
    const before = await until('READY');
    fault.code = code;
    await looks(5);
    expect(['no observation', before]).toContainEqual(await seen());
    fault.code = undefined;
    expect(await observe()).toMatchObject({ state: 'READY', pid: before.pid });

    fault.code = code;
    const died = fault.count;
    process.kill(before.pid!, 'SIGKILL');
    await looks(died + 5);
    expect(await seen()).not.toBeUndefined();
    fault.code = undefined;
    expect(await until('EXITED')).toMatchObject({ reason: 'killed by SIGKILL' });
  });

  it('takes up later what another server left, and does not call it gone until then', async () => {
    const { replicaId } = await started();
    await until('READY');
    fault.code = 'EMFILE';
    fault.of = (path) => path.startsWith(join(harness.home, 'run', 'replicas'));
    const another = harness.another();
    expect(await seen(another)).toBe('no observation');
    // Only what lies in its folder cannot be read.
    fault.of = (path) => path.includes(join('replicas', replicaId));
    expect(await another.observe()).toEqual([expect.objectContaining({ replicaId, state: 'UNKNOWN', pid: null })]);
    await expect(another.stop(replicaId, 0, 1)).rejects.toThrow('cannot be read now');
    fault.code = undefined;
    await until('READY', another);
  });
});

describe('failed looks', () => {
  it('are reported when they begin and when they are over', async () => {
    const reports: unknown[] = [];
    const looks = new FailedLooks(20);
    looks.report = (message, fields) => reports.push([message, fields]);
    const error = new FailedLookError('a file', new Error('EIO'));
    for (let i = 0; i < 5; i++) looks.note(error);
    expect(reports).toEqual([[expect.stringContaining('cannot look at files or processes'), { err: error }]]);
    await eventually(() => reports.length === 2, 'the second report');
    expect(reports[1]).toEqual([expect.stringContaining('can be looked at again'), { failed: 5, ms: expect.any(Number) }]);
  });

  it('are told from what is proven to be absent', () => {
    const report = vi.spyOn(failedLooks, 'note');
    for (const code of ['ENOENT', 'ENOTDIR', 'ESRCH']) {
      fault.code = code;
      expect(look('a file', () => existsSync(folder) && ownLook())).toBeUndefined();
    }
    expect(report).not.toHaveBeenCalled();
    report.mockRestore();
  });
});

function ownLook(): never {
  throw Object.assign(new Error('gone'), { code: fault.code });
}
