/** What programs read of an error of the gateway: its kind, and the part of the request that is wrong. The words may change; these may not. */
import { gzipSync } from 'node:zlib';
import { status as grpcStatus, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InferenceService } from '../../server/deployments/inference.service.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { COMMAND_MODEL, GatewayBench, onnx, publish, routeOf, targetOf, type TestGateway } from '../support/gateway.js';
import { GrpcClient } from '../support/grpc.js';
import { identityModel } from '../support/models/onnx.js';

let db: TestDatabase;
let bench: GatewayBench;
let gateway: TestGateway;
let guarded: TestGateway;
let grpc: GrpcClient;

beforeAll(async () => {
  db = await createTestDatabase();
  bench = new GatewayBench();
  const [identity, command, breakable] = await Promise.all([
    bench.replica(onnx(identityModel('FP32', ['n', 2]))),
    bench.replica(COMMAND_MODEL),
    bench.replica(COMMAND_MODEL),
  ]);
  const { signature } = identity;
  await publish(db.url, [
    routeOf([targetOf([identity])], { name: 'row' }),
    routeOf([targetOf([command])], { name: 'm', maxConcurrency: 1, maxQueue: 0 }),
    routeOf([targetOf([breakable])], { name: 'breakable' }),
    routeOf([targetOf([], { signature })], { name: 'empty', timeoutMs: 100 }),
  ]);
  gateway = await bench.gateway(db.url, { PILOTHOUSE_MLFLOW_DEPLOYMENT: 'row' });
  await gateway.reaches('row', 'm', 'breakable');
  guarded = await bench.gateway(db.url, { PILOTHOUSE_GATEWAY_AUTH: 'required' });
  grpc = new GrpcClient(`127.0.0.1:${gateway.grpcPort}`);
}, 120_000);
afterAll(async () => {
  grpc.close();
  await bench.close();
  await db.drop();
});

const tensor = (more: object = {}): object => ({ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2], ...more });
const command = (text: string) => ({ inputs: [{ name: 'command', datatype: 'BYTES', shape: [1], data: [text] }] });

interface Sent {
  readonly path?: string;
  /** undefined: GET */
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly to?: () => TestGateway;
}

const send = ({ path = '/v2/models/row/infer', body, headers = {}, to = () => gateway }: Sent) =>
  to().request(
    path,
    body === undefined
      ? { headers }
      : { method: 'POST', headers, body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body) },
  );

const TFS = '/v1/models/row:predict';
const MLFLOW = '/deployments/row/invocations';

test.each<[what: string, sent: Sent, status: number, told: { kind: string; field?: string; tensor?: string }]>([
  ['an unknown model', { path: '/v2/models/nobody/infer', body: { inputs: [tensor()] } }, 404, { kind: 'NOT_FOUND', field: 'model' }],
  ['a name that no model has', { path: '/v2/models/a%20b/infer', body: { inputs: [tensor()] } }, 400, { kind: 'INVALID', field: 'model' }],
  ['an unknown version', { path: '/v2/models/row/versions/9/infer', body: { inputs: [tensor()] } }, 404, { kind: 'NOT_FOUND', field: 'version' }],
  ['a version that is no number', { path: '/v2/models/row/versions/x' }, 400, { kind: 'INVALID', field: 'version' }],
  ['an unknown path', { path: '/v3' }, 404, { kind: 'NOT_FOUND' }],
  ['another method', {}, 405, { kind: 'METHOD_NOT_ALLOWED' }],
  ['a body that is not JSON', { body: '{' }, 400, { kind: 'INVALID' }],
  ['no inputs', { body: {} }, 400, { kind: 'INVALID', field: 'inputs' }],
  ['an unknown input', { body: { inputs: [tensor({ name: 'z' })] } }, 400, { kind: 'INVALID', field: 'inputs', tensor: 'z' }],
  ['an input that is missing', { body: { inputs: [] } }, 400, { kind: 'INVALID', field: 'inputs', tensor: 'x' }],
  ['another datatype', { body: { inputs: [tensor({ datatype: 'FP64' })] } }, 400, { kind: 'INVALID', field: 'inputs', tensor: 'x' }],
  ['fewer elements than the shape has', { body: { inputs: [tensor({ data: [1] })] } }, 400, { kind: 'INVALID', field: 'inputs', tensor: 'x' }],
  ['an input that is no object', { body: { inputs: [1] } }, 400, { kind: 'INVALID', field: 'inputs' }],
  [
    'a long text with a wrong element',
    { body: { inputs: [tensor({ shape: [40_000, 2], data: Array(80_000).fill('a') })] } },
    400,
    { kind: 'INVALID', field: 'inputs', tensor: 'x' },
  ],
  ['an unknown output', { body: { inputs: [tensor()], outputs: [{ name: 'q' }] } }, 400, { kind: 'INVALID', field: 'outputs', tensor: 'q' }],
  [
    'a wrong form of an output',
    { body: { inputs: [tensor()], outputs: [{ name: 'y', parameters: { classification: -1 } }] } },
    400,
    { kind: 'INVALID', field: 'outputs', tensor: 'y' },
  ],
  ['a wrong parameter', { body: { inputs: [tensor()], parameters: { binary_data_output: 1 } } }, 400, { kind: 'INVALID', field: 'parameters' }],
  ['a wrong timeout', { body: { inputs: [tensor()], parameters: { timeout: -1 } } }, 400, { kind: 'INVALID', field: 'parameters' }],
  ['an unknown Content-Encoding', { body: '{}', headers: { 'content-encoding': 'br' } }, 415, { kind: 'UNSUPPORTED_TYPE' }],
  ['a body that is too large', { body: gzipSync(Buffer.alloc(65 << 20)), headers: { 'content-encoding': 'gzip' } }, 413, { kind: 'TOO_LARGE' }],
  ['no token', { body: { inputs: [tensor()] }, to: () => guarded }, 401, { kind: 'UNAUTHENTICATED' }],
  ['no replica', { path: '/v2/models/empty/infer', body: { inputs: [tensor()] } }, 503, { kind: 'UNAVAILABLE' }],
  ['a request that the model cannot compute', { path: '/v2/models/m/infer', body: command('fail:no') }, 400, { kind: 'INVALID', field: 'inputs' }],
  ['TensorFlow Serving: an unknown input', { path: TFS, body: { inputs: { z: [[1, 2]] } } }, 400, { kind: 'INVALID' }],
  ['TensorFlow Serving: a wrong element', { path: TFS, body: { instances: [['a', 'b']] } }, 400, { kind: 'INVALID', field: 'inputs', tensor: 'x' }],
  [
    'MLflow: a wrong element',
    { path: MLFLOW, body: { inputs: [['a', 'b']] }, headers: { 'content-type': 'application/json' } },
    400,
    { kind: 'INVALID', field: 'inputs', tensor: 'x' },
  ],
  ['MLflow: another Content-Type', { path: MLFLOW, body: 'x', headers: { 'content-type': 'text/xml' } }, 415, { kind: 'UNSUPPORTED_TYPE' }],
])('HTTP: %s', async (_what, sent, status, told) => {
  const reply = await send(sent);
  const { error, error_code: _code, message = error, ...rest } = reply.body;
  expect({ status: reply.status, ...rest }).toEqual({ status, ...told });
  expect(message).toMatch(/./);
});

test('HTTP: a full queue, and a deadline', async () => {
  const held = bench.held();
  const busy = gateway.command(held.command);
  await held.begun();
  expect((await gateway.command('echo')).body).toMatchObject({ kind: 'OVERLOADED' });
  held.letGo();
  await busy;
  const later = bench.held();
  const late = await gateway.command(later.command, { parameters: { timeout: 50_000 } });
  later.letGo();
  expect(late.body).toMatchObject({ kind: 'DEADLINE_EXCEEDED' });
});

describe('gRPC', () => {
  const input = { name: 'x', datatype: 'FP32', shape: [1, 2], contents: { fp32_contents: [1, 2] } };

  test.each<[what: string, request: object, code: grpcStatus, kind: string, field: string[]]>([
    ['an unknown model', { model_name: 'nobody', inputs: [input] }, grpcStatus.NOT_FOUND, 'NOT_FOUND', ['model']],
    ['an unknown version', { model_name: 'row', model_version: '9', inputs: [input] }, grpcStatus.NOT_FOUND, 'NOT_FOUND', ['version']],
    ['an unknown input', { model_name: 'row', inputs: [{ ...input, name: 'z' }] }, grpcStatus.INVALID_ARGUMENT, 'INVALID', ['inputs']],
    ['an unknown output', { model_name: 'row', inputs: [input], outputs: [{ name: 'q' }] }, grpcStatus.INVALID_ARGUMENT, 'INVALID', ['outputs']],
    ['no replica', { model_name: 'empty', inputs: [input] }, grpcStatus.UNAVAILABLE, 'UNAVAILABLE', []],
  ])('%s', async (_what, request, code, kind, field) => {
    const error = await grpc.call('ModelInfer', request).then(
      () => undefined,
      (thrown: ServiceError) => thrown,
    );
    expect(error?.code).toBe(code);
    expect(error?.metadata.get('x-error-kind')).toEqual([kind]);
    expect(error?.metadata.get('x-error-field')).toEqual(field);
  });
});

describe('infer over GraphQL takes its code and field from there', () => {
  const x = { name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] };
  let service: InferenceService;
  beforeAll(() => {
    service = new InferenceService(
      () => ({ host: '127.0.0.1', port: gateway.port }),
      () => undefined,
    );
  });
  afterAll(() => service.close());

  test.each([
    ['an unknown model', { model: 'nobody', inputs: [x], outputs: null }, 'NOT_FOUND', ['deployment']],
    ['an unknown input beside a known one', { model: 'row', inputs: [x, { ...x, name: 'z' }], outputs: null }, 'INVALID', ['inputs']],
    ['an input that is missing', { model: 'row', inputs: [], outputs: null }, 'INVALID', ['inputs']],
    ['an unknown output', { model: 'row', inputs: [x], outputs: ['y', 'q'] }, 'INVALID', ['outputs']],
    ['no replica', { model: 'empty', inputs: [x], outputs: null }, 'UNAVAILABLE', []],
    ['a model that breaks', { model: 'breakable', inputs: command('trap:no').inputs, outputs: null }, 'FAILED_PRECONDITION', []],
  ])('%s', async (_what, request, code, field) => {
    await expect(service.infer(request)).rejects.toMatchObject({ code, field });
  });
});
