/**
 * Outputs that are an input, unchanged: the library may answer them where the input lies, in memory that the next inference uses again
 * (runtimes/onnx/aligned-memory.ts). No answer may hold what a later request brought.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { GatewayBench, onnx, publish, routeOf, targetOf, type TestGateway } from '../support/gateway.js';
import { initializer, node, onnxModel, tensorValue, type Value } from '../support/models/onnx.js';

/** Long enough not to fit a socket's buffer at once. */
const WIDTH = 8192;
const float = (name: string): Buffer => tensorValue({ name, type: 'FP32', shape: ['n', WIDTH] });
const value = (name: string, type: Value['type']): Buffer => tensorValue({ name, type, shape: ['n', 1] });

/** `x`, `text` and `row` come back as they are, beside row number `row` of two; another row cannot be computed. */
const MODEL = onnxModel({
  nodes: [
    node('Identity', ['x'], ['same']),
    node('Flatten', ['x'], ['flat']),
    node('Identity', ['text'], ['sameText']),
    node('Gather', ['rows', 'row'], ['found']),
  ],
  inputs: [float('x'), value('text', 'BYTES'), value('row', 'INT64')],
  outputs: [float('x'), float('same'), float('flat'), value('text', 'BYTES'), value('sameText', 'BYTES'), value('row', 'INT64'), value('found', 'INT64')],
  initializers: [initializer('rows', 'INT64', [2], Buffer.from(BigInt64Array.of(10n, 11n).buffer))],
});

let db: TestDatabase;
let bench: GatewayBench;
let gateway: TestGateway;

beforeAll(async () => {
  db = await createTestDatabase();
  bench = new GatewayBench();
  const replica = await bench.replica(onnx(MODEL), { maxConcurrency: 16 });
  const batching = { maxBatchSize: 8, maxDelayMs: 0 };
  await publish(db.url, [
    routeOf([targetOf([replica], { batching })], { name: 'merged', maxConcurrency: 16, maxQueue: 1000 }),
    routeOf([targetOf([replica])], { name: 'alone', maxConcurrency: 16, maxQueue: 1000 }),
  ]);
  gateway = await bench.gateway(db.url);
  await gateway.reaches('merged', 'alone');
}, 120_000);
afterAll(async () => {
  await bench.close();
  await db.drop();
});

async function ask(model: string, mark: number, rows: number, row: number): Promise<{ status: number; body: string; floats: Float32Array[] }> {
  const x = Buffer.from(new Float32Array(rows * WIDTH).fill(mark).buffer);
  const header = Buffer.from(
    JSON.stringify({
      inputs: [
        { name: 'x', datatype: 'FP32', shape: [rows, WIDTH], parameters: { binary_data_size: x.length } },
        { name: 'text', datatype: 'BYTES', shape: [rows, 1], data: Array<string>(rows).fill(`text ${mark}`) },
        { name: 'row', datatype: 'INT64', shape: [rows, 1], data: Array<number>(rows).fill(row) },
      ],
      outputs: ['x', 'same', 'flat', 'text', 'sameText', 'row', 'found'].map((name, i) => ({ name, parameters: { binary_data: i < 3 } })),
    }),
  );
  const headers = { 'inference-header-content-length': String(header.length), 'content-type': 'application/octet-stream' };
  const response = await fetch(`${gateway.url}/v2/models/${model}/infer`, { method: 'POST', body: Buffer.concat([header, x]), headers });
  const bytes = Buffer.from(await response.arrayBuffer());
  const length = Number(response.headers.get('inference-header-content-length') ?? bytes.length);
  const floats = [0, 1, 2].map((i) => new Float32Array(Uint8Array.from(bytes.subarray(length + i * x.length, length + (i + 1) * x.length)).buffer));
  return { status: response.status, body: bytes.subarray(0, length).toString(), floats };
}

test.each(['merged', 'alone'])(
  'every caller gets back what is his own, beside requests that fail: %s',
  async (model) => {
    const callers = Array.from({ length: 8 }, async (_, caller) => {
      for (let i = 0; i < 25; i++) {
        const mark = 1 + caller * 1000 + i;
        const rows = 1 + (mark % 3);
        const fails = (caller + i) % 5 === 0;
        const { status, body, floats } = await ask(model, mark, rows, fails ? 7 : mark % 2);
        if (fails) {
          expect([status, body]).toEqual([400, expect.stringContaining('the model cannot compute this request')]);
          continue;
        }
        expect([status, status === 200 ? '' : body]).toEqual([200, '']);
        const outputs = (JSON.parse(body) as { outputs: { data?: unknown[] }[] }).outputs.map(({ data }) => data);
        const text = Array<string>(rows).fill(`text ${mark}`);
        const numbers = (number: number): number[] => Array<number>(rows).fill(number);
        expect(outputs.slice(3)).toEqual([text, text, numbers(mark % 2), numbers(10 + (mark % 2))]);
        expect(floats.map((values) => [values.length, values.every((value) => value === mark)])).toEqual(Array(3).fill([rows * WIDTH, true]));
      }
    });
    await Promise.all(callers);
  },
  120_000,
);
