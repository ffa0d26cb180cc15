/** Names as clients of other servers use them, through every door; and names that would read as another project's. */
import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { connect } from '../../clients/typescript/src/index.js';
import { expectFreePrefix, expectOwnModelName } from '../../server/deployments/endpoint-names.js';
import { DIGIT, startTestApp, type TestApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { GrpcClient } from '../support/grpc.js';

vi.setConfig({ testTimeout: 120_000 });

interface UserError {
  readonly code: string;
  readonly message: string;
  readonly field: readonly string[];
}

let t: TestApp;
beforeAll(async () => {
  t = await startTestApp();
  await t.addVersion('ResNet50');
}, 120_000);
afterAll(() => t?.close());

async function mutate(mutation: string, input: object): Promise<readonly UserError[]> {
  const type = `${mutation[0]!.toUpperCase()}${mutation.slice(1)}Input!`;
  const answer = await t.graphql<Record<string, { userErrors: UserError[] }>>(
    `mutation ($input: ${type}) { ${mutation}(input: $input) { userErrors { code message field } } }`,
    { input },
  );
  return answer[mutation]!.userErrors;
}
const deploy = (name: string, project = 'default') => mutate('deploy', { project, name, targets: [{ model: 'ResNet50', version: 1 }] });

/** The same model in another project. */
async function copyModel(project: string): Promise<void> {
  const { version } = await t.graphql<{ version: { files: object[] } }>('{ version(model: "ResNet50", number: 1) { files { path digest } } }');
  expect(await mutate('createModel', { project, name: 'ResNet50' })).toEqual([]);
  expect(await mutate('createVersion', { project, model: 'ResNet50', files: version.files })).toEqual([]);
  const state = async (): Promise<string> =>
    (
      await t.graphql<{ version: { state: string } }>('query ($project: String!) { version(project: $project, model: "ResNet50", number: 1) { state } }', {
        project,
      })
    ).version.state;
  await eventually(async () => (await state()) === 'READY', `the model of ${project} is READY`, 60_000);
}
const counts = (): Promise<unknown> =>
  t.database.dataSource.query(
    'SELECT (SELECT count(*) FROM project) p, (SELECT count(*) FROM deployment) d, (SELECT count(*) FROM revision) r, (SELECT count(*) FROM audit_entry) a',
  );
const PIXELS = { ...DIGIT, data: Array.from({ length: 64 }, () => 0) };

describe('names of peers', () => {
  const NAMES = ['ResNet50', 'resnet50', 'half_plus_two', 'bert-v1.0'];

  test('case counts: models that differ in nothing else are two', async () => {
    expect(await mutate('createModel', { name: 'resnet50' })).toEqual([]);
    const { upper, lower } = await t.graphql<Record<'upper' | 'lower', { name: string; versions: { nodes: unknown[] } }>>(
      '{ upper: model(name: "ResNet50") { name versions { nodes { id } } } lower: model(name: "resnet50") { name versions { nodes { id } } } }',
    );
    expect([upper, lower].map(({ name, versions }) => [name, versions.nodes.length])).toEqual([
      ['ResNet50', 1],
      ['resnet50', 0],
    ]);
  });

  test('every protocol serves them under their own names', async () => {
    for (const name of NAMES) expect(await deploy(name)).toEqual([]);
    for (const name of NAMES) await t.phase(name, 'READY');
    const { http, control, grpc } = t.app.endpoints;
    const client = connect({ url: control, gatewayUrl: http, token: t.token });
    const calls = new GrpcClient(grpc);
    try {
      for (const name of NAMES) {
        const json = async (path: string, body?: object) => {
          const response = await fetch(http + path, body && { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
          expect([path, response.status]).toEqual([path, 200]);
          return (await response.json()) as Record<string, unknown>;
        };
        const encoded = [...name].map((c) => `%${c.charCodeAt(0).toString(16)}`).join('');
        expect(await json(`/v2/models/${name}`)).toMatchObject({ name });
        expect(await json(`/v2/models/${encoded}/versions/1`)).toMatchObject({ name });
        expect(await json(`/v2/models/${name}/config`)).toMatchObject({ name });
        expect(await json(`/v2/models/${name}/stats`)).toMatchObject({ model_stats: [{ name }] });
        expect(await json(`/v2/models/${name}/versions/1/infer`, { inputs: [PIXELS] })).toMatchObject({ model_name: name });
        expect(await json(`/v1/models/${name}`)).toMatchObject({ name });
        expect(await json(`/v1/models/${encoded}/versions/1:predict`, { instances: [PIXELS.data] })).toMatchObject({ predictions: [{}] });
        expect(await json(`/deployments/${name}/invocations`, { instances: [PIXELS.data] })).toHaveProperty('predictions');
        expect((await calls.call('ModelReady', { name })).message).toEqual({ ready: true });
        expect((await calls.call('ModelMetadata', { name, version: '1' })).message).toMatchObject({ name });
        expect((await client.infer(name, { pixels: { data: Float32Array.from(PIXELS.data), shape: [1, 64] } })).model).toBe(name);
        expect(await client.deployment(name)).toMatchObject({ name, endpoint: name });
        expect(await mutate('infer', { deployment: { name }, inputs: [PIXELS] })).toEqual([]);
      }
    } finally {
      calls.close();
      await client.close();
    }
    const index = (await (await fetch(`${http}/v2/repository/index`, { method: 'POST' })).json()) as { name: string; state: string }[];
    expect(index.filter(({ state }) => state === 'READY').map(({ name }) => name)).toEqual(expect.arrayContaining(NAMES));
    const metrics = await (await fetch(`${http}/metrics`)).text();
    for (const name of NAMES) expect(metrics).toContain(`deployment="${name}"`);
  });

  test('a name that is none is refused, and no file or row is made of it', async () => {
    const files = async (): Promise<string[]> => (await readdir(t.home, { recursive: true })).filter((path) => !/^(logs|run|validation)\b/.test(path)).sort();
    const before = [await counts(), await files()];
    for (const name of ['..', 'a/../b', '../a', ' digits', 'digits ', 'digits\n', '']) {
      for (const mutation of ['createProject', 'createModel'])
        expect(await mutate(mutation, { name })).toMatchObject([{ code: 'INVALID', field: ['input', 'name'] }]);
      expect(await deploy(name)).toMatchObject([{ code: 'INVALID', field: ['input', 'name'] }]);
      // `fetch` resolves ".." itself; gateway-http.test.ts sends it as it is.
      if (name === '' || name === '..') continue;
      for (const [path, body] of [
        [`/v2/models/${encodeURIComponent(name)}/infer`, { inputs: [PIXELS] }],
        [`/v1/models/${encodeURIComponent(name)}:predict`, { instances: [PIXELS.data] }],
        [`/deployments/${encodeURIComponent(name)}/invocations`, { instances: [PIXELS.data] }],
      ] as const) {
        const response = await fetch(t.app.endpoints.http + path, {
          method: 'POST',
          body: JSON.stringify(body),
          headers: { 'content-type': 'application/json' },
        });
        expect([name, path, response.status]).toEqual([name, path, 400]);
        await response.arrayBuffer();
      }
    }
    expect([await counts(), await files()]).toEqual(before);
  });
});

describe("a name that would read as another project's deployment is a CONFLICT", () => {
  test('the project is there: the deployment is refused, with that deployment or without', async () => {
    expect(await mutate('createProject', { name: 'vision' })).toEqual([]);
    await copyModel('vision');
    expect(await deploy('ResNet50', 'vision')).toEqual([]);
    const before = await counts();
    for (const rest of ['ResNet50', 'other', 'a.b'])
      expect(await deploy(`vision.${rest}`)).toEqual([
        {
          code: 'CONFLICT',
          message: `"vision.${rest}" would be read as deployment "${rest}" of project "vision"; choose a name that does not begin with "vision."`,
          field: ['input', 'name'],
        },
      ]);
    expect(await deploy('default.digits')).toMatchObject([{ code: 'CONFLICT', field: ['input', 'name'] }]);
    expect(await counts()).toEqual(before);
    // Neither what only resembles it nor a dot within the project.
    expect(await deploy('vision2.ResNet50')).toEqual([]);
    expect(await deploy('vision.v1', 'vision')).toEqual([]);
    const { deployment } = await t.graphql<{ deployment: { endpoint: string } }>('{ deployment(project: "vision", name: "vision.v1") { endpoint } }');
    expect(deployment.endpoint).toBe('vision.vision.v1');
  });

  test('the deployment is there: the project is refused, until the deployment is deleted', async () => {
    expect(await deploy('speech.v1')).toEqual([]);
    const before = await counts();
    expect(await mutate('createProject', { name: 'speech' })).toEqual([
      {
        code: 'CONFLICT',
        message:
          'deployment "speech.v1" of project "default" would be read as a deployment of project "speech"; choose another name, or delete that deployment first',
        field: ['input', 'name'],
      },
    ]);
    expect(await counts()).toEqual(before);
    expect(await deploy('speech.v1')).toEqual([]);
    expect(await mutate('deleteDeployment', { deployment: { name: 'speech.v1' } })).toEqual([]);
    await eventually(async () => (await mutate('createProject', { name: 'speech' })).length === 0, 'the name is free', 30_000);
  });

  test("infer by one project's name never reaches another project's deployment", async () => {
    await t.phase('vision2.ResNet50', 'READY');
    await eventually(async () => (await t.infer('vision.ResNet50')).status === 200, 'the deployment of vision is served', 60_000);
    expect(await mutate('infer', { deployment: { name: 'vision2.ResNet50' }, inputs: [PIXELS] })).toEqual([]);
    expect(await mutate('infer', { deployment: { project: 'vision', name: 'ResNet50' }, inputs: [PIXELS] })).toEqual([]);
    for (const deployment of [{ name: 'vision.ResNet50' }, { project: 'vision2', name: 'ResNet50' }])
      expect(await mutate('infer', { deployment, inputs: [PIXELS] })).toMatchObject([{ code: 'NOT_FOUND', field: ['input', 'deployment'] }]);
  });
});

describe('made at once', () => {
  // What is made here need not be served.
  beforeAll(() => t.app.features.deployments.reconciler.pause());

  /** Statements that wait for an advisory lock in this database. */
  const waiting = async (): Promise<number> => {
    const [row]: { n: number }[] = await t.database.dataSource.query(
      `SELECT count(*)::int AS n FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
    return row!.n;
  };

  test('a deployment waits for the project that is being made, and is refused', async () => {
    let second: Promise<readonly UserError[]> | undefined;
    await t.database.dataSource.transaction(async (manager) => {
      await expectFreePrefix(manager, 'first');
      second = deploy('first.x');
      await eventually(async () => (await waiting()) === 1, 'the deployment waits');
      await manager.query(`INSERT INTO project (id, name, created_by, created_at) VALUES (gen_random_uuid(), 'first', 'test', now())`);
    });
    expect(await second).toMatchObject([{ code: 'CONFLICT', field: ['input', 'name'] }]);
  });

  test('a project waits for the deployment that is being made, and is refused', async () => {
    let second: Promise<readonly UserError[]> | undefined;
    await t.database.dataSource.transaction(async (manager) => {
      await expectOwnModelName(manager, 'default', 'later.x');
      second = mutate('createProject', { name: 'later' });
      await eventually(async () => (await waiting()) === 1, 'the project waits');
      await manager.query(
        `INSERT INTO deployment (id, project_id, name, generation, spec, created_by, created_at, updated_at, phase)
         SELECT gen_random_uuid(), project_id, 'later.x', generation, spec, created_by, created_at, updated_at, 'DELETING' FROM deployment WHERE name = 'resnet50'`,
      );
    });
    expect(await second).toMatchObject([{ code: 'CONFLICT', field: ['input', 'name'] }]);
    await t.database.dataSource.query(`DELETE FROM deployment WHERE name = 'later.x'`);
  });

  test('of a project and a deployment exactly one is made, whoever is faster', async () => {
    const before = await t.database.dataSource.query<{ n: number }[]>(
      'SELECT (SELECT count(*)::int FROM project) + (SELECT count(*)::int FROM deployment) AS n',
    );
    const rounds = Array.from({ length: 12 }, (_, i) => `race-${i}`);
    const outcomes = await Promise.all(
      rounds.map(async (name, i) => {
        const both = i % 2 === 0 ? [mutate('createProject', { name }), deploy(`${name}.x`)] : [deploy(`${name}.x`), mutate('createProject', { name })];
        return (await Promise.all(both)).map((errors) => errors[0]?.code ?? 'made').sort();
      }),
    );
    expect(outcomes).toEqual(rounds.map(() => ['CONFLICT', 'made']));
    const after = await t.database.dataSource.query<{ n: number }[]>(
      'SELECT (SELECT count(*)::int FROM project) + (SELECT count(*)::int FROM deployment) AS n',
    );
    expect(after[0]!.n - before[0]!.n).toBe(rounds.length);
  });
});
