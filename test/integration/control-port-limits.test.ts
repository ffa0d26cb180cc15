/** What strangers and greedy callers can hold of the control port: connections, time, memory. */
import { randomUUID } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { startTestApi, type TestApi, type TestApiOptions } from '../support/api.js';
import { eventually } from '../support/eventually.js';
import { ProbeResolver } from '../support/probe.resolver.js';
import { dial, hangUp, type RawConnection } from '../support/raw-connection.js';

let api: TestApi;
let probe: ProbeResolver;
async function start(options: TestApiOptions): Promise<void> {
  api = await startTestApi({
    features: ({ work }) => {
      probe = new ProbeResolver(work);
      return { resolvers: [probe], nodes: [probe.nodes], routes: [async (scope) => void scope.put('/things', async () => 'done')] };
    },
    ...options,
  });
}
afterEach(async () => {
  hangUp();
  await api.close();
});

const post = (length: number, token?: string): string =>
  `POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n${token === undefined ? '' : `authorization: Bearer ${token}\r\n`}\r\n`;
const QUERY = '{"query":"{ viewer { actor } }"}';

test('a connection whose request was refused for want of a token is closed, though its body never comes', async () => {
  await start({ timeouts: { refusedMs: 100 } });
  const bad = await dial(api.url, post(5_000_000));
  await eventually(() => bad.text().includes('HTTP/1.1 401 '), 'the refusal');
  await eventually(bad.closed, 'the end of the connection');
});

test('a refused body that comes in time leaves the connection as it was', async () => {
  await start({});
  const connection = await dial(api.url, post(100_000));
  await eventually(() => connection.text().includes('HTTP/1.1 401 '), 'the refusal');
  connection.socket.write(`${'x'.repeat(100_000)}${post(QUERY.length, api.token)}${QUERY}`);
  await eventually(() => connection.text().includes('token:admin'), 'the answer to the next request');
  expect(connection.closed()).toBe(false);
});

test.each([
  ['nothing at all', ''],
  ['half a head', 'POST /graphql HTTP/1.1\r\nhost: x\r\n'],
])('a connection that sends %s is closed after a while', async (_name, sent) => {
  await start({ timeouts: { headersMs: 200 } });
  const silent = await dial(api.url, sent);
  await eventually(silent.closed, 'the end of the connection');
  expect(silent.text()).toContain('HTTP/1.1 408 ');
});

test('a body that does not come is answered 408, and an idle connection is closed', async () => {
  await start({ timeouts: { bodyMs: 200, idleMs: 200 } });
  const late = await dial(api.url, `${post(QUERY.length, api.token)}{`);
  await eventually(late.closed, 'the end of the connection');
  expect(late.text()).toContain('HTTP/1.1 408 ');
  expect(late.text()).toContain('the body did not arrive in time');
  const idle = await dial(api.url, 'GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await eventually(idle.closed, 'the end of the idle connection');
  expect(idle.text()).toContain('HTTP/1.1 200 ');
});

test('strangers have a room of their own: the one that was silent for longest goes first, and nobody with a token goes for them', async () => {
  await start({ connections: { connections: 40, strangers: 4 } });
  const known = await dial(api.url, post(QUERY.length, api.token) + QUERY);
  await eventually(() => known.text().includes('token:admin'), 'the answer');
  const strangers: RawConnection[] = [];
  for (let i = 0; i < 4; i++) strangers.push(await dial(api.url, 'GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n'));
  await eventually(() => strangers.every(({ text }) => text().includes(' 200 ')), 'the answers');
  // The first was used last now.
  strangers[0]!.socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await eventually(() => strangers[0]!.text().split(' 200 ').length === 3, 'its second answer');
  for (let i = 0; i < 3; i++) strangers.push(await dial(api.url));
  await eventually(() => strangers.slice(1, 4).every(({ closed }) => closed()), 'the end of the three that were silent for longest');
  expect(strangers.filter(({ closed }) => !closed())).toHaveLength(4);
  known.socket.write(post(QUERY.length, api.token) + QUERY);
  await eventually(() => known.text().split('token:admin').length === 3, 'the second answer to somebody with a token');
  // A WebSocket is a stranger's until its token was checked.
  const socket = new WebSocket(api.webSocketUrl, 'graphql-transport-ws');
  const acknowledged = new Promise((resolve) => socket.once('message', (data) => resolve(JSON.parse(String(data)))));
  socket.once('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${api.token}` } })));
  expect(await acknowledged).toEqual({ type: 'connection_ack' });
  for (let i = 0; i < 6; i++) await dial(api.url);
  expect(socket.readyState).toBe(socket.OPEN);
  socket.terminate();
});

test('the token with the most connections gives way, not another one', async () => {
  await start({ connections: { connections: 5, strangers: 2 } });
  const { data } = await api.graphql('mutation { createToken(input: { name: "other" }) { secret } }');
  const { secret } = (data as unknown as { createToken: { secret: string } }).createToken;
  // What `fetch` keeps counts too.
  const ask = async (token: string): Promise<RawConnection> => {
    const connection = await dial(api.url, post(QUERY.length, token) + QUERY);
    await eventually(() => connection.text().includes('token:') || connection.closed(), 'the answer');
    return connection;
  };
  const other = await ask(secret);
  const greedy: RawConnection[] = [];
  for (let i = 0; i < 5; i++) greedy.push(await ask(api.token));
  await eventually(() => greedy.filter(({ closed }) => !closed()).length <= 2, 'the end of what is too much');
  expect(other.closed()).toBe(false);
});

test('a WebSocket that sends much before it is acknowledged is closed', async () => {
  await start({});
  const socket = new WebSocket(api.webSocketUrl, 'graphql-transport-ws');
  const messages: unknown[] = [];
  socket.on('message', (data) => messages.push(data));
  socket.on('error', () => undefined);
  socket.once('open', () => socket.send(JSON.stringify({ type: 'ping', payload: { text: 'x'.repeat(900_000) } })));
  const closed = await new Promise<{ code: number; reason: string }>((resolve) =>
    socket.once('close', (code, reason) => resolve({ code, reason: String(reason) })),
  );
  expect(messages).toEqual([]);
  expect(closed).toEqual({ code: 1009, reason: 'more than 16384 bytes arrived before connection_init was acknowledged' });
});

test('a WebSocket whose answers are not read is closed, and its connection ended', async () => {
  await start({ limits: { unreadBytes: 200_000 } });
  const socket = new WebSocket(api.webSocketUrl, 'graphql-transport-ws', { headers: { authorization: `Bearer ${api.token}` } });
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('open', resolve));
  const acknowledged = new Promise((resolve) => socket.once('message', resolve));
  socket.send('{"type":"connection_init"}');
  await acknowledged;
  expect(api.server.connections.counts.known).toBe(1);
  socket.pause();
  const ping = JSON.stringify({ type: 'ping', payload: { text: 'x'.repeat(500_000) } });
  // The kernel takes some megabytes.
  await eventually(async () => {
    socket.send(ping);
    return api.server.connections.counts.known === 0;
  }, 'the end of the connection');
  socket.terminate();
});

test('operations under way are counted by token, over HTTP and WebSockets together', async () => {
  await start({ limits: { answersPerToken: 2 } });
  const slow = [
    api.graphql('{ slow }'),
    new Promise((resolve) => api.wsClient().subscribe({ query: '{ slow }' }, { next: resolve, error: resolve, complete: () => undefined })),
  ];
  await eventually(() => probe.gate.entered === 2, 'both under way');
  const refused = {
    message: 'this token has 2 operations under way, which is the limit; read their answers first',
    extensions: { code: 'LIMIT_EXCEEDED', limit: 'answersPerToken' },
  };
  expect(await api.graphql('{ viewer { actor } }')).toEqual({ status: 429, errors: [refused] });
  const overSocket = await new Promise((resolve) =>
    api.wsClient().subscribe({ query: '{ viewer { actor } }' }, { next: resolve, error: resolve, complete: () => undefined }),
  );
  expect(overSocket).toEqual([refused]);
  probe.gate.release();
  expect(await Promise.all(slow)).toMatchObject([{ status: 200, data: { slow: 1 } }, { data: { slow: 1 } }]);
  await eventually(async () => (await api.graphql('{ viewer { actor } }')).status === 200, 'room again');
});

test('requests that are sent ahead over one connection are answered up to a number, and the others refused', async () => {
  await start({ limits: { answersPerConnection: 2 } });
  const slow = '{"query":"{ slow }"}';
  const ahead = await dial(api.url, (post(slow.length, api.token) + slow).repeat(2));
  await eventually(() => probe.gate.entered === 2, 'both under way');
  ahead.socket.write(post(slow.length, api.token) + slow);
  expect(await api.graphql('{ viewer { actor } }')).toMatchObject({ status: 200 });
  probe.gate.release();
  await eventually(() => ahead.text().includes('answersPerConnection'), 'the refusal');
  expect(ahead.text().match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 429']);
});

test('an introspection costs what it answers, also without fragments', async () => {
  await start({ limits: { cost: 10_000 } });
  const types = '{ types { name fields { name args { name type { name ofType { name } } } type { name ofType { name } } } } }';
  const query = (times: number): string => `{ ${Array.from({ length: times }, (_, i) => `a${i}: __schema ${types}`).join(' ')} }`;
  expect(await api.graphql(query(1))).toMatchObject({ status: 200 });
  expect(await api.graphql(query(50))).toMatchObject({ status: 400, errors: [{ extensions: { code: 'LIMIT_EXCEEDED', limit: 'cost' } }] });
});

test('open paths answer only pages of this machine, and the names that are configured', async () => {
  await start({ allowedHosts: ['box.example'] });
  const ask = async (path: string, headers: string): Promise<string> => {
    const connection = await dial(api.url, `GET ${path} HTTP/1.1\r\n${headers}connection: close\r\n\r\n`);
    await eventually(connection.closed, 'the answer');
    return connection.text();
  };
  for (const path of ['/', '/healthz', '/readyz', '/metrics']) {
    expect(await ask(path, 'host: localhost:1\r\norigin: http://[::1]:3000\r\n')).toContain('HTTP/1.1 200 ');
    expect(await ask(path, 'host: box.example\r\n')).toContain('HTTP/1.1 200 ');
    for (const headers of ['host: evil.example\r\n', 'host: localhost\r\norigin: http://evil.example\r\n', 'host: localhost\r\norigin: null\r\n'])
      expect(await ask(path, headers)).toMatch(/^HTTP\/1\.1 403 [^]*"code":"FORBIDDEN","message":"the header (Host|Origin) is /);
  }
});

test('an upgrade that is refused ends its connection, though the caller keeps its side open', async () => {
  await start({});
  const upgrade = await dial(api.url, `GET /${randomUUID()} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`);
  await eventually(() => upgrade.text().includes('HTTP/1.1 404 '), 'the refusal');
  await eventually(() => api.server.connections.counts.stranger === 0, 'the end of the connection');
});
