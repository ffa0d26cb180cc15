import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Signature, Tensor } from '../../runtimes/tensor.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { GatewayBench, publish, routeOf, targetOf, type TestGateway } from '../support/gateway.js';
import { removeModelFolders } from '../support/models/folder.js';
import { GRPC_FORMS } from '../support/grpc-forms.js';
import { bitsOf, CASE_MODELS, INFERENCE_CASES } from '../support/protocol-cases.js';
import { REST_FORMS } from '../support/rest-forms.js';

let db: TestDatabase;
let bench: GatewayBench;
let gateway: TestGateway;
/** One that reads HTTP through `node:http`. */
let nodeHttp: TestGateway;
const signatures = new Map<string, Signature>();

beforeAll(async () => {
  db = await createTestDatabase();
  bench = new GatewayBench();
  const routes = await Promise.all(
    CASE_MODELS.map(async ({ name, replica: model }) => {
      const replica = await bench.replica(model);
      signatures.set(name, replica.signature);
      return routeOf([targetOf([replica], { runtime: model.runtime, format: model.format })], { name, timeoutMs: 30_000 });
    }),
  );
  await publish(db.url, routes);
  gateway = await bench.gateway(db.url);
  nodeHttp = await bench.gateway(db.url, { PILOTHOUSE_HTTP_PARSER: 'node-http' });
}, 120_000);
afterAll(async () => {
  await bench.close();
  await db.drop();
  removeModelFolders();
});

/** In the order of the signature, for protocols that answer by name. */
function inOrder(tensors: readonly Tensor[], names: readonly string[]): Tensor[] {
  expect(tensors.map(({ name }) => name).sort()).toEqual([...names].sort());
  return names.map((name) => tensors.find((tensor) => tensor.name === name)!);
}

test('a gateway that reads HTTP through node:http says so', async () => {
  const line = await nodeHttp.logged((msg) => msg.includes('node:http'), 'the warning');
  expect(line).toMatchObject({ reason: 'PILOTHOUSE_HTTP_PARSER is "node-http"' });
  expect((await nodeHttp.request('/v2')).body['extensions']).toContain('node_http_reader');
  expect((await gateway.request('/v2')).body['extensions']).not.toContain('node_http_reader');
});

const FORMS = [
  ...[...REST_FORMS, ...GRPC_FORMS].map((form) => ({ title: form.title, form, over: () => gateway })),
  ...REST_FORMS.map((form) => ({ title: `${form.title}, read through node:http`, form, over: () => nodeHttp })),
];

/** One entry for each form of each protocol: a new one passes when all that it can carry comes back with the library's own bits. */
describe.each(FORMS)('$title', ({ form, over }) => {
  test.each(INFERENCE_CASES.filter(form.carries))('$model: $title', async (request) => {
    const signature = signatures.get(request.model)!;
    const names = request.outputs ?? signature.outputs.map(({ name }) => name);
    const model = CASE_MODELS.find(({ name }) => name === request.model)!;
    const expected = await model.direct(request.inputs, names);
    const answered = await form.infer(over(), request, signature);
    expect(inOrder(answered, names).map(bitsOf)).toEqual(expected.map(bitsOf));
  });
});
