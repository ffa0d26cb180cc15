/** Uploads of artifacts that are malformed, too large or not what they say. */
import { RefusingApi, sha256 } from '../support/refused-requests.js';

const refusing = new RefusingApi();

refusing.refuses([
  { name: 'a path that is no UTF-8', send: () => refusing.upload('%ff', 'a'), status: 400, code: 'BAD_REQUEST', message: /^the path is malformed; / },
  {
    name: 'a digest longer than any',
    send: () => refusing.upload('a'.repeat(500), 'a'),
    status: 414,
    code: 'BAD_REQUEST',
    message: /^a part of the path is too long$/,
  },
  {
    name: 'half of it, and no more to come',
    send: () => refusing.raw(refusing.uploadHead('content-length: 5\r\n\r\na'), { half: true }),
    status: 400,
    code: 'BAD_REQUEST',
    message: /^the connection ended before the request was complete$/,
  },
  {
    name: 'a chunk with too long an extension',
    send: () => refusing.raw(refusing.uploadHead(`transfer-encoding: chunked\r\n\r\n1;${'x'.repeat(20_000)}\r\na\r\n0\r\n\r\n`)),
    status: 413,
    code: 'LIMIT_EXCEEDED',
    message: /^the chunk extensions are larger than the limit$/,
  },
  { name: 'no token', send: () => refusing.upload(sha256('a'), 'a', { authorization: '' }), status: 401, code: 'UNAUTHENTICATED', message: /no bearer token/ },
  { name: 'a digest that is none', send: () => refusing.upload('abc', 'a'), status: 400, code: 'INVALID', message: /"abc" is not a SHA-256 digest/ },
  {
    name: 'a digest that climbs',
    send: () => refusing.upload('..%2F..%2Fetc%2Fpasswd', 'a'),
    status: 400,
    code: 'INVALID',
    message: /is not a SHA-256 digest/,
  },
  {
    name: 'other bytes than the digest says',
    send: () => refusing.upload(sha256('a'), 'b'),
    status: 400,
    code: 'INVALID',
    message: /the bytes have the digest 3e23/,
  },
  {
    name: 'compressed on the way',
    send: () => refusing.upload(sha256('a'), 'a', { 'content-encoding': 'gzip' }),
    status: 415,
    code: 'BAD_REQUEST',
    message: /content-encoding gzip is not supported/,
  },
  {
    name: 'announced as larger than is allowed',
    send: () => refusing.upload(sha256('a'), 'x'.repeat(51 * 1024 ** 2)),
    status: 413,
    code: 'LIMIT_EXCEEDED',
    message: /an artifact may have 52428800/,
  },
  {
    name: 'by POST',
    send: () => refusing.http('POST', `/artifacts/${sha256('a')}`, 'a'),
    status: 405,
    code: 'BAD_REQUEST',
    message: /POST is not supported here/,
  },
  {
    name: 'reading what was never stored',
    send: () => refusing.http('GET', `/artifacts/${sha256('a')}`, undefined),
    status: 404,
    code: 'NOT_FOUND',
    message: /there is no artifact ca97/,
  },
]);
