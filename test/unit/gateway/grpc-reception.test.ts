import { once } from 'node:events';
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { receptionLimit } from '../../../server/gateway/protocols/grpc-reception.js';
import { eventually } from '../../support/eventually.js';

const asIs = (bytes: unknown): Buffer => bytes as Buffer;
const codec = { requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize: asIs };

let server: Server;
let session: ClientHttp2Session;

beforeEach(async () => {
  server = new Server({ interceptors: [receptionLimit(1_000)] });
  server.addService(
    {
      Once: { path: '/s/Once', requestStream: false, responseStream: false, ...codec },
      Many: { path: '/s/Many', requestStream: true, responseStream: true, ...codec },
    },
    {
      Once: ({ request }: { request: Buffer }, done: (error: null, answer: Buffer) => void) => done(null, request),
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
});

const frame = (length: number): Buffer => {
  const bytes = Buffer.alloc(5 + length);
  bytes.writeUInt32BE(length, 1);
  return bytes;
};
function open(method: string): ClientHttp2Stream {
  const stream = session.request({ ':method': 'POST', ':path': `/s/${method}`, 'content-type': 'application/grpc', te: 'trailers' });
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

test('what is beyond the limit is refused, and what was held is free again when its caller leaves or its message is whole', async () => {
  const [first, second] = [open('Once'), open('Once')];
  const whole = frame(790);
  first.write(whole.subarray(0, 600));
  // An answer on the same connection: what was written before it has arrived.
  const small = open('Once');
  small.end(frame(1));
  expect((await statusOf(small)).code).toBe(status.OK);
  second.write(frame(790).subarray(0, 600));
  expect(await statusOf(second)).toEqual({ code: status.UNAVAILABLE, retryAfter: '1' });
  first.end(whole.subarray(600));
  expect((await statusOf(first)).code).toBe(status.OK);
  const left = open('Once');
  left.write(frame(990).subarray(0, 900));
  left.close();
  await once(left, 'close');
  // The server hears of it in its own time.
  await eventually(async () => {
    const next = open('Once');
    next.end(frame(900));
    return (await statusOf(next)).code === status.OK;
  }, 'room for the next');
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
