import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { ReplicaConnection, type ReplicaError } from '../../runtimes/open-inference/connection.js';
import { FRAME, FrameReader } from '../../runtimes/open-inference/frame.js';
import type { InferRequest } from '../../runtimes/open-inference/message.js';
import { eventually } from '../support/eventually.js';
import { affineModel, node, onnxModel, tensorValue } from '../support/models/onnx.js';
import { modelFolder, removeModelFolders } from '../support/models/folder.js';
import { startHost, stopHosts, untilState } from '../support/replica-host.js';

afterEach(stopHosts);
afterAll(removeModelFolders);
afterAll(() => gates.forEach((path) => rmSync(dirname(path), { recursive: true })));

const ask = (name: string, values: number[], shape = [1, values.length]): InferRequest => ({
  inputs: [{ name, datatype: 'FP32', shape, data: Float32Array.from(values) }],
});
const x = (value: number): InferRequest => ask('x', [value], [1]);
const onnx = () => modelFolder('onnx', { 'model.onnx': affineModel() });
const scripted = (script: object = {}) => modelFolder('scripted', { 'model.script.json': JSON.stringify(script) });
/** The path of a file that is made when a scripted model may go on. */
function gateOf(): { path: string; open: () => void } {
  const path = join(mkdtempSync(join(tmpdir(), 'ph-gate-')), 'open');
  gates.push(path);
  return { path, open: () => writeFileSync(path, '') };
}
const gates: string[] = [];
/** For what is answered at once, unless this machine has much else to do. */
const PATIENT_MS = 20_000;
const failure = (promise: Promise<unknown>): Promise<ReplicaError> =>
  promise.then(
    () => {
      throw new Error('it succeeded');
    },
    (error: unknown) => error as ReplicaError,
  );

describe('a replica process', () => {
  it('says who it is while it loads, is READY after its own inference, and answers', async () => {
    const gate = gateOf();
    const host = startHost(scripted({ loadMs: 300, loadGate: gate.path }), 'scripted');
    const connection = await host.connect();
    expect(await connection.hello(PATIENT_MS)).toMatchObject({
      replicaId: 'replica-1',
      versionDigest: 'digest-1',
      pid: host.child.pid,
      state: 'LOADING',
      runtime: 'scripted',
      inFlight: 0,
    });
    expect(await failure(connection.infer(x(1)))).toMatchObject({ code: 'NOT_READY', executed: false });
    gate.open();
    const hello = await untilState(connection, 'READY');
    expect(hello).toMatchObject({ backend: 'script', signature: { inputs: [{ name: 'x', datatype: 'FP32', shape: [1] }] } });
    expect(hello.loadMs).toBeGreaterThan(250);
    expect(hello.memoryBytes).toBeGreaterThan(20e6);
  });

  it("answers ONNX inferences with the runtime's bits, their compute time and the outputs asked for", async () => {
    const connection = await startHost(onnx(), 'onnx').connect();
    await untilState(connection, 'READY');
    const answer = await connection.infer({ ...ask('x', [2, 4]), id: 'r1', outputs: ['y'] });
    expect(answer).toMatchObject({ id: 'r1', outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 2], data: Float32Array.of(4.5, 7.5) }] });
    expect(answer.parameters?.['compute_ns']).toBeGreaterThan(1000);
    for (const name of ['input_ns', 'compute_ns', 'output_ns']) {
      expect(Number.isSafeInteger(answer.parameters?.[name])).toBe(true);
      expect(answer.parameters?.[name]).toBeGreaterThan(0);
    }
  });

  it('refuses what does not fit the signature, before the model sees it, and goes on', async () => {
    const connection = await startHost(onnx(), 'onnx').connect();
    await untilState(connection, 'READY');
    expect(await failure(connection.infer(ask('x', [1, 2, 3])))).toMatchObject({
      code: 'INVALID',
      executed: false,
      message: expect.stringContaining('shape [1, 3]') as string,
    });
    expect(await failure(connection.infer(ask('z', [1, 2])))).toMatchObject({ code: 'INVALID', message: expect.stringContaining('"z" is unknown') as string });
    expect(await failure(connection.infer({ ...ask('x', [1, 2]), outputs: ['q'] }))).toMatchObject({
      code: 'INVALID',
      message: expect.stringContaining('output "q"') as string,
    });
    expect((await connection.infer(ask('x', [0, 0]))).outputs[0]!.data).toEqual(Float32Array.of(0.5, -0.5));
  });

  it('says that the model ran where it failed, in its own words, whatever the dimensions of the request', async () => {
    const model = onnxModel({
      nodes: [node('Add', ['a', 'b'], ['y'])],
      inputs: ['a', 'b'].map((name) => tensorValue({ name, type: 'FP32', shape: ['n'] })),
      outputs: [tensorValue({ name: 'y', type: 'FP32', shape: ['n'] })],
    });
    const connection = await startHost(modelFolder('onnx', { 'model.onnx': model }), 'onnx').connect();
    await untilState(connection, 'READY');
    const [three, two] = [ask('a', [1, 2, 3], [3]), ask('b', [1, 2], [2])];
    expect(await failure(connection.infer({ inputs: [...three.inputs, ...two.inputs] }))).toMatchObject({
      code: 'INVALID',
      executed: true,
      message: expect.stringMatching(
        /^the model cannot compute this request: .*broadcast.*; inputs "a" and "b" share the dimension "n", with the sizes 3 and 2$/s,
      ) as string,
    });
  });

  it('is never READY when its warm-up fails, and leaves the reason', async () => {
    const sample = [{ name: 'x', datatype: 'FP32', shape: [1], data: [-1] }];
    const host = startHost(scripted(), 'scripted', { sample });
    expect(await host.exit).toEqual({ code: 1, signal: null });
    expect(host.outcome()).toEqual({ reason: 'the model failed' });
    expect(host.log()).toContain('the model failed');
  });

  it("ends with 1 and the runtime's own message when the model does not load", async () => {
    const host = startHost(modelFolder('onnx', { 'model.onnx': 'no model' }), 'onnx');
    expect(await host.exit).toEqual({ code: 1, signal: null });
    expect(host.outcome().reason).toMatch(/protobuf parsing failed/i);
  });

  it('is FAILED meanwhile, and tells whoever asks why', async () => {
    const gate = gateOf();
    const host = startHost(scripted({ loadGate: gate.path, loadHolds: true, loadError: 'no such weights' }), 'scripted');
    const connection = await host.connect();
    await eventually(() => host.log().includes('is at the gate'), 'a load that holds the thread', PATIENT_MS);
    // Asked before, because it is not there for long.
    const hello = connection.hello(PATIENT_MS);
    gate.open();
    expect(await hello).toMatchObject({ state: 'FAILED', reason: 'no such weights' });
    expect(await host.exit).toEqual({ code: 1, signal: null });
    expect(host.outcome()).toEqual({ reason: 'no such weights' });
  });

  it('names a sample that does not fit', async () => {
    const host = startHost(onnx(), 'onnx', { sample: [{ name: 'x', datatype: 'FP32', shape: [1, 3], data: [1, 2, 3] }] });
    await host.exit;
    expect(host.outcome().reason).toMatch(/the sample does not fit the model: input "x" has shape \[1, 3\]/);
  });

  it('names a plugin that is not there, and a spec that is none', async () => {
    const host = startHost(onnx(), 'pmml');
    await host.exit;
    expect(host.outcome().reason).toMatch(/no runtime plugin "pmml": there are onnx, tfjs, python and what .*scripted\.mjs bring/);
    const other = startHost(onnx(), 'onnx', { maxConcurrency: 0 });
    expect((await other.exit).code).toBe(1);
    expect(other.outcome().reason).toMatch(/spec\.json: maxConcurrency is 0/);
  });

  it('blames the request for a failure when the sample is answered right after it', async () => {
    const host = startHost(scripted(), 'scripted');
    const connection = await host.connect();
    await untilState(connection, 'READY');
    expect(await failure(connection.infer(x(-1)))).toMatchObject({
      code: 'INVALID',
      executed: true,
      message: 'the model cannot compute this request: the model failed',
    });
    expect(host.log().match(/infers -?\d+/g)).toEqual(['infers 1', 'infers -1', 'infers 1']);
    expect((await connection.infer(x(1))).outputs).toHaveLength(1);
  });

  it.each([
    [-6, 'the runtime trapped: memory access out of bounds'],
    [-7, 'the runtime trapped: the session is gone'],
    [-8, 'the runtime trapped: the kernel failed: unreachable'],
    [-9, 'the runtime failed (the first of many) and does not answer its sample any more: everything is lost'],
    [-10, 'an uncaught error: thrown into the void'],
  ])('ends at once when its runtime is broken, and says why (%d)', async (what, reason) => {
    const host = startHost(scripted(), 'scripted');
    const [connection, other] = [await host.connect(), await host.connect()];
    await untilState(connection, 'READY');
    const [culprit, waiting] = [failure(connection.infer(x(what))), failure(other.infer(x(1)))];
    expect(await culprit).toMatchObject({ code: 'FATAL', executed: true, message: reason });
    // It was never begun, so that it is safe to send it elsewhere.
    expect(await waiting).toMatchObject({ executed: false });
    expect(await host.exit).toEqual({ code: null, signal: 'SIGKILL' });
    expect(host.outcome()).toEqual({ reason });
    expect(host.log()).toContain(reason);
  });

  it('ends for a trap though another request is under way, which is not blamed', async () => {
    const gate = gateOf();
    const host = startHost(scripted({ gate: gate.path }), 'scripted', { maxConcurrency: 2 });
    const connection = await host.connect();
    await untilState(connection, 'READY');
    const beside = failure(connection.infer(x(-5)));
    expect(await failure(connection.infer(x(-6)))).toMatchObject({ code: 'FATAL' });
    expect(await beside).toMatchObject({ code: 'CONNECTION_LOST', executed: true });
    await host.exit;
  });

  it('blames nobody for an error that nobody caught while several requests are under way', async () => {
    const gate = gateOf();
    const host = startHost(scripted({ gate: gate.path }), 'scripted', { maxConcurrency: 2 });
    const connection = await host.connect();
    await untilState(connection, 'READY');
    const both = [failure(connection.infer(x(-5))), failure(connection.infer(x(-10)))];
    expect(await Promise.all(both)).toMatchObject([{ code: 'CONNECTION_LOST' }, { code: 'CONNECTION_LOST' }]);
    await host.exit;
    expect(host.outcome().reason).toBe('an uncaught error: thrown into the void');
  });

  it('loses what it had under way when it crashes, and says that it may have been executed', async () => {
    const host = startHost(scripted(), 'scripted');
    const connection = await host.connect();
    await untilState(connection, 'READY');
    const [crash, waiting] = [failure(connection.infer(x(-2))), failure(connection.infer(x(1)))];
    expect(await crash).toMatchObject({ code: 'CONNECTION_LOST', executed: true });
    expect(await waiting).toMatchObject({ code: 'CONNECTION_LOST', executed: true });
    expect(await failure(connection.infer(x(1)))).toMatchObject({ code: 'CONNECTION_LOST', executed: false });
    expect((await host.exit).signal).toBe('SIGSEGV');
    await connection.closed;
    expect(connection.inFlight).toBe(0);
  });

  it('works on as many at a time as it may, and on the rest in the order they came', async () => {
    const connection = await startHost(scripted(), 'scripted', { maxConcurrency: 2 }).connect();
    await untilState(connection, 'READY');
    const started = performance.now();
    const order: number[] = [];
    await Promise.all(
      [200, 190, 100, 90].map(async (ms, i) => {
        await connection.infer(x(ms));
        order.push(i);
      }),
    );
    // 200 and 190 side by side, then 100 and 90.
    expect(performance.now() - started).toBeGreaterThan(285);
    expect(order.slice(0, 2).sort()).toEqual([0, 1]);
  });

  it('drops what is cancelled while it waits, tells the one under way, and answers neither', async () => {
    const connection = await startHost(scripted(), 'scripted').connect();
    await untilState(connection, 'READY');
    const [first, second] = [new AbortController(), new AbortController()];
    const running = failure(connection.infer(x(60_000), first.signal));
    const waiting = failure(connection.infer(x(60_000), second.signal));
    const last = connection.infer(x(1));
    expect(connection.inFlight).toBe(3);
    second.abort();
    first.abort();
    expect(await running).toMatchObject({ code: 'CANCELLED', executed: true });
    expect(await waiting).toMatchObject({ code: 'CANCELLED' });
    expect((await last).outputs).toHaveLength(1);
    expect(connection.inFlight).toBe(0);
    expect(await failure(connection.infer(x(1), AbortSignal.abort()))).toMatchObject({ code: 'CANCELLED', executed: false });
    expect((await connection.hello(PATIENT_MS)).inFlight).toBe(0);
  });

  it('does not begin what was cancelled while a library held the thread', async () => {
    const gate = gateOf();
    const host = startHost(scripted({ gate: gate.path }), 'scripted');
    const connection = await host.connect();
    await untilState(connection, 'READY');
    const abort = new AbortController();
    const first = connection.infer(x(-4));
    await eventually(() => host.log().includes('infers -4'), 'the first one', PATIENT_MS);
    const rest = [21, 22, 23].map((value) => failure(connection.infer(x(value), abort.signal)));
    abort.abort();
    gate.open();
    await Promise.all([first, ...rest]);
    expect((await connection.hello(PATIENT_MS)).inFlight).toBe(0);
    host.child.kill('SIGTERM');
    await host.exit;
    // The first is the one that it made for itself.
    expect(
      host
        .log()
        .match(/infers -?\d+/g)
        ?.slice(1),
    ).toEqual(['infers -4']);
  });

  it('drops the waiting requests of a connection that has gone', async () => {
    const host = startHost(scripted(), 'scripted');
    const [one, other] = [await host.connect(), await host.connect()];
    await untilState(one, 'READY');
    const lost = [failure(one.infer(x(60_000))), failure(one.infer(x(60_000)))];
    await eventually(async () => (await other.hello(PATIENT_MS)).inFlight === 2, 'both requests', PATIENT_MS);
    one.close();
    expect((await Promise.all(lost)).map((error) => error.code)).toEqual(['CONNECTION_LOST', 'CONNECTION_LOST']);
    expect((await other.infer(x(1))).outputs).toHaveLength(1);
  });

  it('drains: finishes what it has, refuses the new as not executed, says goodbye and ends with 0', async () => {
    const gate = gateOf();
    const host = startHost(scripted({ gate: gate.path }), 'scripted');
    const [gateway, engine] = [await host.connect(), await host.connect()];
    await untilState(gateway, 'READY');
    const [under, waiting] = [gateway.infer(x(-5)), gateway.infer(x(50))];
    await eventually(async () => (await engine.hello(PATIENT_MS)).inFlight === 2, 'both requests', PATIENT_MS);
    expect(await engine.drain(5)).toMatchObject({ state: 'DRAINING', inFlight: 2 });
    expect(await failure(gateway.infer(x(1)))).toMatchObject({ code: 'DRAINING', executed: false });
    gate.open();
    expect((await under).outputs).toHaveLength(1);
    expect((await waiting).outputs).toHaveLength(1);
    await gateway.closed;
    expect(await failure(gateway.infer(x(1)))).toMatchObject({ code: 'DRAINING', executed: false });
    expect(await host.exit).toEqual({ code: 0, signal: null });
  });

  it('refuses to drain for a leader of the past', async () => {
    const connection = await startHost(scripted(), 'scripted', { epoch: 7 }).connect();
    await untilState(connection, 'READY');
    expect(await failure(connection.drain(6))).toMatchObject({ code: 'INVALID', message: 'epoch 6 is over: this replica has heard of epoch 7' });
    expect((await connection.hello(PATIENT_MS)).state).toBe('READY');
  });

  it.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)('drains on %s', async (signal) => {
    const gate = gateOf();
    const host = startHost(scripted({ gate: gate.path }), 'scripted');
    const connection = await host.connect();
    await untilState(connection, 'READY');
    const under = connection.infer(x(-5));
    expect((await connection.hello(PATIENT_MS)).inFlight).toBe(1);
    host.child.kill(signal);
    await untilState(connection, 'DRAINING');
    gate.open();
    expect((await under).outputs).toHaveLength(1);
    expect(await host.exit).toEqual({ code: 0, signal: null });
  });

  it('ends at once when it is told to drain while it loads', async () => {
    const host = startHost(scripted({ loadMs: 60_000 }), 'scripted');
    const connection = await host.connect();
    await untilState(connection, 'LOADING');
    expect(await connection.drain(9)).toMatchObject({ state: 'DRAINING' });
    expect(await host.exit).toEqual({ code: 0, signal: null });
  });

  it('closes a connection that speaks something else, and serves the others', async () => {
    const host = startHost(onnx(), 'onnx');
    const connection = await host.connect();
    await untilState(connection, 'READY');
    for (const bytes of ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', Buffer.from([0, 0, 0, 0, 1, 2, 3]), Buffer.from([9, 0, 0, 0, 1, 0, 0, 0, 77, 0, 0, 0, 0])]) {
      const socket = connect(host.spec.socketPath);
      socket.write(bytes);
      socket.on('error', () => undefined);
      if (typeof bytes === 'string') socket.end();
      // With or without an error: `once` would throw it.
      await new Promise((resolve) => socket.resume().once('close', resolve));
    }
    expect((await connection.infer(ask('x', [0, 0]))).outputs).toHaveLength(1);
  });

  it('carries a large tensor both ways', async () => {
    const connection = await startHost(onnx(), 'onnx').connect();
    await untilState(connection, 'READY');
    const rows = 2_000_000;
    const data = Float32Array.from({ length: rows * 2 }, (_, i) => i % 1000);
    const [y] = (await connection.infer({ inputs: [{ name: 'x', datatype: 'FP32', shape: [rows, 2], data }] })).outputs;
    expect(y!.shape).toEqual([rows, 2]);
    expect(y!.data[2 * rows - 2]).toBe(998 * 1.5 + 999 * 0.25 + 0.5);
  });
});

describe('a connection to a replica', () => {
  it('says what is wrong with an address, and that nobody is there', async () => {
    const options = { timeoutMs: PATIENT_MS, maxFrameBytes: 1024 };
    expect(() => ReplicaConnection.connect('http://x', options)).toThrow('"http://x" is not a replica address');
    expect(() => ReplicaConnection.connect(`unix:/${'x'.repeat(120)}`, options)).toThrow(/has 121 bytes; this system takes/);
    expect(await failure(ReplicaConnection.connect('unix:/nowhere/s', options))).toMatchObject({ code: 'CONNECTION_LOST', executed: false });
  });

  it('gives up on a peer that never answers, or that sends what is too large', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ph-peer-'));
    const server = createServer((socket) => {
      const reader = new FrameReader(({ kind }) => void (kind === FRAME.INFER && socket.write(Buffer.from([0xff, 0xff, 0xff, 0x7f]))), 1024);
      socket.on('data', (data: Buffer) => reader.push(data));
    });
    server.listen(join(folder, 's'));
    await once(server, 'listening');
    const connection = await ReplicaConnection.connect(`unix:${join(folder, 's')}`, { timeoutMs: PATIENT_MS, maxFrameBytes: 1024 });
    expect(await failure(connection.hello(50))).toMatchObject({ code: 'TIMED_OUT', executed: false });
    expect(await failure(connection.infer(ask('x', [1])))).toMatchObject({
      code: 'CONNECTION_LOST',
      message: expect.stringContaining('the limit is 1024') as string,
    });
    server.close();
    rmSync(folder, { recursive: true });
  });

  it('tells a file that is no socket from a replica', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ph-peer-'));
    writeFileSync(join(folder, 's'), '');
    expect(await failure(ReplicaConnection.connect(`unix:${join(folder, 's')}`, { timeoutMs: PATIENT_MS, maxFrameBytes: 1024 }))).toMatchObject({
      code: 'CONNECTION_LOST',
      executed: false,
    });
    rmSync(folder, { recursive: true });
  });
});
