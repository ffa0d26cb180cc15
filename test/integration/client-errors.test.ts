/** What the TypeScript client makes of the errors of a real API. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { codeOf } from '../../clients/typescript/src/errors.js';
import { fromResponse } from '../../clients/typescript/src/http.js';
import { connect, type PilothouseClient } from '../../clients/typescript/src/index.js';
import { ERROR_CODES } from '../../server/errors.js';
import { startTestApi, type TestApi } from '../support/api.js';
import { ProbeResolver } from '../support/probe.resolver.js';
import { createTestRegistry, type TestRegistry } from '../support/registry.js';

let api: TestApi;
let registry: TestRegistry;
let client: PilothouseClient;
beforeAll(async () => {
  api = await startTestApi({
    features: async ({ work }) => {
      const probe = new ProbeResolver(work);
      registry = await createTestRegistry({ work });
      return { resolvers: [probe], nodes: [probe.nodes], routes: registry.routes };
    },
  });
  client = connect({ url: api.url, token: api.token });
});
afterAll(async () => {
  await client.close();
  await registry.close();
  await api.close();
});

const logged = (id: unknown): unknown => api.logged.find((line) => line['id'] === id)?.['err'];

test('a fault of the server is INTERNAL, with the id under which the log says what it was', async () => {
  const error = await client.request('{ fault }').catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ name: 'PilothouseError', code: 'INTERNAL', message: 'internal error', errorId: expect.any(String) });
  expect(logged((error as { errorId: string }).errorId)).toMatchObject({ message: 'secret: the password is hunter2' });
});

test('what the server needs and has no answer from is UNAVAILABLE, with its id', async () => {
  const outage = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', syscall: 'connect' });
  const verify = vi.spyOn(api.tokens, 'verify').mockRejectedValue(outage);
  try {
    await expect(client.request('{ slow }')).rejects.toMatchObject({ code: 'UNAVAILABLE', status: 503, errorId: expect.any(String) });
    const headers = { authorization: `Bearer ${api.token}` };
    const upload = await fetch(`${api.url}/artifacts/${'0'.repeat(64)}`, { method: 'PUT', headers, body: 'x' });
    expect(await fromResponse(upload, 'upload')).toMatchObject({ code: 'UNAVAILABLE', status: 503, errorId: expect.any(String) });
  } finally {
    verify.mockRestore();
  }
});

test.each([
  ['{', 'Syntax Error'],
  ['{ nope }', 'Cannot query field "nope"'],
  ['query A { slow } query B { slow }', 'operation'],
  ['query ($first: Int!) { probes(first: $first) { nodes { id } } }', 'first', { first: 1.5 }],
])('%s is INVALID', async (operation, message, variables: object = {}) => {
  await expect(client.request(operation, variables)).rejects.toMatchObject({ code: 'INVALID', message: expect.stringContaining(message) });
});

test('a refusal keeps its code', async () => {
  await expect(client.request('{ refusal }')).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
});

test("every code of the server's is one of the client's", () => {
  expect(Object.keys(ERROR_CODES).map(codeOf)).toEqual(Object.keys(ERROR_CODES));
});
