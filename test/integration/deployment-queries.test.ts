/** Deployments over GraphQL where nothing reconciles: what may be asked, at what price, and what two callers at once get. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readNodeId, toNodeId } from '../../server/api/node-id.js';
import { DeploymentEntity, ReplicaEntity } from '../../server/deployments/deployment.entities.js';
import { createDeployments, type Deployments } from '../../server/deployments/deployments.js';
import type { ReplicaEngine } from '../../server/engines/engine.js';
import { startTestApi, type TestApi } from '../support/api.js';
import { countStatements } from '../support/count-statements.js';
import { eventually } from '../support/eventually.js';
import { createTestRegistry, READY, type TestRegistry } from '../support/registry.js';

let api: TestApi;
let registry: TestRegistry;
let deployments: Deployments;
let model: string;

/** Nobody leads here, so that the engine is never asked. */
const noEngine: ReplicaEngine = {
  begin: () => undefined,
  start: () => Promise.reject(new Error('nothing is started here')),
  observe: () => Promise.resolve([]),
  stop: () => Promise.resolve(),
  logs: () => Promise.resolve(''),
  logPart: async () => ({ start: 0, lines: [] }),
  onChange: () => () => undefined,
};

beforeAll(async () => {
  api = await startTestApi({
    features: async ({ work, log }) => {
      registry = await createTestRegistry({ work, log, validate: async () => READY });
      const { dataSource } = work;
      const nowhere = { access: { adminTokenPath: '' }, gatewayAddress: () => ({ host: '127.0.0.1', port: 1 }) };
      deployments = createDeployments({ dataSource, work, log, registry, openEngine: () => noEngine, ...nowhere });
      return [registry, deployments];
    },
  });
  model = await registry.newModel();
  registry.validator.start();
  await newVersion();
});
afterAll(async () => {
  await registry.close();
  await api.close();
});

/** Another version of the model, READY. Answers its row id. */
async function newVersion(): Promise<string> {
  const files = [{ path: 'model.onnx', digest: await registry.upload('weights') }];
  const { id } = await registry.versions.create('token:test', { project: 'default', model, files, description: '', lineage: {} });
  await eventually(async () => (await registry.versions.get(id)).state === 'READY', 'the version is READY');
  return id;
}

async function ask<T>(query: string, variables?: Record<string, unknown>): Promise<T> {
  const answer = await api.graphql(query, variables);
  expect(answer.errors).toBeUndefined();
  return answer.data as T;
}

interface Payload {
  deployment: { id: string; generation: number } | null;
  userErrors: { code: string; message: string; field: string[] }[];
}

const deploy = async (input: object): Promise<Payload> =>
  (
    await ask<{ deploy: Payload }>(
      'mutation ($input: DeployInput!) { deploy(input: $input) { deployment { id generation } userErrors { code message field } } }',
      {
        input: { targets: [{ model }], ...input },
      },
    )
  ).deploy;

/** Nobody starts one here. Answers its id. */
async function withReplica({ deployment }: Payload): Promise<string> {
  const deploymentId = readNodeId(deployment!.id)!.id;
  const { spec } = await api.database.dataSource.manager.findOneByOrFail(DeploymentEntity, { id: deploymentId });
  const id = randomUUID();
  await api.database.dataSource.manager.insert(ReplicaEntity, {
    id,
    deploymentId,
    versionId: spec.targets[0]!.versionId,
    template: 'none',
    generation: 1,
    state: 'READY',
    createdAt: new Date(),
  });
  return toNodeId('Replica', id);
}

const EVERYTHING = `{ deployments(first: 8) { nodes {
  endpoint project { name } targets { weight version { number model { name project { name } } } deployment { name } replicas { state } }
  replicas(first: 5) { nodes { state version { number } deployment { name } target { weight version { number } deployment { name } } } } route { generation }
  revisions(first: 5) { nodes { number deployment { name } targets { version { number } } rollout { state } } } rollouts(first: 5) { nodes { state revision { number } deployment { name } } }
  events(first: 5) { nodes { type deployment { name } } } } }
  projects(first: 5) { nodes { deployments(first: 5) { nodes { name } } models(first: 5) { nodes { versions(first: 5) { nodes { deployments { name } } } } } } } }`;

test('the number of statements does not grow with the deployments', async () => {
  await withReplica(await deploy({ name: 'first' }));
  const few = await countStatements(api.database.dataSource, () => ask(EVERYTHING));
  for (const name of ['second', 'third', 'fourth']) await withReplica(await deploy({ name, replicas: 2 }));
  await deploy({ name: 'second', timeoutMs: 5_000, reason: 'slower' });
  const many = await countStatements(api.database.dataSource, () => ask(EVERYTHING));
  expect(JSON.stringify(many.result).length).toBeGreaterThan(2 * JSON.stringify(few.result).length);
  expect(many.count).toBe(few.count);
});

test('deployments by the beginning of their name and by phase, versions by state, events by deployment', async () => {
  const { deployment } = await deploy({ name: 'camera_1' });
  await deploy({ name: 'camera_2' });
  await deploy({ name: 'cameraX2' });
  await api.database.dataSource.query(`UPDATE deployment SET phase = 'FAILED' WHERE name = 'camera_2'`);
  const names = async (filter: string): Promise<string[]> =>
    (await ask<{ deployments: { nodes: { name: string }[] } }>(`{ deployments(${filter}) { nodes { name } } }`)).deployments.nodes.map(({ name }) => name);
  expect(await names('namePrefix: "camera_"')).toEqual(['camera_2', 'camera_1']);
  expect(await names('namePrefix: "Camera"')).toEqual([]);
  expect(await names('phase: FAILED')).toEqual(['camera_2']);
  expect(await names('namePrefix: "camera_1", phase: FAILED')).toEqual([]);

  const digest = await registry.upload('more weights');
  const { id } = await registry.versions.create('token:test', { project: 'default', model, files: [{ path: 'm.onnx', digest }], description: '', lineage: {} });
  await eventually(async () => (await registry.versions.get(id)).state === 'READY', 'the version is READY');
  await api.database.dataSource.query(`UPDATE version SET state = 'REJECTED' WHERE id = $1`, [id]);
  const states = async (state: string): Promise<string[]> =>
    (await ask<{ versions: { nodes: { state: string }[] } }>(`{ versions(model: "${model}", state: ${state}) { nodes { state } } }`)).versions.nodes.map(
      (node) => node.state,
    );
  expect(await states('REJECTED')).toEqual(['REJECTED']);
  expect(new Set(await states('READY'))).toEqual(new Set(['READY']));

  const subjects = async (subject: string): Promise<string[]> =>
    (await ask<{ events: { nodes: { subjectId: string }[] } }>(`{ events(subject: "${subject}") { nodes { subjectId } } }`)).events.nodes.map(
      (node) => node.subjectId,
    );
  await eventually(async () => (await subjects(deployment!.id)).length > 0, 'the event has its place');
  expect(new Set(await subjects(deployment!.id))).toEqual(new Set([deployment!.id]));
  const wrong = await api.graphql('{ events(subject: "camera_1") { nodes { type } } }');
  expect(wrong.errors).toMatchObject([{ message: '"camera_1" is not an id', extensions: { code: 'INVALID' } }]);
});

test('a replica leads to its target, as long as its deployment sends traffic to its version', async () => {
  const made = await deploy({ name: 'moved', targets: [{ model, weight: 7 }] });
  const id = await withReplica(made);
  const target = async () =>
    (
      await ask<{ node: { target: unknown } }>(
        'query ($id: ID!) { node(id: $id) { ... on Replica { target { weight version { number } deployment { id } } } } }',
        { id },
      )
    ).node.target;
  expect(await target()).toEqual({ weight: 7, version: { number: 1 }, deployment: { id: made.deployment!.id } });
  const next = await newVersion();
  await deploy({ name: 'moved', targets: [{ versionId: toNodeId('Version', next) }] });
  expect(await target()).toBeNull();
});

test('the same key makes one deployment, however many ask at once; another input with it is a CONFLICT', async () => {
  const input = { name: 'once', idempotencyKey: 'k1' };
  const answers = await Promise.all(Array.from({ length: 30 }, () => deploy(input)));
  expect(new Set(answers.map((answer) => answer.deployment?.id)).size).toBe(1);
  expect(answers.flatMap((answer) => answer.userErrors)).toEqual([]);
  const [{ revisions }] = (await api.database.dataSource.query(
    `SELECT count(*)::int AS revisions FROM revision r JOIN deployment d ON d.id = r.deployment_id WHERE d.name = 'once'`,
  )) as [{ revisions: number }];
  expect(revisions).toBe(1);
  expect((await deploy({ ...input, replicas: 5 })).userErrors).toMatchObject([{ code: 'CONFLICT', field: ['input', 'idempotencyKey'] }]);
});

test('of two changes that read the same generation, one is a CONFLICT', async () => {
  const { deployment } = await deploy({ name: 'raced' });
  const expectedGeneration = deployment!.generation;
  const answers = await Promise.all([2, 3, 4].map((replicas) => deploy({ name: 'raced', replicas, expectedGeneration })));
  expect(answers.filter((answer) => answer.deployment).map((answer) => answer.deployment!.generation)).toEqual([2]);
  expect(answers.flatMap((answer) => answer.userErrors).map((error) => error.code)).toEqual(['CONFLICT', 'CONFLICT']);
});

test('scale, rollback and delete with the same key are done once', async () => {
  const id = (await deploy({ name: 'keyed' })).deployment!.id;
  await deploy({ name: 'keyed', replicas: 2 });
  const change = async (mutation: string, type: string, input: object): Promise<Payload> =>
    (
      await ask<Record<string, Payload>>(
        `mutation ($input: ${type}!) { ${mutation}(input: $input) { deployment { id generation } userErrors { code message field } } }`,
        { input: { deployment: { id }, ...input } },
      )
    )[mutation]!;
  for (const [mutation, type, input, generation] of [
    ['scale', 'ScaleInput', { replicas: 3, idempotencyKey: 'keyed-scale' }, 3],
    ['rollback', 'RollbackInput', { expectedGeneration: 3, idempotencyKey: 'keyed-rollback' }, 4],
    ['deleteDeployment', 'DeleteDeploymentInput', { idempotencyKey: 'keyed-delete' }, 4],
  ] as const) {
    const answers = [await change(mutation, type, input), await change(mutation, type, input)];
    expect(answers).toEqual(Array(2).fill({ deployment: { id, generation }, userErrors: [] }));
    const other = await change(mutation, type, { ...input, reason: 'another' });
    expect(other.userErrors).toMatchObject([{ code: 'CONFLICT', field: ['input', 'idempotencyKey'] }]);
  }
  expect((await change('deleteDeployment', 'DeleteDeploymentInput', {})).userErrors).toMatchObject([{ code: 'FAILED_PRECONDITION' }]);
});

test('a spec that changes nothing makes no revision', async () => {
  await deploy({ name: 'same', replicas: 2 });
  expect((await deploy({ name: 'same', replicas: 2 })).deployment!.generation).toBe(1);
  expect((await deploy({ name: 'same', replicas: 3 })).deployment!.generation).toBe(2);
});

test('rollback and scale say what they cannot do', async () => {
  await deploy({ name: 'young' });
  const rollback = (input: object): Promise<{ rollback: Payload }> =>
    ask('mutation ($input: RollbackInput!) { rollback(input: $input) { deployment { id generation } userErrors { code message field } } }', { input });
  const errors = async (input: object): Promise<Payload['userErrors']> => (await rollback(input)).rollback.userErrors;
  expect(await errors({ deployment: { name: 'young' } })).toMatchObject([
    { code: 'FAILED_PRECONDITION', message: expect.stringContaining('nothing to roll back to') },
  ]);
  expect(await errors({ deployment: { name: 'young' }, toRevision: 7 })).toMatchObject([{ code: 'NOT_FOUND', field: ['input', 'toRevision'] }]);
  expect(await errors({ deployment: { name: 'young' }, toRevision: 1 })).toMatchObject([{ code: 'INVALID', field: ['input', 'toRevision'] }]);
  expect(await errors({ deployment: { name: 'nobody' } })).toMatchObject([{ code: 'NOT_FOUND', field: ['input', 'deployment'] }]);
  expect(await errors({ deployment: {} })).toMatchObject([{ code: 'INVALID', field: ['input', 'deployment'] }]);
});

test('infer says so when the gateway cannot be reached', async () => {
  const { infer } = await ask<{ infer: { outputs: unknown; userErrors: { code: string; message: string }[] } }>(
    'mutation { infer(input: { deployment: { name: "young" }, inputs: [{ name: "x", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] }] }) { outputs { name } userErrors { code message } } }',
  );
  expect(infer).toMatchObject({ outputs: null, userErrors: [{ code: 'UNAVAILABLE', message: expect.stringContaining('gateway cannot be reached') }] });
});
