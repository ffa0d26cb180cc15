/**
 * What every replica engine must do, whatever its replicas are. An engine's own test file calls `describeReplicaEngine` with how
 * to make one; the replicas run the plugin of `test/support/engine-plugin.mjs`.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { StaleEpochError, type ObservedReplica, type ReplicaEngine, type ReplicaSpec } from '../../server/engines/engine.js';
import { ReplicaConnection } from '../../runtimes/open-inference/connection.js';
import { eventually } from '../support/eventually.js';

/** What the model of a replica is told to do at its load; see the plugin. */
export interface TestModel {
  readonly loadMs?: number;
  /** Path of a gate: loading ends when it opens. */
  readonly loadUntil?: string;
  readonly failLoad?: string;
  readonly exitOnLoad?: number;
  readonly hogOnLoad?: boolean;
}

export interface EngineHarness {
  readonly engine: ReplicaEngine;
  /** Stores the model as the file `model.json`, and returns the files of a version that holds it. */
  store(model: TestModel): Promise<ReplicaSpec['files']>;
  /** Something that replicas wait for until the test lets them go on, by a path that they are told. */
  gate(): { readonly path: string; open(): void };
  /** Ends a replica's process as `kill -9` does. */
  kill(replica: ObservedReplica): Promise<void>;
  /** Another engine over the same replicas, as a server makes it that comes back; the first is left as a crash leaves it. */
  restart(): Promise<ReplicaEngine>;
  /** Ends everything. */
  close(): Promise<void>;
}

export function describeReplicaEngine(name: string, open: () => Promise<EngineHarness>): void {
  describe(`the replica engine ${name}`, () => {
    let harness: EngineHarness;
    let engine: ReplicaEngine;
    const started: string[] = [];

    beforeAll(async () => {
      harness = await open();
      engine = harness.engine;
    });
    afterEach(async () => {
      await Promise.all(started.splice(0).map((id) => engine.stop(id, 0, 1)));
    });
    afterAll(async () => harness.close());

    const specOf = async (model: TestModel = {}, overrides: Partial<ReplicaSpec> = {}): Promise<ReplicaSpec> => {
      const replicaId = randomUUID();
      started.push(replicaId);
      const files = await harness.store(model);
      return {
        replicaId,
        deploymentId: randomUUID(),
        versionId: randomUUID(),
        versionDigest: files[0]!.digest,
        runtime: 'engine-test',
        format: 'engine-test',
        files,
        sample: [{ name: 'command', datatype: 'BYTES', shape: [1], data: ['echo'] }],
        backend: null,
        signature: null,
        options: {},
        declaredSignature: null,
        threads: 1,
        maxConcurrency: 2,
        memoryLimitBytes: null,
        ...overrides,
      };
    };
    const find = async (id: string, from = engine) => (await from.observe()).find((replica) => replica.replicaId === id);
    const until = async (id: string, state: ObservedReplica['state'], from = engine): Promise<ObservedReplica> => {
      const give = performance.now() + 40_000;
      for (;;) {
        const replica = await find(id, from);
        if (replica?.state === state) return replica;
        if (performance.now() > give || replica?.state === 'EXITED') throw new Error(`${id} is ${JSON.stringify(replica)}, not ${state}`);
        await setTimeout(5);
      }
    };
    const ready = async (model?: TestModel, overrides?: Partial<ReplicaSpec>): Promise<ObservedReplica> => {
      const spec = await specOf(model, overrides);
      await engine.start(spec, 1);
      return until(spec.replicaId, 'READY');
    };
    const say = async (replica: ObservedReplica, ...words: string[]): Promise<string[]> => {
      const connection = await ReplicaConnection.connect(replica.address, { timeoutMs: 20_000, maxFrameBytes: 1 << 20 });
      try {
        const data = words.map((word) => Buffer.from(word));
        const { outputs } = await connection.infer({ inputs: [{ name: 'command', datatype: 'BYTES', shape: [data.length], data }] });
        return (outputs[0]!.data as Uint8Array[]).map((bytes) => Buffer.from(bytes).toString());
      } finally {
        connection.close();
      }
    };

    /** Waits until the replica works on a command that takes its time. */
    const begins = (replica: ObservedReplica, command: string): Promise<boolean> =>
      eventually(async () => (await engine.logs(replica.replicaId, 100_000)).includes(`begins ${command}`), `that ${command} begins`);

    it('starts a replica that becomes READY with its signature, and answers', async () => {
      const replica = await ready();
      expect(replica).toMatchObject({
        backend: 'test',
        reason: null,
        exitCode: null,
        exitSignal: null,
        signature: { inputs: [{ name: 'command', datatype: 'BYTES' }] },
      });
      expect(replica.pid).toBeGreaterThan(0);
      expect(replica.memoryBytes).toBeGreaterThan(1 << 20);
      expect(await say(replica, 'hello', 'there')).toEqual(['hello', 'there']);
    });

    it('tells what it sees on the way, each change once it is known', async () => {
      const gate = harness.gate();
      const spec = await specOf({ loadUntil: gate.path });
      const seen: string[] = [];
      const off = engine.onChange((id) => {
        if (id === spec.replicaId) void find(id).then((replica) => replica && seen.at(-1) !== replica.state && seen.push(replica.state));
      });
      await engine.start(spec, 1);
      await eventually(() => seen.at(-1) === 'LOADING', 'that it loads');
      gate.open();
      await eventually(() => seen.at(-1) === 'READY', 'that it is READY');
      off();
      expect(seen).toEqual(['STARTING', 'LOADING', 'READY']);
    });

    it('starts one replica for an id, however often it is told, also at the same time', async () => {
      const spec = await specOf();
      await Promise.all([engine.start(spec, 1), engine.start(spec, 1), engine.start(spec, 1)]);
      const { pid } = await until(spec.replicaId, 'READY');
      await engine.start(spec, 1);
      expect((await engine.observe()).filter((replica) => replica.replicaId === spec.replicaId)).toEqual([expect.objectContaining({ pid, state: 'READY' })]);
      expect((await engine.logs(spec.replicaId, 100_000)).match(/ listens, loading /g)).toHaveLength(1);
    });

    it('sees a killed replica, with the signal, and keeps the end of its log', async () => {
      const replica = await ready();
      const changed = new Promise<void>((resolve) => {
        const off = engine.onChange((id) => {
          if (id !== replica.replicaId) return;
          off();
          resolve();
        });
      });
      await harness.kill(replica);
      await changed;
      const ended = await until(replica.replicaId, 'EXITED');
      expect(ended).toMatchObject({ exitSignal: 'SIGKILL', exitCode: null, reason: 'killed by SIGKILL' });
      expect(await engine.logs(replica.replicaId, 10_000)).toContain('ready: test');
    });

    it.each([
      ['abort', { exitSignal: 'SIGABRT', exitCode: null, reason: 'killed by SIGABRT' }],
      ['exit:3', { exitSignal: null, exitCode: 3, reason: 'exited with code 3' }],
    ])('says how a replica ended that was told to %s', async (command, expected) => {
      const replica = await ready();
      await expect(say(replica, command)).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
      expect(await until(replica.replicaId, 'EXITED')).toMatchObject(expected);
    });

    it("gives the runtime's own message for a model that does not load", async () => {
      const spec = await specOf({ failLoad: 'the weights are upside down' });
      await engine.start(spec, 1);
      expect(await until(spec.replicaId, 'EXITED')).toMatchObject({ reason: 'the weights are upside down', exitCode: 1, exitSignal: null });
      expect(await engine.logs(spec.replicaId, 10_000)).toContain('the weights are upside down');
    });

    it('says that a process ended while it loaded', async () => {
      const spec = await specOf({ exitOnLoad: 7 });
      await engine.start(spec, 1);
      expect(await until(spec.replicaId, 'EXITED')).toMatchObject({ reason: 'exited with code 7', exitCode: 7 });
    });

    it('is not READY when the sample fails', async () => {
      const spec = await specOf({}, { sample: [{ name: 'command', datatype: 'BYTES', shape: [1], data: ['fail:no such colour'] }] });
      await engine.start(spec, 1);
      expect(await until(spec.replicaId, 'EXITED')).toMatchObject({ reason: 'no such colour', exitCode: 1 });
    });

    it.each([
      ['trap:memory access out of bounds', 'the runtime trapped: memory access out of bounds'],
      ['ruin:no memory left', 'the runtime failed (no memory left) and does not answer its sample any more: no memory left'],
    ])('says why a replica ended whose runtime broke: %s', async (command, reason) => {
      const replica = await ready();
      await expect(say(replica, command)).rejects.toMatchObject({ code: 'FATAL', message: reason });
      expect(await until(replica.replicaId, 'EXITED')).toMatchObject({ reason });
    });

    it('keeps a replica within its memory', async () => {
      const spec = await specOf({ hogOnLoad: true }, { memoryLimitBytes: 256 * 1024 ** 2 });
      await engine.start(spec, 1);
      const ended = await until(spec.replicaId, 'EXITED');
      expect(ended.reason).toMatch(/memory|allocation/i);
      expect(ended.reason).toContain(String(256 * 1024 ** 2));
    });

    it('refuses files that lead out of their folder, and leaves nothing', async () => {
      const spec = await specOf();
      const files = [{ path: '../escaped.json', digest: spec.files[0]!.digest }];
      await expect(engine.start({ ...spec, files, versionDigest: 'escaping' }, 1)).rejects.toMatchObject({
        code: 'INVALID',
        message: expect.stringContaining('../escaped.json'),
      });
      expect(await find(spec.replicaId)).toBeUndefined();
    });

    it('leaves nothing of a replica whose files are not there', async () => {
      const spec = await specOf();
      await expect(engine.start({ ...spec, files: [{ path: 'model.json', digest: 'f'.repeat(64) }], versionDigest: 'absent' }, 1)).rejects.toThrow();
      expect(await find(spec.replicaId)).toBeUndefined();
    });

    it('drains: what is under way is answered, then the process ends and is forgotten', async () => {
      const gate = harness.gate();
      const replica = await ready();
      const answer = say(replica, `hold:${gate.path}`);
      await begins(replica, `hold:${gate.path}`);
      const stopped = engine.stop(replica.replicaId, 60_000, 1);
      await expect(until(replica.replicaId, 'DRAINING')).resolves.toBeDefined();
      await expect(say(replica, 'too late')).rejects.toMatchObject({ code: 'DRAINING', executed: false });
      gate.open();
      expect(await answer).toEqual([`hold:${gate.path}`]);
      await stopped;
      expect(await find(replica.replicaId)).toBeUndefined();
      expect(await engine.logs(replica.replicaId, 10_000)).toContain('drained');
    });

    it('kills a replica that does not drain within its grace', async () => {
      const replica = await ready();
      const answer = say(replica, 'wait:60000');
      const broken = expect(answer).rejects.toMatchObject({ code: 'CONNECTION_LOST', executed: true });
      await begins(replica, 'wait:60000');
      const before = performance.now();
      await engine.stop(replica.replicaId, 300, 1);
      expect(performance.now() - before).toBeGreaterThan(250);
      expect(performance.now() - before).toBeLessThan(30_000);
      await broken;
      expect(await find(replica.replicaId)).toBeUndefined();
    });

    it('kills a replica whose process hangs, and shortens a grace by a second stop', async () => {
      const replica = await ready();
      const broken = expect(say(replica, 'block:60000')).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
      await begins(replica, 'block:60000');
      const before = performance.now();
      await Promise.all([engine.stop(replica.replicaId, 60_000, 1), setTimeout(200).then(() => engine.stop(replica.replicaId, 100, 1))]);
      expect(performance.now() - before).toBeLessThan(30_000);
      await broken;
    });

    it('stops a replica that loads, one that has ended, one twice, and one that never was', async () => {
      const loading = await specOf({ loadMs: 60_000 });
      await engine.start(loading, 1);
      await until(loading.replicaId, 'LOADING');
      await engine.stop(loading.replicaId, 5_000, 1);
      const replica = await ready();
      await harness.kill(replica);
      await until(replica.replicaId, 'EXITED');
      await Promise.all([engine.stop(replica.replicaId, 1_000, 1), engine.stop(replica.replicaId, 1_000, 1)]);
      await engine.stop(randomUUID(), 1_000, 1);
      const left = (await engine.observe()).map(({ replicaId }) => replicaId);
      expect(left).not.toContain(loading.replicaId);
      expect(left).not.toContain(replica.replicaId);
    });

    it('stops a replica in the moment of its start', async () => {
      const spec = await specOf();
      const starting = engine.start(spec, 1);
      await Promise.all([starting, engine.stop(spec.replicaId, 1_000, 1)]);
      await setTimeout(300);
      expect(await find(spec.replicaId)).toBeUndefined();
    });

    it('cuts a log at whole characters', async () => {
      const spec = await specOf({ failLoad: 'ü'.repeat(100) });
      await engine.start(spec, 1);
      await until(spec.replicaId, 'EXITED');
      const tails = await Promise.all([20, 21, 22, 23].map((bytes) => engine.logs(spec.replicaId, bytes)));
      for (const [i, tail] of tails.entries()) {
        expect(tail).toMatch(/^ü+\n$/);
        expect(Buffer.byteLength(tail)).toBeLessThanOrEqual(20 + i);
      }
      expect(await engine.logs(randomUUID(), 100)).toBe('');
    });

    it('is taken over by the next engine: same process, READY without a pause, still answering', async () => {
      const replica = await ready();
      const { replicaId } = replica;
      engine = await harness.restart();
      expect(await find(replicaId)).toMatchObject({ state: 'READY', pid: replica.pid, address: replica.address, backend: 'test' });
      expect(await say(replica, 'still here')).toEqual(['still here']);
      // The parent of its shell is no longer known to this engine: the exit must be found all the same.
      await harness.kill(replica);
      expect(await until(replicaId, 'EXITED')).toMatchObject({ exitSignal: 'SIGKILL', reason: 'killed by SIGKILL' });
    });

    // Last, because it raises the epoch for good.
    it('refuses commands of a leader that was replaced, and does nothing of what they ask', async () => {
      const replica = await ready();
      const fresh = await specOf();
      // Nothing has been asked of it under the new epoch yet.
      engine.begin(7);
      expect(() => engine.begin(6)).toThrow(StaleEpochError);
      await expect(engine.stop(replica.replicaId, 0, 6)).rejects.toBeInstanceOf(StaleEpochError);
      await expect(engine.start(fresh, 6)).rejects.toThrow(/epoch 6, but epoch 7/);
      engine = await harness.restart();
      await expect(engine.stop(replica.replicaId, 0, 6)).rejects.toBeInstanceOf(StaleEpochError);
      expect(await find(fresh.replicaId)).toBeUndefined();
      expect(await find(replica.replicaId)).toMatchObject({ state: 'READY', pid: replica.pid });
      started.length = 0;
      await engine.stop(replica.replicaId, 1_000, 7);
    });
  });
}
