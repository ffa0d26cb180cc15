import { createHash, randomUUID } from 'node:crypto';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { once } from 'node:events';
import { status, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allocate, bytesOf, type Datatype, type NumericDatatype, type Tensor } from '../../runtimes/tensor.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { COMMAND_MODEL, GatewayBench, onnx, publish, routeOf, targetOf, type TestGateway } from '../support/gateway.js';
import { GrpcClient, inferCodec, inferMessage, inferOverGrpc, tensorsOf, type InferResponseMessage, type StreamAnswer } from '../support/grpc.js';
import { arithmeticModel, identityModel } from '../support/models/onnx.js';

let db: TestDatabase;
let bench: GatewayBench;
let gateway: TestGateway;
let client: GrpcClient;

const clientOf = ({ grpcPort }: TestGateway, options = {}): GrpcClient => new GrpcClient(`127.0.0.1:${grpcPort}`, options);
const IDENTITIES = ['INT64', 'FP32', 'BYTES'] as const;

beforeAll(async () => {
  db = await createTestDatabase();
  bench = new GatewayBench();
  const [command, arithmetic, ...identities] = await Promise.all([
    // What a caller gives up goes on there, and takes a place.
    bench.replica(COMMAND_MODEL, { maxConcurrency: 16 }),
    bench.replica(onnx(arithmeticModel())),
    ...IDENTITIES.map((type) => bench.replica(onnx(identityModel(type, ['n'])))),
  ]);
  await publish(db.url, [
    routeOf([targetOf([command], { versionNumber: 3 })], { maxConcurrency: 1, maxQueue: 1 }),
    routeOf([targetOf([arithmetic], { versionNumber: 1 })], { name: 'arithmetic' }),
    ...IDENTITIES.map((type, i) =>
      routeOf(
        [
          targetOf([identities[i]!], { versionNumber: 2, runtime: 'onnx', format: 'onnx' }),
          targetOf([], { versionNumber: 5, weight: 0, signature: identities[i]!.signature }),
        ],
        {
          name: `vision.${type}`,
        },
      ),
    ),
    routeOf([targetOf([], { signature: arithmetic.signature, batching: { maxBatchSize: 8, maxDelayMs: 1.5 } })], { name: 'empty', timeoutMs: 150 }),
  ]);
  gateway = await bench.gateway(db.url);
  await gateway.reaches('m', 'arithmetic', ...IDENTITIES.map((type) => `vision.${type}`));
  client = clientOf(gateway);
}, 60_000);
afterAll(async () => {
  client?.close();
  await bench.close();
  await db.drop();
});

const bytesTensor = (name: string, ...texts: string[]): Tensor => ({
  name,
  datatype: 'BYTES',
  shape: [texts.length],
  data: texts.map((text) => Buffer.from(text)),
});
const command = (text: string): Tensor[] => [bytesTensor('command', text)];
const floats = (...values: number[]): Tensor => ({ name: 'x', datatype: 'FP32', shape: [values.length], data: Float32Array.from(values) });
interface Statistics {
  readonly inference_stats: Readonly<Record<'success' | 'fail', { readonly count: string }>>;
}
/** Of `m`. */
const failures = async (): Promise<number> => {
  const { message } = await client.call<{ model_stats: Statistics[] }>('ModelStatistics', { name: 'm' });
  return Number(message.model_stats[0]!.inference_stats.fail.count);
};
const failure = (promise: Promise<unknown>): Promise<ServiceError> =>
  promise.then(
    () => Promise.reject(new Error('it was answered')),
    (error: ServiceError) => error,
  );

describe('what is asked about', () => {
  test('the server, its health, and models', async () => {
    expect((await client.call('ServerLive')).message).toEqual({ live: true });
    expect((await client.call('ServerReady')).message).toEqual({ ready: true });
    // Classification is an extension that only REST has here.
    const extensions = ['classification', 'model_configuration', 'model_repository', 'parameters', 'statistics'];
    expect((await client.call('ServerMetadata')).message).toEqual({ name: 'pilothouse', version: expect.stringMatching(/^\d/), extensions });
    expect((await client.call('ModelReady', { name: 'vision.FP32' })).message).toEqual({ ready: true });
    expect((await client.call('ModelReady', { name: 'vision.FP32', version: '5' })).message).toEqual({ ready: false });
    expect((await client.call('ModelReady', { name: 'nobody' })).message).toEqual({ ready: false });
    const tensor = (name: string) => ({ name, datatype: 'FP32', shape: ['-1'], parameters: {} });
    const tensors = { inputs: [tensor('x')], outputs: [tensor('y')] };
    expect((await client.call('ModelMetadata', { name: 'vision.FP32' })).message).toEqual({
      name: 'vision.FP32',
      versions: ['2', '5'],
      platform: 'onnx_onnx',
      ...tensors,
    });
    expect((await client.call('Check')).message).toEqual({ status: 'SERVING' });
    expect((await client.call('Check', { service: 'inference.GRPCInferenceService' })).message).toEqual({ status: 'SERVING' });
    expect(await failure(client.call('Check', { service: 'nobody' }))).toMatchObject({ code: status.NOT_FOUND });
  });

  test('configuration, with the batch dimension left out where requests are merged', async () => {
    const tensor = { data_type: 'TYPE_FP32', dims: ['-1'] };
    expect((await client.call('ModelConfig', { name: 'vision.FP32' })).message['config']).toMatchObject({
      name: 'vision.FP32',
      platform: 'onnx_onnx',
      backend: 'onnx',
      max_batch_size: 0,
      input: [{ name: 'x', ...tensor }],
      output: [{ name: 'y', ...tensor }],
      dynamic_batching: null,
    });
    expect((await client.call('ModelConfig', { name: 'empty' })).message['config']).toMatchObject({
      max_batch_size: 8,
      input: [{ name: 'a', dims: ['3'] }, { name: 'b' }],
      dynamic_batching: { max_queue_delay_microseconds: '1500' },
    });
    expect((await client.call('ModelConfig', { name: 'vision.BYTES' })).message).toMatchObject({ config: { input: [{ data_type: 'TYPE_STRING' }] } });
  });

  test("the repository's index and statistics", async () => {
    const { models } = (await client.call('RepositoryIndex')).message as { models: { name: string; version: string; state: string }[] };
    expect(models.find(({ name }) => name === 'm')).toEqual({ name: 'm', version: '3', state: 'READY', reason: '' });
    expect(models.filter(({ name }) => name === 'vision.FP32').map(({ version, state }) => [version, state])).toEqual([
      ['2', 'READY'],
      ['5', 'UNAVAILABLE'],
    ]);
    const ready = (await client.call('RepositoryIndex', { ready: true })).message as { models: { state: string }[] };
    expect(ready.models).toHaveLength(2 + IDENTITIES.length);
    const statistics = async (request: object): Promise<Statistics[]> =>
      (await client.call<{ model_stats: Statistics[] }>('ModelStatistics', request)).message.model_stats;
    const [before] = await statistics({ name: 'vision.FP32', version: '2' });
    await inferOverGrpc(client, 'vision.FP32', [floats(1, 2, 3)]);
    const [after] = await statistics({ name: 'vision.FP32', version: '2' });
    expect(after).toMatchObject({ name: 'vision.FP32', version: '2' });
    expect(Number(after!.inference_stats.success.count) - Number(before!.inference_stats.success.count)).toBe(1);
    expect(await statistics({})).toHaveLength(3 + 2 * IDENTITIES.length);
  });

  test('models are not loaded here', async () => {
    for (const method of ['RepositoryModelLoad', 'RepositoryModelUnload']) {
      expect(await failure(client.call(method, { model_name: 'm' }))).toMatchObject({
        code: status.UNIMPLEMENTED,
        details: expect.stringContaining('control plane'),
      });
    }
  });
});

/** Values that lose something wherever a number passes through something smaller. */
function telling(datatype: Datatype): Tensor {
  if (datatype === 'BYTES')
    return {
      name: 'x',
      datatype,
      shape: [4],
      data: ['', 'ünï', '日本', 'x'.repeat(300)].map((text) => Buffer.from(text)),
    };
  if (datatype === 'INT64') return { name: 'x', datatype, shape: [5], data: BigInt64Array.of(0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 9007199254740993n) };
  return { name: 'x', datatype, shape: [6], data: Float32Array.of(-0, NaN, -Infinity, 1e-45, Math.fround(0.1), 3.4028234e38) };
}

describe('an inference', () => {
  test('classification: the highest values of an output instead of it', async () => {
    const scores = (classification: unknown) => ({
      ...inferMessage('vision.FP32', [{ name: 'x', datatype: 'FP32', shape: [4], data: Float32Array.of(0.5, 3, -1, 2) }]),
      outputs: [{ name: 'y', parameters: { classification } }],
    });
    const { message } = await client.call<InferResponseMessage>('ModelInfer', scores({ int64_param: 2 }));
    expect(tensorsOf(message)).toEqual([{ name: 'y', datatype: 'BYTES', shape: [2], data: ['3.000000:1', '2.000000:3'].map((text) => Buffer.from(text)) }]);
    expect(await failure(client.call('ModelInfer', scores({ string_param: 'two' })))).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining('"classification" is "two"; it must be the number of classes wanted'),
    });
    expect(await failure(client.call('ModelInfer', scores({ int64_param: 1_025 })))).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: 'output "y": the parameter "classification" is 1025; it must be the number of classes wanted, at most 1024',
    });
    const many = { ...inferMessage('vision.FP32', [floats(...new Float32Array(80_000))]), outputs: scores({ int64_param: 1 }).outputs };
    expect(await failure(client.call('ModelInfer', many))).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: 'too much to classify over gRPC: "y" [80000]; ask for fewer classes or rows, or for the tensor itself',
    });
  });

  test.each(IDENTITIES)('%s: raw and typed, to the bit', async (datatype) => {
    const input = telling(datatype);
    for (const typed of [false, true]) {
      const { outputs, version, id, metadata } = await inferOverGrpc(client, `vision.${datatype}`, [input], {
        typed,
        id: 'eins',
        metadata: { 'x-request-id': 'mine' },
      });
      expect(outputs).toEqual([{ ...input, name: 'y' }]);
      expect([version, id]).toEqual(['2', 'eins']);
      expect(metadata).toMatchObject({ 'x-pilothouse-version': '2', 'x-request-id': 'mine' });
    }
    const empty = { ...input, shape: [0], data: datatype === 'BYTES' ? [] : allocate(datatype as NumericDatatype, 0) };
    expect((await inferOverGrpc(client, `vision.${datatype}`, [empty])).outputs).toEqual([{ ...empty, name: 'y' }]);
    expect((await inferOverGrpc(client, `vision.${datatype}`, [empty], { typed: true, version: '2' })).outputs).toEqual([{ ...empty, name: 'y' }]);
  });

  test('the same bits as over REST', async () => {
    const values = Array.from({ length: 300 }, (_, i) => Math.fround(Math.sin(i) * 10 ** ((i % 20) - 10)));
    const [a, b] = [values, values.toReversed()].map((data, i): Tensor => ({
      name: 'ab'[i]!,
      datatype: 'FP32',
      shape: [100, 3],
      data: Float32Array.from(data),
    }));
    const rest = await gateway.infer('arithmetic', { inputs: [a, b].map((tensor) => ({ ...tensor, data: [...tensor!.data] })) });
    const { outputs } = await inferOverGrpc(client, 'arithmetic', [a!, b!]);
    expect(outputs.map(({ name, data }) => [name, [...data]])).toEqual(rest.body.outputs!.map(({ name, data }) => [name, data]));
  });

  test('requested outputs, in the order asked for', async () => {
    const [a, b] = ['a', 'b'].map((name, i): Tensor => ({ name, datatype: 'FP32', shape: [1, 3], data: Float32Array.of(1 + i, 2, 3) }));
    const { outputs } = await inferOverGrpc(client, 'arithmetic', [b!, a!], { outputs: ['maximum', 'sum'] });
    expect(outputs.map(({ name, data }) => [name, [...data]])).toEqual([
      ['maximum', [2, 2, 3]],
      ['sum', [3, 4, 6]],
    ]);
  });

  test('sixty megabytes there and back', async () => {
    const data = new Float32Array(15 * 1024 * 1024).fill(1.5);
    data[data.length - 1] = -0;
    const { outputs } = await inferOverGrpc(client, 'vision.FP32', [{ name: 'x', datatype: 'FP32', shape: [data.length], data }]);
    expect(Buffer.compare(bytesOf(outputs[0]!.data as Float32Array), bytesOf(data))).toBe(0);
  }, 120_000);

  test.each([
    [2, 'gzip', gzipSync, gunzipSync],
    [1, 'deflate', deflateSync, inflateSync],
  ] as const)('compression %i: %s both ways', async (algorithm, encoding, compress, decompress) => {
    const input = floats(...Array.from({ length: 10_000 }, (_, i) => i % 7));
    const compressing = clientOf(gateway, { 'grpc.default_compression_algorithm': algorithm });
    try {
      expect((await inferOverGrpc(compressing, 'vision.FP32', [input])).outputs).toEqual([{ ...input, name: 'y' }]);
    } finally {
      compressing.close();
    }
    // The library does not tell whether the answer was compressed: its frame does.
    const body = compress(inferCodec.ModelInfer.requestSerialize(inferMessage('vision.FP32', [input])));
    const frame = Buffer.alloc(5);
    frame.writeUInt8(1);
    frame.writeUInt32BE(body.length, 1);
    const session = connectHttp2(`http://127.0.0.1:${gateway.grpcPort}`);
    try {
      const path = '/inference.GRPCInferenceService/ModelInfer';
      const call = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', 'grpc-encoding': encoding });
      const answered = once(call, 'response') as Promise<[Record<string, string>]>;
      call.end(Buffer.concat([frame, body]));
      const chunks: Buffer[] = [];
      for await (const chunk of call) chunks.push(chunk as Buffer);
      const answer = Buffer.concat(chunks);
      expect([(await answered)[0]['grpc-encoding'], answer[0], answer.readUInt32BE(1)]).toEqual([encoding, 1, answer.length - 5]);
      expect(answer.length).toBeLessThan(4_000);
      const message = inferCodec.ModelInfer.responseDeserialize(decompress(answer.subarray(5))) as InferResponseMessage;
      expect(tensorsOf(message)).toEqual([{ ...input, name: 'y' }]);
    } finally {
      session.destroy();
    }
  });
});

describe('what does not go well', () => {
  test('a full queue, and a deadline', async () => {
    const held = bench.held();
    const first = inferOverGrpc(client, 'm', command(held.command));
    await held.begun();
    const second = inferOverGrpc(client, 'm', command('echo'));
    await gateway.counts('m', 'queued', 1);
    const third = await failure(inferOverGrpc(client, 'm', command('echo')));
    expect(third.code).toBe(status.RESOURCE_EXHAUSTED);
    held.letGo();
    expect(third.details).toBe('queue full: 1 requests are waiting (maxQueue 1 per gateway process); retry after 1 s');
    expect(third.metadata.get('retry-after')).toEqual(['1']);
    expect((await first).version).toBe('3');
    expect((await second).version).toBe('3');
  });

  test('a deadline of the call and one of the request end it, and the replica is free again', async () => {
    const held = bench.held();
    expect(await failure(inferOverGrpc(client, 'm', command(held.command), { deadlineMs: 200 }))).toMatchObject({ code: status.DEADLINE_EXCEEDED });
    // The caller's own clock said so, before or after the gateway's.
    await gateway.counts('m', 'in_flight', 0);
    const late = await failure(inferOverGrpc(client, 'm', command(held.command), { parameters: { timeout: { int64_param: 100_000 } } }));
    expect(late).toMatchObject({ code: status.DEADLINE_EXCEEDED, details: 'the deadline of 100 ms passed while a replica worked on the request' });
    const { message } = await client.call<InferResponseMessage>('ModelInfer', inferMessage('m', command('echo')), { metadata: { 'x-request-id': 'after' } });
    expect(tensorsOf(message)[0]!.data).toEqual([Buffer.from('echo')]);
  });

  test('a caller that leaves frees the replica and is counted', async () => {
    const before = await failures();
    const abort = new AbortController();
    const held = bench.held();
    const left = failure(client.call('ModelInfer', inferMessage('m', command(held.command)), { signal: abort.signal }));
    await held.begun();
    abort.abort();
    expect((await left).code).toBe(status.CANCELLED);
    // At a concurrency of one this would wait for ever behind the one that left.
    expect((await inferOverGrpc(client, 'm', command('echo'))).version).toBe('3');
    expect(await failures()).toBe(before + 1);
  });

  test('no replica, a runtime that fails', async () => {
    const waited = await failure(
      inferOverGrpc(
        client,
        'empty',
        ['a', 'b'].map((name): Tensor => ({ name, datatype: 'FP32', shape: [1, 3], data: new Float32Array(3) })),
      ),
    );
    expect(waited).toMatchObject({ code: status.UNAVAILABLE, details: "no replica became ready within the request's deadline of 150 ms" });
    expect(waited.metadata.get('retry-after')).toEqual(['1']);
    expect(await failure(inferOverGrpc(client, 'm', command('fail:out of cheese')))).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: 'the model cannot compute this request: out of cheese',
    });
  });

  const message = (fields: object) => ({ ...(inferMessage('vision.FP32', [floats(1)]) as { inputs: object[] }), ...fields });
  const input = (fields: object) => message({ raw_input_contents: [], inputs: [{ name: 'x', datatype: 'FP32', shape: [1], ...fields }] });
  const cases: [what: string, request: object, code: status, details: RegExp][] = [
    ['an unknown model', message({ model_name: 'nobody' }), status.NOT_FOUND, /model "nobody" is unknown/],
    ['an unknown version', message({ model_version: '9' }), status.NOT_FOUND, /does not serve version 9; it serves 2, 5/],
    ['a version that is no number', message({ model_version: 'x' }), status.INVALID_ARGUMENT, /version "x" is not a positive whole number/],
    ['no name', message({ model_name: '' }), status.INVALID_ARGUMENT, /"" is not a valid model name/],
    ['a name that climbs', message({ model_name: 'a/../b' }), status.INVALID_ARGUMENT, /"a\/\.\.\/b" is not a valid model name/],
    ['a name with a space before it', message({ model_name: ' m' }), status.INVALID_ARGUMENT, /is not a valid model name/],
    ['a name of megabytes', message({ model_name: 'ü'.repeat(2_000_000) }), status.INVALID_ARGUMENT, /is not a valid model name/],
    [
      'raw and typed at once',
      message({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1], contents: { fp32_contents: [1] } }] }),
      status.INVALID_ARGUMENT,
      /use one of the two/,
    ],
    [
      'too few raw bytes',
      message({ raw_input_contents: [Buffer.alloc(3)] }),
      status.INVALID_ARGUMENT,
      /raw_input_contents\[0\], input "x": .*is 4 bytes, 3 came/,
    ],
    ['raw bytes for no input', message({ raw_input_contents: [Buffer.alloc(4), Buffer.alloc(4)] }), status.INVALID_ARGUMENT, /2 entries for 1 inputs/],
    ['no data', input({}), status.INVALID_ARGUMENT, /needs 1 elements, its contents have fewer/],
    ['too few values', input({ shape: [3], contents: { fp32_contents: [1, 2] } }), status.INVALID_ARGUMENT, /needs 3 elements, its contents have 2/],
    ['too many values', input({ contents: { fp32_contents: [1, 2] } }), status.INVALID_ARGUMENT, /needs 1 elements, its contents have more/],
    [
      'values in the wrong field',
      input({ contents: { int64_contents: [1, 1] } }),
      status.INVALID_ARGUMENT,
      /FP32 go into fp32_contents, not into int64_contents/,
    ],
    ['typed FP16', input({ datatype: 'FP16', contents: { fp32_contents: [1] } }), status.INVALID_ARGUMENT, /FP16 has no typed contents/],
    [
      'a value beyond its datatype',
      input({ datatype: 'INT8', contents: { int_contents: [128] } }),
      status.INVALID_ARGUMENT,
      /element 0 is 128, which INT8 cannot hold/,
    ],
    ['a negative dimension', input({ shape: [-1], contents: { fp32_contents: [1] } }), status.INVALID_ARGUMENT, /dimension -1 of shape/],
    [
      'a shape that overflows',
      input({ shape: ['4294967296', '4294967296'], contents: { fp32_contents: [1] } }),
      status.INVALID_ARGUMENT,
      /more elements than can be addressed/,
    ],
    ['a shape beyond any data', input({ shape: ['1099511627776'], contents: { fp32_contents: [1] } }), status.INVALID_ARGUMENT, /its contents have fewer/],
    ['too many dimensions', input({ shape: new Array(65).fill(1), contents: { fp32_contents: [1] } }), status.INVALID_ARGUMENT, /more than 64 dimensions/],
    ['an unknown datatype', input({ datatype: 'BF16' }), status.INVALID_ARGUMENT, /"BF16" is not a datatype/],
    [
      'the wrong datatype',
      input({ datatype: 'INT64', contents: { int64_contents: [1] } }),
      status.INVALID_ARGUMENT,
      /input "x" is INT64; the model takes FP32/,
    ],
    [
      'a name given twice',
      message({ inputs: [1, 2].map(() => ({ name: 'x', datatype: 'FP32', shape: [1] })), raw_input_contents: [Buffer.alloc(4), Buffer.alloc(4)] }),
      status.INVALID_ARGUMENT,
      /input "x" is given twice/,
    ],
    ['an input without a name', input({ name: '' }), status.INVALID_ARGUMENT, /inputs\[0\] has no name/],
    ['no inputs', message({ inputs: [], raw_input_contents: [] }), status.INVALID_ARGUMENT, /input "x" is missing/],
    ['an unknown output', message({ outputs: [{ name: 'z' }] }), status.INVALID_ARGUMENT, /output "z" is unknown/],
    ['an output requested twice', message({ outputs: [{ name: 'y' }, { name: 'y' }] }), status.INVALID_ARGUMENT, /output "y" is requested twice/],
    ['a timeout that is none', message({ parameters: { timeout: { string_param: 'soon' } } }), status.INVALID_ARGUMENT, /"timeout" is "soon"/],
    [
      'a parameter beyond 2^53',
      message({ parameters: { p: { uint64_param: '18446744073709551615' } } }),
      status.INVALID_ARGUMENT,
      /parameter "p" of the request is beyond 2\^53/,
    ],
    ['shared memory', input({ parameters: { shared_memory_region: { string_param: 'r' } } }), status.INVALID_ARGUMENT, /is not supported/],
    ['too many inputs', message({ inputs: new Array(2_000).fill({ name: 'x' }) }), status.INVALID_ARGUMENT, /more than 1024 inputs/],
    ['a huge message', message({ raw_input_contents: [Buffer.alloc(66 * 1024 * 1024)] }), status.RESOURCE_EXHAUSTED, /larger than max/],
  ];
  test.each(cases)('%s', async (_, request, code, details) => {
    const error = await failure(client.call('ModelInfer', request));
    expect({ code: error.code, details: error.details }).toEqual({ code, details: expect.stringMatching(details) });
    expect((await client.call('ServerLive')).message).toEqual({ live: true });
  });

  test('an unknown method, bytes that are no HTTP/2, and a bad name for the other calls', async () => {
    expect(await failure(client.call('ModelMetadata', { name: 'nobody' }))).toMatchObject({ code: status.NOT_FOUND });
    expect(await failure(client.call('ModelConfig', { name: '../m' }))).toMatchObject({ code: status.INVALID_ARGUMENT });
    expect(await failure(client.call('ModelStatistics', { name: 'nobody' }))).toMatchObject({ code: status.NOT_FOUND });
    const socket = connectTcp(gateway.grpcPort, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'));
    socket.resume().on('error', () => undefined);
    await once(socket, 'close');
    expect((await client.call('ServerLive')).message).toEqual({ live: true });
  });
});

describe('a stream', () => {
  /** Sends all, reads all. */
  async function exchange(requests: readonly object[]): Promise<StreamAnswer[]> {
    const stream = client.stream();
    const answers: StreamAnswer[] = [];
    stream.on('data', (answer: StreamAnswer) => answers.push(answer));
    for (const request of requests) stream.write(request);
    stream.end();
    await once(stream, 'end');
    return answers;
  }

  test('answers come in order with their ids, errors among them, and the stream goes on', async () => {
    const requests = Array.from({ length: 300 }, (_, i) =>
      inferMessage(i % 50 === 7 ? 'nobody' : 'vision.FP32', [floats(i)], { id: `r${i}`, typed: i % 2 === 0 }),
    );
    const answers = await exchange(requests);
    expect(answers.map(({ infer_response }) => infer_response.id)).toEqual(requests.map((_, i) => `r${i}`));
    answers.forEach(({ error_message, infer_response }, i) => {
      if (i % 50 === 7) expect(error_message).toMatch(/model "nobody" is unknown/);
      else expect([error_message, [...tensorsOf(infer_response)[0]!.data]]).toEqual(['', [i]]);
    });
  });

  test('several are under way at once', async () => {
    // The second is answered while the first still runs, which ends only when its deadline has passed.
    const before = await failures();
    const held = bench.held();
    const stream = client.stream();
    stream.write(inferMessage('m', command(held.command), { id: 'slow' }));
    stream.write(inferMessage('m', command('echo'), { id: 'late', parameters: { timeout: { int64_param: 50_000 } } }));
    stream.write(inferMessage('vision.FP32', [floats(1)], { id: 'other' }));
    const answers: StreamAnswer[] = [];
    stream.on('data', (answer: StreamAnswer) => answers.push(answer));
    const end = once(stream, 'end');
    stream.end();
    await eventually(async () => (await failures()) === before + 1, 'the deadline of the second');
    held.letGo();
    await end;
    expect(answers.map(({ infer_response, error_message }) => [infer_response.id, error_message])).toEqual([
      ['slow', ''],
      ['late', 'the deadline of 50 ms passed while the request waited for a replica'],
      ['other', ''],
    ]);
  });

  test('what is malformed fails alone; the last answer is marked where that is asked for', async () => {
    const wanted = { triton_enable_empty_final_response: { bool_param: true } };
    const answers = await exchange([
      inferMessage(
        'vision.FP32',
        [{ ...floats(1), shape: [2] }].map((tensor) => ({ ...tensor, data: Float32Array.of(1) })),
        { id: 'bad' },
      ),
      inferMessage('vision.FP32', [floats(1)], { id: 'good', parameters: wanted }),
    ]);
    expect(answers[0]).toMatchObject({ error_message: expect.stringMatching(/is 8 bytes, 4 came/), infer_response: { id: 'bad' } });
    expect(answers[1]!.infer_response.parameters).toMatchObject({ triton_final_response: { bool_param: true } });
  });

  test('a caller that leaves cancels what is under way', async () => {
    const stream = client.stream();
    stream.on('error', () => undefined);
    const held = bench.held();
    stream.write(inferMessage('m', command(held.command)));
    await held.begun();
    stream.cancel();
    expect((await inferOverGrpc(client, 'm', command('echo'))).version).toBe('3');
  });
});

describe('tokens', () => {
  test('are asked for, but not for health and readiness', async () => {
    const [own, token] = [await createTestDatabase(), randomUUID()];
    const home = new GatewayBench();
    const replica = await home.replica(onnx(identityModel('FP32', ['n'])));
    await publish(own.url, [routeOf([targetOf([replica])], { name: 'guarded' })]);
    const id = randomUUID();
    await own.dataSource.query('INSERT INTO api_token (id, name, hash, created_by, created_at) VALUES ($1, $2, $3, $4, now())', [
      id,
      'grpc',
      createHash('sha256').update(token).digest('hex'),
      'test',
    ]);
    const guarded = await home.gateway(own.url, { PILOTHOUSE_GATEWAY_AUTH: 'required' });
    await guarded.reaches('guarded');
    const anyone = clientOf(guarded);
    try {
      for (const method of ['ServerLive', 'ServerReady', 'Check']) await anyone.call(method);
      expect((await anyone.call('ModelReady', { name: 'guarded' })).message).toEqual({ ready: true });
      for (const method of ['ServerMetadata', 'ModelMetadata', 'ModelConfig', 'ModelStatistics', 'RepositoryIndex', 'RepositoryModelLoad']) {
        expect((await failure(anyone.call(method, { name: 'guarded' }))).code).toBe(status.UNAUTHENTICATED);
      }
      const request = inferMessage('guarded', [floats(1)]);
      expect(await failure(anyone.call('ModelInfer', request))).toMatchObject({ code: status.UNAUTHENTICATED, details: expect.stringContaining('Bearer') });
      const stream = anyone.stream();
      const [error] = (await once(stream, 'error')) as [ServiceError];
      expect(error.code).toBe(status.UNAUTHENTICATED);
      const metadata = { authorization: `Bearer ${token}` };
      expect((await inferOverGrpc(anyone, 'guarded', [floats(1)], { metadata })).outputs).toHaveLength(1);
      const held = anyone.stream({ metadata });
      const ended = once(held, 'error') as Promise<[ServiceError]>;
      held.write(request);
      await once(held, 'data');
      await own.dataSource.query('UPDATE api_token SET revoked_at = now() WHERE id = $1', [id]);
      await publish(own.url, [routeOf([targetOf([replica])], { name: 'guarded' })]);
      await eventually(
        () =>
          anyone.call('ModelInfer', request, { metadata }).then(
            () => false,
            () => true,
          ),
        'the end of a revoked token',
      );
      held.write(request);
      expect((await ended)[0].code).toBe(status.UNAUTHENTICATED);
    } finally {
      anyone.close();
      await home.close();
      await own.drop();
    }
  }, 120_000);
});
