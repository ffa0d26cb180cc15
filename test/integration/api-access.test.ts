import { randomUUID } from 'node:crypto';
import { getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { TokenService } from '../../server/access/token.service.js';
import { toNodeId } from '../../server/api/node-id.js';
import { createDataSource } from '../../server/database/data-source.js';
import { ENTITIES } from '../../server/features.js';
import { UnitOfWork } from '../../server/database/unit-of-work.js';
import { startTestApi, type TestApi } from '../support/api.js';
import { countStatements } from '../support/count-statements.js';
import { eventually } from '../support/eventually.js';
import { ProbeResolver } from '../support/probe.resolver.js';

let api: TestApi;
let probe: ProbeResolver;
beforeAll(async () => {
  api = await startTestApi({
    features: ({ work }) => {
      probe = new ProbeResolver(work);
      return {
        resolvers: [probe],
        nodes: [probe.nodes],
        routes: [
          async (scope) => {
            scope.put('/things/:id', async (request) => ({ actor: request.caller.actor }));
            scope.get('/things/broken', async () => {
              throw new Error('secret: hunter2');
            });
          },
        ],
      };
    },
  });
});
afterAll(() => api.close());
beforeEach(() => {
  probe.calls = 0;
  probe.loads = [];
});

const post = (body: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${api.url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });

/** Opens a socket, sends `connection_init`, and answers its first message or how it was closed. */
function init(payload: unknown, headers: Record<string, string> = {}): Promise<{ message?: unknown; code?: number; reason?: string }> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(api.webSocketUrl, 'graphql-transport-ws', { headers });
    socket.on('error', reject);
    socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload })));
    socket.on('message', (data) => {
      resolve({ message: JSON.parse(String(data)) });
      socket.close();
    });
    socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }));
  });
}

test('the viewer is the token that came with the request', async () => {
  const { data, errors } = await api.graphql('{ viewer { actor token { id name revokedAt } } }');
  expect(errors).toBeUndefined();
  expect(data).toMatchObject({ viewer: { actor: 'token:admin', token: { name: 'admin', revokedAt: null } } });
});

test('an authenticated client may read the schema', async () => {
  const { data, errors } = await api.graphql(getIntrospectionQuery());
  expect(errors).toBeUndefined();
  expect(JSON.stringify(data)).toContain('auditEntries');
});

const bad = `ph_${'A'.repeat(43)}`;
test.each([
  ['no token', {}, 'no bearer token came'],
  ['another scheme', { authorization: 'Basic YTpi' }, 'no bearer token came'],
  ['an unknown token', { authorization: `Bearer ${bad}` }, 'not valid'],
  ['a malformed token', { authorization: 'Bearer hello' }, 'not valid'],
])('GraphQL over HTTP with %s: no data, no introspection', async (_name, headers, message) => {
  for (const query of [
    '{ viewer { actor } }',
    '{ __schema { queryType { name } } }',
    '{ __typename }',
    'mutation { makeProbe(input: {}) { probe { id } } }',
    '{ nonsense',
  ]) {
    const response = await post(JSON.stringify({ query }), headers);
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
    expect(await response.json()).toEqual({ errors: [{ message: expect.stringContaining(message), extensions: { code: 'UNAUTHENTICATED' } }] });
  }
  expect(probe.calls).toBe(0);
});

test('GraphQL over WebSocket: the token comes in connection_init or in the header, and without one the socket is closed', async () => {
  const authorization = `Bearer ${api.token}`;
  expect(await init({ authorization })).toEqual({ message: { type: 'connection_ack' } });
  expect(await init({ Authorization: authorization })).toEqual({ message: { type: 'connection_ack' } });
  expect(await init(undefined, { authorization })).toEqual({ message: { type: 'connection_ack' } });
  for (const payload of [undefined, {}, { authorization: `Bearer ${bad}` }, { authorization: 7 }]) {
    expect(await init(payload)).toEqual({ code: 4401, reason: expect.stringMatching(/^UNAUTHENTICATED: /) });
  }
});

test('routes of features know their caller and refuse those without a token', async () => {
  const put = (headers: Record<string, string>): Promise<Response> => fetch(`${api.url}/things/1`, { method: 'PUT', headers });
  expect(await (await put({ authorization: `Bearer ${api.token}` })).json()).toEqual({ actor: 'token:admin' });
  const refused = await put({});
  expect(refused.status).toBe(401);
  expect(await refused.json()).toEqual({ error: { code: 'UNAUTHENTICATED', message: expect.stringContaining('no bearer token') } });
});

test('health, readiness and the landing page are open; metrics only on loopback', async () => {
  expect(await (await fetch(`${api.url}/healthz`)).json()).toEqual({ status: 'ok' });
  // Its patience with a database that is slow is two seconds.
  await expect.poll(async () => (await fetch(`${api.url}/readyz`)).json(), { timeout: 20_000 }).toEqual({ status: 'ready' });
  const page = await (await fetch(`${api.url}/`)).text();
  expect(page).toContain('control plane');
  expect(page).not.toMatch(/(src|href)="https?:/);
  expect(await (await fetch(`${api.url}/metrics`)).text()).toContain('process_cpu_seconds_total');
  const beyond = await startTestApi({ host: '0.0.0.0', database: api.database });
  try {
    expect((await fetch(`${beyond.url}/metrics`)).status).toBe(401);
    expect((await fetch(`${beyond.url}/metrics`, { headers: { authorization: `Bearer ${beyond.token}` } })).status).toBe(200);
  } finally {
    await beyond.close();
  }
});

test('a slash at the end of a path says nothing', async () => {
  for (const path of ['/healthz/', '/readyz/', '/metrics/']) expect({ path, status: (await fetch(api.url + path)).status }).toEqual({ path, status: 200 });
  const query = JSON.stringify({ query: '{ __typename }' });
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${api.token}` };
  const [plain, slash] = await Promise.all(['/graphql', '/graphql/'].map((path) => fetch(api.url + path, { method: 'POST', headers, body: query })));
  expect(slash!.status).toBe(200);
  expect(await slash!.json()).toEqual(await plain!.json());
});

test('faults are masked, logged under an id, and the id is answered; refusals are told', async () => {
  for (const [query, logged] of [
    ['{ fault }', 'hunter2'],
    ['{ impossible { number } }', 'Int cannot represent'],
  ] as const) {
    const { errors } = await api.graphql(query);
    expect(errors).toHaveLength(1);
    expect(errors![0]).toMatchObject({ message: 'internal error', extensions: { code: 'INTERNAL_SERVER_ERROR', id: expect.any(String) } });
    expect(Object.keys(errors![0]!.extensions).sort()).toEqual(['code', 'id']);
    expect(api.logged.filter((line) => line['id'] === errors![0]!.extensions['id'] && JSON.stringify(line['err']).includes(logged))).toHaveLength(1);
  }
  const { errors } = await api.graphql('{ refusal }');
  expect(errors).toEqual([
    {
      message: 'the probe is not ready; wait for it',
      path: ['refusal'],
      locations: expect.anything(),
      extensions: { code: 'FAILED_PRECONDITION', field: ['probe'] },
    },
  ]);
  const rest = await fetch(`${api.url}/things/broken`, { headers: { authorization: `Bearer ${api.token}` } });
  expect(rest.status).toBe(500);
  expect(await rest.json()).toEqual({ error: { code: 'INTERNAL_SERVER_ERROR', message: 'internal error', id: expect.any(String) } });
});

test('over the WebSocket faults are masked too', async () => {
  const results: unknown[] = [];
  await new Promise<void>((resolve, reject) => {
    api.wsClient().subscribe({ query: '{ fault }' }, { next: (result) => results.push(result), error: reject, complete: resolve });
  });
  expect(results).toEqual([
    {
      data: null,
      errors: [
        { message: 'internal error', path: ['fault'], locations: expect.anything(), extensions: { code: 'INTERNAL_SERVER_ERROR', id: expect.any(String) } },
      ],
    },
  ]);
});

test('a database that is away is UNAVAILABLE, not a fault', async () => {
  const other = await startTestApi();
  try {
    await other.graphql('{ viewer { actor } }');
    await other.database.dataSource.destroy();
    const { errors } = await other.graphql('{ tokens { nodes { name } } }');
    expect(errors).toMatchObject([{ extensions: { code: 'UNAVAILABLE' } }]);
    expect(await (await fetch(`${other.url}/readyz`)).json()).toEqual({ status: 'not ready', reason: 'the database does not answer' });
    expect((await fetch(`${other.url}/healthz`)).status).toBe(200);
  } finally {
    await other.database.dataSource.initialize();
    await other.close();
  }
});

test('what a caller can act on in a mutation is a userError with its field', async () => {
  const { data, errors } = await api.graphql('mutation { makeProbe(input: { texts: ["taken"] }) { probe { id } userErrors { code message field } } }');
  expect(errors).toBeUndefined();
  expect(data).toEqual({
    makeProbe: {
      probe: null,
      userErrors: [{ code: 'ALREADY_EXISTS', message: 'there is a probe of that name; take another', field: ['input', 'texts', '0'] }],
    },
  });
});

test('node and nodes find objects by id, all of one type in one load', async () => {
  const [a, b] = ['1111', '0000'].map((begin) => toNodeId('Probe', randomUUID().replace(/^.{4}/, begin)));
  const { data, errors } = await api.graphql(
    'query ($a: ID!, $b: ID!) { node(id: $a) { __typename id } nodes(ids: [$b, $a]) { id ... on Probe { number } } }',
    { a, b },
  );
  expect(errors).toBeUndefined();
  expect(data).toEqual({ node: { __typename: 'Probe', id: a }, nodes: [null, { id: a, number: 7 }] });
  expect(probe.loads).toHaveLength(1);
  const wrong = await api.graphql('{ node(id: "nonsense") { id } }');
  expect(wrong.errors).toMatchObject([{ message: '"nonsense" is not the id of an object', extensions: { code: 'INVALID', field: ['id'] } }]);
  const oneWrong = await api.graphql('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids: [a, 'nonsense', a] });
  expect(oneWrong.data).toEqual({ nodes: [{ id: a }, null, { id: a }] });
  const message = '"nonsense" is not the id of an object';
  expect(oneWrong.errors).toMatchObject([{ message, path: ['nodes', 1], extensions: { code: 'INVALID', field: ['ids', '1'] } }]);
});

const createToken =
  'mutation ($input: CreateTokenInput!) { createToken(input: $input) { token { id name createdBy } secret userErrors { code message field } } }';
const revokeToken = 'mutation ($id: ID!) { revokeToken(input: { id: $id }) { token { revokedAt } userErrors { code message field } } }';
type Created = { createToken: { token: { id: string; name: string } | null; secret: string | null; userErrors: unknown[] } };

async function create(name: string, idempotencyKey?: string): Promise<Created['createToken']> {
  const { data } = await api.graphql(createToken, { input: { name, idempotencyKey } });
  return (data as unknown as Created).createToken;
}

test('a token is shown once, kept as a hash, works at once, and is dead once revoked', async () => {
  const { token, secret } = await create('robot');
  expect(secret).toMatch(/^ph_[A-Za-z0-9_-]{43}$/);
  const rows: { hash: string }[] = await api.database.dataSource.query(`SELECT * FROM api_token WHERE name = 'robot'`);
  expect(rows[0]!.hash).toMatch(/^[0-9a-f]{64}$/);
  expect(JSON.stringify(rows) + JSON.stringify(await api.database.dataSource.query('SELECT * FROM audit_entry'))).not.toContain(secret);
  expect((await api.graphql('{ viewer { actor } }', {}, secret)).data).toEqual({ viewer: { actor: 'token:robot' } });
  expect((await api.graphql(revokeToken, { id: token!.id })).data).toMatchObject({ revokeToken: { token: { revokedAt: expect.any(String) }, userErrors: [] } });
  expect((await api.graphql('{ viewer { actor } }', {}, secret)).status).toBe(401);
});

test("a revocation reaches other servers by the wake-up, and without it within the cache's time", async () => {
  const { token, secret } = await create('traveller');
  let now = 0;
  const deaf = new TokenService(api.work, { clock: () => now, cacheMs: 3_000 });
  const other = await startTestApi({ database: api.database });
  try {
    expect((await other.graphql('{ viewer { actor } }', {}, secret)).status).toBe(200);
    expect(await deaf.verify(secret!)).toMatchObject({ actor: 'token:traveller' });
    await api.graphql(revokeToken, { id: token!.id });
    await eventually(async () => (await other.graphql('{ viewer { actor } }', {}, secret)).status === 401, 'the refusal at the other server');
    expect(await deaf.verify(secret!)).toBeDefined();
    now = 3_001;
    expect(await deaf.verify(secret!)).toBeUndefined();
  } finally {
    await other.close();
  }
});

test('a revoked token loses its open WebSocket', async () => {
  const { token, secret } = await create('listener');
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    const client = api.wsClient({
      connectionParams: { authorization: `Bearer ${secret}` },
      on: { connected: () => void api.graphql(revokeToken, { id: token!.id }), closed: (event) => resolve(event as { code: number; reason: string }) },
    });
    client.subscribe({ query: 'subscription { eventFeed { cursor } }' }, { next: () => undefined, error: () => undefined, complete: () => undefined });
  });
  expect(await closed).toMatchObject({ code: 4401, reason: 'UNAUTHENTICATED: the token was revoked' });
});

test('checks of one token are one query until it may have changed', async () => {
  // Connections of its own: beside this, the server checks the tokens of open WebSockets.
  const dataSource = await createDataSource(api.database.url, ENTITIES, 2).initialize();
  const tokens = new TokenService(new UnitOfWork(dataSource, api.notifier));
  const checks = async (verify: () => Promise<unknown>): Promise<number> => {
    const { statements } = await countStatements(dataSource, verify, true);
    return statements.filter((statement) => statement.includes('"api_token"')).length;
  };
  expect(await checks(() => Promise.all(Array.from({ length: 20 }, () => tokens.verify(api.token))))).toBe(1);
  tokens.invalidate();
  expect(await checks(() => tokens.verify(api.token))).toBe(1);
  // What cannot be a token is refused without one.
  expect(await checks(() => tokens.verify('hello'))).toBe(0);
  await dataSource.destroy();
});

test('names of tokens are checked, and taken for ever', async () => {
  const { token } = await create('once');
  await api.graphql(revokeToken, { id: token!.id });
  expect(await create('once')).toMatchObject({
    token: null,
    secret: null,
    userErrors: [{ code: 'ALREADY_EXISTS', field: ['input', 'name'], message: 'a token has, or had, the name "once"; choose another name' }],
  });
  for (const name of ['', 'Capital', 'a b', '-a', 'x'.repeat(64)])
    expect(await create(name)).toMatchObject({ token: null, userErrors: [{ code: 'INVALID', field: ['input', 'name'] }] });
  const named: unknown[] = await api.database.dataSource.query(`SELECT 1 FROM api_token WHERE name = 'once'`);
  expect(named).toHaveLength(1);
});

test('createToken repeated by its key makes one token and shows its secret once', async () => {
  const answers = await Promise.all(Array.from({ length: 4 }, () => create('again', 'key-1')));
  expect(new Set(answers.map((answer) => answer.token!.id)).size).toBe(1);
  expect(answers.filter((answer) => answer.secret !== null)).toHaveLength(1);
});

test('the last valid token cannot be revoked, and a token that is none is NOT_FOUND', async () => {
  const lonely = await startTestApi();
  try {
    const { data } = await lonely.graphql('{ viewer { token { id } } }');
    const { id } = (data as unknown as { viewer: { token: { id: string } } }).viewer.token;
    expect((await lonely.graphql(revokeToken, { id })).data).toMatchObject({
      revokeToken: { token: null, userErrors: [{ code: 'FAILED_PRECONDITION', field: ['input', 'id'] }] },
    });
    expect((await lonely.graphql('{ viewer { actor } }')).status).toBe(200);
    expect((await lonely.graphql(revokeToken, { id: toNodeId('Token', randomUUID()) })).data).toMatchObject({
      revokeToken: { userErrors: [{ code: 'NOT_FOUND' }] },
    });
    expect((await lonely.graphql(revokeToken, { id: 'x' })).data).toMatchObject({ revokeToken: { userErrors: [{ code: 'INVALID', field: ['input', 'id'] }] } });
  } finally {
    await lonely.close();
  }
});

test('audit entries are a connection with filters, in as many statements for many as for few', async () => {
  const { token } = await create('audited');
  const query =
    'query ($first: Int!, $after: String, $object: ID, $actor: String, $project: String) { auditEntries(first: $first, after: $after, object: $object, actor: $actor, project: $project) { nodes { actor action objectType objectId projectId detail } edges { cursor } pageInfo { hasNextPage endCursor } } }';
  const { data } = await api.graphql(query, { first: 5, object: token!.id });
  expect(data).toMatchObject({
    auditEntries: {
      nodes: [{ actor: 'token:admin', action: 'createToken', objectType: 'Token', objectId: token!.id, projectId: null, detail: { name: 'audited' } }],
      pageInfo: { hasNextPage: false },
    },
  });
  const one = await countStatements(api.database.dataSource, () => api.graphql(query, { first: 1 }));
  const many = await countStatements(api.database.dataSource, () => api.graphql(query, { first: 100 }));
  expect(many.count).toBe(one.count);
  const first = (one.result.data as unknown as { auditEntries: { nodes: unknown[]; pageInfo: { endCursor: string; hasNextPage: boolean } } }).auditEntries;
  expect(first.pageInfo.hasNextPage).toBe(true);
  const second = (await api.graphql(query, { first: 1, after: first.pageInfo.endCursor })).data as unknown as { auditEntries: { nodes: unknown[] } };
  expect(second.auditEntries.nodes).not.toEqual(first.nodes);
  expect((await api.graphql(query, { first: 10, actor: 'token:nobody' })).data).toMatchObject({ auditEntries: { nodes: [] } });
  expect((await api.graphql(query, { first: 10, project: 'nowhere' })).errors).toMatchObject([{ extensions: { code: 'NOT_FOUND', field: ['project'] } }]);
  expect((await api.graphql(query, { first: 10, after: 'rubbish' })).errors).toMatchObject([
    { message: '"rubbish" is not a cursor of this connection', extensions: { code: 'INVALID', field: ['after'] } },
  ]);
  expect((await api.graphql(query, { first: 10, actor: 'a\u0000' })).errors).toMatchObject([
    { message: 'actor holds a NUL character', extensions: { code: 'INVALID', field: ['actor'] } },
  ]);
  expect((await api.graphql(query, { first: 10, project: 'a\u0000' })).errors).toMatchObject([{ extensions: { code: 'NOT_FOUND', field: ['project'] } }]);
  expect((await api.graphql(query, { first: 101 })).errors).toMatchObject([
    { message: 'first is 101; it must be from 1 to 100', extensions: { code: 'INVALID' } },
  ]);
});

test('the tokens connection pages in a constant number of statements', async () => {
  const query = 'query ($first: Int!) { tokens(first: $first) { nodes { id name createdBy createdAt revokedAt } } }';
  const one = await countStatements(api.database.dataSource, () => api.graphql(query, { first: 1 }));
  const many = await countStatements(api.database.dataSource, () => api.graphql(query, { first: 100 }));
  expect(many.count).toBe(one.count);
  expect(JSON.stringify(many.result.data)).not.toMatch(/[0-9a-f]{64}/);
});

test('closing finishes what is under way, over HTTP and WebSocket, says "going away", and refuses what is new', async () => {
  let other: ProbeResolver | undefined;
  const server = await startTestApi({
    features: ({ work }) => {
      other = new ProbeResolver(work);
      return { resolvers: [other] };
    },
  });
  const http = server.graphql('{ slow }');
  const goodbye = new Promise<{ code: number }>((resolve) => {
    const client = server.wsClient({ on: { closed: (event) => resolve(event as { code: number }) } });
    client.subscribe({ query: 'subscription { eventFeed { cursor } }' }, { next: () => undefined, error: () => undefined, complete: () => undefined });
  });
  const socket = new Promise<unknown>((resolve, reject) => {
    let answer: unknown;
    server.wsClient().subscribe({ query: '{ slow }' }, { next: (result) => (answer = result), error: reject, complete: () => resolve(answer) });
  });
  await eventually(() => other!.gate.entered === 2, 'both operations under way');
  await eventually(() => server.feed.waiting === 1, 'the subscription');
  const closed = server.server.close();
  const refused = (): Promise<boolean> =>
    fetch(`${server.url}/healthz`).then(
      () => false,
      () => true,
    );
  await eventually(refused, 'that nobody gets in');
  other!.gate.release();
  expect(await http).toMatchObject({ status: 200, data: { slow: 1 } });
  expect(await socket).toEqual({ data: { slow: 1 } });
  expect(await goodbye).toMatchObject({ code: 1001 });
  const from = performance.now();
  await closed;
  // Nothing is left to be cut off, which is done after ten.
  expect(performance.now() - from).toBeLessThan(9_000);
  await server.close();
});
