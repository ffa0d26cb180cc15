/** How a request that a replica answered ends for its caller is what is counted and observed of it. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { status } from '@grpc/grpc-js';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Reply } from '../../../runtimes/open-inference/connection.js';
import type { EncodedMessage } from '../../../runtimes/open-inference/message.js';
import type { Tensor } from '../../../runtimes/tensor.js';
import { AllowedHosts } from '../../../server/allowed-hosts.js';
import { DataPlane } from '../../../server/gateway/dispatch/data-plane.js';
import { UnreadAnswers } from '../../../server/gateway/unread-answers.js';
import { HeldBytes } from '../../../server/gateway/held-bytes.js';
import { GatewayError } from '../../../server/gateway/gateway-error.js';
import { MAX_HELD_BYTES } from '../../../server/gateway/limits.js';
import { Meter } from '../../../server/gateway/metering/meter.js';
import type { RequestOutcome } from '../../../server/gateway/observe/observer.js';
import type { Call } from '../../../server/gateway/dispatch/call.js';
import { GrpcFront } from '../../../server/gateway/grpc/grpc-server.js';
import { HttpFront } from '../../../server/gateway/http/http-server.js';
import { RequestParser } from '../../../server/gateway/http/http-parser.js';
import { openInferenceRest } from '../../../server/gateway/protocols/open-inference-rest.js';
import { tensorFlowServingRest } from '../../../server/gateway/protocols/tensorflow-serving-rest.js';
import type { TextProcess } from '../../../server/gateway/text/text-process.js';
import { TextInferences } from '../../../server/gateway/protocols/text-inferences.js';
import { BodyCodec } from '../../../server/gateway/text/body-codec.js';
import { Receptions } from '../../../server/gateway/receptions.js';
import { Router } from '../../../server/gateway/dispatch/router.js';
import { TokenGate } from '../../../server/gateway/token-gate.js';
import type { Sent } from '../../../server/gateway/replicas/transport.js';
import { FakeLink } from '../../support/fake-link.js';
import { routeOf, targetOf } from '../../support/routes.js';
import { GrpcClient, inferMessage, type StreamAnswer } from '../../support/grpc.js';

const x: Tensor = { name: 'x', datatype: 'FP32', shape: [1, 1], data: new Float32Array(1) };
const BODY = JSON.stringify({ inputs: [{ ...x, data: [1] }] });
const TF_BODY = '{"instances":[[1]]}';
const scalar: Tensor = { name: 'y', datatype: 'FP32', shape: [], data: new Float32Array(1) };
/** More elements than are written beside other requests. */
const long: Tensor = { name: 'y', datatype: 'FP32', shape: [20_000], data: new Float32Array(20_000) };

let now: number;
let outputs: Tensor[];
let write: (call: Call) => Promise<{ body: string }>;
let outcomes: RequestOutcome[];
let held: HeldBytes;
let plane: DataPlane;
let http: HttpFront;
let grpc: GrpcFront;
let client: GrpcClient;
let port: number;

class Answering extends FakeLink {
  override send(message: EncodedMessage, reply: Reply): Sent {
    const sent = super.send(message, reply);
    queueMicrotask(() => this.end(0, { outputs }));
    return sent;
  }
}

beforeEach(async () => {
  now = 1_000;
  outcomes = [];
  held = new HeldBytes();
  const router = new Router({ held, meter: new Meter(), now: () => now, linkTo: () => new Answering() });
  const signature = { inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }], outputs: [{ name: 'y', datatype: 'FP32', shape: [] }] } as const;
  router.apply([routeOf([targetOf([], { versionNumber: 3, signature, replicas: [{ replicaId: 'r', address: '' }] })])]);
  plane = new DataPlane({ router, now: () => now, serverVersion: '0', observe: (outcome) => outcomes.push(outcome) });
  const process = { write: (...[, , , , call]: [unknown, unknown, unknown, unknown, Call]) => write(call) } as unknown as TextProcess;
  const inferences = new TextInferences(plane, new BodyCodec({ long: process, longest: process }));
  const [tensorFlow, openInference] = [tensorFlowServingRest(plane, inferences), openInferenceRest(plane, inferences)];
  const routes = {
    find: (path: string) => (path.startsWith('/v1') ? tensorFlow : openInference).route(path.slice(1).split('/')),
    failureText: () => openInference.failureText,
  };
  const common = {
    gate: new TokenGate(false),
    receptions: new Receptions(),
    unread: new UnreadAnswers(held),
    onError: () => undefined,
    log: pino({ level: 'silent' }),
  };
  http = new HttpFront({
    ...common,
    newReader: (listener) => new RequestParser(listener),
    hosts: new AllowedHosts({ bound: '0.0.0.0', names: [], origins: [] }),
    routes,
    call: (context) => plane.call(context),
  });
  ({ port } = await http.listen({ host: '127.0.0.1', port: 0 }));
  grpc = new GrpcFront({ ...common, dataPlane: plane });
  client = new GrpcClient(`127.0.0.1:${(await grpc.listen({ host: '127.0.0.1', port: 0 })).port}`);
});
afterEach(async () => {
  client.close();
  http.destroy();
  await grpc.drain();
});

const post = async (path: string, body: string): Promise<number> => (await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', body })).status;
/** Of the one target. */
function counted() {
  const { success, fail, execution } = plane.statistics('m')[0]!;
  return { success, fail, compute: execution.compute };
}
const none = { count: 0, ns: 0 };

test('success: when the answer is written', async () => {
  outputs = [long];
  write = () => {
    now += 5_000;
    return Promise.resolve({ body: '{}' });
  };
  expect(await post('/v2/models/m/infer', BODY)).toBe(200);
  expect(outcomes).toMatchObject([{ failure: undefined, version: 3, endedAt: 6_000, timing: { answeredAt: 1_000 } }]);
  expect(counted()).toEqual({ success: { count: 1, ns: 5e9 }, fail: none, compute: { count: 1, ns: 0 } });
});

test('an answer that cannot be put into the form that was asked for is no success', async () => {
  outputs = [scalar];
  expect(await post('/v1/models/m:predict', TF_BODY)).toBe(400);
  expect(outcomes).toMatchObject([{ failure: 'INVALID', version: 3, model: 'm', timing: { answeredAt: 1_000 } }]);
  expect(counted()).toEqual({ success: none, fail: { count: 1, ns: 0 }, compute: none });
  // A fault of ours, of which the caller is told nothing but that.
  outputs = [long];
  write = () => Promise.reject(new RangeError('Invalid string length'));
  expect(await post('/v2/models/m/infer', BODY)).toBe(500);
  expect(outcomes).toMatchObject([{}, { failure: 'INTERNAL' }]);
  expect(counted()).toMatchObject({ success: none, fail: { count: 2 } });
});

test('an answer that there is no room for is no success', async () => {
  outputs = [scalar];
  held.hold('answers', MAX_HELD_BYTES);
  expect(await post('/v2/models/m/infer', BODY)).toBe(503);
  expect(outcomes).toMatchObject([{ failure: 'UNAVAILABLE', version: 3 }]);
  expect(counted()).toMatchObject({ success: none, fail: { count: 1 } });
});

test('a caller that leaves while its answer is written has none', async () => {
  outputs = [long];
  let leave!: () => void;
  const writing = new Promise<void>((begun) => {
    write = (call) =>
      new Promise((_, reject) => {
        call.onCancel(() => reject(new GatewayError('CANCELLED', 'the client has left')));
        begun();
      });
  });
  const left = new Promise<void>((resolve) => (leave = resolve));
  const socket = connect(port, '127.0.0.1');
  socket.write(`POST /v2/models/m/infer HTTP/1.1\r\nHost: h\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`);
  await writing;
  const { ended } = plane;
  plane.ended = (...given) => {
    ended.apply(plane, given);
    leave();
  };
  socket.destroy();
  await left;
  expect(outcomes).toMatchObject([{ failure: 'CANCELLED', version: 3 }]);
  expect(counted()).toMatchObject({ success: none, fail: { count: 1 } });
});

test('over gRPC, in a call and on a stream', async () => {
  const request = inferMessage('m', [x]);
  held.hold('answers', MAX_HELD_BYTES - 50);
  outputs = [scalar];
  await client.call('ModelInfer', request);
  outputs = [long];
  await expect(client.call('ModelInfer', request)).rejects.toMatchObject({ code: status.UNAVAILABLE });
  await expect(client.call('ModelInfer', inferMessage('nobody', [x]))).rejects.toMatchObject({ code: status.NOT_FOUND });
  expect(outcomes.map(({ failure }) => failure)).toEqual([undefined, 'UNAVAILABLE', 'NOT_FOUND']);
  const stream = client.stream();
  for (const each of [[scalar], [long]]) {
    outputs = each;
    const answer = once(stream, 'data') as Promise<[StreamAnswer]>;
    stream.write(request);
    expect((await answer)[0].error_message === '').toBe(each[0] === scalar);
  }
  stream.end();
  expect(outcomes.slice(3).map(({ failure }) => failure)).toEqual([undefined, 'UNAVAILABLE']);
  expect(counted()).toMatchObject({ success: { count: 2 }, fail: { count: 2 } });
});
