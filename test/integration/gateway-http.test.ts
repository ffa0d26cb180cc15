import { createHash, randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { identityModel } from '../support/models/onnx.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { acknowledged, COMMAND_MODEL, GatewayBench, onnx, publish, routeOf, targetOf, type TestGateway } from '../support/gateway.js';

let db: TestDatabase;
let bench: GatewayBench;
let gateway: TestGateway;

beforeAll(async () => {
  db = await createTestDatabase();
  bench = new GatewayBench();
  const identity = onnx(identityModel('INT64', ['n', 2]));
  const floats = onnx(identityModel('FP32', ['n']));
  const [command, int64, fp32] = await Promise.all([bench.replica(COMMAND_MODEL), bench.replica(identity), bench.replica(floats)]);
  await publish(db.url, [
    routeOf([targetOf([command], { versionNumber: 3 })], { maxConcurrency: 1, maxQueue: 1 }),
    routeOf([targetOf([int64], { versionNumber: 1 })], { name: 'vision.identity' }),
    routeOf(
      [targetOf([fp32], { versionNumber: 2, runtime: 'onnx', format: 'onnx' }), targetOf([], { versionNumber: 5, weight: 0, signature: fp32.signature })],
      { name: 'floats' },
    ),
    routeOf([targetOf([], { signature: fp32.signature })], { name: 'empty', timeoutMs: 150 }),
  ]);
  gateway = await bench.gateway(db.url);
  await gateway.reaches('m', 'vision.identity', 'floats');
});
afterAll(async () => {
  await bench.close();
  await db.drop();
});

/** Raw bytes to the gateway; what comes back until it closes, or for `waitMs`. */
function raw(bytes: string, waitMs = 20_000): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(gateway.port, '127.0.0.1', () => socket.write(bytes));
    const timer = setTimeout(() => socket.destroy(), waitMs);
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(text);
    });
  });
}

describe('what is asked about', () => {
  test('the server, its health, and models', async () => {
    expect(await gateway.request('/v2')).toMatchObject({
      status: 200,
      body: { name: 'pilothouse', version: expect.any(String), extensions: expect.arrayContaining(['binary_tensor_data', 'statistics']) },
    });
    expect(await gateway.request('/v2/health/live')).toMatchObject({ status: 200, body: { live: true } });
    expect(await gateway.request('/v2/health/ready')).toMatchObject({ status: 200, body: { ready: true } });
    const tensors = { inputs: [{ name: 'x', datatype: 'FP32', shape: [-1] }], outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }] };
    expect((await gateway.request('/v2/models/floats')).body).toEqual({ name: 'floats', versions: ['2', '5'], platform: 'onnx_onnx', ...tensors });
    expect((await gateway.request('/v2/models/floats/versions/5')).body).toMatchObject({ versions: ['5'] });
    expect(await gateway.request('/v2/models/floats/ready')).toMatchObject({ status: 200, body: { name: 'floats', ready: true } });
    expect(await gateway.request('/v2/models/floats/versions/5/ready')).toMatchObject({ status: 503, body: { name: 'floats', ready: false } });
    expect(await gateway.request('/v2/models/vision%2Eidentity/ready')).toMatchObject({ status: 200 });
    expect((await gateway.request('/v2/health/live', { method: 'HEAD' })).status).toBe(200);
  });
});

describe('an inference', () => {
  test('answers with id, version and request id, nested or flat, by name and by version', async () => {
    const data = [
      [9007199254740993n, -1n],
      [0n, -(2n ** 63n)],
    ];
    const text = (value: unknown) => JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? `#${v}#` : v)).replace(/"#(-?\d+)#"/g, '$1');
    const body = text({ id: 'a', inputs: [{ name: 'x', datatype: 'INT64', shape: [2, 2], data }] });
    const response = await fetch(`${gateway.url}/v2/models/vision.identity/infer`, { method: 'POST', body, headers: { 'x-request-id': 'mine' } });
    expect(await response.text()).toBe(
      '{"model_name":"vision.identity","model_version":"1","id":"a","outputs":[{"name":"y","shape":[2,2],"datatype":"INT64","data":[9007199254740993,-1,0,-9223372036854775808]}]}',
    );
    expect(response.headers.get('x-pilothouse-version')).toBe('1');
    expect(response.headers.get('x-request-id')).toBe('mine');
    const flat = await gateway.request('/v2/models/floats/versions/2/infer', {
      method: 'POST',
      body: '{"inputs":[{"name":"x","datatype":"FP32","shape":[2],"data":[-0.0,NaN]}],"outputs":[{"name":"y"}]}',
    });
    expect(flat).toMatchObject({ status: 200, body: { outputs: [{ data: [-0, 'NaN'] }] } });
    expect(flat.headers.get('x-request-id')).toMatch(/^[0-9a-f]{16}-\w+$/);
    expect(flat.body).not.toHaveProperty('id');
    expect((await gateway.infer('floats', { inputs: [{ name: 'x', datatype: 'FP32', shape: [0], data: [] }] })).body.outputs).toEqual([
      { name: 'y', shape: [0], datatype: 'FP32', data: [] },
    ]);
  });

  test('a full queue answers at once, a deadline when it has passed, and the replica is free again', async () => {
    const held = bench.held();
    const first = gateway.command(held.command);
    await held.begun();
    const second = gateway.command('echo');
    await gateway.counts('m', 'queued', 1);
    const third = await gateway.command('echo');
    expect(third).toMatchObject({ status: 429, body: { error: 'queue full: 1 requests are waiting (maxQueue 1 per gateway process); retry after 1 s' } });
    expect(third.headers.get('retry-after')).toBe('1');
    held.letGo();
    expect([(await first).status, (await second).status]).toEqual([200, 200]);
    const never = bench.held();
    const late = await gateway.command(never.command, { parameters: { timeout: 100_000 } });
    expect(late).toMatchObject({ status: 504, body: { error: 'the deadline of 100 ms passed while a replica worked on the request' } });
    expect((await gateway.command('echo')).status).toBe(200);
  });

  test('without a replica it waits until its deadline, then is told to come again', async () => {
    const reply = await gateway.infer('empty', { inputs: [{ name: 'x', datatype: 'FP32', shape: [1], data: [1] }] });
    expect(reply).toMatchObject({ status: 503, body: { error: "no replica became ready within the request's deadline of 150 ms" } });
    expect(reply.headers.get('retry-after')).toBe('1');
  });

  test('a request that the model cannot compute is refused with what the runtime says', async () => {
    expect(await gateway.command('fail:out of cheese')).toMatchObject({
      status: 400,
      body: { error: 'the model cannot compute this request: out of cheese' },
    });
  });

  test('a caller that leaves is cancelled at the replica', async () => {
    const abort = new AbortController();
    const held = bench.held();
    const left = gateway.command(held.command, { init: { signal: abort.signal } }).catch((error: Error) => error.name);
    await held.begun();
    abort.abort();
    expect(await left).toBe('AbortError');
    // A second caller would wait behind the first, at a concurrency of one, until its deadline.
    expect((await gateway.command('echo', { parameters: { timeout: 20_000_000 } })).status).toBe(200);
  });

  test('bodies of many chunks and of megabytes', async () => {
    const data = Array.from({ length: 200_000 }, (_, i) => Math.fround(i / 3));
    const reply = await gateway.infer('floats', { inputs: [{ name: 'x', datatype: 'FP32', shape: [data.length], data }] });
    expect(reply.body.outputs![0]!.data).toEqual(data);
    const chunked = await raw(
      `POST /v2/models/floats/infer HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${[...'{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[7]}]}'].map((c) => `1\r\n${c}\r\n`).join('')}0\r\n\r\n`,
    );
    expect(chunked).toContain('"data":[7]');
  });
});

describe('malformed requests: each with its status and message, and the gateway lives', () => {
  const x = (fields: string) => `{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]${fields}`;
  const cases: [what: string, path: string, body: string | undefined, status: number, error: RegExp][] = [
    ['an unknown path', '/v3', undefined, 404, /unknown path \/v3/],
    ['the root', '/', undefined, 404, /unknown path \//],
    ['an unknown verb', '/v2/models/floats/dance', undefined, 404, /unknown path/],
    ['an unknown model', '/v2/models/nobody/infer', x('}]}'), 404, /model "nobody" is unknown/],
    ['an unknown model, metadata', '/v2/models/nobody', undefined, 404, /model "nobody" is unknown/],
    ['an unknown version', '/v2/models/floats/versions/9/infer', x('}]}'), 404, /model "floats" does not serve version 9; it serves 2, 5/],
    ['a version that is no number', '/v2/models/floats/versions/x', undefined, 400, /version "x" is not a positive whole number/],
    ['a name that climbs within', '/v2/models/a%2F..%2Fb/infer', '{}', 400, /"a\/\.\.\/b" is not a valid model name/],
    ['a leading space', '/v2/models/%20floats/infer', '{}', 400, /" floats" is not a valid model name/],
    ['a trailing space', '/v2/models/floats%20', undefined, 400, /"floats " is not a valid model name/],
    ['an empty name', '/v2/models//infer', '{}', 400, /"" is not a valid model name/],
    ['a name that is no UTF-8', '/v2/models/%ff/infer', '{}', 400, /is not percent-encoded UTF-8/],
    ['GET of an inference', '/v2/models/floats/infer', undefined, 405, /GET is not allowed here; use POST/],
    ['POST of metadata', '/v2/models/floats', '{}', 405, /POST is not allowed here; use GET/],
    ['no body', '/v2/models/floats/infer', '', 400, /the body is not JSON/],
    ['no JSON', '/v2/models/floats/infer', '{"inputs":', 400, /the body is not JSON/],
    ['no inputs', '/v2/models/floats/infer', '{}', 400, /"inputs" is missing/],
    ['no tensors', '/v2/models/floats/infer', '{"inputs":[]}', 400, /input "x" is missing/],
    [
      'an unknown input',
      '/v2/models/floats/infer',
      '{"inputs":[{"name":"z","datatype":"FP32","shape":[1],"data":[1]}]}',
      400,
      /input "z" is unknown; the model takes "x"/,
    ],
    ['an input twice', '/v2/models/floats/infer', x('},{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]}'), 400, /input "x" is given twice/],
    [
      'another datatype',
      '/v2/models/floats/infer',
      '{"inputs":[{"name":"x","datatype":"FP64","shape":[1],"data":[1]}]}',
      400,
      /input "x" is FP64; the model takes FP32/,
    ],
    [
      'another rank',
      '/v2/models/floats/infer',
      '{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}]}',
      400,
      /has shape \[1, 2\]; the model takes \[-1\]/,
    ],
    ['an unknown output', '/v2/models/floats/infer', x('}],"outputs":[{"name":"q"}]}'), 400, /output "q" is unknown; the model gives "y"/],
    ['an output twice', '/v2/models/floats/infer', x('}],"outputs":[{"name":"y"},{"name":"y"}]}'), 400, /output "y" is requested twice/],
    ['a negative dimension', '/v2/models/floats/infer', '{"inputs":[{"name":"x","datatype":"FP32","shape":[-1],"data":[]}]}', 400, /dimension -1/],
    [
      'a shape beyond 2^53',
      '/v2/models/floats/infer',
      '{"inputs":[{"name":"x","datatype":"FP32","shape":[9007199254740991,9],"data":[]}]}',
      400,
      /more elements than can be addressed/,
    ],
    [
      'nesting 250,000 deep',
      '/v2/models/floats/infer',
      `{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":${'['.repeat(250_000)}${']'.repeat(250_000)}}]}`,
      400,
      /is an array; FP32 takes numbers/,
    ],
    ['a deadline that is none', '/v2/models/floats/infer', x('}],"parameters":{"timeout":-1}}'), 400, /parameter "timeout" is -1/],
    [
      'a binary section',
      '/v2/models/floats/infer',
      '{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}]}',
      400,
      /Inference-Header-Content-Length/,
    ],
  ];
  test.each(cases)('%s', async (_what, path, body, status, error) => {
    const reply = await gateway.request(path, body === undefined ? {} : { method: 'POST', body });
    expect(reply.status).toBe(status);
    expect(reply.body).toMatchObject({ error: expect.stringMatching(error) });
    expect(reply.headers.get('content-type')).toBe('application/json');
    expect((await gateway.request('/v2/health/ready')).status).toBe(200);
  });

  test('a path that climbs, as no client library would send it', async () => {
    for (const path of ['/v2/models/a/../b', '/v2/models/../infer', '/v2/models/%2E%2e/infer']) {
      const answer = await raw(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
      expect(answer).toMatch(/^HTTP\/1\.1 400 [^]*\{"error":"a path must not have \\"\.\\" or \\"\.\.\\" between its slashes","kind":"INVALID"\}$/);
    }
  });

  test('a body that says it is too large, one that becomes it, headers that are, and what is no HTTP', async () => {
    const declared = await raw('POST /v2/models/floats/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n{');
    expect(declared).toMatch(/^HTTP\/1\.1 413 [^]*Connection: close[^]*the body has 99999999999 bytes; the limit is/);
    const huge = await fetch(`${gateway.url}/v2/models/floats/infer`, {
      method: 'POST',
      duplex: 'half',
      body: new ReadableStream({
        start: (controller) => {
          // No more than it takes: who goes on to send for long is cut off, and may lose the answer.
          for (let i = 0; i < 64; i++) controller.enqueue(new Uint8Array(1 << 20).fill(0x20));
          controller.enqueue(new Uint8Array(1 << 16).fill(0x20));
          controller.enqueue(new Uint8Array(1));
          controller.close();
        },
      }),
    } as RequestInit);
    expect([huge.status, ((await huge.json()) as { error: string }).error]).toEqual([413, expect.stringMatching(/the limit is/)]);
    expect(await raw(`GET /v2 HTTP/1.1\r\nHost: localhost\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431 [^]*\{"error":"the headers have more than 16384 bytes","kind":"HEADERS_TOO_LARGE"\}$/,
    );
    expect(await raw('\x16\x03\x01 hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 [^]*\{"error":"this is not an HTTP\/1\.1 request/);
    expect((await gateway.request('/v2/health/ready')).status).toBe(200);
  });

  test('a connection is good for the next request after a refused one', async () => {
    const answers = await raw(
      'POST /v2/models/nobody/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    );
    expect(answers).toMatch(/^HTTP\/1\.1 404 [^]*HTTP\/1\.1 200 OK[^]*\{"live":true\}$/);
  });
});

test('what was asked is metered: requests, kinds of errors, latency, and idle targets too', async () => {
  const rows = await eventually(async () => {
    const found = await db.dataSource.query(
      `SELECT r.document->>'name' AS name, sum(w.requests)::int AS requests, sum((SELECT sum(n) FROM unnest(w.latency) AS n))::int AS timed,
        sum(coalesce((w.errors->>'INVALID')::int, 0))::int AS invalid, sum(coalesce((w.errors->>'OVERLOADED')::int, 0))::int AS overloaded,
        sum(coalesce((w.errors->>'CANCELLED')::int, 0))::int AS cancelled, sum(coalesce((w.errors->>'DEADLINE_EXCEEDED')::int, 0))::int AS late, max(w.in_flight_max) AS busiest,
        sum((SELECT sum(n) FROM unnest(w.queue_time) AS n))::int AS queued, sum((SELECT sum(n) FROM unnest(w.compute_time) AS n))::int AS computed,
        sum(w.executions)::int AS executions, sum(w.rows)::int AS rows, sum((SELECT sum(n) FROM unnest(w.batch_sizes) AS n))::int AS batches,
        sum(w.request_bytes)::int AS request_bytes, sum(w.response_bytes)::int AS response_bytes
       FROM metric_window w JOIN route r ON r.deployment_id = w.deployment_id GROUP BY 1 ORDER BY 1`,
    );
    // Windows are written once a second: some of a target's requests may be there, and others not.
    const of = (name: string) => found.find((row: { name: string }) => row.name === name);
    return found.length === 4 && of('m').requests >= 8 && of('floats').invalid > 10 && found;
  });
  const m = rows.find(({ name }: { name: string }) => name === 'm');
  expect(m).toMatchObject({ requests: 8, overloaded: 1, cancelled: 1, late: 1, invalid: 1, timed: 5, busiest: 2 });
  const floats = rows.find(({ name }: { name: string }) => name === 'floats');
  // What was answered, and nothing else, has stages and bytes; it was executed in batches that add up.
  for (const { requests, queued, computed, executions, rows: executed, batches, request_bytes, response_bytes } of [m, floats]) {
    expect(queued).toBeGreaterThan(0);
    expect(queued).toBeLessThan(requests);
    expect([computed, batches]).toEqual([queued, executions]);
    expect(executed).toBeGreaterThanOrEqual(executions);
    expect(request_bytes).toBeGreaterThan(10 * queued);
    expect(response_bytes).toBeGreaterThan(queued);
  }
});

describe('with tokens required', () => {
  test('health is open, the rest wants a valid token, and a revoked one is refused from the next table on', async () => {
    const token = 'secret-token';
    const id = randomUUID();
    await db.dataSource.query('INSERT INTO api_token (id, name, hash, created_by, created_at) VALUES ($1, $2, $3, $4, now())', [
      id,
      'admin',
      createHash('sha256').update(token).digest('hex'),
      'system:test',
    ]);
    const guarded = await bench.gateway(db.url, { PILOTHOUSE_GATEWAY_AUTH: 'required' });
    const ask = (path: string, authorization?: string) => guarded.request(path, { headers: authorization === undefined ? {} : { authorization } });
    await guarded.reaches('floats');
    expect((await ask('/v2/health/ready')).status).toBe(200);
    expect((await ask('/v2/models/floats/ready')).status).toBe(200);
    const without = await ask('/v2/models/floats');
    expect(without).toMatchObject({ status: 401, body: { error: 'this gateway requires a token; send the header "Authorization: Bearer <token>"' } });
    expect(without.headers.get('www-authenticate')).toBe('Bearer');
    expect(await ask('/v2/models/floats', 'Bearer wrong')).toMatchObject({ status: 401, body: { error: 'the bearer token is unknown or was revoked' } });
    expect((await ask('/v2/models/floats', 'Basic c2VjcmV0')).status).toBe(401);
    expect((await guarded.infer('floats', '{}')).status).toBe(401);
    expect((await ask('/v2/models/floats', `Bearer ${token}`)).status).toBe(200);
    await db.dataSource.query('UPDATE api_token SET revoked_at = now() WHERE id = $1', [id]);
    await db.dataSource.query(`SELECT pg_notify('pilothouse_routes', '')`);
    await eventually(async () => (await ask('/v2/models/floats', `Bearer ${token}`)).status === 401, 'the end of a revoked token');
    expect(await guarded.stop()).toBe(0);
  });
});

test("the gateway's row is there while it runs and gone when it has stopped", async () => {
  const other = await bench.gateway(db.url);
  const row = await acknowledged((sql, parameters) => db.dataSource.query(sql, parameters), other, 1);
  expect(row.in_flight).toEqual({});
  expect(await other.stop()).toBe(0);
  expect(await db.dataSource.query('SELECT 1 FROM gateway WHERE id = $1', [other.id])).toEqual([]);
});
