/** What becomes of a version that is VALIDATING: verdicts, events, interruptions, several servers. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { AuditEntryEntity, EventEntity } from '../../../server/database/change.entities.js';
import { toNodeId } from '../../../server/api/node-id.js';
import { createDataSource } from '../../../server/database/data-source.js';
import { ENTITIES } from '../../../server/features.js';
import { Notifier } from '../../../server/database/notifications.js';
import { UnitOfWork } from '../../../server/database/unit-of-work.js';
import { PROJECT_ROOT } from '../../../server/paths.js';
import type { VersionEntity } from '../../../server/registry/registry.entities.js';
import type { ValidationRequest, ValidationResult } from '../../../server/registry/validation.js';
import { startTestApi } from '../../support/api.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { eventually } from '../../support/eventually.js';
import { createTestRegistry, endless, READY, type TestRegistry, type Validate } from '../../support/registry.js';

let database: TestDatabase;
let home: string;
let servers: TestRegistry[];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'validation-'));
  servers = [];
});
afterEach(async () => {
  for (const server of servers) await server.close();
  await database.dataSource.query(`UPDATE version SET state = 'REJECTED' WHERE state = 'VALIDATING'`);
  await rm(home, { recursive: true, force: true });
});

/** A server's registry; several share database and home, as servers do. */
async function server(validate?: Validate, scanMs?: number): Promise<TestRegistry> {
  const { dataSource } = database;
  const work = new UnitOfWork(dataSource, new Notifier(async () => undefined));
  const made = await createTestRegistry({ work, home, ...(validate && { validate }), ...(scanMs !== undefined && { scanMs }) });
  servers.push(made);
  return made;
}

async function create(registry: TestRegistry, files: Record<string, string | Uint8Array> = { 'model.onnx': 'bytes' }): Promise<VersionEntity> {
  const model = await registry.newModel();
  const uploaded = await Promise.all(Object.entries(files).map(async ([path, content]) => ({ path, digest: await registry.upload(content) })));
  return registry.versions.create('token:test', { project: 'default', model, files: uploaded, description: '', lineage: {} });
}

const settled = (registry: TestRegistry, id: string): Promise<VersionEntity> =>
  eventually(
    async () => {
      const version = await registry.versions.get(id);
      return version.state === 'VALIDATING' ? undefined : version;
    },
    'a verdict',
    25_000,
  );

async function eventsOf(id: string): Promise<string[]> {
  const events = await database.dataSource.manager.find(EventEntity, { where: { subjectId: id }, order: { sequence: 'ASC' } });
  return events.map(({ topic, type, actor, payload }) => `${topic} ${type} ${actor} ${String(payload['state'])}: ${String(payload['message'])}`);
}

const modelOf = async (registry: TestRegistry, { modelId }: VersionEntity): Promise<string> => (await registry.models.get(modelId)).name;
/** The verdict is seen a moment before its folder is gone. */
const nothingLeft = (): Promise<true> => eventually(async () => (await readdir(join(home, 'validation'))).length === 0 || undefined, 'an empty folder');

test('READY: what was found is on the version, with its events and audit entries', async () => {
  const requests: ValidationRequest[] = [];
  const found: string[] = [];
  const registry = await server(async (request) => {
    requests.push(request);
    for (const file of request.files) found.push(`${file}: ${await readFile(join(request.folder, file), 'utf8')}`);
    return READY;
  });
  const created = await create(registry, { 'model.json': '{}', 'deep/er/weights.bin': 'weights' });
  const version = await settled(registry, created.id);
  expect(created).toMatchObject({ state: 'VALIDATING', signature: null, validatedAt: null });
  expect(version).toMatchObject({
    state: 'READY',
    reason: null,
    logTail: null,
    signature: READY.state === 'READY' && READY.signature,
    rowIndependence: { verdict: 'INDEPENDENT', reason: 'the test says so' },
    memoryBytes: 5_000_000_000,
    backend: { name: 'cpu', library: null },
    loadMs: 12.5,
    validatedAt: expect.any(Date),
  });
  expect(found).toEqual(['deep/er/weights.bin: weights', 'model.json: {}']);
  expect(requests[0]).toMatchObject({
    format: created.format,
    runtime: created.runtime,
    sample: null,
    timeoutMs: 30_000,
    memoryBytes: 1024 ** 3,
    outsideModules: [],
  });
  const model = await modelOf(registry, version);
  expect(await eventsOf(created.id)).toEqual([
    `version VERSION_CREATED token:test VALIDATING: version 1 of ${model} was created and is being validated`,
    `version VERSION_READY system:validation READY: version 1 of ${model} is READY: tfjs loaded it in 13 ms`,
  ]);
  const audit = await database.dataSource.manager.find(AuditEntryEntity, { where: { objectId: created.id }, order: { sequence: 'ASC' } });
  expect(audit.map(({ action, actor }) => `${actor} ${action}`)).toEqual(['token:test createVersion', 'system:validation validateVersion']);
  await nothingLeft();
});

test('REJECTED: the reason and the end of the log, even where they are not text that PostgreSQL takes', async () => {
  const registry = await server(async () => ({ state: 'REJECTED', reason: 'bad\u0000 node \ud800', logTail: `${'x'.repeat(10_000)}the end` }));
  const version = await settled(registry, (await create(registry)).id);
  expect(version).toMatchObject({ state: 'REJECTED', reason: 'bad\ufffd node \ufffd', signature: null });
  expect(version.logTail).toHaveLength(8_001);
  expect(version.logTail).toMatch(/^…x+the end$/);
  expect((await eventsOf(version.id))[1]).toBe(
    `version VERSION_REJECTED system:validation REJECTED: version 1 of ${await modelOf(registry, version)} was REJECTED: bad\ufffd node \ufffd`,
  );
});

test("a signature that cannot be kept is the model's fault", async () => {
  const registry = await server(async () => ({
    ...(READY as ValidationResult & { state: 'READY' }),
    signature: { inputs: [{ name: 'x\u0000', datatype: 'FP32', shape: [1] }], outputs: [] },
  }));
  expect(await settled(registry, (await create(registry)).id)).toMatchObject({
    state: 'REJECTED',
    reason: "the model's signature cannot be stored: a string in signature holds a NUL character",
  });
});

test("bytes that were damaged in the store are the version's end, without asking a runtime", async () => {
  let asked = 0;
  const registry = await server(async () => {
    asked++;
    return READY;
  });
  const model = await registry.newModel();
  const digest = await registry.upload('intact');
  const path = join(home, 'artifacts', digest.slice(0, 2), digest);
  await rm(path);
  await (await import('node:fs/promises')).writeFile(path, 'damage');
  const { id } = await registry.versions.create('token:test', {
    project: 'default',
    model,
    files: [{ path: 'model.onnx', digest }],
    description: '',
    lineage: {},
  });
  expect(await settled(registry, id)).toMatchObject({
    state: 'REJECTED',
    reason: expect.stringContaining(`the artifact store holds a damaged file: the file under ${digest} has the digest `),
  });
  expect(asked).toBe(0);
});

test('at most two at a time, and all in the end', async () => {
  const release: (() => void)[] = [];
  let most = 0;
  let now = 0;
  const registry = await server(async () => {
    most = Math.max(most, ++now);
    await new Promise<void>((done) => release.push(done));
    now--;
    return READY;
  });
  const versions = await Promise.all(Array.from({ length: 5 }, () => create(registry)));
  const verdicts = Promise.all(versions.map((version) => settled(registry, version.id)));
  await eventually(() => now === 2, 'the second validation beside the first');
  for (let i = 0; i < 5; i++) (await eventually(() => release.shift()))();
  expect((await verdicts).map((version) => version.state)).toEqual(Array(5).fill('READY'));
  expect(most).toBe(2);
});

test('what a server did not finish is taken up by the next start, and a stopped server writes nothing', async () => {
  let began = false;
  const first = await server(async (request) => {
    began = true;
    return endless(request);
  });
  const { id } = await create(first);
  await eventually(() => began);
  await first.validator.stop();
  expect(await first.versions.get(id)).toMatchObject({ state: 'VALIDATING', reason: null });
  const second = await server(async () => READY);
  second.validator.start();
  expect(await settled(second, id)).toMatchObject({ state: 'READY' });
  expect(await eventsOf(id)).toHaveLength(2);
  await nothingLeft();
});

test('a server that was killed in the middle: its session ends with it, and another server takes over', async () => {
  // A data source of its own, whose backends are ended as a kill ends them.
  const dataSource = createDataSource(database.url, ENTITIES, 3);
  await dataSource.initialize();
  const killed = await createTestRegistry({ work: new UnitOfWork(dataSource, new Notifier(async () => undefined)), home, validate: endless });
  const survivor = await server(async () => READY, 50);
  const { id } = await create(killed);
  const holder = await eventually(async () => {
    const rows: { pid: number }[] = await database.dataSource.query(
      `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
    return rows[0]?.pid;
  }, 'the lock');
  survivor.validator.start();
  await new Promise((done) => setTimeout(done, 300));
  expect(await survivor.versions.get(id)).toMatchObject({ state: 'VALIDATING' });
  await database.dataSource.query('SELECT pg_terminate_backend($1)', [holder]);
  expect(await settled(survivor, id)).toMatchObject({ state: 'READY' });
  await killed.close();
  await dataSource.destroy();
  expect(await eventsOf(id)).toHaveLength(2);
});

test('two servers never validate one version at once', async () => {
  const under = new Map<string, number>();
  const runs = new Map<string, number>();
  const validate: Validate = async ({ folder }) => {
    runs.set(folder, (runs.get(folder) ?? 0) + 1);
    under.set(folder, (under.get(folder) ?? 0) + 1);
    expect(under.get(folder)).toBe(1);
    await new Promise((done) => setTimeout(done, 20));
    under.set(folder, under.get(folder)! - 1);
    return READY;
  };
  const [one, two] = [await server(validate, 10), await server(validate, 10)];
  one.validator.start();
  two.validator.start();
  const versions = await Promise.all(Array.from({ length: 8 }, () => create(one)));
  for (const version of versions) expect(await settled(two, version.id)).toMatchObject({ state: 'READY' });
  expect([...runs.values()]).toEqual(Array(8).fill(1));
  for (const version of versions) expect(await eventsOf(version.id)).toHaveLength(2);
});

test('where validation cannot run, the version says so and is tried again; others go on', async () => {
  let broken = true;
  const registry = await server(async ({ files }) => {
    if (broken && files[0] === 'model.onnx') throw new Error('spawn EAGAIN');
    return READY;
  }, 20);
  const stuck = await create(registry);
  const delayed = await eventually(async () => {
    const version = await registry.versions.get(stuck.id);
    return version.reason === null ? undefined : version;
  });
  expect(delayed).toMatchObject({ state: 'VALIDATING', reason: 'validation could not run and will be tried again: spawn EAGAIN' });
  registry.validator.start();
  const other = await create(registry, { 'model.json': '{}' });
  expect(await settled(registry, other.id)).toMatchObject({ state: 'READY' });
  broken = false;
  expect(await settled(registry, stuck.id)).toMatchObject({ state: 'READY', reason: null });
  // However often it was tried: one event for one reason.
  expect((await eventsOf(stuck.id)).map((line) => line.split(' ')[1])).toEqual(['VERSION_CREATED', 'VALIDATION_DELAYED', 'VERSION_READY']);
  await nothingLeft();
});

test("real validations, followed over the WebSocket: READY with the signature, REJECTED with the runtime's own message", async () => {
  let registry!: TestRegistry;
  const api = await startTestApi({
    database,
    features: async ({ work, log }) => {
      registry = await createTestRegistry({ work, log, home });
      servers.push(registry);
      return registry;
    },
  });
  try {
    const after = await api.feed.head();
    const good = await create(registry, { 'digits.onnx': await readFile(join(PROJECT_ROOT, 'server', 'samples', 'digits', 'digits.onnx')) });
    const bad = await create(registry, { 'model.onnx': 'this is no model' });
    const follow = async (id: string): Promise<string[]> => {
      const seen: string[] = [];
      const query = `subscription($version: ID!, $after: String) { versionEvents(version: $version, after: $after) { type subjectId payload } }`;
      const variables = { version: toNodeId('Version', id), after };
      for await (const { data, errors } of api.wsClient().iterate<{ versionEvents: { type: string; subjectId: string } }>({ query, variables })) {
        expect(errors).toBeUndefined();
        expect(data!.versionEvents.subjectId).toBe(variables.version);
        seen.push(data!.versionEvents.type);
        if (data!.versionEvents.type !== 'VERSION_CREATED') break;
      }
      return seen;
    };
    expect(await Promise.all([follow(good.id), follow(bad.id)])).toEqual([
      ['VERSION_CREATED', 'VERSION_READY'],
      ['VERSION_CREATED', 'VERSION_REJECTED'],
    ]);
    const query = `query($ids: [ID!]!) { nodes(ids: $ids) { ... on Version { state reason signature { inputs { name datatype shape } outputs { name datatype shape } } rowIndependence { verdict reason } memoryBytes loadMs validatedAt } } }`;
    const { data } = await api.graphql(query, { ids: [good, bad].map(({ id }) => toNodeId('Version', id)) });
    expect(data).toMatchObject({
      nodes: [
        {
          state: 'READY',
          reason: null,
          memoryBytes: expect.stringMatching(/^\d{7,}$/),
          loadMs: expect.any(Number),
          rowIndependence: { verdict: 'INDEPENDENT', reason: expect.stringContaining('the same bits alone, in batches of 2, 3, 8, 64') },
          validatedAt: expect.any(String),
          signature: {
            inputs: [{ name: 'pixels', datatype: 'FP32', shape: [-1, 64] }],
            outputs: [
              { name: 'label', datatype: 'INT64', shape: [-1] },
              { name: 'probabilities', datatype: 'FP32', shape: [-1, 10] },
            ],
          },
        },
        { state: 'REJECTED', reason: expect.stringMatching(/protobuf|parse|model/i), signature: null, rowIndependence: null, memoryBytes: null, loadMs: null },
      ],
    });
    const missing = api
      .wsClient()
      .iterate({ query: `subscription { versionEvents(version: "${toNodeId('Version', '00000000-0000-4000-8000-000000000000')}") { type } }` });
    const first = await missing.next().catch((error: unknown) => ({ value: { errors: error } }));
    expect(JSON.stringify(first.value)).toContain('this version does not exist');
  } finally {
    await api.close();
  }
}, 60_000);
