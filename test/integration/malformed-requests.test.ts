/**
 * Requests that are wrong in every way that a caller can think of, one a row: each has its code and its message, no resolver
 * runs, and nothing in the database changes.
 */
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { startTestApi, type TestApi } from '../support/api.js';
import { eventually } from '../support/eventually.js';
import { acknowledged, GatewayBench, onnx, publish, routeOf, targetOf, type TestGateway } from '../support/gateway.js';
import { identityModel } from '../support/models/onnx.js';
import { ProbeResolver } from '../support/probe.resolver.js';
import { createTestRegistry, type TestRegistry } from '../support/registry.js';

let api: TestApi;
/** Waits for `connection_init` hardly at all. Where others come with one, they must not be late. */
let hasty: TestApi;
let probe: ProbeResolver;
let registry: TestRegistry;
const bench = new GatewayBench();
let gateway: TestGateway;
beforeAll(async () => {
  api = await startTestApi({
    limits: { subscriptionsPerConnection: 3 },
    features: async ({ work }) => {
      probe = new ProbeResolver(work);
      registry = await createTestRegistry({ work });
      return { resolvers: [probe], nodes: [probe.nodes], routes: registry.routes };
    },
  });
  hasty = await startTestApi({ limits: { connectionInitMs: 300 } });
  const { url, dataSource } = api.database;
  const replica = await bench.replica(onnx(identityModel('FP32', ['n', 2])));
  const version = await publish(url, [routeOf([targetOf([replica])], { name: 'm' })]);
  gateway = await bench.gateway(url, { PILOTHOUSE_GATEWAY_AUTH: 'required' });
  await acknowledged((sql, parameters) => dataSource.query(sql, parameters), gateway, version);
});
afterAll(async () => {
  await bench.close();
  await registry.close();
  await hasty.close();
  await api.close();
});

interface Answer {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly bytes: number;
}

interface Row {
  readonly name: string;
  readonly send: () => Promise<Answer>;
  /** HTTP status, or close code of a WebSocket (0 where it stays open). */
  readonly status: number;
  readonly code: string;
  readonly message: RegExp;
}

/** Anything over HTTP, to the API or to another base; headers as given, the admin token unless they have another. */
function http(method: string, path: string, body: string | undefined, headers: Record<string, string> = {}, base = api.url): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) };
    const request = httpRequest(`${base}${path}`, { method, headers: { authorization: `Bearer ${api.token}`, ...length, ...headers } }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => {
        if (response.statusCode! < 400) return reject(new Error(`it was answered: ${text.slice(0, 200)}`));
        const status = response.statusCode!;
        const parsed = JSON.parse(text) as {
          errors?: { message: string; extensions: { code: string } }[];
          error?: string | { message: string; code: string };
          data?: unknown;
        };
        expect(parsed.data ?? null).toBeNull();
        // The Open Inference Protocol has a text where the API has code and message; its code is the status.
        const first =
          typeof parsed.error === 'string'
            ? { message: parsed.error, code: String(status) }
            : (parsed.error ?? { message: parsed.errors![0]!.message, ...parsed.errors![0]!.extensions });
        resolve({ status, code: first.code, message: first.message, bytes: text.length });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}
/** Bytes as they are, over a connection of their own, which this side ends where it is `half` closed. */
function raw(head: string, { half = false } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(api.url);
    const socket = connect(Number(port), hostname, () => (half ? socket.end(head) : socket.write(head)));
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.on('error', reject);
    socket.on('close', () => {
      const [, status, headers, body] = /^HTTP\/1\.1 (\d+) [^\r]+\r\n(.*?)\r\n\r\n(.*)$/s.exec(text) ?? [];
      if (body === undefined) return reject(new Error(`it was answered: ${text}`));
      expect(headers).toMatch(/^content-type: application\/json; charset=utf-8\r\n/im);
      const { error } = JSON.parse(body) as { error: { code: string; message: string } };
      expect(JSON.parse(body)).toEqual({ error: { code: error.code, message: error.message } });
      resolve({ status: Number(status), code: error.code, message: error.message, bytes: text.length });
    });
  });
}
const put = (more: string): string => `PUT /artifacts/${sha256('a')} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${api.token}\r\n${more}`;
const graphql = (query: unknown, more: object = {}): Promise<Answer> => http('POST', '/graphql', JSON.stringify({ query, ...more }));
const infer = (body: unknown, model = 'm', headers: Record<string, string> = {}): Promise<Answer> =>
  http('POST', `/v2/models/${model}/infer`, typeof body === 'string' ? body : JSON.stringify(body), headers, gateway.url);
const tensor = (more: object): object => ({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2], ...more }] });
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const upload = (digest: string, body: string, headers: Record<string, string> = {}): Promise<Answer> =>
  http('PUT', `/artifacts/${digest}`, body, { 'content-type': 'application/octet-stream', ...headers });

/** Sends messages over a WebSocket (after a good `connection_init`, unless `raw`) and waits for an error message or the close. */
function socket(messages: readonly unknown[], { raw = false, protocol = 'graphql-transport-ws', to = api } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(to.webSocketUrl, protocol);
    const text = (message: unknown): string | Buffer => (typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message));
    const sendAll = (): void => messages.forEach((message) => ws.send(text(message)));
    ws.on('open', () => (raw ? sendAll() : ws.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${api.token}` } }))));
    ws.on('message', (data) => {
      const message = JSON.parse(String(data)) as { type: string; payload?: { message: string; extensions: { code: string } }[] };
      if (message.type === 'connection_ack') sendAll();
      if (message.type === 'next') reject(new Error(`it was answered: ${String(data)}`));
      if (message.type !== 'error') return;
      const first = message.payload![0]!;
      resolve({ status: 0, code: first.extensions.code, message: first.message, bytes: String(data).length });
      ws.terminate();
    });
    ws.on('close', (code, reason) => resolve({ status: code, code: String(code), message: String(reason), bytes: 0 }));
    ws.on('error', () => undefined);
  });
}
const subscribe = (query: unknown, variables?: object, id = '1'): object => ({ type: 'subscribe', id, payload: { query, variables } });
const over = (query: string, variables?: object): Promise<Answer> => socket([subscribe(query, variables)]);

const deep = `{ ${'probe { '.repeat(20)} id ${'}'.repeat(20)} }`;
const aliases = `{ ${Array.from({ length: 60 }, (_, i) => `a${i}: refusal`).join(' ')} }`;
const directives = `query ${Array.from({ length: 60 }, (_, i) => `@d${i}`).join(' ')} { refusal }`;
const manyDirectives = `query ${Array.from({ length: 5_000 }, (_, i) => `@d${i}`).join(' ')} { refusal }`;
const unknownFields = `{ ${Array.from({ length: 90 }, (_, i) => `unknown${i}`).join(' ')} }`;
const breadth = `{ ${'refusal '.repeat(101)} }`;
const expensive = '{ probes(first: 100) { nodes { id } edges { node { id number } } } p: probes(first: 50000) { nodes { id } } }';
const bombFragments = `{ ...f0 } ${Array.from({ length: 30 }, (_, i) => `fragment f${i} on Query { ...f${i + 1} ...f${i + 1} }`).join(' ')} fragment f30 on Query { probes(first: 100) { nodes { id } } }`;
const lists = 'mutation ($input: ProbeInput!) { makeProbe(input: $input) { probe { id } } }';
// As text: no client's JSON.stringify goes that deep.
const nested = `{"input":{"json":${'['.repeat(50_000)}${']'.repeat(50_000)}}}`;
const deepOperation = `{"query":${JSON.stringify(lists)},"variables":${nested}}`;
const bigBody = JSON.stringify({ query: '{ refusal }', variables: { filler: 'x'.repeat(1024 ** 2) } });

const rows: Row[] = [
  // GraphQL over HTTP
  {
    name: 'HTTP: no token',
    send: () => http('POST', '/graphql', '{"query":"{ refusal }"}', { authorization: '' }),
    status: 401,
    code: 'UNAUTHENTICATED',
    message: /no bearer token came/,
  },
  { name: 'HTTP: body that is no JSON', send: () => http('POST', '/graphql', '{"query": '), status: 400, code: 'BAD_REQUEST', message: /JSON/ },
  {
    name: 'HTTP: body that is no object',
    send: () => http('POST', '/graphql', '"{ refusal }"'),
    status: 400,
    code: 'BAD_REQUEST',
    message: /POST body missing/,
  },
  {
    name: 'HTTP: a batch',
    send: () => http('POST', '/graphql', '[{"query":"{ refusal }"},{"query":"{ refusal }"}]'),
    status: 400,
    code: 'BAD_REQUEST',
    message: /batching/,
  },
  { name: 'HTTP: no query', send: () => graphql(undefined, { variables: {} }), status: 400, code: 'BAD_REQUEST', message: /non-empty `query`/ },
  { name: 'HTTP: query that is no text', send: () => graphql({ kind: 'Document' }), status: 400, code: 'BAD_REQUEST', message: /must be strings/ },
  { name: 'HTTP: variables that are text', send: () => graphql('{ refusal }', { variables: '{}' }), status: 400, code: 'BAD_REQUEST', message: /`variables`/ },
  { name: 'HTTP: variables that are a list', send: () => graphql('{ refusal }', { variables: [1] }), status: 400, code: 'BAD_REQUEST', message: /`variables`/ },
  {
    name: 'HTTP: a form, as another site could send it',
    send: () => http('POST', '/graphql', 'query={refusal}', { 'content-type': 'application/x-www-form-urlencoded' }),
    status: 415,
    code: 'BAD_REQUEST',
    message: /Content-Type/,
  },
  {
    name: 'HTTP: plain text, as another site could send it',
    send: () => http('POST', '/graphql', '{"query":"{ refusal }"}', { 'content-type': 'text/plain' }),
    status: 415,
    code: 'BAD_REQUEST',
    message: /Content-Type/,
  },
  { name: 'HTTP: GET', send: () => http('GET', '/graphql?query={refusal}', undefined), status: 405, code: 'BAD_REQUEST', message: /by POST/ },
  { name: 'HTTP: a body over 1 MiB', send: () => http('POST', '/graphql', bigBody), status: 413, code: 'LIMIT_EXCEEDED', message: /larger than is allowed/ },
  {
    name: 'HTTP: a poisoned prototype',
    send: () => http('POST', '/graphql', '{"query":"{ refusal }","__proto__":{"a":1}}'),
    status: 400,
    code: 'BAD_REQUEST',
    message: /not valid JSON/,
  },
  { name: 'HTTP: a syntax error', send: () => graphql('{ refusal'), status: 400, code: 'GRAPHQL_PARSE_FAILED', message: /Syntax Error/ },
  { name: 'HTTP: a token that is none', send: () => graphql('{ refusal % }'), status: 400, code: 'GRAPHQL_PARSE_FAILED', message: /Syntax Error/ },
  {
    name: 'HTTP: an unknown field',
    send: () => graphql('{ nothing }'),
    status: 400,
    code: 'GRAPHQL_VALIDATION_FAILED',
    message: /Cannot query field "nothing"/,
  },
  {
    name: 'HTTP: a fragment that spreads itself',
    send: () => graphql('{ ...f } fragment f on Query { ...f }'),
    status: 400,
    code: 'GRAPHQL_VALIDATION_FAILED',
    message: /within itself/,
  },
  {
    name: 'HTTP: an operation that is not there',
    send: () => graphql('query a { refusal }', { operationName: 'b' }),
    status: 400,
    code: 'OPERATION_RESOLUTION_FAILURE',
    message: /no operation "b"/,
  },
  {
    name: 'HTTP: several operations, none named',
    send: () => graphql('query a { refusal } query b { refusal }'),
    status: 400,
    code: 'OPERATION_RESOLUTION_FAILURE',
    message: /operationName must say/,
  },
  {
    name: 'HTTP: a variable of the wrong type',
    send: () => graphql('query ($first: Int!) { probes(first: $first) { pageInfo { hasNextPage } } }', { variables: { first: 'ten' } }),
    status: 400,
    code: 'BAD_USER_INPUT',
    message: /Int cannot represent/,
  },
  {
    name: 'HTTP: a variable that is missing',
    send: () => graphql('query ($first: Int!) { probes(first: $first) { pageInfo { hasNextPage } } }'),
    status: 400,
    code: 'BAD_USER_INPUT',
    message: /was not provided/,
  },
  { name: 'HTTP: a subscription', send: () => graphql('subscription { eventFeed { cursor } }'), status: 400, code: 'BAD_REQUEST', message: /need a WebSocket/ },
  { name: 'HTTP: too deep', send: () => graphql(deep), status: 400, code: 'LIMIT_EXCEEDED', message: /21 fields inside one another; at most 15/ },
  { name: 'HTTP: too deep for the parser', send: () => graphql('{ a '.repeat(1_000)), status: 400, code: 'LIMIT_EXCEEDED', message: /more than 60 brackets/ },
  {
    name: 'HTTP: too deep a literal',
    send: () => graphql(`mutation { makeProbe(input: { json: ${'['.repeat(1_000)} }) { probe { id } } }`),
    status: 400,
    code: 'LIMIT_EXCEEDED',
    message: /more than 60 brackets/,
  },
  { name: 'HTTP: too broad', send: () => graphql(breadth), status: 400, code: 'LIMIT_EXCEEDED', message: /101 selections in one pair of braces; at most 100/ },
  { name: 'HTTP: too many aliases', send: () => graphql(aliases), status: 400, code: 'LIMIT_EXCEEDED', message: /60 aliases; at most 50/ },
  { name: 'HTTP: too many directives', send: () => graphql(directives), status: 400, code: 'LIMIT_EXCEEDED', message: /60 directives; at most 50/ },
  { name: 'HTTP: 5,000 unknown directives', send: () => graphql(manyDirectives), status: 400, code: 'LIMIT_EXCEEDED', message: /more than 5000 tokens/ },
  { name: 'HTTP: 90 unknown fields', send: () => graphql(unknownFields), status: 400, code: 'GRAPHQL_VALIDATION_FAILED', message: /Cannot query field/ },
  { name: 'HTTP: too expensive', send: () => graphql(expensive), status: 400, code: 'LIMIT_EXCEEDED', message: /may answer \d+ fields; at most 50000/ },
  {
    name: 'HTTP: too expensive by a variable',
    send: () => graphql('query ($n: Int!) { probes(first: $n) { nodes { id } } }', { variables: { n: 2 ** 30 } }),
    status: 400,
    code: 'LIMIT_EXCEEDED',
    message: /may answer \d+ fields/,
  },
  {
    name: 'HTTP: fragments that double thirty times',
    send: () => graphql(bombFragments),
    status: 400,
    code: 'LIMIT_EXCEEDED',
    message: /may answer \d+ fields/,
  },
  {
    name: 'HTTP: too long a list in the input',
    send: () => graphql(lists, { variables: { input: { inner: [{ texts: Array(1_001).fill('x') }] } } }),
    status: 400,
    code: 'LIMIT_EXCEEDED',
    message: /\$input\.inner\.0\.texts has 1001 entries/,
  },
  {
    name: 'HTTP: variables too deep',
    send: () => http('POST', '/graphql', deepOperation),
    status: 400,
    code: 'LIMIT_EXCEEDED',
    message: /more than 32 arrays or objects/,
  },
  { name: 'HTTP: a path that is none', send: () => http('POST', '/graphiql', '{}'), status: 404, code: 'NOT_FOUND', message: /no POST \/graphiql here/ },
  // GraphQL over WebSocket
  { name: 'WebSocket: another protocol', send: () => socket([], { protocol: 'graphql-ws' }), status: 1006, code: '1006', message: /^$/ },
  { name: 'WebSocket: nothing is sent', send: () => socket([], { raw: true, to: hasty }), status: 4408, code: '4408', message: /timeout/ },
  {
    name: 'WebSocket: connection_init without a token',
    send: () => socket([{ type: 'connection_init' }], { raw: true }),
    status: 4401,
    code: '4401',
    message: /^UNAUTHENTICATED: no bearer token/,
  },
  {
    name: 'WebSocket: subscribe before connection_init',
    send: () => socket([subscribe('{ refusal }')], { raw: true }),
    status: 4401,
    code: '4401',
    message: /Unauthorized/,
  },
  {
    name: 'WebSocket: connection_init twice',
    send: () => socket([{ type: 'connection_init' }]),
    status: 4429,
    code: '4429',
    message: /Too many initialisation requests/,
  },
  { name: 'WebSocket: no JSON', send: () => socket(['{']), status: 4400, code: '4400', message: /Invalid message/ },
  ...[
    'subscription ($s: Boolean!) { probeEvents(subject: "x") @skip(if: $s) { cursor } }',
    'subscription ($s: Boolean!) { ... @include(if: $s) { probeEvents(subject: "x") { cursor } } }',
    'subscription ($s: Boolean!) { ...F } fragment F on Subscription { probeEvents(subject: "x") @skip(if: $s) { cursor } }',
  ].map((query, i) => ({
    name: `WebSocket: a subscription whose field may be left out (${i})`,
    send: () => over(query, { s: i !== 1 }),
    status: 0,
    code: 'GRAPHQL_VALIDATION_FAILED',
    message: /a subscription's field must always be asked for: "@(skip|include)" cannot stand here/,
  })),
  {
    name: 'WebSocket: an unknown type',
    send: () => socket([{ type: 'start', id: '1', payload: { query: '{ refusal }' } }]),
    status: 4400,
    code: '4400',
    message: /Invalid message/,
  },
  { name: 'WebSocket: subscribe without a query', send: () => socket([subscribe(undefined)]), status: 4400, code: '4400', message: /Invalid message/ },
  { name: 'WebSocket: random bytes', send: () => socket([createHash('sha256').update('x').digest()]), status: 4400, code: '4400', message: /Invalid message/ },
  {
    name: 'WebSocket: a message over 1 MiB',
    send: () => socket([subscribe('{ refusal }', { filler: 'x'.repeat(1024 ** 2) })]),
    status: 1009,
    code: '1009',
    message: /^$/,
  },
  {
    name: 'WebSocket: one id twice',
    send: () => socket([subscribe('subscription { eventFeed { cursor } }'), subscribe('subscription { eventFeed { cursor } }')]),
    status: 4409,
    code: '4409',
    message: /already exists/,
  },
  { name: 'WebSocket: a syntax error', send: () => over('subscription {'), status: 0, code: 'GRAPHQL_PARSE_FAILED', message: /Syntax Error/ },
  {
    name: 'WebSocket: an unknown field',
    send: () => over('subscription { nothing }'),
    status: 0,
    code: 'GRAPHQL_VALIDATION_FAILED',
    message: /Cannot query field/,
  },
  { name: 'WebSocket: a query too deep', send: () => over(deep), status: 0, code: 'LIMIT_EXCEEDED', message: /fields inside one another/ },
  { name: 'WebSocket: too many aliases', send: () => over(aliases), status: 0, code: 'LIMIT_EXCEEDED', message: /aliases/ },
  { name: 'WebSocket: 5,000 unknown directives', send: () => over(manyDirectives), status: 0, code: 'LIMIT_EXCEEDED', message: /tokens/ },
  { name: 'WebSocket: a query too expensive', send: () => over(expensive), status: 0, code: 'LIMIT_EXCEEDED', message: /may answer/ },
  {
    name: 'WebSocket: a subscription with too many directives',
    send: () => over('subscription { eventFeed { cursor ' + '@skip(if: false) '.repeat(60) + '} }'),
    status: 0,
    code: 'LIMIT_EXCEEDED',
    message: /60 directives/,
  },
  {
    name: 'WebSocket: variables too deep',
    send: () => socket([`{"type":"subscribe","id":"1","payload":${deepOperation}}`]),
    status: 0,
    code: 'LIMIT_EXCEEDED',
    message: /more than 32 arrays or objects/,
  },
  {
    name: 'WebSocket: a variable of the wrong type',
    send: () => over('subscription ($after: String) { eventFeed(after: $after) { cursor } }', { after: 7 }),
    status: 0,
    code: 'BAD_USER_INPUT',
    message: /String cannot represent/,
  },
  {
    name: 'WebSocket: too many subscriptions on one connection',
    send: () => socket(['1', '2', '3', '4'].map((id) => subscribe('subscription { eventFeed { cursor } }', undefined, id))),
    status: 0,
    code: 'LIMIT_EXCEEDED',
    message: /has 3 operations under way/,
  },
  // What is no HTTP
  {
    name: 'HTTP: a path that is no UTF-8',
    send: () => http('GET', '/%ff', undefined),
    status: 400,
    code: 'BAD_REQUEST',
    message: /^the path is malformed: .*"%"/,
  },
  { name: 'HTTP: an escape that is none', send: () => http('GET', '/%zz', undefined), status: 400, code: 'BAD_REQUEST', message: /^the path is malformed: / },
  { name: 'upload: a path that is no UTF-8', send: () => upload('%ff', 'a'), status: 400, code: 'BAD_REQUEST', message: /^the path is malformed: / },
  {
    name: 'upload: a digest longer than any',
    send: () => upload('a'.repeat(500), 'a'),
    status: 414,
    code: 'BAD_REQUEST',
    message: /^a part of the path is longer than anything that is here$/,
  },
  {
    name: 'HTTP: a negative Content-Length',
    send: () => raw(put('content-length: -5\r\n\r\n')),
    status: 400,
    code: 'BAD_REQUEST',
    message: /^this is not HTTP\/1\.1 as it should be: .*Content-Length/,
  },
  {
    name: 'upload: half of it, and no more to come',
    send: () => raw(put('content-length: 5\r\n\r\na'), { half: true }),
    status: 400,
    code: 'BAD_REQUEST',
    message: /^the connection ended before the whole request had come$/,
  },
  {
    name: 'HTTP: headers larger than are allowed',
    send: () => raw(put(`x-filler: ${'x'.repeat(20_000)}\r\n\r\n`)),
    status: 431,
    code: 'LIMIT_EXCEEDED',
    message: /^the headers are larger than is allowed here$/,
  },
  {
    name: 'upload: a chunk with too long an extension',
    send: () => raw(put(`transfer-encoding: chunked\r\n\r\n1;${'x'.repeat(20_000)}\r\na\r\n0\r\n\r\n`)),
    status: 413,
    code: 'LIMIT_EXCEEDED',
    message: /^the extensions of the chunks are larger than is allowed here$/,
  },
  // Uploads
  { name: 'upload: no token', send: () => upload(sha256('a'), 'a', { authorization: '' }), status: 401, code: 'UNAUTHENTICATED', message: /no bearer token/ },
  { name: 'upload: a digest that is none', send: () => upload('abc', 'a'), status: 400, code: 'INVALID', message: /"abc" is not a SHA-256 digest/ },
  { name: 'upload: a digest that climbs', send: () => upload('..%2F..%2Fetc%2Fpasswd', 'a'), status: 400, code: 'INVALID', message: /is not a SHA-256 digest/ },
  {
    name: 'upload: other bytes than the digest says',
    send: () => upload(sha256('a'), 'b'),
    status: 400,
    code: 'INVALID',
    message: /the bytes have the digest 3e23/,
  },
  {
    name: 'upload: compressed on the way',
    send: () => upload(sha256('a'), 'a', { 'content-encoding': 'gzip' }),
    status: 415,
    code: 'BAD_REQUEST',
    message: /content-encoding gzip is not known/,
  },
  {
    name: 'upload: announced as larger than is allowed',
    send: () => upload(sha256('a'), 'x'.repeat(51 * 1024 ** 2)),
    status: 413,
    code: 'LIMIT_EXCEEDED',
    message: /an artifact may have 52428800/,
  },
  { name: 'upload: by POST', send: () => http('POST', `/artifacts/${sha256('a')}`, 'a'), status: 405, code: 'BAD_REQUEST', message: /POST is not known here/ },
  {
    name: 'upload: reading what was never stored',
    send: () => http('GET', `/artifacts/${sha256('a')}`, undefined),
    status: 404,
    code: 'NOT_FOUND',
    message: /there is no artifact ca97/,
  },
  // The gateway's REST
  { name: 'REST: no token', send: () => infer(tensor({}), 'm', { authorization: '' }), status: 401, code: '401', message: /wants a token/ },
  { name: 'REST: a model that is not there', send: () => infer(tensor({}), 'nothing'), status: 404, code: '404', message: /model "nothing" is unknown/ },
  {
    name: 'REST: a version that is not there',
    send: () => http('POST', '/v2/models/m/versions/9/infer', JSON.stringify(tensor({})), {}, gateway.url),
    status: 404,
    code: '404',
    message: /does not serve version 9/,
  },
  { name: 'REST: a name that climbs', send: () => infer(tensor({}), '%2E%2E%2Fm'), status: 400, code: '400', message: /cannot be a model's name/ },
  { name: 'REST: a path that is none', send: () => http('GET', '/v3', undefined, {}, gateway.url), status: 404, code: '404', message: /nothing at \/v3/ },
  { name: 'REST: no JSON', send: () => infer('{"inputs": ['), status: 400, code: '400', message: /the body is not JSON/ },
  {
    name: 'REST: nested 250,000 deep',
    send: () => infer(`{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":${'['.repeat(250_000)}${']'.repeat(250_000)}}]}`),
    status: 400,
    code: '400',
    message: /ragged|nested/,
  },
  { name: 'REST: no inputs', send: () => infer({}), status: 400, code: '400', message: /"inputs" is missing/ },
  {
    name: 'REST: an input that the model does not have',
    send: () => infer(tensor({ name: 'z' })),
    status: 400,
    code: '400',
    message: /input "z" is unknown; the model takes "x"/,
  },
  {
    name: 'REST: one input twice',
    send: () => infer({ inputs: [...(tensor({}) as { inputs: object[] }).inputs, ...(tensor({}) as { inputs: object[] }).inputs] }),
    status: 400,
    code: '400',
    message: /input "x" is given twice/,
  },
  {
    name: 'REST: another datatype',
    send: () => infer(tensor({ datatype: 'INT64' })),
    status: 400,
    code: '400',
    message: /input "x" is INT64; the model takes FP32/,
  },
  { name: 'REST: a datatype that is none', send: () => infer(tensor({ datatype: 'FP128' })), status: 400, code: '400', message: /"FP128" is no datatype/ },
  {
    name: 'REST: another shape',
    send: () => infer(tensor({ shape: [1, 3], data: [1, 2, 3] })),
    status: 400,
    code: '400',
    message: /input "x" has shape \[1, 3\]; the model takes \[-1, 2\]/,
  },
  { name: 'REST: less data than the shape says', send: () => infer(tensor({ data: [1] })), status: 400, code: '400', message: /wants 2 elements/ },
  { name: 'REST: a negative dimension', send: () => infer(tensor({ shape: [-1, 2] })), status: 400, code: '400', message: /not a non-negative integer/ },
  {
    name: 'REST: a shape whose product overflows',
    send: () => infer(tensor({ shape: [2 ** 32, 2 ** 32] })),
    status: 400,
    code: '400',
    message: /more elements than can be addressed/,
  },
  { name: 'REST: texts where numbers belong', send: () => infer(tensor({ data: ['a', 'b'] })), status: 400, code: '400', message: /FP32 takes numbers/ },
  {
    name: 'REST: an output that the model does not have',
    send: () => infer({ ...tensor({}), outputs: [{ name: 'z' }] }),
    status: 400,
    code: '400',
    message: /output "z" is unknown; the model gives "y"/,
  },
];

/** What a gateway writes by itself: its heartbeat, and what it metered. */
const OF_GATEWAYS = ['gateway', 'metric_window'];

/** Every table's rows and every stored file, as one digest. */
async function everything(): Promise<string> {
  const tables: { name: string }[] = await api.database.dataSource.query(
    `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename <> ALL($1) ORDER BY 1`,
    [OF_GATEWAYS],
  );
  const hash = createHash('sha256');
  for (const { name } of tables) hash.update(JSON.stringify([name, await api.database.dataSource.query(`SELECT t::text FROM "${name}" t ORDER BY 1`)]));
  hash.update(JSON.stringify((await readdir(registry.home, { recursive: true })).sort()));
  return hash.digest('hex');
}

test.each(rows)('$name', async ({ send, status, code, message }) => {
  probe.calls = 0;
  const before = await everything();
  const answer = await send();
  expect(answer).toMatchObject({ status, code, message: expect.stringMatching(message) });
  // An error is small, whatever was sent.
  expect(answer.bytes).toBeLessThan(2_000);
  expect(probe.calls).toBe(0);
  // What came of an upload that broke off is cleared away in the server's own time, which may be after its answer.
  await expect.poll(everything, { timeout: 10_000 }).toBe(before);
  expect(await api.graphql('{ viewer { actor } }')).toMatchObject({ status: 200 });
  expect(api.logged).toEqual([]);
});

test('a body that is too large is answered to a caller who reads only once everything is sent, and the connection serves on', async () => {
  const { hostname, port } = new URL(api.url);
  const head = (length: number): string =>
    `POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${api.token}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;
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
  expect(text).toMatch(/^HTTP\/1\.1 413 [^]*the body is larger than is allowed here[^]*HTTP\/1\.1 200 /);
  socket.destroy();
});

test('after all of it the gateway is the same process and answers', async () => {
  expect(gateway.process.exitCode).toBeNull();
  const answer = await gateway.infer('m', tensor({}), { headers: { authorization: `Bearer ${api.token}` } });
  expect(answer).toMatchObject({ status: 200, body: { outputs: [{ data: [1, 2] }] } });
});
