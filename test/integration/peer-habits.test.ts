/** What clients of other servers send by habit, and these servers take: each form over every protocol that has it. */
import { get } from 'node:http';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Tensor } from '../../runtimes/tensor.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { GatewayBench, onnx, publish, routeOf, targetOf, type TestGateway } from '../support/gateway.js';
import { GrpcClient, inferMessage, inferOverGrpc, tensorsOf, type InferResponseMessage, type StreamAnswer } from '../support/grpc.js';
import { arithmeticModel, identityModel } from '../support/models/onnx.js';

let db: TestDatabase;
let bench: GatewayBench;
let gateway: TestGateway;
let client: GrpcClient;

beforeAll(async () => {
  db = await createTestDatabase();
  bench = new GatewayBench();
  const [column, grid, text, pair] = await Promise.all([
    bench.replica(onnx(identityModel('FP32', ['n']))),
    bench.replica(onnx(identityModel('FP32', ['n', 4]))),
    bench.replica(onnx(identityModel('BYTES', ['n']))),
    bench.replica(onnx(arithmeticModel())),
  ]);
  const onnxTarget = { runtime: 'onnx', format: 'onnx' };
  await publish(db.url, [
    routeOf([targetOf([column], { ...onnxTarget, versionNumber: 3, batching: { maxBatchSize: 8, maxDelayMs: 0 } })], { name: 'column' }),
    routeOf([targetOf([grid], { ...onnxTarget, versionNumber: 7 })], { name: 'grid' }),
    routeOf([targetOf([text], onnxTarget)], { name: 'text' }),
    routeOf([targetOf([pair], onnxTarget)], { name: 'pair' }),
  ]);
  gateway = await bench.gateway(db.url, { PILOTHOUSE_MLFLOW_DEPLOYMENT: 'grid' });
  await gateway.reaches('column', 'grid', 'text', 'pair');
  client = new GrpcClient(`127.0.0.1:${gateway.grpcPort}`);
}, 60_000);
afterAll(async () => {
  client?.close();
  await bench.close();
  await db.drop();
});

const post = (path: string, body: unknown) =>
  gateway.request(path, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
/** Not with `fetch`, which resolves dots. */
const raw = (path: string): Promise<{ code: number; body: unknown }> =>
  new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port: gateway.port, path, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ code: response.statusCode!, body: JSON.parse(String(Buffer.concat(chunks))) }));
    }).on('error', reject);
  });
const row = { name: 'x', datatype: 'FP32', shape: [1, 4], data: [1, 2, 3, 4] };
const floats = (shape: number[], ...values: number[]): Tensor => ({ name: 'x', datatype: 'FP32', shape, data: Float32Array.from(values) });
const texts = (shape: number[], ...values: string[]): Tensor => ({
  name: 'x',
  datatype: 'BYTES',
  shape,
  data: values.map((value) => Buffer.from(value)),
});

describe('null stands for what is absent', () => {
  test('Open Inference: id, parameters and values in them, outputs', async () => {
    const parameters = { timeout: null, binary_data_output: null, content_type: null, mine: null };
    const input = { ...row, parameters: { binary_data_size: null, content_type: null, shared_memory_region: null } };
    const outputs = [{ name: 'y', parameters: { binary_data: null, classification: null, content_type: null } }];
    for (const more of [{ outputs }, { outputs: null, parameters: null }, { outputs: [{ name: 'y', parameters: null }] }]) {
      const { status: code, body } = await gateway.infer('grid', { id: null, parameters, inputs: [input], ...more });
      expect({ code, body }).toMatchObject({ code: 200, body: { outputs: [{ name: 'y', data: [1, 2, 3, 4] }] } });
      expect(body).not.toHaveProperty('id');
    }
  });

  test('Open Inference: data beside binary data', async () => {
    const header = JSON.stringify({ id: null, inputs: [{ ...row, data: null, parameters: { binary_data_size: 16 } }] });
    const answer = await gateway.infer('grid', '', {
      body: Buffer.concat([Buffer.from(header), Buffer.from(Float32Array.of(1, 2, 3, 4).buffer)]),
      headers: { 'inference-header-content-length': String(header.length) },
    });
    expect(answer.body).toMatchObject({ outputs: [{ data: [1, 2, 3, 4] }] });
  });

  test('Open Inference over gRPC: a parameter without a value', async () => {
    const message = inferMessage('grid', [floats([1, 4], 1, 2, 3, 4)], { parameters: { timeout: {}, mine: {} } }) as { inputs: object[] };
    Object.assign(message.inputs[0]!, { parameters: { shared_memory_region: {} } });
    const { message: answer } = await client.call<InferResponseMessage>('ModelInfer', {
      ...message,
      outputs: [{ name: 'y', parameters: { classification: {} } }],
    });
    expect(tensorsOf(answer)).toMatchObject([{ name: 'y', shape: [1, 4] }]);
  });

  test.each([
    ['TensorFlow Serving, by row', '/v1/models/grid:predict', { signature_name: null, instances: [[1, 2, 3, 4]], inputs: null }],
    ['TensorFlow Serving, by column', '/v1/models/grid:predict', { signature_name: null, instances: null, inputs: [[1, 2, 3, 4]] }],
    ['MLflow, instances', '/invocations', { params: null, dataframe_split: null, instances: [[1, 2, 3, 4]] }],
    ['MLflow, params', '/invocations', { params: { timeout: null }, inputs: [[1, 2, 3, 4]] }],
    ['MLflow, dataframe_split', '/invocations', { inputs: null, dataframe_split: { columns: null, index: null, data: [[1, 2, 3, 4]] } }],
  ])('%s', async (_title, path, body) => {
    const answer = await post(path, body);
    expect(answer.status).toBe(200);
    expect(answer.body['predictions'] ?? answer.body['outputs']).toEqual([[1, 2, 3, 4]]);
  });

  test("Triton's repository index", async () => {
    expect((await post('/v2/repository/index', { ready: null })).body).toHaveLength(4);
  });

  test('what must be there is missed by its name', async () => {
    expect((await gateway.infer('grid', { inputs: null })).body.error).toBe('"inputs" is missing');
    expect((await gateway.infer('grid', { inputs: [{ ...row, data: null }] })).body.error).toBe('inputs[0] "x": "data" is missing');
    expect((await post('/v1/models/grid:predict', { instances: null })).body.error).toMatch(/neither "instances" \(by row\) nor "inputs"/);
  });
});

describe('paths', () => {
  test.each([
    ['/v2'],
    ['/v2/health/live'],
    ['/v2/health/ready'],
    ['/v2/models/grid'],
    ['/v2/models/grid/ready'],
    ['/v2/models/grid/versions/7'],
    ['/v2/models/grid/config'],
    ['/v1/models'],
    ['/v1/models/grid'],
    ['/v1/models/grid/metadata'],
    ['/v1/models/grid/versions/7'],
  ])('GET %s with slashes at the end, and percent-encoded, answers the same', async (path) => {
    const plain = await gateway.request(path);
    expect(plain.status).toBe(200);
    for (const other of [`${path}/`, `${path}//`, `${path}/?a=b`, path.replace('/v', '/%76').replace('models', 'mod%65ls').replace('grid', 'gr%69d')])
      expect({ path: other, ...(await gateway.request(other)), headers: undefined }).toEqual({ path: other, ...plain, headers: undefined });
  });

  test('other routes too', async () => {
    for (const path of ['/metrics/', '/ping/', '/%70ing', '/health/', '/version/', '/deployments/grid/ping/'])
      expect({ path, status: (await fetch(gateway.url + path)).status }).toEqual({ path, status: 200 });
  });

  test.each([
    ['/v2/models/grid/infer', { inputs: [row] }],
    ['/v2/models/grid/versions/7/infer', { inputs: [row] }],
    ['/v1/models/grid:predict', { instances: [[1, 2, 3, 4]] }],
    ['/v1/models/grid/versions/7:predict', { instances: [[1, 2, 3, 4]] }],
    ['/invocations', { instances: [[1, 2, 3, 4]] }],
    ['/deployments/grid/invocations', { instances: [[1, 2, 3, 4]] }],
    ['/v2/repository/index', {}],
  ])('POST %s too', async (path, body) => {
    const plain = await post(path, body);
    expect(plain.status).toBe(200);
    for (const other of [`${path}/`, path.replace(':', '%3A'), path.replace(':', '%3a').replace('grid', 'gr%69d')])
      expect((await post(other, body)).body).toEqual(plain.body);
  });

  test.each([
    ['a slash within a segment stays there', '/v2/models%2Fgrid', 404, /unknown path/],
    ['a segment that climbs', '/v2/models/%2e%2E/ready', 400, /must not have "\." or "\.\."/],
    ['a segment that is no UTF-8', '/v2/models/grid/%ff', 400, /"%ff" in the path is not percent-encoded UTF-8/],
    ['an encoded percent sign is decoded once', '/v2/models/gr%2569d', 400, /"gr%69d" is not a valid model name/],
    ['no version', '/v2/models/grid/versions/', 404, /unknown path/],
    ['only slashes', '///', 404, /unknown path/],
  ])('%s', async (_what, path, code, error) => {
    expect(await raw(path)).toMatchObject({ code, body: { error: expect.stringMatching(error) as string } });
  });
});

describe('version 0, which OpenVINO Model Server takes for the default one', () => {
  test.each([
    ['/v1/models/grid/versions/0', '/v1/models/grid'],
    ['/v1/models/grid/versions/0/metadata', '/v1/models/grid/metadata'],
    ['/v2/models/grid/versions/0', '/v2/models/grid'],
    ['/v2/models/grid/versions/0/ready', '/v2/models/grid/ready'],
    ['/v2/models/grid/versions/0/config', '/v2/models/grid/config'],
  ])('GET %s answers as %s', async (zero, plain) => {
    const { status: code, body } = await gateway.request(zero);
    expect({ code, body }).toEqual({ code: 200, body: (await gateway.request(plain)).body });
  });

  test('inferences over REST and gRPC say which version answered', async () => {
    expect(await post('/v1/models/grid/versions/0:predict', { inputs: { x: [[1, 2, 3, 4]] } })).toMatchObject({
      status: 200,
      body: { outputs: [[1, 2, 3, 4]] },
    });
    expect((await post('/v2/models/grid/versions/0/infer', { inputs: [row] })).body).toMatchObject({ model_version: '7' });
    expect(await inferOverGrpc(client, 'grid', [floats([1, 4], 1, 2, 3, 4)], { version: '0' })).toMatchObject({ version: '7' });
    expect((await client.call('ModelReady', { name: 'grid', version: '0' })).message).toEqual({ ready: true });
  });

  test.each(['00', '-0', '-1', '0.0'])('%s is none', async (version) => {
    expect((await gateway.request(`/v2/models/grid/versions/${version}`)).body.error).toMatch(/is not a positive whole number; 0 stands for any version/);
  });
});

describe("MLServer's content types", () => {
  const base64 = { content_type: 'base64' };
  const bytes = (data: unknown[], parameters: unknown, shape = [data.length, 1]) => ({ inputs: [{ name: 'x', datatype: 'BYTES', shape, data, parameters }] });

  test('base64 is decoded: JSON, binary data, and both forms over gRPC', async () => {
    expect((await gateway.infer('text', bytes(['Z3LDvG4=', ''], base64))).body).toMatchObject({ outputs: [{ data: ['grün', ''] }] });
    const header = JSON.stringify({ inputs: [{ name: 'x', datatype: 'BYTES', shape: [1], parameters: { ...base64, binary_data_size: 12 } }] });
    const body = Buffer.concat([Buffer.from(header), Buffer.from([8, 0, 0, 0]), Buffer.from('Z3LDvG4=')]);
    const binary = await gateway.infer('text', '', { body, headers: { 'inference-header-content-length': String(header.length) } });
    expect(binary.body).toMatchObject({ outputs: [{ data: ['grün'] }] });
    for (const typed of [true, false]) {
      const message = inferMessage('text', [texts([1, 1], 'Z3LDvG4=')], { typed }) as { inputs: object[] };
      Object.assign(message.inputs[0]!, { parameters: { content_type: { string_param: 'base64' } } });
      const { message: answer } = await client.call<InferResponseMessage>('ModelInfer', message);
      expect(String((tensorsOf(answer)[0]!.data as Uint8Array[])[0])).toBe('grün');
    }
  });

  test('an output is encoded where the request says so: REST, gRPC and its stream', async () => {
    const inputs = bytes(['Z3LDvG4='], base64).inputs;
    const outputs = [{ name: 'y', parameters: base64 }];
    expect((await gateway.infer('text', { inputs, outputs })).body).toMatchObject({
      outputs: [{ parameters: base64, shape: [1], datatype: 'BYTES', data: ['Z3LDvG4='] }],
    });
    const message = {
      ...inferMessage('text', [texts([1], 'grün')]),
      outputs: [{ name: 'y', parameters: { content_type: { string_param: 'base64' } } }],
    };
    const { message: answer } = await client.call<InferResponseMessage>('ModelInfer', message);
    expect(answer.outputs).toMatchObject([{ parameters: { content_type: { string_param: 'base64' } } }]);
    expect(String((tensorsOf(answer)[0]!.data as Uint8Array[])[0])).toBe('Z3LDvG4=');
    const stream = client.stream();
    const answered = new Promise<StreamAnswer>((resolve, reject) => stream.once('data', resolve).once('error', reject));
    stream.write(message);
    expect(String((tensorsOf((await answered).infer_response)[0]!.data as Uint8Array[])[0])).toBe('Z3LDvG4=');
    stream.end();
  });

  test('null is NaN in numbers that NumPy or pandas wrote', async () => {
    const data = [1, null, [3, null]].flat();
    const body = (own: unknown, common: unknown) => ({ parameters: common, inputs: [{ ...row, data, parameters: own }] });
    for (const [own, common] of [
      [{ content_type: 'np' }, null],
      [null, { content_type: 'pd' }],
    ])
      expect((await gateway.infer('grid', body(own, common))).body).toMatchObject({ outputs: [{ data: [1, 'NaN', 3, 'NaN'] }] });
    expect(await gateway.infer('grid', body({ content_type: 'str' }, null))).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining('element 1 of the data is null') as string },
    });
    expect((await gateway.infer('grid', { inputs: [{ ...row, data: null, parameters: { content_type: 'np' } }] })).body.error).toBe(
      'inputs[0] "x": "data" is missing',
    );
  });

  test('those that leave the elements alone are taken, of a request too', async () => {
    for (const type of ['np', 'pd', 'str', 'datetime'])
      expect((await gateway.infer('text', bytes(['2026-11-29T00:00:00'], { content_type: type }))).body).toMatchObject({
        outputs: [{ data: ['2026-11-29T00:00:00'] }],
      });
    for (const type of ['np', 'pd', 'str'])
      expect((await gateway.infer('grid', { parameters: { content_type: type }, inputs: [{ ...row, parameters: { content_type: 'np' } }] })).status).toBe(200);
  });

  test.each([
    ['not base64', 'text', bytes(['Z3LDvG4=', 'grün'], base64), 'inputs[0] "x": element 1 is not base64'],
    ['no padding', 'text', bytes(['Z3LDvG4'], base64), 'inputs[0] "x": element 0 is not base64'],
    [
      'numbers',
      'grid',
      { inputs: [{ ...row, parameters: base64 }] },
      'inputs[0] "x": "content_type" is "base64" and the datatype is FP32; only BYTES can be base64',
    ],
    [
      'one that nobody has',
      'text',
      bytes(['a'], { content_type: 'pillow_image' }),
      'inputs[0] "x": "content_type" "pillow_image" is unknown; known are "base64", "str"',
    ],
    ['one that is no text', 'text', bytes(['a'], { content_type: 7 }), 'inputs[0] "x": "content_type" 7 is unknown'],
    [
      'base64 for all inputs',
      'text',
      { ...bytes(['YQ=='], null), parameters: base64 },
      '"content_type" of the request is "base64"; set it in the parameters of each input',
    ],
    [
      'an unknown one for all',
      'text',
      { ...bytes(['a'], null), parameters: { content_type: 'x' } },
      '"content_type" "x" of the request is unknown; known are "str", "np" and "pd"',
    ],
    [
      'an output of numbers',
      'grid',
      { inputs: [row], outputs: [{ name: 'y', parameters: base64 }] },
      'output "y": "content_type" is "base64" and the datatype is FP32',
    ],
    [
      'classes as base64',
      'grid',
      { inputs: [row], outputs: [{ name: 'y', parameters: { ...base64, classification: 2 } }] },
      'it has both "classification" and',
    ],
  ])('refused: %s', async (_what, model, body, error) => {
    expect(await gateway.infer(model, body)).toMatchObject({ status: 400, body: { error: expect.stringContaining(error) as string } });
  });

  test('refused over gRPC', async () => {
    const message = inferMessage('text', [texts([1], 'ä')]) as { inputs: object[] };
    Object.assign(message.inputs[0]!, { parameters: { content_type: { string_param: 'base64' } } });
    await expect(client.call('ModelInfer', message)).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining('input "x": element 0 is not base64') as string,
    });
    const many = inferMessage('text', [texts([20_000], ...Array.from({ length: 20_000 }, () => 'YQ=='))]) as { inputs: object[] };
    Object.assign(many.inputs[0]!, { parameters: { content_type: { string_param: 'base64' } } });
    await expect(client.call('ModelInfer', many)).rejects.toMatchObject({
      details: expect.stringContaining('20000 elements are base64 in binary data; the limit is 16384') as string,
    });
    const answer = {
      ...inferMessage('text', [texts([20_000], ...Array.from({ length: 20_000 }, () => 'a'))]),
      outputs: [{ name: 'y', parameters: { content_type: { string_param: 'base64' } } }],
    };
    await expect(client.call('ModelInfer', answer)).rejects.toMatchObject({
      details: expect.stringContaining('base64 over gRPC is limited to 16384 elements') as string,
    });
  });
});

describe('rows under "inputs"', () => {
  const rows = [
    { a: [1, 2, 3], b: [4, 5, 6] },
    { b: [1, 1, 1], a: [0, 0, 0] },
  ];
  const sums = [
    [5, 7, 9],
    [1, 1, 1],
  ];

  test('KServe V1 and MLflow take named rows, and answer by row', async () => {
    for (const path of ['/v1/models/pair:predict', '/deployments/pair/invocations']) {
      const predictions = (await post(path, { inputs: rows })).body['predictions'] as { sum: number[] }[];
      expect(predictions.map(({ sum }) => sum)).toEqual(sums);
    }
    expect((await post('/v1/models/grid:predict', { inputs: [{ x: [1, 2, 3, 4] }] })).body).toEqual({ predictions: [[1, 2, 3, 4]] });
  });

  test('a plain list is the one input, as TensorFlow Serving has it', async () => {
    expect(
      (
        await post('/v1/models/grid:predict', {
          inputs: [
            [1, 2, 3, 4],
            [5, 6, 7, 8],
          ],
        })
      ).body,
    ).toEqual({
      outputs: [
        [1, 2, 3, 4],
        [5, 6, 7, 8],
      ],
    });
    expect((await post('/v1/models/column:predict', { inputs: [1, 2] })).body).toEqual({ outputs: [1, 2] });
    expect((await post('/v1/models/text:predict', { inputs: [{ b64: 'YQ==' }] })).body).toEqual({ outputs: ['a'] });
  });

  test('a plain list for several inputs says what is missing', async () => {
    expect(await post('/v1/models/pair:predict', { inputs: [[1, 2, 3]] })).toMatchObject({
      status: 400,
      body: { error: '"inputs" must be an object, not an array' },
    });
  });
});

describe('[n, 1] where the signature has [n]', () => {
  test('Open Inference over REST and gRPC, typed and raw; the output has the shape of the model', async () => {
    const input = { name: 'x', datatype: 'FP32', shape: [3, 1], data: [1, 2, 3] };
    for (const data of [input.data, [[1], [2], [3]]])
      expect((await gateway.infer('column', { inputs: [{ ...input, data }] })).body).toMatchObject({ outputs: [{ shape: [3], data: [1, 2, 3] }] });
    for (const typed of [true, false]) {
      expect((await inferOverGrpc(client, 'column', [floats([3, 1], 1, 2, 3)], { typed })).outputs).toMatchObject([{ shape: [3] }]);
      expect((await inferOverGrpc(client, 'text', [texts([2, 1], 'a', 'b')], { typed })).outputs).toMatchObject([{ shape: [2] }]);
    }
  });

  test('TensorFlow Serving and MLflow', async () => {
    expect((await post('/v1/models/column:predict', { instances: [[1], [2]] })).body).toEqual({ predictions: [1, 2] });
    expect((await post('/v1/models/column:predict', { inputs: { x: [[1], [2]] } })).body).toEqual({ outputs: [1, 2] });
    expect((await post('/deployments/column/invocations', { inputs: [[1], [2]] })).body).toEqual({ predictions: [1, 2] });
  });

  test.each([
    [[2, 2], 4, '[2, 2]'],
    [[2, 1, 1], 2, '[2, 1, 1]'],
    [[1, 2], 2, '[1, 2]'],
  ])('%j is still refused', async (shape, count, shown) => {
    const body = { inputs: [{ name: 'x', datatype: 'FP32', shape, data: Array.from({ length: count }, () => 1) }] };
    expect((await gateway.infer('column', body)).body.error).toBe(`input "x" has shape ${shown}; the model takes [-1], where -1 may be any size`);
    expect((await gateway.infer('grid', { inputs: [{ ...row, shape: [1, 3, 1], data: [1, 2, 3] }] })).body.error).toMatch(
      /has shape \[1, 3, 1\]; the model takes \[-1, 4\]/,
    );
  });
});
