import { once } from 'node:events';
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { gzipSync } from 'node:zlib';
import { Server, ServerCredentials, status, type Metadata } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RECEPTION_SLOW_MS } from '../../../server/gateway/limits.js';
import { reception } from '../../../server/gateway/grpc/grpc-reception.js';
import { Receptions } from '../../../server/gateway/receptions.js';
import { eventually } from '../../support/eventually.js';

const asIs = (bytes: unknown): Buffer => bytes as Buffer;
const codec = { requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize: asIs };

/** What one piece of a message costs beside its bytes. */
const PIECE = 128;
const LIMIT = 1_000 + PIECE;

let now: number;
let receptions: Receptions;
let server: Server;
let session: ClientHttp2Session;

const echo = ({ request }: { request: Buffer }, done: (error: null, answer: Buffer) => void): void => done(null, request);

beforeEach(async () => {
  now = 0;
  receptions = new Receptions(LIMIT, () => now);
  const admit = (_path: string, metadata: Metadata) => {
    const [caller = ''] = metadata.get('caller');
    return caller === '' ? { code: status.UNAUTHENTICATED, details: 'no token', metadata } : String(caller);
  };
  const maxMessage = (path: string): number => (path === '/s/Small' ? 100 : Infinity);
  server = new Server({ interceptors: [reception({ receptions, admit, maxMessage })] });
  server.addService(
    {
      Once: { path: '/s/Once', requestStream: false, responseStream: false, ...codec },
      Small: { path: '/s/Small', requestStream: false, responseStream: false, ...codec },
      Many: { path: '/s/Many', requestStream: true, responseStream: true, ...codec },
    },
    {
      Once: echo,
      Small: echo,
      Many: (stream: NodeJS.ReadWriteStream) => void stream.on('data', (message: Buffer) => stream.write(message)).on('end', () => stream.end()),
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))),
  );
  session = connect(`http://127.0.0.1:${port}`);
});
afterEach(() => {
  session.destroy();
  server.forceShutdown();
  receptions.close();
});

const frame = (length: number): Buffer => framed(Buffer.alloc(length), 0);
function framed(message: Buffer, flag: number): Buffer {
  const prefix = Buffer.from([flag, 0, 0, 0, 0]);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
function open(method: string, headers: Record<string, string> = { caller: 'a' }): ClientHttp2Stream {
  const stream = session.request({ ':method': 'POST', ':path': `/s/${method}`, 'content-type': 'application/grpc', te: 'trailers', ...headers });
  stream.on('error', () => undefined);
  return stream;
}
/** Of a call that ended. */
async function statusOf(stream: ClientHttp2Stream): Promise<{ code: number; retryAfter: unknown }> {
  let headers: Record<string, unknown> = {};
  stream.on('response', (given) => (headers = { ...headers, ...given }));
  stream.on('trailers', (given) => (headers = { ...headers, ...given }));
  stream.resume();
  await once(stream, 'end');
  return { code: Number(headers['grpc-status']), retryAfter: headers['retry-after'] };
}

/** What was sent before on this connection has been received. */
async function received(): Promise<void> {
  const small = open('Once', { caller: 'other' });
  small.end(frame(1));
  expect((await statusOf(small)).code).toBe(status.OK);
}
/** Some seconds, in which nothing comes. */
function pass(ms: number): void {
  for (let i = 0; i < ms; i += 1_000) {
    now += 1_000;
    receptions.sweep();
  }
}

test('a call that may not be made is refused on its headers, and what it sends is not kept', async () => {
  const strangers = Array.from({ length: 8 }, () => open('Once', {}));
  const statuses = strangers.map(statusOf);
  for (const stranger of strangers) stranger.write(frame(900).subarray(0, 800));
  for (const each of await Promise.all(statuses)) expect(each.code).toBe(status.UNAUTHENTICATED);
  const whole = open('Once');
  whole.end(frame(900));
  expect((await statusOf(whole)).code).toBe(status.OK);
  // Nor can its streams be kept open.
  await eventually(() => strangers.every(({ closed }) => closed), 'the end of the streams');
});

test('where there is no room the caller that holds the most gives it up, and no other is refused', async () => {
  const flood = [open('Once'), open('Once')];
  const refused = Promise.race(flood.map(statusOf));
  for (const each of flood) each.write(frame(790).subarray(0, 350));
  await received();
  const other = open('Once', { caller: 'b' });
  other.write(frame(350).subarray(0, 300));
  expect(await refused).toEqual({ code: status.UNAVAILABLE, retryAfter: '1' });
  other.end(frame(350).subarray(300));
  expect((await statusOf(other)).code).toBe(status.OK);
});

test('what was held is free again when its caller leaves', async () => {
  const left = open('Once');
  left.write(frame(790).subarray(0, 700));
  await received();
  left.close(constants.NGHTTP2_CANCEL);
  await once(left, 'close');
  // The server hears of it in its own time.
  await eventually(async () => {
    const next = open('Once', { caller: 'b' });
    next.end(frame(900));
    return (await statusOf(next)).code === status.OK;
  }, 'room for the next');
});

test('a message that stands still ends, and one that was never begun; a stream may be silent between its messages', async () => {
  const [half, silent, stream, begun] = [open('Once'), open('Once'), open('Many'), open('Many')];
  const ends = [half, silent, begun].map(statusOf);
  half.write(frame(100).subarray(0, 50));
  stream.write(frame(10));
  await once(stream, 'data');
  begun.write(frame(100).subarray(0, 50));
  await received();
  pass(RECEPTION_SLOW_MS);
  expect(half.closed || silent.closed || begun.closed).toBe(false);
  pass(1_000);
  for (const end of await Promise.all(ends)) expect(end.code).toBe(status.DEADLINE_EXCEEDED);
  stream.write(frame(10));
  await once(stream, 'data');
});

test('the messages of a stream count one by one', async () => {
  const stream = open('Many');
  const ended = statusOf(stream);
  for (let i = 0; i < 10; i++) {
    stream.write(frame(400));
    await once(stream, 'data');
  }
  stream.end();
  expect((await ended).code).toBe(status.OK);
});

test('a compressed message counts as what it becomes', async () => {
  const compressed = (length: number): ClientHttp2Stream => {
    const stream = open('Once', { caller: 'a', 'grpc-encoding': 'gzip' });
    stream.end(framed(gzipSync(Buffer.alloc(length)), 1));
    return stream;
  };
  expect((await statusOf(compressed(500))).code).toBe(status.OK);
  expect((await statusOf(compressed(5_000))).code).toBe(status.UNAVAILABLE);
  expect((await statusOf(compressed(500))).code).toBe(status.OK);
});

test('methods may have a smaller limit on a message', async () => {
  const [fits, large] = [open('Small'), open('Small')];
  fits.end(frame(100));
  large.end(frame(101));
  const [taken, refused] = await Promise.all([statusOf(fits), statusOf(large)]);
  expect(taken.code).toBe(status.OK);
  expect(refused.code).toBe(status.RESOURCE_EXHAUSTED);
});
