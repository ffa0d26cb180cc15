/** Projects, models and versions over GraphQL, on the API as it ships. Validation is another file's: here it never ends. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toNodeId } from '../../../server/api/node-id.js';
import { artifactId, sha256 } from '../../../server/registry/digest.js';
import { type TestApi, startTestApi } from '../../support/api.js';
import { countStatements } from '../../support/count-statements.js';
import { eventually } from '../../support/eventually.js';
import { createTestRegistry, endless, type TestRegistry } from '../../support/registry.js';

let api: TestApi;
let registry: TestRegistry;
beforeAll(async () => {
  api = await startTestApi({
    features: async ({ work, log }) => {
      registry = await createTestRegistry({ work, log, validate: endless });
      return registry;
    },
  });
});
afterAll(async () => {
  await registry.close();
  await api.close();
});

/** The answer's data; the test fails on errors. */
async function ask<T = unknown>(query: string, variables?: Record<string, unknown>): Promise<T> {
  const answer = await api.graphql(query, variables);
  expect(answer.errors).toBeUndefined();
  return answer.data as T;
}

interface Payload {
  readonly userErrors: readonly { code: string; message: string; field: readonly string[] }[];
  readonly [object: string]: unknown;
}

async function mutate(name: string, input: object, selection: string): Promise<Payload> {
  const type = `${name[0]!.toUpperCase()}${name.slice(1)}Input`;
  const data = await ask<Record<string, Payload>>(`mutation($input: ${type}!) { ${name}(input: $input) { ${selection} userErrors { code message field } } }`, {
    input,
  });
  return data[name]!;
}

async function counts(): Promise<Record<string, number>> {
  const tables = ['project', 'model', 'version', 'version_file', 'artifact', 'event', 'audit_entry', 'idempotency_record'];
  const rows: Record<string, string>[] = await api.database.dataSource.query(`SELECT ${tables.map((t) => `(SELECT count(*) FROM ${t}) AS ${t}`).join(', ')}`);
  return Object.fromEntries(Object.entries(rows[0]!).map(([table, n]) => [table, Number(n)]));
}

describe('projects and models', () => {
  test('made, changed, found by name, by id and in lists; with audit entries', async () => {
    const made = await mutate(
      'createProject',
      { name: 'vision', description: 'Pictures.' },
      'project { id name description generation createdBy models { nodes { name } } }',
    );
    expect(made).toMatchObject({
      userErrors: [],
      project: { name: 'vision', description: 'Pictures.', generation: 1, createdBy: 'token:admin', models: { nodes: [] } },
    });
    const model = await mutate(
      'createModel',
      { project: 'vision', name: 'cats_2', description: 'Cats.' },
      'model { id name description generation project { name } latestVersion { number } versions { nodes { number } } }',
    );
    expect(model).toMatchObject({
      userErrors: [],
      model: { name: 'cats_2', generation: 1, project: { name: 'vision' }, latestVersion: null, versions: { nodes: [] } },
    });
    expect(
      await mutate('updateProject', { name: 'vision', description: 'Images.', expectedGeneration: 1 }, 'project { description generation }'),
    ).toMatchObject({ project: { description: 'Images.', generation: 2 } });
    expect(await mutate('updateModel', { project: 'vision', name: 'cats_2', description: 'Dogs.' }, 'model { description generation }')).toMatchObject({
      model: { description: 'Dogs.', generation: 2 },
    });
    const before = await counts();
    expect(await mutate('updateModel', { project: 'vision', name: 'cats_2', description: 'Dogs.' }, 'model { generation }')).toMatchObject({
      model: { generation: 2 },
    });
    expect(await counts()).toEqual(before);
    const ids = [(made['project'] as { id: string }).id, (model['model'] as { id: string }).id];
    const found = await ask<{ projects: { nodes: { name: string }[] } }>(
      `query($ids: [ID!]!) {
        project(name: "vision") { id models { nodes { id } } } model(project: "vision", name: "cats_2") { id }
        nodes(ids: $ids) { id __typename ... on Project { name } ... on Model { name } }
        models(project: "vision") { nodes { name } } projects { nodes { name } } nobody: project(name: "no.body") { id } nothing: model(name: "nothing") { id }
      }`,
      { ids },
    );
    expect(found).toMatchObject({
      project: { id: ids[0], models: { nodes: [{ id: ids[1] }] } },
      model: { id: ids[1] },
      nodes: [
        { __typename: 'Project', name: 'vision' },
        { __typename: 'Model', name: 'cats_2' },
      ],
      models: { nodes: [{ name: 'cats_2' }] },
      nobody: null,
      nothing: null,
    });
    const names = found.projects.nodes.map((node) => node.name);
    expect(names).toEqual([...names].sort());
    expect(names).toContain('default');
    const audit: { action: string; actor: string }[] = await api.database.dataSource.query(
      `SELECT action, actor FROM audit_entry WHERE project_id = (SELECT id FROM project WHERE name = 'vision') ORDER BY sequence`,
    );
    expect(audit.map((entry) => `${entry.actor} ${entry.action}`)).toEqual([
      'token:admin createProject',
      'token:admin createModel',
      'token:admin updateProject',
      'token:admin updateModel',
    ]);
  });

  const NAME = 'is not a valid name; it must have 1 to 63 characters of';
  test.each<[string, object, string, string, string]>([
    ['createProject', { name: 'A.b' }, 'INVALID', 'name', `"A.b" ${NAME} a-z, 0-9 and "-", and begin and end with a letter or digit`],
    ['createProject', { name: 'default' }, 'ALREADY_EXISTS', 'name', 'project "default" exists already'],
    ['createProject', { name: 'p', description: 'a\u0000' }, 'INVALID', 'description', 'description holds a NUL character'],
    ['createProject', { name: 'p', idempotencyKey: '' }, 'INVALID', 'idempotencyKey', 'idempotencyKey has 0 characters; it must have 1 to 200'],
    ['updateProject', { name: 'absent', description: '' }, 'NOT_FOUND', 'name', 'project "absent" does not exist'],
    [
      'updateProject',
      { name: 'default', description: 'x', expectedGeneration: 9 },
      'CONFLICT',
      'expectedGeneration',
      'expectedGeneration is 9, but the generation is 1; read it again before you change it',
    ],
    ['createModel', { project: 'absent', name: 'm' }, 'NOT_FOUND', 'project', 'project "absent" does not exist'],
    ['createModel', { name: 'a.b.' }, 'INVALID', 'name', `"a.b." ${NAME} A-Z, a-z, 0-9, ".", "_" and "-", and begin and end with a letter or digit`],
    ['createModel', { name: 'm', description: 'd'.repeat(10_001) }, 'LIMIT_EXCEEDED', 'description', 'description has 10001 characters; it may have 10000'],
    ['updateModel', { name: 'absent', description: '' }, 'NOT_FOUND', 'name', 'project "default" has no model "absent"'],
    ['updateModel', { project: 'absent', name: 'm', description: '' }, 'NOT_FOUND', 'project', 'project "absent" does not exist'],
  ])('%s %j is refused and changes nothing', async (mutation, input, code, field, message) => {
    const before = await counts();
    const object = mutation.endsWith('Project') ? 'project { id }' : 'model { id }';
    expect(await mutate(mutation, input, object)).toEqual({
      [object.split(' ')[0]!]: null,
      userErrors: [{ code, message, field: ['input', ...field.split('.')] }],
    });
    expect(await counts()).toEqual(before);
  });

  test('a name is taken once, by whomever, at once', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => mutate('createModel', { name: 'race' }, 'model { id }')));
    expect(answers.filter((answer) => answer.userErrors.length === 0)).toHaveLength(1);
    expect(answers.flatMap((answer) => answer.userErrors.map((error) => error.code))).toEqual(Array(4).fill('ALREADY_EXISTS'));
  });

  test('a repetition with the same key answers the same; with another input it is a CONFLICT', async () => {
    const input = { name: 'idem', description: 'x', idempotencyKey: 'key-1' };
    const [first, second] = [await mutate('createModel', input, 'model { id }'), await mutate('createModel', input, 'model { id }')];
    expect(second).toEqual(first);
    const before = await counts();
    expect((await mutate('createModel', { ...input, description: 'y' }, 'model { id }')).userErrors[0]).toMatchObject({
      code: 'CONFLICT',
      field: ['input', 'idempotencyKey'],
    });
    expect(await counts()).toEqual(before);
  });

  test('lists of what does not exist say so', async () => {
    for (const [query, message] of [
      ['{ models(project: "absent") { nodes { id } } }', 'project "absent" does not exist'],
      ['{ versions(model: "absent") { nodes { id } } }', 'project "default" has no model "absent"'],
    ] as const) {
      const answer = await api.graphql(query);
      expect(answer.errors?.[0]).toMatchObject({ message, extensions: { code: 'NOT_FOUND' } });
    }
  });

  test('the project default is made once, by however many servers', async () => {
    const projects = await Promise.all(Array.from({ length: 4 }, () => registry.projects.ensureDefault('system:test')));
    expect(new Set(projects.map((project) => project.id)).size).toBe(1);
  });
});

describe('versions', () => {
  const VERSION = `version { id number state format runtime digest description parent { number } model { name project { name } } files { path digest sizeBytes artifact { id digest sizeBytes } }
    lineage { dataset { name uri digest rows } hyperparameters metrics libraries source { uri revision } } sample { name datatype shape data } createdBy }`;

  test('of a model with everything that can be said of it', async () => {
    const model = await registry.newModel();
    const [weights, topology] = [await registry.upload('weights'), await registry.upload('{}')];
    const lineage = {
      dataset: { name: 'numbers', uri: 's3://numbers', digest: 'sha256:1', rows: 1797 },
      hyperparameters: { depth: null, units: [8, 8], rate: 0.1 },
      metrics: { accuracy: 0.98 },
      libraries: { numpy: '2.4.6' },
      source: { uri: 'git://x', revision: 'abc' },
    };
    const sample = [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [[1.5, 'NaN']] }];
    const files = [
      { path: 'weights.bin', digest: weights },
      { path: 'model.json', digest: topology },
    ];
    const made = await mutate('createVersion', { model, files, format: 'tfjs-layers', description: 'First.', lineage, sample }, VERSION);
    expect(made).toMatchObject({
      userErrors: [],
      version: {
        number: 1,
        state: 'VALIDATING',
        format: 'tfjs-layers',
        runtime: 'tfjs',
        description: 'First.',
        parent: null,
        createdBy: 'token:admin',
        lineage,
        sample,
        model: { name: model, project: { name: 'default' } },
        files: [
          { path: 'model.json', digest: topology, sizeBytes: '2', artifact: { id: toNodeId('Artifact', artifactId(topology)), digest: topology } },
          { path: 'weights.bin', digest: weights, sizeBytes: '7', artifact: { sizeBytes: '7' } },
        ],
      },
    });
    const artifact = await ask(
      `query($digest: String!, $id: ID!) { artifact(digest: $digest) { id createdBy } node(id: $id) { ... on Artifact { digest } } }`,
      { digest: weights, id: toNodeId('Artifact', artifactId(weights)) },
    );
    expect(artifact).toMatchObject({ artifact: { createdBy: 'token:test' }, node: { digest: weights } });
    expect(await ask(`{ artifact(digest: "${sha256('never uploaded')}") { id } }`)).toEqual({ artifact: null });
  });

  test('numbers, parents, children, the latest; formats told from names; equal files are allowed', async () => {
    const model = await registry.newModel();
    const digest = await registry.upload('an onnx model');
    const files = [{ path: 'model.onnx', digest }];
    const made: Payload[] = [];
    for (const parent of [undefined, undefined, 1])
      made.push(
        await mutate(
          'createVersion',
          { model, files, ...(parent && { parent }) },
          'version { number format parent { number } digest lineage { dataset { name } } sample { name } }',
        ),
      );
    expect(made.map((payload) => payload['version'])).toEqual(
      [
        [1, null],
        [2, { number: 1 }],
        [3, { number: 1 }],
      ].map(([number, parent]) => ({
        number,
        parent,
        format: 'onnx',
        digest: (made[0]!['version'] as { digest: string }).digest,
        lineage: { dataset: null },
        sample: null,
      })),
    );
    const found = await ask(`{ model(name: "${model}") { latestVersion { number } versions(first: 2) { nodes { number } pageInfo { hasNextPage endCursor } } }
      version(model: "${model}", number: 1) { children { nodes { number } } parent { number } } none: version(model: "${model}", number: 9) { id } versions(model: "${model}") { nodes { number } } }`);
    expect(found).toMatchObject({
      model: { latestVersion: { number: 3 }, versions: { nodes: [{ number: 3 }, { number: 2 }], pageInfo: { hasNextPage: true } } },
      version: { children: { nodes: [{ number: 3 }, { number: 2 }] }, parent: null },
      none: null,
      versions: { nodes: [{ number: 3 }, { number: 2 }, { number: 1 }] },
    });
    expect(await registry.versions.projectNameOf((await registry.versions.byName('default', model, 2))!.id)).toBe('default');
  });

  test.each([
    ['tfjs-graph', { 'model.json': '{"format":"graph-model","modelTopology":{"node":[]}}', 'weights.bin': 'w' }],
    ['tfjs-layers', { 'pets.json': '{"modelTopology":{"class_name":"Sequential"},"format":"layers-model"}', 'pets.weights.bin': 'w', 'labels.json': '[]' }],
  ])('the format is told from what is in the files: %s', async (format, contents) => {
    const model = await registry.newModel();
    const files = await Promise.all(Object.entries(contents).map(async ([path, content]) => ({ path, digest: await registry.upload(content) })));
    expect(await mutate('createVersion', { model, files }, 'version { format }')).toMatchObject({ version: { format }, userErrors: [] });
  });

  test('made at once, they get one number each, without a gap', async () => {
    const model = await registry.newModel();
    const files = [{ path: 'model.onnx', digest: await registry.upload('parallel') }];
    const made = await Promise.all(Array.from({ length: 6 }, () => mutate('createVersion', { model, files }, 'version { number }')));
    expect(made.map((payload) => (payload['version'] as { number: number }).number).sort()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('the same key makes one version, also when asked several times at once', async () => {
    const model = await registry.newModel();
    const input = { model, files: [{ path: 'model.onnx', digest: await registry.upload('idempotent') }], idempotencyKey: `k-${model}` };
    const made = await Promise.all(Array.from({ length: 4 }, () => mutate('createVersion', input, 'version { id number }')));
    expect(new Set(made.map((payload) => JSON.stringify(payload))).size).toBe(1);
    expect(made[0]).toMatchObject({ version: { number: 1 }, userErrors: [] });
    const before = await counts();
    expect((await mutate('createVersion', { ...input, description: 'other' }, 'version { id }')).userErrors[0]).toMatchObject({
      code: 'CONFLICT',
      field: ['input', 'idempotencyKey'],
    });
    expect(await counts()).toEqual(before);
  });

  const D = sha256('there');
  const absent = sha256('absent');
  const onnx = [{ path: 'model.onnx', digest: D }];
  test.each<[string, object, string, string, string | RegExp]>([
    [
      'an artifact that was not uploaded',
      { files: [...onnx, { path: 'x', digest: absent }] },
      'NOT_FOUND',
      'files.1.digest',
      `there is no artifact ${absent} for "x"; upload it first: PUT /artifacts/${absent}`,
    ],
    [
      'a malformed digest',
      { files: [{ path: 'x', digest: 'sha256:1' }] },
      'INVALID',
      'files.0.digest',
      '"sha256:1" is not a SHA-256 digest; it must be 64 lower-case hexadecimal digits',
    ],
    [
      'a path that leads out',
      { files: [{ path: '../x', digest: D }] },
      'INVALID',
      'files.0.path',
      'the path "../x" holds "." or ".."; it must name the file directly',
    ],
    ['no file', { files: [] }, 'INVALID', 'files', 'a version needs at least one file'],
    [
      'an unknown format',
      { files: onnx, format: 'pickle' },
      'INVALID',
      'format',
      /^no runtime plugin loads the format "pickle"; known formats: onnx \(.*tfjs-layers/,
    ],
    [
      'names of no format',
      { files: [{ path: 'model.rds', digest: D }] },
      'INVALID',
      'files',
      /^these files belong to no known format; rename them or give the format\. Known formats: onnx \(/,
    ],
    ['an absent model', { files: onnx, model: 'absent' }, 'NOT_FOUND', 'model', 'project "default" has no model "absent"'],
    ['an absent project', { files: onnx, project: 'absent' }, 'NOT_FOUND', 'project', 'project "absent" does not exist'],
    ['an absent parent', { files: onnx, parent: 7 }, 'NOT_FOUND', 'parent', /has no version 7; it has no version yet$/],
    ['a sample that contradicts itself', { files: onnx, sample: [{ name: 'x', datatype: 'FP32', shape: [3], data: [1] }] }, 'INVALID', 'sample.0', /3/],
    [
      'a metric that is no number',
      { files: onnx, lineage: { metrics: { accuracy: 'high' } } },
      'INVALID',
      'lineage.metrics.accuracy',
      'the metric "accuracy" must be a number',
    ],
    [
      'a lineage that is too large',
      { files: onnx, lineage: { hyperparameters: { x: 'y'.repeat(70_000) } } },
      'LIMIT_EXCEEDED',
      'lineage.hyperparameters',
      /65536/,
    ],
  ])('refused: %s; nothing changes', async (_name, input, code, field, message) => {
    await registry.upload('there');
    const model = await registry.newModel();
    const before = await counts();
    const answer = await mutate('createVersion', { model, ...input }, 'version { id }');
    expect(answer).toEqual({
      version: null,
      userErrors: [{ code, message: typeof message === 'string' ? message : expect.stringMatching(message), field: ['input', ...field.split('.')] }],
    });
    expect(await counts()).toEqual(before);
  });

  test('bytes that the store lost are missed before the version is made', async () => {
    const digest = await registry.upload('lost');
    await registry.store.delete(digest);
    const answer = await mutate('createVersion', { model: await registry.newModel(), files: [{ path: 'model.onnx', digest }] }, 'version { id }');
    expect(answer.userErrors[0]).toMatchObject({ code: 'NOT_FOUND', field: ['input', 'files', '0', 'digest'] });
  });
});

describe('the versions that use an artifact', () => {
  const QUERY = `query ($digest: String!, $first: Int!, $after: String) { artifact(digest: $digest) {
    versions(first: $first, after: $after) { nodes { id } edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }`;
  interface PageInfo {
    hasNextPage: boolean;
    hasPreviousPage: boolean;
    startCursor: string | null;
    endCursor: string | null;
  }
  interface Answer {
    artifact: { versions: { nodes: { id: string }[]; edges: { cursor: string }[]; pageInfo: PageInfo } };
  }
  const page = async (digest: string, first = 20, after?: string | null) => (await ask<Answer>(QUERY, { digest, first, after })).artifact.versions;

  test('are a connection over all models, newest first, each once', async () => {
    const [digest, other] = [await registry.upload('used often'), await registry.upload('used elsewhere')];
    expect(await page(digest)).toMatchObject({ nodes: [], pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null } });
    const models = [await registry.newModel(), await registry.newModel()];
    const made: string[] = [];
    for (const model of [...models, ...models]) {
      const files = [digest, digest, other].map((each, i) => ({ path: `part-${i}.onnx`, digest: each }));
      const { id } = await registry.versions.create('token:test', { project: 'default', model, files, format: 'onnx', description: '', lineage: {} });
      made.unshift(toNodeId('Version', id));
    }
    await registry.versions.create('token:test', {
      project: 'default',
      model: models[0]!,
      files: [{ path: 'model.onnx', digest: other }],
      description: '',
      lineage: {},
    });
    const all = await page(digest);
    expect(all.nodes.map(({ id }) => id)).toEqual(made);
    expect(all.pageInfo.hasNextPage).toBe(false);
    const first = await page(digest, 3);
    expect(first.nodes.map(({ id }) => id)).toEqual(made.slice(0, 3));
    expect(first.pageInfo).toEqual({ hasNextPage: true, hasPreviousPage: false, startCursor: first.edges[0]!.cursor, endCursor: first.edges[2]!.cursor });
    const rest = await page(digest, 3, first.pageInfo.endCursor);
    expect(rest.nodes.map(({ id }) => id)).toEqual(made.slice(3));
    expect(rest.pageInfo.hasNextPage).toBe(false);
    expect((await page(other)).nodes).toHaveLength(5);
  });

  test.each([
    ['first', { first: 101 }, 'first is 101; it must be from 1 to 100'],
    ['first', { first: 0 }, 'first is 0; it must be from 1 to 100'],
    ['after', { first: 1, after: 'rubbish' }, '"rubbish" is not a cursor of this connection'],
  ])('refuses a wrong %s: %j', async (field, page, message) => {
    const answer = await api.graphql(QUERY, { digest: await registry.upload('used often'), ...page });
    expect(answer.errors).toMatchObject([{ message, extensions: { code: 'INVALID', field: [field] } }]);
  });
});

describe('what belongs together is read in a constant number of statements', () => {
  const QUERY = `{ projects(first: 15) { nodes { name models(first: 5) { nodes { name project { name } latestVersion { number }
    versions(first: 5) { nodes { number model { name } parent { number } children(first: 2) { nodes { number } } files { path sizeBytes artifact { sizeBytes versions(first: 2) { nodes { number } } } } } } } } } } }`;

  async function grow(projects: number, models: number, versions: number): Promise<void> {
    for (let p = 0; p < projects; p++) {
      const project = `many-${Math.random().toString(36).slice(2, 10)}`;
      await registry.projects.create('token:test', { name: project, description: '' });
      for (let m = 0; m < models; m++) {
        await registry.models.create('token:test', { project, name: `m${m}`, description: '' });
        for (let v = 0; v < versions; v++) {
          const files = [
            { path: 'model.onnx', digest: await registry.upload(`${project} ${m} ${v}`) },
            { path: 'shared.bin', digest: await registry.upload('shared') },
          ];
          await registry.versions.create('token:test', { project, model: `m${m}`, files, description: '', lineage: {} });
        }
      }
    }
  }

  test('projects → models → versions → files → artifacts', async () => {
    await grow(1, 1, 2);
    const few = await countStatements(api.database.dataSource, () => ask(QUERY));
    await grow(4, 3, 3);
    const many = await countStatements(api.database.dataSource, () => ask(QUERY));
    expect(JSON.stringify(many.result).length).toBeGreaterThan(2 * JSON.stringify(few.result).length);
    expect(many.statements.length).toBe(few.statements.length);
    expect(few.count).toBeLessThanOrEqual(18);
  }, 120_000);

  test('events → versions, audit entries → projects', async () => {
    await grow(2, 2, 2);
    const query = `query ($first: Int!) {
      events(first: $first, topic: VERSION) { nodes { subjectId ... on VersionEvent { version { id number } } } }
      auditEntries(first: $first) { nodes { action projectId project { id name } } } }`;
    interface Answer {
      events: { nodes: { subjectId: string; version: { id: string } }[] };
      auditEntries: { nodes: { action: string; projectId: string | null; project: { id: string } | null }[] };
    }
    await eventually(async () => (await ask<Answer>(query, { first: 10 })).events.nodes.length === 10, 'the events are in the feed', 60_000);
    const one = await countStatements(api.database.dataSource, () => ask<Answer>(query, { first: 1 }));
    const many = await countStatements(api.database.dataSource, () => ask<Answer>(query, { first: 50 }));
    expect(many.statements.length).toBe(one.statements.length);
    const { events, auditEntries } = many.result;
    expect(events.nodes.length).toBeGreaterThan(8);
    expect(new Set(events.nodes.map(({ version }) => version.id)).size).toBeGreaterThan(8);
    for (const { subjectId, version } of events.nodes) expect(version.id).toBe(subjectId);
    for (const { projectId, project } of auditEntries.nodes) expect(project?.id ?? null).toBe(projectId);
    // Uploads belong to no project.
    expect(auditEntries.nodes.find(({ action }) => action === 'uploadArtifact')).toMatchObject({ project: null });
    expect(new Set(auditEntries.nodes.map(({ project }) => project?.id)).size).toBeGreaterThanOrEqual(3);
  }, 120_000);
});
