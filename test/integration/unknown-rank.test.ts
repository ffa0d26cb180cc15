/** ONNX models with inputs of which the file tells no shape, or whose dimensions share a name, through a gateway. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { GatewayBench, onnx, publish, routeOf, targetOf, type TestGateway } from '../support/gateway.js';
import { GrpcClient, inferOverGrpc } from '../support/grpc.js';
import { node, onnxModel, tensorValue } from '../support/models/onnx.js';

const OPEN = onnxModel({
  nodes: [node('Relu', ['x'], ['y'])],
  inputs: [tensorValue({ name: 'x', type: 'FP32', shape: null })],
  outputs: [tensorValue({ name: 'y', type: 'FP32', shape: null })],
});
const SUM = onnxModel({
  nodes: [node('Add', ['a', 'b'], ['y'])],
  inputs: ['a', 'b'].map((name) => tensorValue({ name, type: 'FP32', shape: ['n'] })),
  outputs: [tensorValue({ name: 'y', type: 'FP32', shape: ['n'] })],
});

let db: TestDatabase;
let bench: GatewayBench;
let gateway: TestGateway;
let grpc: GrpcClient;

beforeAll(async () => {
  db = await createTestDatabase();
  bench = new GatewayBench();
  const [open, sum] = await Promise.all([bench.replica(onnx(OPEN)), bench.replica(onnx(SUM))]);
  const batching = { maxBatchSize: 8, maxDelayMs: 0 };
  await publish(db.url, [routeOf([targetOf([open], { batching })], { name: 'open' }), routeOf([targetOf([sum], { batching })], { name: 'sum' })]);
  gateway = await bench.gateway(db.url);
  await gateway.reaches('open', 'sum');
  grpc = new GrpcClient(`127.0.0.1:${gateway.grpcPort}`);
}, 120_000);
afterAll(async () => {
  grpc?.close();
  await bench.close();
  await db.drop();
});

test('an input without a shape takes tensors of any rank, over every protocol', async () => {
  for (const shape of [[], [3], [1, 2], [2, 1, 2, 1]]) {
    const count = shape.reduce((a, b) => a * b, 1);
    const data = Array.from({ length: count }, (_, i) => i - 1);
    const expected = data.map((value) => Math.max(0, value));
    const rest = await gateway.infer('open', { inputs: [{ name: 'x', datatype: 'FP32', shape, data }] });
    expect([rest.status, rest.body.outputs]).toEqual([200, [{ name: 'y', datatype: 'FP32', shape, data: expected }]]);
    const { outputs } = await inferOverGrpc(grpc, 'open', [{ name: 'x', datatype: 'FP32', shape, data: Float32Array.from(data) }]);
    expect(outputs).toEqual([{ name: 'y', datatype: 'FP32', shape, data: Float32Array.from(expected) }]);
  }
  const rows = await gateway.request('/v1/models/open:predict', { method: 'POST', body: JSON.stringify({ instances: [[-1, 2]] }) });
  expect(rows.body['predictions']).toEqual([[0, 2]]);
});

test('metadata say that the rank is unknown, not that it is a scalar', async () => {
  const { body } = await gateway.request('/v2/models/open');
  expect(body).toMatchObject({
    inputs: [{ name: 'x', datatype: 'FP32', shape: null, parameters: { unknown_rank: true } }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: null, parameters: { unknown_rank: true } }],
  });
  const { message } = await grpc.call<{ inputs: unknown[] }>('ModelMetadata', { name: 'open' });
  expect(message.inputs).toEqual([
    expect.objectContaining({ name: 'x', shape: [], parameters: { unknown_rank: expect.objectContaining({ bool_param: true }) } }),
  ]);
  const tfs = await gateway.request('/v1/models/open/metadata');
  expect(JSON.stringify(tfs.body)).toContain('"tensor_shape":{"dim":[],"unknown_rank":true}');
  const config = await gateway.request('/v2/models/open/config');
  expect(config.body).toMatchObject({ input: [{ name: 'x', data_type: 'TYPE_FP32', dims: [] }] });
});

const sum = (a: number[], b: number[]) =>
  gateway.infer('sum', {
    inputs: [
      { name: 'a', datatype: 'FP32', shape: [a.length], data: a },
      { name: 'b', datatype: 'FP32', shape: [b.length], data: b },
    ],
  });

test('a shared dimension that differs is the mistake of the caller, who is told which inputs and which dimension', async () => {
  const { status, body } = await sum([1, 2, 3], [1, 2]);
  expect([status, body.error]).toEqual([
    400,
    expect.stringMatching(/^the model cannot compute this request: .*Add.*; inputs "a" and "b" share the dimension "n", with the sizes 3 and 2$/s),
  ]);
  // ONNX Runtime broadcasts 1, whatever the name says: no reason to refuse it.
  expect((await sum([1, 2, 3], [1])).body.outputs).toMatchObject([{ data: [2, 3, 4] }]);
  expect((await sum([1, 2], [1, 5])).body.outputs).toMatchObject([{ data: [2, 7] }]);
});
