/** gRPC calls are admitted on their headers, and a connection over which one was admitted is not closed for strangers. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type ClientHttp2Session } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { status } from '@grpc/grpc-js';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ConnectionLimit } from '../../../server/gateway/connection-limit.js';
import { UnreadAnswers } from '../../../server/gateway/unread-answers.js';
import { HeldBytes } from '../../../server/gateway/held-bytes.js';
import type { DataPlane } from '../../../server/gateway/dispatch/data-plane.js';
import { GrpcFront } from '../../../server/gateway/grpc/grpc-server.js';
import { Receptions } from '../../../server/gateway/receptions.js';
import { TokenGate } from '../../../server/gateway/token-gate.js';
import { eventually } from '../../support/eventually.js';

const CONNECTIONS = 3;
const SERVICE = '/inference.GRPCInferenceService';
let front: GrpcFront;
let receptions: Receptions;
let port: number;
let session: ClientHttp2Session;
let strangers: Socket[];

beforeEach(async () => {
  strangers = [];
  receptions = new Receptions();
  const gate = new TokenGate(true);
  gate.replace([createHash('sha256').update('good').digest('hex')]);
  const dataPlane = { serverMetadata: () => ({ name: 'n', version: 'v', extensions: [] }), ready: () => true } as unknown as DataPlane;
  const given = { dataPlane, gate, receptions, unread: new UnreadAnswers(new HeldBytes()), onError: () => undefined, log: pino({ level: 'silent' }) };
  front = new GrpcFront(given, new ConnectionLimit(CONNECTIONS));
  ({ port } = await front.listen({ host: '127.0.0.1', port: 0 }));
  session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
});
afterEach(async () => {
  session.destroy();
  for (const socket of strangers) socket.destroy();
  await front.drain();
  receptions.close();
});

/** @param ends whether the message comes at all */
async function call(method: string, token?: string, ends = true): Promise<number> {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const stream = session.request({ ':method': 'POST', ':path': `${SERVICE}/${method}`, 'content-type': 'application/grpc', te: 'trailers', ...authorization });
  let code: unknown;
  const read = (headers: Record<string, unknown>): void => void (code = headers['grpc-status'] ?? code);
  stream.on('response', read).on('trailers', read).resume();
  if (ends) stream.end(Buffer.alloc(5));
  await once(stream, 'end');
  return Number(code);
}

test('a token is asked for before the message has come, and not of open methods', async () => {
  expect(await call('ModelInfer', undefined, false)).toBe(status.UNAUTHENTICATED);
  expect(await call('ModelStreamInfer', 'bad', false)).toBe(status.UNAUTHENTICATED);
  expect(await call('ServerMetadata', undefined, false)).toBe(status.UNAUTHENTICATED);
  expect(await call('ServerReady')).toBe(status.OK);
  expect(await call('ServerMetadata', 'good')).toBe(status.OK);
});

test('strangers close one another, and not the connection over which a call was admitted', async () => {
  expect(await call('ServerMetadata', 'good')).toBe(status.OK);
  for (let i = 0; i < 3 * CONNECTIONS; i++) {
    const socket = connectTcp(port, '127.0.0.1');
    socket.on('error', () => undefined);
    strangers.push(socket.resume());
    await once(socket, 'connect');
  }
  await eventually(() => strangers.filter(({ closed }) => closed).length === 2 * CONNECTIONS + 1, 'the end of the strangers beyond the limit');
  expect(await call('ServerMetadata', 'good')).toBe(status.OK);
});
