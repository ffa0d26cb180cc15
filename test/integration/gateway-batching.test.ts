/** The gateway's rooms in this process, over real replicas and sockets: here every answer's batch can be seen. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { InferRequest } from '../../runtimes/open-inference/message.js';
import type { Tensor } from '../../runtimes/tensor.js';
import { now } from '../../server/gateway/clock.js';
import { HeldBytes } from '../../server/gateway/held-bytes.js';
import { DataPlane } from '../../server/gateway/dispatch/data-plane.js';
import type { GatewayError } from '../../server/gateway/gateway-error.js';
import { Meter } from '../../server/gateway/metering/meter.js';
import type { Answer } from '../../server/gateway/dispatch/answer.js';
import { ReplicaLinks } from '../../server/gateway/replicas/replica-links.js';
import type { RouteDocument } from '../../server/routing/route-document.js';
import { Router } from '../../server/gateway/dispatch/router.js';
import { eventually } from '../support/eventually.js';
import { callAt, COMMAND_MODEL, GatewayBench, onnx, routeOf, targetOf } from '../support/gateway.js';
import { floats, initializer, node, onnxModel, tensorValue } from '../support/models/onnx.js';

// Each test starts processes that load a runtime.
vi.setConfig({ testTimeout: 120_000 });

let bench: GatewayBench;
let links: ReplicaLinks;
let router: Router;
let plane: DataPlane;
/** Ejections, with their reasons, and returns. */
let standings: { replicaId: string; reason: string | undefined }[];

beforeEach(() => {
  bench = new GatewayBench();
});
afterEach(async () => {
  links?.close();
  await bench.close();
});

async function serve(route: RouteDocument): Promise<void> {
  standings = [];
  links = new ReplicaLinks({
    shared: false,
    onUsable: () => [...router.deployments].forEach(({ targets }) => targets.forEach(({ dispatcher }) => dispatcher.pump())),
    onDrained: () => undefined,
    onTrouble: () => undefined,
  });
  router = new Router({
    held: new HeldBytes(),
    meter: new Meter(),
    now,
    linkTo: (replica, target) => links.to(replica, target),
    onStanding: ({ link }, reason) => standings.push({ replicaId: link.identity.replicaId, reason }),
  });
  plane = new DataPlane({ router, now, serverVersion: '0' });
  await apply(route);
}

async function apply(route: RouteDocument): Promise<void> {
  await links.prepare([route]);
  router.apply([route]);
}

const infer = async (request: InferRequest): Promise<Answer> => {
  const call = plane.call(callAt(0).context);
  const answer = await plane.infer(call, 'm', undefined, () => request);
  call.end();
  return answer;
};
const command = (...words: string[]): InferRequest => ({
  inputs: [{ name: 'command', datatype: 'BYTES', shape: [words.length], data: words.map((word) => Buffer.from(word)) }],
});
const textOf = ({ response }: Answer): string[] => (response.outputs[0]!.data as Uint8Array[]).map((bytes) => Buffer.from(bytes).toString());
const bitsOf = (tensors: readonly Tensor[]) =>
  tensors.map(({ name, shape, data }) => [name, shape, Buffer.from((data as Float32Array).slice().buffer).toString('hex')]);
const batching = { maxBatchSize: 32, maxDelayMs: 0 };

/** A network of 4-16-3: Gemm, Relu, Gemm, Softmax. */
function network(): Buffer {
  const weights = (rows: number, columns: number) => Array.from({ length: rows * columns }, (_, i) => Math.sin(i * 12.9898 + rows) * 1.7);
  return onnxModel({
    nodes: [node('Gemm', ['x', 'w0', 'b0'], ['g0']), node('Relu', ['g0'], ['r0']), node('Gemm', ['r0', 'w1', 'b1'], ['g1']), node('Softmax', ['g1'], ['y'])],
    inputs: [tensorValue({ name: 'x', type: 'FP32', shape: ['rows', 4] })],
    outputs: [tensorValue({ name: 'y', type: 'FP32', shape: ['rows', 3] })],
    initializers: [
      initializer('w0', 'FP32', [4, 16], floats(...weights(4, 16))),
      initializer('b0', 'FP32', [16], floats(...weights(1, 16))),
      initializer('w1', 'FP32', [16, 3], floats(...weights(16, 3))),
      initializer('b1', 'FP32', [3], floats(...weights(1, 3))),
    ],
  });
}

test('requests that come together are merged, and each is answered with the bits it gets alone', async () => {
  const replicas = await Promise.all([bench.replica(onnx(network())), bench.replica(onnx(network()))]);
  await serve(routeOf([targetOf(replicas, { batching })], { maxConcurrency: 2, maxQueue: 1_000 }));
  const requests = Array.from({ length: 300 }, (_, i): InferRequest => {
    const rows = 1 + (i % 3);
    const data = Float32Array.from({ length: rows * 4 }, (_, at) => Math.sin(i * 7.31 + at) * 10);
    return { inputs: [{ name: 'x', datatype: 'FP32', shape: [rows, 4], data }], ...(i % 5 === 0 && { outputs: ['y'] }) };
  });
  const together = await Promise.all(requests.map(infer));
  expect(together.filter(({ timing }) => timing.batchRequests > 1).length).toBeGreaterThan(200);
  expect(Math.max(...together.map(({ timing }) => timing.batchRows))).toBeLessThanOrEqual(32);
  for (const [i, request] of requests.entries()) {
    const alone = await infer(request);
    expect(alone.timing.batchRequests).toBe(1);
    expect(bitsOf(together[i]!.response.outputs)).toEqual(bitsOf(alone.response.outputs));
  }
  const [statistics] = plane.statistics('m');
  expect(statistics).toMatchObject({ inferenceCount: 1_200, success: { count: 600 }, fail: { count: 0 } });
  expect(statistics!.executionCount).toBeLessThan(300 + 100);
});

test('what is wrong with one request of a batch is told to that one only', async () => {
  const replica = await bench.replica(COMMAND_MODEL);
  await serve(routeOf([targetOf([replica], { batching })], { maxConcurrency: 1 }));
  const first = infer(command('wait:50'));
  const words = ['a', 'b', 'fail:on purpose', 'c'];
  const outcomes = await Promise.all(words.map((word) => infer(command(word)).then(textOf, (error: GatewayError) => error.message)));
  expect(outcomes).toEqual([['a'], ['b'], 'the model cannot compute this request: on purpose', ['c']]);
  await first;
});

test('a request that kills replicas takes nobody of its batch along', async () => {
  const replicas = await Promise.all([1, 2, 3].map(() => bench.replica(COMMAND_MODEL)));
  await serve(routeOf([targetOf(replicas, { batching })], { maxConcurrency: 1, timeoutMs: 30_000 }));
  const busy = replicas.map(() => infer(command('wait:200')));
  const beside = ['a', 'b', 'c'].map((word) => infer(command(word)));
  const poison = infer(command('abort')).catch((error: GatewayError) => error.kind);
  expect((await Promise.all(beside)).map(textOf)).toEqual([['a'], ['b'], ['c']]);
  expect(await poison).toBe('REPLICA_LOST');
  await Promise.all(busy);
  await eventually(() => replicas.filter(({ process }) => process.signalCode === 'SIGABRT').length === 2, 'the end of the two it was tried on');
  expect(textOf(await infer(command('d')))).toEqual(['d']);
});

test('a request whose runtime traps takes nobody of its batch along; tried alone it is told why, and not tried again', async () => {
  const replicas = await Promise.all([1, 2, 3].map(() => bench.replica(COMMAND_MODEL)));
  await serve(routeOf([targetOf(replicas, { batching })], { maxConcurrency: 1 }));
  const holds = replicas.map(() => bench.held());
  const busy = holds.map((held) => infer(command(held.command)));
  await Promise.all(holds.map((held) => held.begun()));
  const beside = ['a', 'b', 'c'].map((word) => infer(command(word)));
  const trapped = infer(command('trap:memory access out of bounds')).catch((error: GatewayError) => error);
  holds.forEach((held) => held.letGo());
  expect((await Promise.all(beside)).map(textOf)).toEqual([['a'], ['b'], ['c']]);
  expect(await trapped).toMatchObject({
    kind: 'REPLICA_LOST',
    message:
      'the replica died while it worked on this request: the runtime trapped: memory access out of bounds; the request is not sent again, because it may have caused this',
  });
  await Promise.all(busy);
  await eventually(() => replicas.filter(({ process }) => process.signalCode === 'SIGKILL').length === 2, 'the end of the two it was tried on');
  expect(textOf(await infer(command('d')))).toEqual(['d']);
});

test('a request that traps alone ends the last replica too, and is sent once', async () => {
  const replicas = await Promise.all([bench.replica(COMMAND_MODEL), bench.replica(COMMAND_MODEL)]);
  await serve(routeOf([targetOf(replicas)], { maxConcurrency: 4 }));
  const held = bench.held();
  const beside = infer(command(held.command));
  await held.begun();
  // It goes to the other replica, which has less to do.
  await expect(infer(command('trap:unreachable'))).rejects.toMatchObject({ kind: 'REPLICA_LOST' });
  await eventually(() => replicas.some(({ process }) => process.signalCode === 'SIGKILL'), 'the end of the one');
  held.letGo();
  expect(textOf(await beside)).toEqual([held.command]);
  await expect(infer(command('trap:unreachable'))).rejects.toMatchObject({ kind: 'REPLICA_LOST' });
  await eventually(() => replicas.every(({ process }) => process.signalCode === 'SIGKILL'), 'the end of the last one');
});

test('what is under way beside a request that traps is tried again, and answered', async () => {
  const replicas = await Promise.all([bench.replica(COMMAND_MODEL), bench.replica(COMMAND_MODEL)]);
  const first = targetOf(replicas.slice(0, 1), { versionId: 'v1' });
  const route = routeOf([first], { maxConcurrency: 4 });
  await serve(route);
  const held = bench.held();
  const beside = infer(command(held.command));
  await held.begun();
  await expect(infer(command('trap:unreachable'))).rejects.toMatchObject({ kind: 'REPLICA_LOST', message: expect.stringContaining('unreachable') });
  held.letGo();
  await apply({ ...route, targets: [targetOf(replicas.slice(1), { versionId: 'v1' })] });
  expect(textOf(await beside)).toEqual([held.command]);
});

test('requests that the model cannot compute take no replica out of use; one that cannot compute its sample any more is ended', async () => {
  const replicas = await Promise.all([1, 2, 3].map(() => bench.replica(COMMAND_MODEL)));
  await serve(routeOf([targetOf(replicas)], { maxConcurrency: 1 }));
  for (let i = 0; i < 30; i++)
    await expect(infer(command('fail:index 7 of 3'))).rejects.toMatchObject({
      kind: 'INVALID',
      message: 'the model cannot compute this request: index 7 of 3',
    });
  expect(standings).toEqual([]);
  await expect(infer(command('ruin:no more'))).rejects.toMatchObject({
    kind: 'REPLICA_LOST',
    message: expect.stringContaining('does not answer its sample any more'),
  });
  await eventually(() => replicas.filter(({ process }) => process.signalCode === 'SIGKILL').length === 1, 'the end of the ruined one');
  for (let i = 0; i < 10; i++) expect(textOf(await infer(command('a')))).toEqual(['a']);
});

test("a mistake that only the graph notices is the caller's: it gets onnxruntime's words, and no replica goes out of use", async () => {
  const gather = onnxModel({
    nodes: [node('Gather', ['table', 'i'], ['y'])],
    inputs: [tensorValue({ name: 'i', type: 'INT64', shape: ['n'] })],
    outputs: [tensorValue({ name: 'y', type: 'FP32', shape: ['n'] })],
    initializers: [initializer('table', 'FP32', [3], floats(10, 20, 30))],
  });
  const replicas = await Promise.all([1, 2, 3].map(() => bench.replica(onnx(gather))));
  await serve(routeOf([targetOf(replicas, { batching })], { maxConcurrency: 1 }));
  const at = (...indices: number[]): InferRequest => ({
    inputs: [{ name: 'i', datatype: 'INT64', shape: [indices.length], data: BigInt64Array.from(indices, BigInt) }],
  });
  // Ten rounds, in each of which bad requests are merged with good ones.
  for (let round = 0; round < 10; round++) {
    const bad = [1, 2, 3, 4].map(() => infer(at(7)).catch((error: GatewayError) => error));
    const good = [0, 1, 2].map((index) => infer(at(index)));
    for (const error of await Promise.all(bad))
      expect(error).toMatchObject({
        kind: 'INVALID',
        message: expect.stringMatching(/^the model cannot compute this request: .*idx=7 must be within.*\[-3,2\]/),
      });
    expect((await Promise.all(good)).map(({ response }) => Array.from(response.outputs[0]!.data as Float32Array))).toEqual([[10], [20], [30]]);
  }
  expect(standings).toEqual([]);
  for (const replica of replicas) expect((await replica.hello()).state).toBe('READY');
});

test('a replica that hangs is ejected while the other serves, and serves again when it is back', async () => {
  const replicas = await Promise.all([bench.replica(COMMAND_MODEL), bench.replica(COMMAND_MODEL)]);
  const [hung] = replicas;
  await serve(routeOf([targetOf(replicas)], { maxConcurrency: 2, timeoutMs: 60_000 }));
  let on = true;
  const served: string[] = [];
  const failures: unknown[] = [];
  const clients = Array.from({ length: 8 }, async () => {
    while (on)
      await infer(command('wait:1')).then(
        ({ timing }) => served.push(timing.replicaId),
        (error) => failures.push(error),
      );
  });
  await eventually(() => new Set(served).size === 2, 'answers of both replicas');
  hung!.process.kill('SIGSTOP');
  const standing = () => standings.findLast(({ replicaId }) => replicaId === hung!.replicaId);
  const { reason } = (await eventually(() => standing()?.reason !== undefined && standing(), 'the ejection', 20_000))!;
  expect(reason).toMatch(/^it has not answered for \d+ ms, while other replicas have$/);
  const before = served.length;
  // The first probe finds it hung still.
  await eventually(() => served.length > before + 100, 'answers of the other', 20_000);
  expect(served.slice(before)).not.toContain(hung!.replicaId);
  hung!.process.kill('SIGCONT');
  await eventually(() => standing()?.reason === undefined, 'the return', 20_000);
  const after = served.length;
  await eventually(() => served.slice(after).includes(hung!.replicaId), 'its answers', 20_000);
  on = false;
  await Promise.all(clients);
  expect(failures).toEqual([]);
}, 90_000);
