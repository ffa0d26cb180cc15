import { expect, test } from 'vitest';
import { CorsPolicy, corsPolicy } from '../../server/cors.js';

const PAGE = 'https://app.example.com';
const some = new CorsPolicy([PAGE, 'http://localhost:5173'], 'GET, POST');
const every = new CorsPolicy(['*'], 'GET, POST');
const asking = (origin: string, headers?: string) => ({
  origin,
  'access-control-request-method': 'POST',
  ...(headers !== undefined && { 'access-control-request-headers': headers }),
});
const named = (fields: readonly string[]) => Object.fromEntries(fields.flatMap((name, i) => (i % 2 === 0 ? [[name, fields[i + 1]]] : [])));

test('answers name an origin of the list, no other, and tell caches that they differ', () => {
  expect(named(some.fields({ origin: PAGE }))).toEqual({
    'Access-Control-Allow-Origin': PAGE,
    'Access-Control-Expose-Headers': 'Inference-Header-Content-Length, X-Pilothouse-Version, X-Request-Id, Retry-After, WWW-Authenticate',
    Vary: 'Origin',
  });
  for (const origin of [undefined, 'https://app.example.com.evil.org', 'http://app.example.com', 'null', '*', `${PAGE}, ${PAGE}`])
    expect(named(some.fields({ origin }))).toEqual({ Vary: 'Origin' });
});

test('* allows every origin, and never with credentials', () => {
  expect(named(every.fields({ origin: 'null' }))).toMatchObject({ 'Access-Control-Allow-Origin': '*' });
  const { fields } = every.preflight('OPTIONS', asking('https://a.example', 'authorization'))!;
  expect(named(fields)).toMatchObject({ 'Access-Control-Allow-Origin': '*', 'Access-Control-Allow-Headers': 'authorization' });
  expect([...fields, ...some.fields({ origin: PAGE })]).not.toContain('Access-Control-Allow-Credentials');
});

test('a browser that asks first learns methods, headers, and for how long', () => {
  const { status, fields } = some.preflight('OPTIONS', asking(PAGE, 'authorization,content-type, inference-header-content-length'))!;
  expect(status).toBe(204);
  expect(named(fields)).toMatchObject({
    'Access-Control-Allow-Origin': PAGE,
    'Access-Control-Allow-Methods': 'GET, POST',
    'Access-Control-Allow-Headers': 'authorization, content-type, inference-header-content-length',
    'Access-Control-Max-Age': '600',
    Vary: 'Origin',
  });
});

test.each(['a\r\nSet-Cookie: b', 'a b', 'a,,b', 'x'.repeat(2_001)])('headers that are none are not allowed: %j', (headers) => {
  expect(some.preflight('OPTIONS', asking(PAGE, headers))!.fields).not.toContain('Access-Control-Allow-Headers');
});

test('another origin is told so', () => {
  expect(some.preflight('OPTIONS', asking('https://evil.example'))).toEqual({
    status: 403,
    fields: ['Vary', 'Origin'],
    refusal: 'the origin "https://evil.example" may not call this server; PILOTHOUSE_CORS_ORIGINS lists those that may',
  });
});

test('any other OPTIONS, and no list, are nobody’s business here', () => {
  expect(some.preflight('OPTIONS', { origin: PAGE })).toBeUndefined();
  expect(some.preflight('OPTIONS', { 'access-control-request-method': 'POST' })).toBeUndefined();
  expect(some.preflight('POST', asking(PAGE))).toBeUndefined();
  expect(corsPolicy([], 'GET')).toBeUndefined();
});
