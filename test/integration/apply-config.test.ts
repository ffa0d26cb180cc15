/** The configuration as documents: applied in one transaction, exported, and applied again. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { configurationDocument } from '../../server/configuration/documents.js';
import { countStatements } from '../support/count-statements.js';
import { startMonitoredApi, type MonitoredApi, type Payload } from '../support/monitored-api.js';

let server: MonitoredApi;
beforeAll(async () => {
  server = await startMonitoredApi();
  await server.world.addDeployment('seed');
});
afterAll(() => server.close());

const apply = async (
  documents: object[],
  more: object = {},
): Promise<Payload & { changes: { kind: string; name: string; action: string; field: string }[] | null }> =>
  (await server.mutate('applyConfig', 'changes { kind project name action field before after }', { documents, ...more })) as never;
const exported = async (): Promise<Record<string, unknown>[]> => {
  const answer = await server.api.graphql('{ exportConfig }');
  expect(answer.errors).toBeUndefined();
  return answer.data!['exportConfig'] as never;
};

const churn = { kind: 'Deployment', name: 'churn', targets: [{ version: 'model:1' }], timeoutMs: 1_000 };
const monitor = { kind: 'Monitor', deployment: 'churn', name: 'errors', cron: '0 0 1 1 *', metric: 'ERROR_RATE' };
const rule = { kind: 'AlertRule', deployment: 'churn', monitor: 'errors', name: 'too-many', threshold: 0.05 };
const policy = { kind: 'ScalingPolicy', deployment: 'churn', maxReplicas: 3, targetInFlight: 4 };

test('a dry run tells the changes and makes none; applying makes them once; an export changes nothing', async () => {
  // Children come first here: their order does not matter.
  const documents = [rule, policy, monitor, churn, { kind: 'Model', name: 'model', description: 'who leaves' }, { kind: 'Project', name: 'vision' }];
  const before = await exported();
  const dry = await apply(documents, { dryRun: true });
  expect(dry.userErrors).toEqual([]);
  expect(await exported()).toEqual(before);
  const done = await apply(documents);
  expect(done).toEqual(dry);
  expect(done.changes).toContainEqual({
    kind: 'Deployment',
    project: 'default',
    name: 'churn',
    action: 'CREATE',
    field: 'timeoutMs',
    before: null,
    after: 1_000,
  });
  expect(done.changes).toContainEqual({
    kind: 'Model',
    project: 'default',
    name: 'model',
    action: 'UPDATE',
    field: 'description',
    before: '',
    after: 'who leaves',
  });
  expect((await apply(documents)).changes).toEqual([]);

  const all = await exported();
  expect(all).toContainEqual({
    kind: 'AlertRule',
    project: 'default',
    deployment: 'churn',
    monitor: 'errors',
    name: 'too-many',
    comparison: 'GREATER_THAN',
    threshold: 0.05,
    consecutiveRuns: 1,
    severity: 'WARNING',
  });
  expect(await apply(all, { prune: true })).toEqual({ changes: [], userErrors: [] });
});

test('changes field by field; one wrong document undoes the others', async () => {
  const wrong = await apply([
    { ...monitor, windowMs: 60_000 },
    { ...rule, threshold: 7 },
  ]);
  expect(wrong).toMatchObject({
    changes: null,
    userErrors: [
      {
        code: 'INVALID',
        field: ['input', 'documents', '1', 'threshold'],
        message: expect.stringContaining('documents[1] (AlertRule "churn/errors/too-many"), threshold: '),
      },
    ],
  });
  expect(await exported()).toContainEqual(expect.objectContaining({ kind: 'Monitor', windowMs: 300_000 }));
  const right = await apply([
    { ...monitor, windowMs: 60_000 },
    { ...rule, threshold: 0.5 },
    { ...policy, maxReplicas: 4 },
    { ...churn, timeoutMs: 2_000 },
  ]);
  expect(right.userErrors).toEqual([]);
  expect(right.changes!.map(({ kind, action, field }) => [kind, action, field])).toEqual([
    ['Deployment', 'UPDATE', 'timeoutMs'],
    ['ScalingPolicy', 'UPDATE', 'maxReplicas'],
    ['Monitor', 'UPDATE', 'windowMs'],
    ['AlertRule', 'UPDATE', 'threshold'],
  ]);
});

test('every malformed document is named', async () => {
  const { userErrors } = await apply([{ kind: 'Modell' }, { ...churn, timeout: 1 }, { ...churn, targets: [{ version: 7 }] }, monitor, monitor]);
  expect(userErrors.map(({ field }) => field.slice(2))).toEqual([['0', 'kind'], ['1', 'timeout'], ['2', 'targets', '0', 'version'], ['4']]);
  const unknown = await apply([{ ...churn, targets: [{ version: 'model:99' }] }]);
  expect(unknown.userErrors).toMatchObject([{ code: 'NOT_FOUND', field: ['input', 'documents', '0', 'targets', '0', 'version'] }]);
  const alias = await apply([{ ...churn, targets: [{ version: 'model@champion' }] }]);
  expect(alias.userErrors).toMatchObject([{ code: 'NOT_FOUND', field: ['input', 'documents', '0', 'targets', '0', 'version'] }]);
});

test('a version may be named by an alias: what the alias names is deployed, and is a change only once', async () => {
  const { userErrors } = await server.mutate('setAlias', 'alias { name }', { model: 'model', name: 'champion', version: 1 });
  expect(userErrors).toEqual([]);
  const byAlias = { kind: 'Deployment', name: 'by-alias', targets: [{ version: 'model@champion' }] };
  expect((await apply([byAlias])).changes).toMatchObject([{ field: 'targets', after: [{ version: 'model:1', weight: 100 }] }]);
  expect(await apply([byAlias])).toEqual({ changes: [], userErrors: [] });
  await server.mutate('deleteDeployment', 'deployment { phase }', { deployment: { name: 'by-alias' } });
});

test('prune deletes what no document describes, and nothing is deleted without it', async () => {
  const rest = (await exported()).filter(
    ({ kind, deployment }) => kind !== 'Monitor' && kind !== 'AlertRule' && !(kind === 'ScalingPolicy' && deployment === 'churn'),
  );
  expect((await apply(rest)).changes).toEqual([]);
  const pruned = await apply(rest, { prune: true });
  expect(pruned.changes!.map(({ kind, name, action }) => [kind, name, action])).toEqual([
    ['Monitor', 'churn/errors', 'DELETE'],
    ['ScalingPolicy', 'churn', 'DELETE'],
  ]);
  expect(await exported()).toEqual(rest);
});

test('an export takes as many statements for more objects', async () => {
  const count = async (): Promise<number> => (await countStatements(server.world.database.dataSource, exported)).count;
  const few = await count();
  for (const name of ['one', 'two', 'three']) await server.world.addDeployment(name);
  expect(await count()).toBe(few);
});

test('the JSON Schema for editors is the one that is checked in', async () => {
  const schema = { $id: 'pilothouse.schema.json', title: 'A document of pilothouse.yaml', ...z.toJSONSchema(configurationDocument, { io: 'input' }) };
  await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot(
    join(import.meta.dirname, '..', '..', 'docs', 'reference', 'pilothouse.schema.json'),
  );
});
