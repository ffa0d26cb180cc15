/** A runtime that breaks, in the whole program: its replica ends, the API says why, and another one serves, also where it was the last. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startTestApp, type TestApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { SCRIPTED } from '../support/replica-host.js';

vi.setConfig({ testTimeout: 120_000 });

interface Replica {
  readonly id: string;
  readonly state: string;
  readonly reason: string | null;
}

let t: TestApp;
beforeAll(async () => {
  t = await startTestApp({ PILOTHOUSE_RUNTIMES: SCRIPTED });
}, 120_000);
afterAll(() => t?.close());

/** Registers a version of a scripted model, whatever comes of it. @returns the node's id */
async function register(model: string, script: object, sample?: object): Promise<string> {
  const file = Buffer.from(JSON.stringify(script));
  const digest = createHash('sha256').update(file).digest('hex');
  const headers = { authorization: `Bearer ${t.token}` };
  expect((await fetch(`${t.app.endpoints.control}/artifacts/${digest}`, { method: 'PUT', headers, body: file })).ok).toBe(true);
  await t.graphql('mutation ($input: CreateModelInput!) { createModel(input: $input) { userErrors { code } } }', { input: { name: model } });
  const { createVersion } = await t.graphql<{ createVersion: { version: { id: string } } }>(
    'mutation ($input: CreateVersionInput!) { createVersion(input: $input) { version { id } userErrors { message } } }',
    { input: { model, files: [{ path: 'model.script.json', digest }], ...(sample && { sample: [sample] }) } },
  );
  return createVersion.version.id;
}

const validated = (id: string): Promise<{ state: string; reason: string | null }> =>
  eventually(
    async () => {
      const { node } = await t.graphql<{ node: { state: string; reason: string | null } }>(
        'query ($id: ID!) { node(id: $id) { ... on Version { state reason } } }',
        { id },
      );
      return node.state !== 'VALIDATING' && node;
    },
    'the end of a validation',
    60_000,
  );

async function deploy(name: string, replicas: number): Promise<void> {
  await t.graphql('mutation ($input: DeployInput!) { deploy(input: $input) { userErrors { message } } }', {
    input: { name, targets: [{ model: name }], replicas },
  });
  await t.phase(name, 'READY');
}

const replicasOf = async (name: string): Promise<Replica[]> =>
  (
    await t.graphql<{ deployment: { replicas: { nodes: Replica[] } } }>(
      'query ($name: String!) { deployment(name: $name) { replicas { nodes { id state reason } } } }',
      { name },
    )
  ).deployment.replicas.nodes;

const ask = async (name: string, x: number) => {
  const body = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1], data: [x] }] });
  const response = await fetch(`${t.app.endpoints.http}/v2/models/${name}/infer`, { method: 'POST', body });
  return { status: response.status, body: (await response.json()) as { error?: string } };
};
const isReady = async (name: string) => (await fetch(`${t.app.endpoints.http}/v2/models/${name}/ready`)).status === 200;

test.each([
  ['trap', -6, 'the runtime trapped: memory access out of bounds'],
  ['ruin', -9, 'the runtime failed (the first of many) and does not answer its sample any more: everything is lost'],
  ['uncaught', -10, 'an uncaught error: thrown into the void'],
])('the only replica is replaced after a %s', async (name, x, reason) => {
  expect(await validated(await register(name, {}))).toMatchObject({ state: 'READY' });
  await deploy(name, 1);
  await eventually(() => isReady(name), 'a gateway that reaches it', 60_000);
  const [first] = await replicasOf(name);
  expect(await ask(name, x)).toMatchObject({
    status: 502,
    body: { error: `the replica died while it worked on this request: ${reason}; the request is not sent again, because it may have caused this` },
  });
  const ended = await eventually(
    async () => (await replicasOf(name)).find(({ id, state }) => id === first!.id && state === 'FAILED'),
    'the replica FAILED',
    60_000,
  );
  expect(ended.reason).toBe(reason);
  await eventually(() => isReady(name), 'a replica that replaces it', 60_000);
  expect((await ask(name, 1)).status).toBe(200);
});

test('requests that a model cannot compute harm no replica', async () => {
  await validated(await register('unharmed', {}));
  await deploy('unharmed', 2);
  await eventually(() => isReady('unharmed'), 'a gateway that reaches it', 60_000);
  for (let i = 0; i < 20; i++)
    expect(await ask('unharmed', -1)).toMatchObject({ status: 400, body: { error: 'the model cannot compute this request: the model failed' } });
  expect((await replicasOf('unharmed')).map(({ state }) => state)).toEqual(['READY', 'READY']);
  expect(t.logged.filter(({ msg }) => String(msg).includes('ejected'))).toEqual([]);
});

test('a version whose sample traps is REJECTED with what the runtime says', async () => {
  const sample = { name: 'x', datatype: 'FP32', shape: [1], data: [-8] };
  expect(await validated(await register('rejected', {}, sample))).toEqual({ state: 'REJECTED', reason: 'the runtime trapped: the kernel failed: unreachable' });
});
