/** What a browser hears that asks for a page of another origin, at both doors. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestApi, type TestApi } from '../support/api.js';
import { GatewayBench, publish, type TestGateway } from '../support/gateway.js';

const PAGE = 'https://app.example.com';
const EVIL = 'https://evil.example';
let api: TestApi;
let bench: GatewayBench;
let gateway: TestGateway;
let without: TestGateway;

beforeAll(async () => {
  api = await startTestApi({ corsOrigins: [PAGE] });
  bench = new GatewayBench();
  const { url } = api.database;
  await publish(url, []);
  [gateway, without] = await Promise.all([
    bench.gateway(url, { PILOTHOUSE_GATEWAY_AUTH: 'required', PILOTHOUSE_CORS_ORIGINS: `${PAGE}/` }),
    bench.gateway(url, { PILOTHOUSE_GATEWAY_AUTH: 'required' }),
  ]);
}, 60_000);
afterAll(async () => {
  await bench.close();
  await api.close();
});

const asking = (origin: string) => ({
  method: 'OPTIONS',
  headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' },
});
const doors: [string, () => string, string][] = [
  ['the gateway', () => gateway.url, '/v2/models/m/infer'],
  ['the control plane', () => api.url, '/graphql'],
];

describe.each(doors)('%s', (door, base, path) => {
  test('answers a browser that asks first, without a token', async () => {
    const answer = await fetch(base() + path, asking(PAGE));
    expect(answer.status).toBe(204);
    expect(await answer.text()).toBe('');
    expect(answer.headers.get('content-length')).toBe(null);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'access-control-allow-origin': PAGE,
      'access-control-allow-methods': expect.stringContaining('POST') as string,
      'access-control-allow-headers': 'authorization, content-type',
      'access-control-max-age': '600',
      vary: 'Origin',
    });
  });

  test('refuses another origin, and tells it why', async () => {
    const answer = await fetch(base() + path, asking(EVIL));
    expect(answer.status).toBe(403);
    expect(answer.headers.get('access-control-allow-origin')).toBe(null);
    expect(await answer.text()).toContain('may not call this server; PILOTHOUSE_CORS_ORIGINS lists those that may');
  });

  test('marks answers, errors too, for pages of the list only; the request needs its token', async () => {
    for (const at of [path, '/metrics', '/nowhere', '/readyz', '/v2/health/live']) {
      const method = at === path ? 'POST' : 'GET';
      const [ours, theirs] = await Promise.all([PAGE, EVIL].map((origin) => fetch(base() + at, { method, headers: { origin } })));
      expect({ at, origin: ours!.headers.get('access-control-allow-origin') }).toEqual({ at, origin: PAGE });
      expect(ours!.headers.get('access-control-expose-headers')).toContain('Inference-Header-Content-Length');
      expect({ at, origin: theirs!.headers.get('access-control-allow-origin') }).toEqual({ at, origin: null });
      if (at === path) expect(ours!.status).toBe(401);
    }
  });

  test('keeps the connection for the request that follows', async () => {
    for (let i = 0; i < 3; i++) {
      expect((await fetch(base() + path, asking(PAGE))).status).toBe(204);
      expect((await fetch(base() + path, { method: 'POST', headers: { origin: PAGE }, body: '{}' })).status).toBe(401);
    }
    expect(door).toBeTruthy();
  });
});

test('without a list nothing speaks of origins, and OPTIONS is no method', async () => {
  const answer = await fetch(`${without.url}/v2/health/live`, asking(PAGE));
  expect(answer.status).toBe(405);
  for (const name of answer.headers.keys()) expect(name).not.toMatch(/^access-control|^vary/);
});
