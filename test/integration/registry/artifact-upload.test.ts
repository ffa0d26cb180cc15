/** Artifacts over HTTP, on the API as it ships: real sockets, a real store. */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { artifactUpload } from '../../../server/registry/artifact-upload.js';
import { ArtifactService } from '../../../server/registry/artifact.service.js';
import { artifactId, sha256 } from '../../../server/registry/digest.js';
import { FileArtifactStore } from '../../../server/registry/file-artifact-store.js';
import { DomainError } from '../../../server/errors.js';
import { type TestApi, type TestApiOptions, startTestApi } from '../../support/api.js';
import { eventually } from '../../support/eventually.js';

const MAX_BYTES = 3 * 1024 * 1024;
let api: TestApi;
/** Gives an upload up soon, over the same database and store: for the tests of just that, since the others must not be late. */
let hasty: TestApi;
let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'upload-'));
  const store = await FileArtifactStore.at(root);
  const features =
    (idleTimeoutMs?: number): TestApiOptions['features'] =>
    ({ work, log }) => ({
      routes: [artifactUpload({ artifacts: new ArtifactService(work, store, MAX_BYTES), log, ...(idleTimeoutMs !== undefined && { idleTimeoutMs }) })],
    });
  api = await startTestApi({ features: features() });
  hasty = await startTestApi({ database: api.database, features: features(1_000) });
});
afterAll(async () => {
  await hasty.close();
  await api.close();
  await rm(root, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: { error?: { code: string; message: string }; digest?: string; sizeBytes?: string } | undefined;
}

async function call(method: string, digest: string, body?: Uint8Array | string, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${api.url}/artifacts/${digest}`, {
    method,
    headers: { authorization: `Bearer ${api.token}`, ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : new Uint8Array(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text && method !== 'GET' ? (JSON.parse(text) as Answer['body']) : undefined };
}

const rowsOf = (digest: string): Promise<object[]> =>
  api.database.dataSource.query('SELECT digest, size_bytes, created_by FROM artifact WHERE digest = $1', [digest]);
const auditsOf = (digest: string): Promise<object[]> =>
  api.database.dataSource.query('SELECT actor, action, detail FROM audit_entry WHERE object_id = $1', [artifactId(digest)]);

async function nothingOf(digest: string): Promise<void> {
  expect(await rowsOf(digest)).toEqual([]);
  expect(await auditsOf(digest)).toEqual([]);
  expect(await readdir(join(root, 'incoming'))).toEqual([]);
  expect((await readdir(root, { recursive: true })).filter((path) => path.includes(digest))).toEqual([]);
}

/** A request written by hand, over a socket of its own; what came back until the connection was closed or the answer was whole. */
function raw(text: string, then?: (socket: net.Socket) => void, { port } = api.server): Promise<string> {
  const until = /\r\n\r\n[^]*\}$/;
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.write(text);
      then?.(socket);
    });
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString();
      if (until.test(answer)) socket.destroy();
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', (error) => (answer ? resolve(answer) : reject(error)));
  });
}
const head = (method: string, digest: string, ...headers: string[]): string => headAs(api.token, method, digest, ...headers);
const headAs = (token: string, method: string, digest: string, ...headers: string[]): string =>
  [`${method} /artifacts/${digest} HTTP/1.1`, 'Host: pilothouse', `Authorization: Bearer ${token}`, ...headers, '', ''].join('\r\n');

test('asked for, stored, asked for again, read back; the row and the audit entry say who', async () => {
  const content = Buffer.alloc(2 * 1024 * 1024, 'model');
  const digest = sha256(content);
  expect((await call('HEAD', digest)).status).toBe(404);
  const put = await call('PUT', digest, content, { 'content-type': 'application/json' });
  expect(put).toMatchObject({ status: 201, body: { digest, sizeBytes: String(content.byteLength) } });
  const again = await call('HEAD', digest);
  expect([again.status, again.headers.get('content-length')]).toEqual([200, String(content.byteLength)]);
  const read = await fetch(`${api.url}/artifacts/${digest}`, { headers: { authorization: `Bearer ${api.token}` } });
  expect([read.status, read.headers.get('content-length'), read.headers.get('etag')]).toEqual([200, String(content.byteLength), `"${digest}"`]);
  expect(Buffer.from(await read.arrayBuffer()).equals(content)).toBe(true);
  expect(await rowsOf(digest)).toEqual([{ digest, size_bytes: String(content.byteLength), created_by: 'token:admin' }]);
  expect(await auditsOf(digest)).toEqual([{ actor: 'token:admin', action: 'uploadArtifact', detail: { digest, sizeBytes: content.byteLength } }]);
  const second = await call('PUT', digest, content);
  expect(second).toMatchObject({ status: 200, body: { digest } });
  expect(await auditsOf(digest)).toHaveLength(1);
});

test('chunked, and empty', async () => {
  const answer = await raw(`${head('PUT', sha256('abcdef'), 'Transfer-Encoding: chunked')}3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n`);
  expect(answer).toMatch(/^HTTP\/1.1 201 /);
  expect((await call('PUT', sha256(''), '')).status).toBe(201);
  expect((await call('HEAD', sha256(''))).headers.get('content-length')).toBe('0');
});

test('the same new bytes from several callers at once: one of them created it', async () => {
  const content = Buffer.alloc(1024 * 1024, 'at once');
  const digest = sha256(content);
  const statuses = (await Promise.all(Array.from({ length: 6 }, () => call('PUT', digest, content)))).map((answer) => answer.status);
  expect(statuses.sort()).toEqual([200, 200, 200, 200, 200, 201]);
  expect(await auditsOf(digest)).toHaveLength(1);
  expect(await readdir(join(root, 'incoming'))).toEqual([]);
});

const D = sha256('refused');
const refusals: [string, () => Promise<Answer>, number, string, string][] = [
  ['another digest', () => call('PUT', D, 'other'), 400, 'INVALID', `the bytes have the digest ${sha256('other')}, not ${D} as announced`],
  ['a malformed digest', () => call('PUT', 'abc', 'x'), 400, 'INVALID', '"abc" is not a SHA-256 digest; it must be 64 lower-case hexadecimal digits'],
  [
    'an upper-case digest',
    () => call('PUT', D.toUpperCase(), 'refused'),
    400,
    'INVALID',
    `"${D.toUpperCase()}" is not a SHA-256 digest; it must be 64 lower-case hexadecimal digits`,
  ],
  [
    'too large, as announced',
    () => call('PUT', D, Buffer.alloc(MAX_BYTES + 1)),
    413,
    'LIMIT_EXCEEDED',
    `the file has ${MAX_BYTES + 1} bytes; an artifact may have ${MAX_BYTES}`,
  ],
  [
    'compressed',
    () => call('PUT', D, 'refused', { 'content-encoding': 'gzip' }),
    415,
    'BAD_REQUEST',
    'content-encoding gzip is not supported here; send the bytes uncompressed, because the digest is computed from them',
  ],
  ['another method', () => call('POST', D, 'refused'), 405, 'BAD_REQUEST', 'POST is not supported here; artifacts take GET, HEAD, PUT'],
  ['deleting', () => call('DELETE', D), 405, 'BAD_REQUEST', 'DELETE is not supported here; artifacts take GET, HEAD, PUT'],
  [
    'reading what is not there',
    () => call('GET', D).then(async (answer) => ({ ...answer, body: { error: { code: 'NOT_FOUND', message: `there is no artifact ${D}` } } })),
    404,
    'NOT_FOUND',
    `there is no artifact ${D}`,
  ],
  [
    'no token',
    () => call('PUT', D, 'refused', { authorization: '' }),
    401,
    'UNAUTHENTICATED',
    'no bearer token came with the request; send "Authorization: Bearer <token>"',
  ],
  [
    'a wrong token',
    () => call('PUT', D, 'refused', { authorization: 'Bearer nonsense' }),
    401,
    'UNAUTHENTICATED',
    'the bearer token is not valid: unknown, or revoked',
  ],
];
test.each(refusals)('refused: %s', async (_name, send, status, code, message) => {
  const answer = await send();
  expect({ status: answer.status, error: answer.body?.error }).toEqual({
    status,
    error: { code, message, ...(message.includes('SHA-256') && { field: ['digest'] }) },
  });
  await nothingOf(D);
  if (status === 401) expect(answer.headers.get('www-authenticate')).toBe('Bearer');
  if (status === 405) expect(answer.headers.get('allow')).toBe('GET, HEAD, PUT');
});

test('every method needs a token', async () => {
  for (const method of ['HEAD', 'GET', 'PUT', 'POST']) expect((await call(method, D, undefined, { authorization: '' })).status).toBe(401);
});

test('without a length: 411', async () => {
  expect(await raw(head('PUT', D))).toMatch(
    /^HTTP\/1.1 411 [^]*"code":"BAD_REQUEST","message":"send Content-Length, or Transfer-Encoding: chunked; an empty file has Content-Length: 0"/,
  );
  await nothingOf(D);
});

test('too large without having announced it: 413 while the client is still sending', async () => {
  const megabyte = `100000\r\n${'x'.repeat(2 ** 20)}\r\n`;
  const answer = await raw(head('PUT', D, 'Transfer-Encoding: chunked'), (socket) => {
    for (let i = 0; i < 5; i++) socket.write(megabyte);
  });
  expect(answer).toMatch(/^HTTP\/1.1 413 [^]*the file has more than the 3145728 bytes that an artifact may have/);
  await nothingOf(D);
});

/** Asserts that an upload that broke off made nothing, and that HEAD says how many bytes came of it. */
async function brokeOff(digest: string, bytes: number): Promise<void> {
  expect(await rowsOf(digest)).toEqual([]);
  expect(await auditsOf(digest)).toEqual([]);
  await eventually(async () => (await call('HEAD', digest)).headers.get('upload-offset') === String(bytes), 'what came is kept');
  expect((await call('HEAD', digest)).status).toBe(404);
}

test('an upload whose client goes away makes nothing, and the server serves on', async () => {
  const D = sha256('gone away');
  const client = net.connect(api.server.port, '127.0.0.1');
  client.write(`${head('PUT', D, 'Content-Length: 1000000')}the first part`);
  await eventually(async () => (await readdir(join(root, 'incoming'))).length === 1, 'the beginning of the upload');
  client.destroy();
  await eventually(async () => (await readdir(join(root, 'incoming'))).length === 0);
  await brokeOff(D, 14);
});

test('an upload goes on behind the last byte that arrived', async () => {
  const content = Buffer.alloc(200_000, 'resumed');
  const digest = sha256(content);
  const client = net.connect(api.server.port, '127.0.0.1');
  client.write(head('PUT', digest, 'Content-Length: 200000'));
  client.write(content.subarray(0, 70_000));
  await eventually(async () => {
    const [name] = await readdir(join(root, 'incoming'));
    return name !== undefined && (await stat(join(root, 'incoming', name))).size === 70_000;
  }, 'the beginning of the upload');
  client.destroy();
  await brokeOff(digest, 70_000);
  const wrong = await call('PUT', digest, content.subarray(60_000), { 'upload-offset': '60000' });
  expect(wrong).toMatchObject({ status: 409, body: { error: { code: 'CONFLICT' } } });
  expect(await call('PUT', digest, 'x', { 'upload-offset': 'x' })).toMatchObject({ status: 400, body: { error: { code: 'INVALID' } } });
  expect(await call('PUT', digest, content.subarray(70_000), { 'upload-offset': '70000' })).toMatchObject({ status: 201, body: { sizeBytes: '200000' } });
  expect((await call('HEAD', digest)).headers.get('content-length')).toBe('200000');
});

test('a store that takes longer than a client may be silent is waited for', async () => {
  const slow = await FileArtifactStore.at(root);
  const put = slow.put.bind(slow);
  slow.put = async (...args) => {
    const size = await put(...args);
    await new Promise((done) => setTimeout(done, 2_500));
    return size;
  };
  const features: TestApiOptions['features'] = ({ work, log }) => ({
    routes: [artifactUpload({ artifacts: new ArtifactService(work, slow, MAX_BYTES), log, idleTimeoutMs: 1_000 })],
  });
  const other = await startTestApi({ database: api.database, features });
  try {
    const response = await fetch(`${other.url}/artifacts/${sha256('slow')}`, {
      method: 'PUT',
      body: 'slow',
      headers: { authorization: `Bearer ${other.token}` },
    });
    expect(response.status).toBe(201);
  } finally {
    await other.close();
  }
});

test('an upload that stalls is given up', async () => {
  const D = sha256('stalled');
  // By default it would be after a minute, longer than a test may take.
  const answer = await raw(headAs(hasty.token, 'PUT', D, 'Content-Length: 1000'), (socket) => void socket.write('one part'), hasty.server);
  expect(answer).not.toMatch(/ 20\d /);
  await eventually(async () => (await readdir(join(root, 'incoming'))).length === 0);
  await brokeOff(D, 8);
});

test('a connection serves on after a refusal, whose body is read to its end', async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const send = (digest: string, body: Buffer): Promise<number> =>
    new Promise((resolve, reject) => {
      const options = { agent, method: 'PUT', headers: { authorization: `Bearer ${hasty.token}`, 'content-length': body.byteLength } };
      const request = http.request(`${hasty.url}/artifacts/${digest}`, options, (response) => {
        response.resume().on('end', () => resolve(response.statusCode!));
      });
      request.on('error', reject).end(body);
    });
  const content = Buffer.alloc(1024 * 1024, 'kept alive');
  expect(await send(D, content)).toBe(400);
  expect(await send(sha256(content), content)).toBe(201);
  expect(await send(sha256(content), content)).toBe(200);
  expect(await send('abc', content)).toBe(400);
  // Longer than the idle timeout of an upload, which must not reach past it.
  await new Promise((done) => setTimeout(done, 1_500));
  expect(await send(sha256(content), content)).toBe(200);
  agent.destroy();
});

test('a folder that cannot be written: 503 with the reason, in the log too, and the next upload succeeds', async () => {
  const incoming = join(root, 'incoming');
  await rm(incoming, { recursive: true });
  const answer = await call('PUT', D, 'refused');
  expect({ status: answer.status, error: answer.body?.error }).toEqual({
    status: 503,
    error: { code: 'UNAVAILABLE', message: 'the artifact store cannot take the file: its folder is gone (ENOENT)' },
  });
  expect(api.logged.some((line) => line['msg'] === 'an artifact could not be stored')).toBe(true);
  expect(await rowsOf(D)).toEqual([]);
  await FileArtifactStore.at(root);
  expect((await call('PUT', D, 'refused')).status).toBe(201);
});

test('bytes whose row a crash prevented are taken up, and a row whose bytes were lost is filled again', async () => {
  const store = await FileArtifactStore.at(root);
  const { Readable } = await import('node:stream');
  const orphan = sha256('orphan');
  await store.put(Readable.from(['orphan']), orphan, MAX_BYTES);
  expect((await call('HEAD', orphan)).status).toBe(404);
  expect((await call('PUT', orphan, 'orphan')).status).toBe(201);
  expect((await call('HEAD', orphan)).status).toBe(200);
  await store.delete(orphan);
  expect((await call('HEAD', orphan)).status).toBe(404);
  expect((await call('PUT', orphan, 'orphan')).status).toBe(200);
  expect((await call('HEAD', orphan)).status).toBe(200);
});

test('a full disk: 507, so that clients do not try again and again', async () => {
  // A store of the real kind meets a full disk in file-artifact-store.test.ts; filling this machine's is not to be had here.
  const full = await FileArtifactStore.at(root);
  full.put = async () => {
    throw new DomainError('UNAVAILABLE', 'the artifact store cannot take the file: its disk is full (ENOSPC)', [], {
      cause: Object.assign(new Error('write'), { code: 'ENOSPC' }),
    });
  };
  const other = await startTestApi({
    database: api.database,
    features: ({ work, log }) => ({ routes: [artifactUpload({ artifacts: new ArtifactService(work, full, MAX_BYTES), log })] }),
  });
  try {
    const response = await fetch(`${other.url}/artifacts/${sha256('full')}`, {
      method: 'PUT',
      body: 'full',
      headers: { authorization: `Bearer ${other.token}` },
    });
    expect({ status: response.status, body: await response.json() }).toEqual({
      status: 507,
      body: { error: { code: 'UNAVAILABLE', message: 'the artifact store cannot take the file: its disk is full (ENOSPC)' } },
    });
    expect(await rowsOf(sha256('full'))).toEqual([]);
  } finally {
    await other.close();
  }
});
