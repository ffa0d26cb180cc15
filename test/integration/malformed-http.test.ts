/** Bytes on the control port that are not HTTP as it should be. */
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.js';
import { RefusingApi } from '../support/refused-requests.js';

const refusing = new RefusingApi();

refusing.refuses([
  {
    name: 'a path that is no UTF-8',
    send: () => refusing.http('GET', '/%ff', undefined),
    status: 400,
    code: 'BAD_REQUEST',
    message: /^the path is malformed; .*"%"/,
  },
  {
    name: 'an escape that is none',
    send: () => refusing.http('GET', '/%zz', undefined),
    status: 400,
    code: 'BAD_REQUEST',
    message: /^the path is malformed; /,
  },
  {
    name: 'a negative Content-Length',
    send: () => refusing.raw(refusing.uploadHead('content-length: -5\r\n\r\n')),
    status: 400,
    code: 'BAD_REQUEST',
    message: /^this is not a valid HTTP\/1\.1 request: .*Content-Length/,
  },
  {
    name: 'headers larger than are allowed',
    send: () => refusing.raw(refusing.uploadHead(`x-filler: ${'x'.repeat(20_000)}\r\n\r\n`)),
    status: 431,
    code: 'LIMIT_EXCEEDED',
    message: /^the headers are larger than the limit$/,
  },
]);

test('a body that is too large is answered to a caller who reads only once everything is sent, and the connection serves on', async () => {
  const { hostname, port } = new URL(refusing.api.url);
  const head = (length: number): string =>
    `POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${refusing.api.token}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;
  const query = '{"query":"{ viewer { actor } }"}';
  // More than the kernel keeps for either side.
  const large = Buffer.alloc(20 * 1024 ** 2, ' ');
  const socket = connect(Number(port), hostname).pause();
  const failed = new Promise<never>((_resolve, reject) => socket.on('error', reject));
  const sent = new Promise<void>((resolve) => socket.write(Buffer.concat([Buffer.from(head(large.length)), large]), () => resolve()));
  await Promise.race([sent, failed]);
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString())).resume();
  socket.write(head(query.length) + query);
  await Promise.race([eventually(() => /token:admin/.test(text), 'both answers'), failed]);
  expect(text).toMatch(/^HTTP\/1\.1 413 [^]*the body is larger than the limit[^]*HTTP\/1\.1 200 /);
  socket.destroy();
});
