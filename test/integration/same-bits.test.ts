/** The same row gets the same bits, whatever protocol it comes by, whatever is beside it in a batch, wherever it lies in a frame. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { GatewayBench, onnx, publish, routeOf, targetOf, type TestGateway } from '../support/gateway.js';
import { GrpcClient, inferOverGrpc } from '../support/grpc.js';
import { rowMeansModel } from '../support/models/onnx.js';

const WIDTH = 12;
const row = Float32Array.from({ length: WIDTH }, (_, i) => Math.fround(Math.sin(i * 7.3) * 10));
/** What onnxruntime answers where the row begins at a multiple of 64 bytes; at others it is 0.1977178305387497 or 0.19771797955036163. */
const MEAN = 0.1977178007364273;

let db: TestDatabase;
let bench: GatewayBench;
let gateway: TestGateway;
let grpc: GrpcClient;

beforeAll(async () => {
  db = await createTestDatabase();
  bench = new GatewayBench();
  const replica = await bench.replica(onnx(rowMeansModel(WIDTH)), { maxConcurrency: 16 });
  await publish(db.url, [routeOf([targetOf([replica], { batching: { maxBatchSize: 32, maxDelayMs: 0 } })], { name: 'means', maxConcurrency: 16 })]);
  gateway = await bench.gateway(db.url);
  await gateway.reaches('means');
  grpc = new GrpcClient(`127.0.0.1:${gateway.grpcPort}`);
}, 120_000);
afterAll(async () => {
  grpc?.close();
  await bench.close();
  await db.drop();
});

const bytesOf = (rows: number): Buffer => Buffer.concat(Array.from({ length: rows }, () => Buffer.from(row.buffer)));
const tensor = (rows: number) => ({
  name: 'x',
  datatype: 'FP32' as const,
  shape: [rows, WIDTH],
  data: Float32Array.from({ length: rows * WIDTH }, (_, i) => row[i % WIDTH]!),
});
// A longer id moves the tensor's bytes within the frame.
const idOf = (i: number): string => 'i'.repeat(1 + (i % 61));

const ASK: Readonly<Record<string, (i: number, rows: number) => Promise<number[]>>> = {
  json: async (i, rows) => {
    const { body } = await gateway.infer('means', { id: idOf(i), inputs: [{ ...tensor(rows), data: [...tensor(rows).data] }] });
    return body.outputs![0]!.data as number[];
  },
  binary: async (i, rows) => {
    const binary = bytesOf(rows);
    const inputs = [{ name: 'x', datatype: 'FP32', shape: [rows, WIDTH], parameters: { binary_data_size: binary.length } }];
    const header = Buffer.from(JSON.stringify({ id: idOf(i), inputs, outputs: [{ name: 'y', parameters: { binary_data: false } }] }));
    const headers = { 'inference-header-content-length': String(header.length), 'content-type': 'application/octet-stream' };
    const { body } = await gateway.request('/v2/models/means/infer', { method: 'POST', body: Buffer.concat([header, binary]), headers });
    return body.outputs![0]!.data as number[];
  },
  'TensorFlow Serving': async (_, rows) => {
    const instances = Array.from({ length: rows }, () => [...row]);
    const { body } = await gateway.request('/v1/models/means:predict', { method: 'POST', body: JSON.stringify({ instances }) });
    return body['predictions'] as number[];
  },
  gRPC: async (_, rows) => [...((await inferOverGrpc(grpc, 'means', [tensor(rows)])).outputs[0]!.data as Float32Array)],
};

test.each(Object.entries(ASK))('over %s, one row and several, one after the other', async (_, ask) => {
  const answers: number[] = [];
  for (let i = 0; i < 70; i++) answers.push(...(await ask(i, 1 + (i % 3))));
  expect(new Set(answers.map(Math.fround))).toEqual(new Set([MEAN]));
});

test('over all of them at once, merged, at maxConcurrency 16', async () => {
  const asks = Object.values(ASK);
  const answers = await Promise.all(Array.from({ length: 400 }, (_, i) => asks[i % asks.length]!(i, 1 + (i % 5))));
  expect(answers.map(({ length }) => length)).toEqual(Array.from({ length: 400 }, (_, i) => 1 + (i % 5)));
  expect(new Set(answers.flat().map(Math.fround))).toEqual(new Set([MEAN]));
});
