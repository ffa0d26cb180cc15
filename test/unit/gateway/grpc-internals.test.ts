/**
 * Each private member of grpc-js that the gateway uses, by name and by effect. When an upgrade fails here, read the table in
 * `server/gateway/protocols/grpc-internals.ts` and find another way for that one member.
 */
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect, type ClientHttp2Session } from 'node:http2';
import { gunzipSync, gzipSync } from 'node:zlib';
import {
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerInterceptingCall,
  type ServerInterceptor,
  type ServerUnaryCall,
} from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  firstStatusTeller,
  internalCall,
  limitMessage,
  onRefusedByServer,
  requestEncodingOf,
  streamOf,
  type InternalCall,
} from '../../../server/gateway/grpc/grpc-internals.js';
import { WireMessage } from '../../../server/gateway/grpc/grpc-wire-message.js';

const same = (bytes: Buffer): Buffer => bytes;
let server: Server;
let session: ClientHttp2Session;
let told: unknown[];
let refused: unknown[];
let onCall: (call: InternalCall) => void;
let handle: (rpc: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => void;

beforeEach(async () => {
  told = [];
  refused = [];
  onCall = () => undefined;
  handle = ({ request }, done) => done(null, request);
  const tell = firstStatusTeller(({ code }) => told.push(code));
  const interceptor: ServerInterceptor = (_method, call) => {
    tell(call);
    onCall(internalCall(call));
    return call as ServerInterceptingCall;
  };
  server = new Server({ interceptors: [interceptor] });
  onRefusedByServer(server, ({ code }) => refused.push(code));
  const codec = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };
  server.addService(
    { Once: { path: '/s/Once', requestStream: false, responseStream: false, ...codec } },
    { Once: (rpc: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => handle(rpc, done) },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))),
  );
  session = connect(`http://127.0.0.1:${port}`);
});
afterEach(() => {
  session.destroy();
  server.forceShutdown();
});

function frame(message: Buffer, compressed = 0): Buffer {
  const head = Buffer.from([compressed, 0, 0, 0, 0]);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

async function call(bytes: Buffer, { path = '/s/Once', encoding }: { path?: string; encoding?: string } = {}): Promise<{ code: number; bytes: Buffer }> {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...(encoding !== undefined && { 'grpc-encoding': encoding }),
  });
  const parts: Buffer[] = [];
  let code: unknown;
  const read = (headers: Record<string, unknown>): void => void (code = headers['grpc-status'] ?? code);
  stream.on('error', () => undefined);
  stream.on('response', read).on('trailers', read);
  stream.on('data', (part: Buffer) => parts.push(part));
  stream.end(bytes);
  await once(stream, 'close');
  return { code: Number(code), bytes: Buffer.concat(parts) };
}

test('the version of grpc-js is pinned exactly', () => {
  const read = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as { version: string; dependencies: Record<string, string> };
  expect(read('package.json').dependencies['@grpc/grpc-js']).toBe(read('node_modules/@grpc/grpc-js/package.json').version);
});

test('a call has a stream, and closing it ends the call', async () => {
  handle = (rpc) => streamOf(rpc).close();
  expect((await call(frame(Buffer.alloc(1)))).code).toBeNaN();
});

test('the limit of a message can be set for one call', async () => {
  onCall = (internal) => limitMessage(internal, 10);
  expect((await call(frame(Buffer.alloc(10)))).code).toBe(status.OK);
  expect((await call(frame(Buffer.alloc(11)))).code).toBe(status.RESOURCE_EXHAUSTED);
});

test('the limit that is set counts for an inflated message too', async () => {
  onCall = (internal) => limitMessage(internal, 100);
  expect((await call(frame(gzipSync(Buffer.alloc(101)), 1), { encoding: 'gzip' })).code).toBe(status.RESOURCE_EXHAUSTED);
});

test('decompressMessage gets the whole frame and its encoding, and what it returns is the message', async () => {
  let given: unknown[] = [];
  onCall = (internal) => {
    expect(internal.incomingEncoding).toBe('gzip');
    internal.decompressMessage = (message, encoding) => {
      given = [message[0], encoding];
      return Promise.resolve(gunzipSync(message.subarray(5)));
    };
  };
  const { code, bytes } = await call(frame(gzipSync('abc'), 1), { encoding: 'gzip' });
  expect([code, bytes.subarray(5).toString(), given]).toEqual([status.OK, 'abc', [1, 'gzip']]);
});

test('a handler can read how its request was compressed', async () => {
  const encodings: unknown[] = [];
  handle = (rpc, done) => {
    encodings.push(requestEncodingOf(rpc));
    done(null, rpc.request);
  };
  await call(frame(Buffer.alloc(1)));
  await call(frame(gzipSync('a'), 1), { encoding: 'gzip' });
  expect(encodings).toEqual(['identity', 'gzip']);
});

test('every call tells its status once: a good one, one that fails, and one that grpc-js refuses', async () => {
  await call(frame(Buffer.alloc(1)));
  handle = (_rpc, done) => done({ code: status.NOT_FOUND });
  await call(frame(Buffer.alloc(1)));
  onCall = (internal) => limitMessage(internal, 10);
  await call(frame(Buffer.alloc(11)));
  expect(told).toEqual([status.OK, status.NOT_FOUND, status.RESOURCE_EXHAUSTED]);
  expect(refused).toEqual([]);
});

test('a call of an unknown method tells its status through the server', async () => {
  expect((await call(frame(Buffer.alloc(1)), { path: '/s/None' })).code).toBe(status.UNIMPLEMENTED);
  expect(refused).toEqual([status.UNIMPLEMENTED]);
});

test('a serialized message needs byteLength and copy only, and may set the flag of its frame', async () => {
  handle = (_rpc, done) => done(null, new WireMessage([Buffer.from('ab'), Buffer.from('c')], true) as unknown as Buffer);
  expect(await call(frame(Buffer.alloc(1)))).toEqual({ code: status.OK, bytes: frame(Buffer.from('abc'), 1) });
});

test.each(['stream', 'metadata', 'decoder', 'decompressMessage', 'maxReceiveMessageSize', 'incomingEncoding'])('a call without %s is refused', (name) => {
  const whole = {
    stream: {},
    metadata: {},
    decoder: { maxReadMessageLength: 1 },
    decompressMessage: same,
    maxReceiveMessageSize: 1,
    incomingEncoding: 'identity',
  };
  expect(() => internalCall({ ...whole } as never)).not.toThrow();
  expect(() => internalCall({ ...whole, [name]: undefined } as never)).toThrow('this version of grpc-js is not supported');
});

test('a call without sendStatus and a server without _respondWithError are refused', () => {
  expect(() => firstStatusTeller(() => undefined)({} as never)).toThrow('a call lacks sendStatus');
  expect(() => onRefusedByServer({} as never, () => undefined)).toThrow('the server lacks _respondWithError');
});
