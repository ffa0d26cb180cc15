/** What the HTTP protocols say beside inferences, and how answers look on the wire. */
import { request } from 'node:http';
import { gunzipSync, inflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { GatewayBench, onnx, publish, routeOf, targetOf, type TestGateway } from '../support/gateway.js';
import { arithmeticModel, identityModel } from '../support/models/onnx.js';

let db: TestDatabase;
let bench: GatewayBench;
let gateway: TestGateway;

beforeAll(async () => {
  db = await createTestDatabase();
  bench = new GatewayBench();
  const [pair, row, text] = await Promise.all([
    bench.replica(onnx(arithmeticModel())),
    bench.replica(onnx(identityModel('FP32', ['n', 4]))),
    bench.replica(onnx(identityModel('BYTES', ['n']))),
  ]);
  const runtime = { runtime: 'onnx', format: 'onnx' };
  await publish(db.url, [
    routeOf([targetOf([pair], { ...runtime, versionNumber: 2 }), targetOf([], { ...runtime, versionNumber: 3, weight: 0, signature: pair.signature })], {
      name: 'pair',
    }),
    routeOf([targetOf([row], { ...runtime, versionNumber: 7, batching: { maxBatchSize: 8, maxDelayMs: 1.5 } })], { name: 'row' }),
    routeOf([targetOf([text], runtime)], { name: 'vision.text' }),
  ]);
  gateway = await bench.gateway(db.url, { PILOTHOUSE_MLFLOW_DEPLOYMENT: 'row' });
  await gateway.reaches('pair', 'row', 'vision.text');
}, 60_000);
afterAll(async () => {
  await bench.close();
  await db.drop();
});

interface Wire {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly bytes: Buffer;
}

/** As it is on the wire: `fetch` undoes compression, and asks for it where nobody does. */
function wire(path: string, body?: string | Buffer, headers: Record<string, string> = {}): Promise<Wire> {
  return new Promise((resolve, reject) => {
    const call = request(gateway.url + path, { method: body === undefined ? 'GET' : 'POST', headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, bytes: Buffer.concat(chunks) }));
    });
    call.on('error', reject);
    call.end(body);
  });
}
const post = async (path: string, body: unknown, headers?: Record<string, string>): Promise<string> =>
  (await wire(path, typeof body === 'string' ? body : JSON.stringify(body), headers)).bytes.toString();
const four = (data: unknown[], rows = 1) => ({ inputs: [{ name: 'x', datatype: 'FP32', shape: [rows, 4], data }] });

describe('Triton', () => {
  test('the repository, all of it or what is ready', async () => {
    const entry = (name: string, version: string) => ({ name, version, state: 'READY', reason: '' });
    const missing = { name: 'pair', version: '3', state: 'UNAVAILABLE', reason: 'no replica is ready' };
    expect(JSON.parse(await post('/v2/repository/index', ''))).toEqual([entry('pair', '2'), missing, entry('row', '7'), entry('vision.text', '1')]);
    expect(JSON.parse(await post('/v2/repository/index', { ready: true }))).toEqual([entry('pair', '2'), entry('row', '7'), entry('vision.text', '1')]);
  });

  test('the configuration, without the batch dimension where requests are merged', async () => {
    const config = await gateway.request('/v2/models/row/versions/7/config');
    expect(config.body).toMatchObject({
      name: 'row',
      max_batch_size: 8,
      input: [{ name: 'x', data_type: 'TYPE_FP32', dims: [4] }],
      dynamic_batching: { max_queue_delay_microseconds: 1500 },
    });
    expect((await gateway.request('/v2/models/vision.text/config')).body).toMatchObject({
      max_batch_size: 0,
      output: [{ data_type: 'TYPE_STRING', dims: [-1] }],
    });
  });

  test('statistics of one model, and of all', async () => {
    const before = ((await gateway.request('/v2/models/row/stats')).body['model_stats'] as { inference_stats: { success: { count: number } } }[])[0]!;
    await gateway.infer('row', four([1, 2, 3, 4]));
    const after = ((await gateway.request('/v2/models/row/versions/7/stats')).body['model_stats'] as (typeof before)[])[0]!;
    expect(after).toMatchObject({ name: 'row', version: '7' });
    expect(after.inference_stats.success.count).toBe(before.inference_stats.success.count + 1);
    expect(((await gateway.request('/v2/models/stats')).body['model_stats'] as unknown[]).length).toBe(4);
  });

  test('statistics say what input, runtime and output took, each measured by itself', async () => {
    type Total = { count: number; ns: number };
    type Parts = Record<'compute_input' | 'compute_infer' | 'compute_output', Total>;
    const statisticsOf = async () =>
      (
        (await gateway.request('/v2/models/vision.text/stats')).body['model_stats'] as {
          inference_stats: Parts & Record<'success' | 'queue', Total>;
          batch_stats: Parts[];
        }[]
      )[0]!;
    // Strings are packed and unpacked one by one: enough of them take a while.
    const inputs = [{ name: 'x', datatype: 'BYTES', shape: [2_000], data: Array.from({ length: 2_000 }, (_, i) => `${i}`) }];
    for (let i = 0; i < 3; i++) expect((await gateway.infer('vision.text', { inputs })).status).toBe(200);
    const { inference_stats: parts, batch_stats: batches } = await statisticsOf();
    const { compute_input: input, compute_infer: infer, compute_output: output, success, queue } = parts;
    expect([input.count, infer.count, output.count]).toEqual([success.count, success.count, success.count]);
    expect(input.ns).not.toBe(output.ns);
    for (const { ns } of [input, infer, output]) expect(ns).toBeGreaterThan(0);
    expect(queue.ns + input.ns + infer.ns + output.ns).toBeLessThanOrEqual(success.ns);
    // None of them was merged.
    for (const part of ['compute_input', 'compute_infer', 'compute_output'] as const)
      expect(batches.reduce((sum, batch) => sum + batch[part].ns, 0)).toBe(parts[part].ns);
  });

  test('classification: the highest of each row, as text, in JSON and binary', async () => {
    const body = (parameters: object) => ({ ...four([0.25, 3, 'NaN', 3, -1, -2, -3, -4], 2), outputs: [{ name: 'y', parameters }] });
    expect(JSON.parse(await post('/v2/models/row/infer', body({ classification: 2 })))).toMatchObject({
      outputs: [{ name: 'y', datatype: 'BYTES', shape: [2, 2], data: ['3.000000:1', '3.000000:3', '-1.000000:0', '-2.000000:1'] }],
    });
    const { headers, bytes } = await wire('/v2/models/row/infer', JSON.stringify(body({ classification: 9, binary_data: true })));
    const length = Number(headers['inference-header-content-length']);
    expect(JSON.parse(bytes.subarray(0, length).toString())).toMatchObject({
      outputs: [{ shape: [2, 4], parameters: { binary_data_size: bytes.length - length } }],
    });
  });
});

describe('TensorFlow Serving and KServe V1', () => {
  test('models, their states and signatures', async () => {
    expect((await gateway.request('/v1/models')).body).toEqual({ models: ['pair', 'row', 'vision.text'] });
    const state = (version: string, word: string) => ({ version, state: word, status: { error_code: 'OK', error_message: '' } });
    expect((await gateway.request('/v1/models/pair')).body).toEqual({
      name: 'pair',
      ready: true,
      model_version_status: [state('2', 'AVAILABLE'), state('3', 'LOADING')],
    });
    expect((await gateway.request('/v1/models/pair/versions/3')).body).toEqual({ name: 'pair', ready: false, model_version_status: [state('3', 'LOADING')] });
    const spec = (name: string, dtype: string, ...sizes: string[]) => ({
      dtype,
      tensor_shape: { dim: sizes.map((size) => ({ size, name: '' })), unknown_rank: false },
      name,
    });
    expect((await gateway.request('/v1/models/vision.text/metadata')).body).toEqual({
      model_spec: { name: 'vision.text', signature_name: '', version: '1' },
      metadata: {
        signature_def: {
          signature_def: {
            serving_default: {
              inputs: { x: spec('x', 'DT_STRING', '-1') },
              outputs: { y: spec('y', 'DT_STRING', '-1') },
              method_name: 'tensorflow/serving/predict',
            },
          },
        },
      },
    });
    expect((await gateway.request('/v1/models/row/versions/7/metadata')).body).toMatchObject({ model_spec: { version: '7' } });
  });

  test('predictions to the letter: floats that show it, bare NaN and Infinity, single outputs without a name', async () => {
    expect(await post('/v1/models/row:predict', '{"instances":[[1,-0.0,NaN,-Infinity],[0.1,1e30,2,3]]}')).toBe(
      '{"predictions":[[1.0,-0.0,NaN,-Infinity],[0.10000000149011612,1.0000000150474662e+30,2.0,3.0]]}',
    );
    expect(await post('/v1/models/pair/versions/2:predict', { inputs: { a: [[1, 2, 3]], b: [[4, 5, 6]] } })).toBe(
      '{"outputs":{"sum":[[5.0,7.0,9.0]],"product":[[4.0,10.0,18.0]],"maximum":[[4.0,5.0,6.0]]}}',
    );
    expect(await post('/v1/models/pair:predict', { instances: [{ b: [4, 5, 6], a: [1, 2, 3] }] })).toBe(
      '{"predictions":[{"sum":[5.0,7.0,9.0],"product":[4.0,10.0,18.0],"maximum":[4.0,5.0,6.0]}]}',
    );
    expect(await post('/v1/models/vision.text:predict', { instances: [{ b64: 'Z3LDvG4=' }, 'a'] })).toBe('{"predictions":["grün","a"]}');
  });
});

describe('MLflow', () => {
  test('the deployment named for the root, and any by its name', async () => {
    const csv = { 'content-type': 'text/csv' };
    expect(await post('/invocations', 'a,b,c,d\n1,,inf,-0\n', csv)).toBe('{"predictions":[[1.0,NaN,Infinity,-0.0]]}');
    expect(await post('/invocations', { dataframe_split: { columns: [0, 1, 2, 3], data: [[1, null, 2, 3]] } })).toBe('{"predictions":[[1.0,NaN,2.0,3.0]]}');
    expect(await post('/deployments/pair/invocations', { dataframe_records: [{ b: [4, 5, 6], a: [1, 2, 3] }] })).toBe(
      '{"predictions":[{"sum":[5.0,7.0,9.0],"product":[4.0,10.0,18.0],"maximum":[4.0,5.0,6.0]}]}',
    );
  });

  test('health and version', async () => {
    for (const path of ['/ping', '/health', '/deployments/pair/ping']) expect(await wire(path)).toMatchObject({ status: 200 });
    const version = await wire('/version');
    expect(version.headers['content-type']).toBe('text/plain');
    expect(version.bytes.toString()).toMatch(/^\d+\.\d+\.\d+/);
  });
});

describe('on the wire', () => {
  const rows = 2_000;
  const large = JSON.stringify(
    four(
      Array.from({ length: rows * 4 }, (_, i) => i % 100),
      rows,
    ),
  );

  test.each([
    ['gzip', gunzipSync],
    ['deflate', inflateSync],
  ] as const)('%s: large answers only, and the header tells the length of the plain JSON', async (coding, undo) => {
    const plain = await wire('/v2/models/row/infer', large);
    expect(plain.headers['content-encoding']).toBeUndefined();
    const packed = await wire('/v2/models/row/infer', large, { 'accept-encoding': coding });
    expect(packed.headers).toMatchObject({ 'content-encoding': coding, 'content-length': String(packed.bytes.length), 'x-pilothouse-version': '7' });
    expect(undo(packed.bytes).equals(plain.bytes)).toBe(true);
    expect(packed.bytes.length).toBeLessThan(plain.bytes.length / 2);
    const binary = JSON.stringify({ ...(JSON.parse(large) as object), parameters: { binary_data_output: true } });
    const mixed = await wire('/v2/models/row/infer', binary, { 'accept-encoding': `br;q=1, ${coding};q=0.5` });
    const bytes = undo(mixed.bytes);
    const length = Number(mixed.headers['inference-header-content-length']);
    expect(JSON.parse(bytes.subarray(0, length).toString())).toMatchObject({ outputs: [{ parameters: { binary_data_size: bytes.length - length } }] });
    const small = await wire('/v2/models/row/infer', JSON.stringify(four([1, 2, 3, 4])), { 'accept-encoding': coding });
    expect(small.headers['content-encoding']).toBeUndefined();
  });

  test.each(['identity', 'gzip;q=0', 'br', 'gzip;q=0, deflate;q=0.0', 'gzip;q=high'])('Accept-Encoding %s gets a plain answer', async (accepted) => {
    expect((await wire('/v2/models/row/infer', large, { 'accept-encoding': accepted })).headers['content-encoding']).toBeUndefined();
  });

  test('a tensor of 64 MiB, there and back, each byte in its place', async () => {
    const count = 4 * 1024 * 1024;
    const data = Buffer.from(Float32Array.from({ length: count * 4 }, (_, i) => i).buffer);
    const header = JSON.stringify({
      inputs: [{ name: 'x', datatype: 'FP32', shape: [count, 4], parameters: { binary_data_size: data.length } }],
      parameters: { binary_data_output: true, timeout: 60_000_000 },
    });
    const answer = await wire('/v2/models/row/infer', Buffer.concat([Buffer.from(header), data]), { 'inference-header-content-length': String(header.length) });
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('application/octet-stream');
    expect(answer.bytes.subarray(Number(answer.headers['inference-header-content-length'])).equals(data)).toBe(true);
  }, 120_000);
});
