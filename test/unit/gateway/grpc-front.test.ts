/** The gRPC door before a data plane that is made up: what leaves it, and what is counted of it. */
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DataPlane } from '../../../server/gateway/data-plane.js';
import { Call, type Answer, type CallContext } from '../../../server/gateway/pending.js';
import { GrpcFront } from '../../../server/gateway/protocols/grpc-server.js';
import { TokenGate } from '../../../server/gateway/token-gate.js';
import { GrpcClient, inferMessage, type InferResponseMessage } from '../../support/grpc.js';

const request = inferMessage('m', [{ name: 'x', datatype: 'UINT8', shape: [1], data: Uint8Array.of(1) }]);

let front: GrpcFront;
let client: GrpcClient;
let answerBytes: number;

beforeEach(async () => {
  const dataPlane = {
    call: (context: CallContext) => new Call(0, context),
    infer: (_call: Call, _name: string, _version: number, decode: () => unknown) => {
      decode();
      const outputs = [{ name: 'y', datatype: 'UINT8', shape: [answerBytes], data: new Uint8Array(answerBytes) }];
      return Promise.resolve({ response: { outputs }, version: 1 } as unknown as Answer);
    },
  } as unknown as DataPlane;
  front = new GrpcFront({ dataPlane, gate: new TokenGate(false), onError: () => undefined, log: pino({ level: 'silent' }) });
  const { port } = await front.listen({ host: '127.0.0.1', port: 0 });
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
