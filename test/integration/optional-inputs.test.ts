/** An ONNX model whose inputs have defaults, through a gateway. The expected values are what Python's onnxruntime answers. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Tensor } from '../../runtimes/tensor.js';
import { validateVersion } from '../../server/registry/validation.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { GatewayBench, onnx, publish, routeOf, targetOf, type TestGateway } from '../support/gateway.js';
import { GrpcClient, inferOverGrpc } from '../support/grpc.js';
import { modelFolder, nothingDeclared, removeModelFolders } from '../support/models/folder.js';
import { scaledModel } from '../support/models/onnx.js';

let db: TestDatabase;
let bench: GatewayBench;
let gateway: TestGateway;
let grpc: GrpcClient;

beforeAll(async () => {
  db = await createTestDatabase();
  bench = new GatewayBench();
  const replica = await bench.replica(onnx(scaledModel()), { maxConcurrency: 4 });
  await publish(db.url, [routeOf([targetOf([replica], { batching: { maxBatchSize: 8, maxDelayMs: 0 } })], { name: 'scaled', maxQueue: 1000 })]);
  gateway = await bench.gateway(db.url);
  await gateway.reaches('scaled');
  grpc = new GrpcClient(`127.0.0.1:${gateway.grpcPort}`);
}, 120_000);
afterAll(async () => {
  grpc?.close();
  removeModelFolders();
  await bench.close();
  await db.drop();
});

interface Fp32 extends Tensor {
  readonly data: Float32Array;
}
const tensor = (name: string, shape: readonly number[], ...data: readonly number[]): Fp32 => ({ name, datatype: 'FP32', shape, data: Float32Array.from(data) });
const x = tensor('x', [1, 2], 1, 2);
const scale = tensor('scale', [2], 5, 6);
const bias = tensor('bias', [1, 2], 100, 200);

const ASK: Readonly<Record<string, (inputs: readonly Fp32[]) => Promise<number[]>>> = {
  JSON: async (inputs) => {
    const { body } = await gateway.infer('scaled', { inputs: inputs.map((input) => ({ ...input, data: [...input.data] })) });
    return body.outputs![0]!.data as number[];
  },
  'binary data': async (inputs) => {
    const described = inputs.map(({ name, datatype, shape, data }) => ({ name, datatype, shape, parameters: { binary_data_size: data.byteLength } }));
    const header = Buffer.from(JSON.stringify({ inputs: described, outputs: [{ name: 'y', parameters: { binary_data: false } }] }));
    const binary = inputs.map(({ data }) => Buffer.from(data.buffer));
    const headers = { 'inference-header-content-length': String(header.length), 'content-type': 'application/octet-stream' };
    const { body } = await gateway.request('/v2/models/scaled/infer', { method: 'POST', body: Buffer.concat([header, ...binary]), headers });
    return body.outputs![0]!.data as number[];
  },
  gRPC: async (inputs) => [...((await inferOverGrpc(grpc, 'scaled', inputs)).outputs[0]!.data as Float32Array)],
  'TensorFlow Serving': async (inputs) => {
    const whole = Object.fromEntries(inputs.map(({ name, shape, data }) => [name, shape.length === 1 ? [...data] : [[...data]]]));
    const { body } = await gateway.request('/v1/models/scaled:predict', { method: 'POST', body: JSON.stringify({ inputs: whole }) });
    return (body['outputs'] as unknown as number[][])[0]!;
  },
};

test.each(Object.entries(ASK))('inputs with a default may be given or left out: %s', async (_, ask) => {
  expect(await ask([x])).toEqual([12, 26]);
  expect(await ask([x, scale])).toEqual([15, 32]);
  expect(await ask([bias, x])).toEqual([102, 206]);
  expect(await ask([scale, bias, x])).toEqual([105, 212]);
  expect(await ask([x])).toEqual([12, 26]);
});

test('a request that gives one is answered rightly beside merged ones that do not', async () => {
  const asks = Object.values(ASK);
  const answers = await Promise.all(
    Array.from({ length: 200 }, async (_, i) => {
      const own = tensor('x', [1, 2], i, -i);
      const given = i % 3 === 0;
      const answer = await asks[i % asks.length]!(given ? [own, tensor('scale', [2], i, 1)] : [own]);
      expect([i, answer]).toEqual([i, given ? [i * i + 10, 20 - i] : [2 * i + 10, 20 - 3 * i]]);
      return answer;
    }),
  );
  expect(answers).toHaveLength(200);
  const statistics = await gateway.request('/v2/models/scaled/stats');
  const [{ inference_count: inferences, execution_count: executions }] = statistics.body['model_stats'] as [Record<string, number>];
  // Else nothing was merged, and nothing was tried.
  expect(executions).toBeLessThan(inferences!);
});

test('metadata say which inputs may be left out', async () => {
  const { body } = await gateway.request('/v2/models/scaled');
  expect(body).toMatchObject({
    inputs: [
      { name: 'x', datatype: 'FP32', shape: [-1, 2] },
      { name: 'scale', datatype: 'FP32', shape: [2], parameters: { optional: true } },
      { name: 'bias', datatype: 'FP32', shape: [-1, 2], parameters: { optional: true } },
    ],
  });
  const { message } = await grpc.call<{ inputs: unknown[] }>('ModelMetadata', { name: 'scaled' });
  const optional = expect.objectContaining({ bool_param: true });
  expect(message.inputs).toMatchObject([{ parameters: {} }, { parameters: { optional } }, { parameters: { optional } }]);
  const config = await gateway.request('/v2/models/scaled/config');
  expect(config.body['input']).toMatchObject([{ name: 'x' }, { name: 'scale', optional: true }, { name: 'bias', optional: true }]);
});

test('a caller who gives a wrong one, or none of the required ones, is told', async () => {
  const { status, body } = await gateway.infer('scaled', { inputs: [{ name: 'scale', datatype: 'FP32', shape: [2], data: [1, 2] }] });
  expect([status, body.error]).toEqual([400, 'input "x" is missing']);
  const wrong = await gateway.infer('scaled', {
    inputs: [
      { name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] },
      { name: 'scale', datatype: 'FP32', shape: [3], data: [1, 2, 3] },
    ],
  });
  expect([wrong.status, wrong.body.error]).toEqual([400, 'input "scale" has shape [3]; the model takes [2], where -1 may be any size']);
});

test('validation leaves them out of the request that it makes, and takes a sample that gives them', async () => {
  const { folder, files } = modelFolder('onnx', { 'm.onnx': scaledModel() });
  const model = { folder, files, format: 'onnx', runtime: 'onnx', sample: null, ...nothingDeclared() };
  const ask = { ...model, outsideModules: [], timeoutMs: 60_000, memoryBytes: 512 * 1024 ** 2 };
  const inputs = [{ name: 'x' }, { name: 'scale', optional: true }, { name: 'bias', optional: true }];
  expect(await validateVersion(ask)).toMatchObject({ state: 'READY', signature: { inputs }, rowIndependence: { verdict: 'INDEPENDENT' } });
  const sample = [x, scale].map((given) => ({ ...given, data: [...given.data] }));
  expect(await validateVersion({ ...ask, sample })).toMatchObject({ state: 'READY', rowIndependence: { verdict: 'INDEPENDENT' } });
}, 120_000);
