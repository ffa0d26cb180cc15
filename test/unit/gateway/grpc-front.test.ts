/** The gRPC door before a data plane that is made up: what leaves it, and what is counted of it. */
import { once } from 'node:events';
import { connect } from 'node:http2';
import { status } from '@grpc/grpc-js';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DataPlane } from '../../../server/gateway/dispatch/data-plane.js';
import { UnreadAnswers } from '../../../server/gateway/unread-answers.js';
import { HeldBytes } from '../../../server/gateway/held-bytes.js';
import { GatewayError } from '../../../server/gateway/gateway-error.js';
import type { Answer } from '../../../server/gateway/dispatch/answer.js';
import { Call, type CallContext } from '../../../server/gateway/dispatch/call.js';
import { GrpcFront } from '../../../server/gateway/grpc/grpc-server.js';
import { Receptions } from '../../../server/gateway/receptions.js';
import { TokenGate } from '../../../server/gateway/token-gate.js';
import { GrpcClient, inferMessage, type InferResponseMessage, type StreamAnswer } from '../../support/grpc.js';

const request = inferMessage('m', [{ name: 'x', datatype: 'UINT8', shape: [1], data: Uint8Array.of(1) }]);

let front: GrpcFront;
let client: GrpcClient;
let answerBytes: number;
let counted: string[];
let port: number;

beforeEach(async () => {
  counted = [];
  const dataPlane = {
    call: (context: CallContext) => new Call(0, context),
    infer: (_call: Call, name: string, _version: number, decode: () => unknown) => {
      if (name === 'nobody') throw new GatewayError('NOT_FOUND', 'unknown');
      decode();
      const outputs = [{ name: 'y', datatype: 'UINT8', shape: [answerBytes], data: new Uint8Array(answerBytes) }];
      return Promise.resolve({ response: { outputs }, version: 1 } as unknown as Answer);
    },
  } as unknown as DataPlane;
  front = new GrpcFront({
    dataPlane,
    gate: new TokenGate(false),
    receptions: new Receptions(),
    unread: new UnreadAnswers(new HeldBytes()),
    onError: (code) => counted.push(code),
    log: pino({ level: 'silent' }),
  });
  ({ port } = await front.listen({ host: '127.0.0.1', port: 0 }));
  client = new GrpcClient(`127.0.0.1:${port}`);
});
afterEach(async () => {
  client.close();
  await front.drain();
});

test('an answer may be larger than what a request may be', async () => {
  answerBytes = 80 * 1024 * 1024;
  const { message } = await client.call<InferResponseMessage>('ModelInfer', request);
  expect(message.raw_output_contents.map(({ length }) => length)).toEqual([answerBytes]);
});

test('every error answer is counted once, also those that grpc-js gives by itself', async () => {
  answerBytes = 1;
  const fails = (method: string, message: object, code: status) => expect(client.call(method, message)).rejects.toMatchObject({ code });
  await client.call('ModelInfer', request);
  await fails('ModelInfer', inferMessage('nobody', []), status.NOT_FOUND);
  await fails('ModelInfer', inferMessage('m', [], { id: 'x'.repeat(65 * 1024 * 1024) }), status.RESOURCE_EXHAUSTED);
  await fails('RepositoryModelLoad', {}, status.UNIMPLEMENTED);
  expect(counted).toEqual(['NOT_FOUND', 'RESOURCE_EXHAUSTED', 'UNIMPLEMENTED']);
  // A method that no service here has.
  const session = connect(`http://127.0.0.1:${port}`);
  const call = session.request({
    ':method': 'POST',
    ':path': '/inference.GRPCInferenceService/LogSettings',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  const [headers] = (await once(call.end(), 'response')) as [Record<string, string>];
  session.destroy();
  expect(headers['grpc-status']).toBe(String(status.UNIMPLEMENTED));
  expect(counted.slice(3)).toEqual(['UNIMPLEMENTED']);
  // On a stream each request fails alone.
  const stream = client.stream();
  const ended = once(stream, 'status');
  for (const model of ['nobody', 'm', 'nobody']) {
    const answer = once(stream, 'data') as Promise<[StreamAnswer]>;
    stream.write(inferMessage(model, []));
    expect((await answer)[0].error_message).toBe(model === 'm' ? '' : 'unknown');
  }
  stream.end();
  await ended;
  expect(counted.slice(4)).toEqual(['NOT_FOUND', 'NOT_FOUND']);
});
