import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { status } from '@grpc/grpc-js';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DataPlane } from '../../../server/gateway/dispatch/data-plane.js';
import { UnreadAnswers } from '../../../server/gateway/unread-answers.js';
import { HeldBytes } from '../../../server/gateway/held-bytes.js';
import type { Answer } from '../../../server/gateway/dispatch/answer.js';
import type { Call, CallContext } from '../../../server/gateway/dispatch/call.js';
import { Call as ArrivedCall } from '../../../server/gateway/dispatch/call.js';
import { GrpcFront } from '../../../server/gateway/grpc/grpc-server.js';
import { Receptions } from '../../../server/gateway/receptions.js';
import { TokenGate } from '../../../server/gateway/token-gate.js';
import { eventually } from '../../support/eventually.js';
import { GrpcClient, inferCodec, inferMessage } from '../../support/grpc.js';

const ANSWER_BYTES = 300_000;
/** Three such answers. */
const LIMIT = 1_000_000;
const request = inferMessage('m', [{ name: 'x', datatype: 'UINT8', shape: [1], data: Uint8Array.of(1) }]);

let front: GrpcFront;
let port: number;
let client: GrpcClient;
const sessions: ClientHttp2Session[] = [];

beforeEach(async () => {
  const answer = { response: { outputs: [{ name: 'y', datatype: 'UINT8', shape: [ANSWER_BYTES], data: new Uint8Array(ANSWER_BYTES) }] }, version: 1 };
  const dataPlane = {
    call: (context: CallContext) => new ArrivedCall(0, context),
    infer: (_call: Call, _name: string, _version: number, decode: () => unknown) => {
      decode();
      return Promise.resolve(answer as unknown as Answer);
    },
  };
  const gate = new TokenGate(true);
  gate.replace(['a', 'b'].map((token) => createHash('sha256').update(token).digest('hex')));
  front = new GrpcFront({
    dataPlane: dataPlane as unknown as DataPlane,
    gate,
    receptions: new Receptions(),
    unread: new UnreadAnswers(new HeldBytes(LIMIT)),
    onError: () => undefined,
    log: pino({ level: 'silent' }),
  });
  ({ port } = await front.listen({ host: '127.0.0.1', port: 0 }));
  client = new GrpcClient(`127.0.0.1:${port}`, { 'grpc.max_receive_message_length': -1 });
});
afterEach(async () => {
  client.close();
  for (const session of sessions.splice(0)) session.destroy();
  await front.drain();
});

/** Calls of `a` whose answers are never read: their windows stay as they are. */
function calls(method: string, count: number, each: number): ClientHttp2Stream[] {
  const session = connect(`http://127.0.0.1:${port}`);
  sessions.push(session);
  const bytes = inferCodec.ModelInfer.requestSerialize(request);
  const frame = Buffer.concat([Buffer.alloc(1), Buffer.from(Uint32Array.of(bytes.length).buffer).reverse(), bytes]);
  return Array.from({ length: count }, () => {
    const stream = session.request({
      ':method': 'POST',
      ':path': `/inference.GRPCInferenceService/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
      authorization: 'Bearer a',
    });
    stream.on('error', () => undefined);
    for (let i = 0; i < each; i++) stream.write(frame);
    if (each === 1) stream.end();
    return stream;
  });
}

const outcome = (token: string): Promise<unknown> =>
  client.call('ModelInfer', request, { metadata: { authorization: `Bearer ${token}` } }).then(
    ({ message }) => message['model_name'],
    (error: { code: number }) => error.code,
  );

test.each([
  ['many calls with an answer each', 'ModelInfer', 3, 1],
  ['many answers on one stream', 'ModelStreamInfer', 1, 12],
] as const)('%s: what is not read is held up to a limit, which callers share, and free again when the caller is gone', async (_what, method, count, each) => {
  expect(await outcome('a')).toBe('m');
  const streams = calls(method, count, each);
  await Promise.all(streams.map((stream) => once(stream, 'response')));
  await eventually(async () => (await outcome('a')) === status.UNAVAILABLE, 'a refusal');
  expect(streams.some(({ closed }) => closed)).toBe(false);
  expect(await outcome('b')).toBe('m');
  await eventually(() => streams.some(({ closed }) => closed), 'the end of what was unread for longest');
  sessions[0]!.destroy();
  await eventually(async () => (await outcome('a')) === 'm', 'an answer');
});
