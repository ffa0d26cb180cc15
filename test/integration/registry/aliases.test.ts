/** Aliases over GraphQL: moved one after the other, with their history, and taken where a version is named. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { toNodeId } from '../../../server/api/node-id.js';
import { startTestApi, type TestApi } from '../../support/api.js';
import { countStatements } from '../../support/count-statements.js';
import { eventually } from '../../support/eventually.js';
import { createTestRegistry, READY, type TestRegistry } from '../../support/registry.js';

let api: TestApi;
let registry: TestRegistry;
let model: string;
beforeAll(async () => {
  api = await startTestApi({
    features: async ({ work, log }) => {
      registry = await createTestRegistry({ work, log, validate: async () => READY });
      return registry;
    },
  });
  registry.validator.start();
  model = await registry.newModel();
  for (let n = 1; n <= 3; n++) await newVersion();
});
afterAll(async () => {
  await registry.close();
  await api.close();
});

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

interface Answer {
  alias: { id: string; version: { number: number } } | null;
  userErrors: { code: string; message: string; field: string[] }[];
}

const set = async (name: string, version: number, more: object = {}): Promise<Answer> =>
  (
    await ask<{ setAlias: Answer }>(
      'mutation ($input: SetAliasInput!) { setAlias(input: $input) { alias { id version { number } } userErrors { code message field } } }',
      { input: { model, name, version, ...more } },
    )
  ).setAlias;

interface Move {
  number: number;
  actor: string;
  reason: string;
  from: { number: number } | null;
  to: { number: number };
}
const moves = async (name: string): Promise<Move[]> =>
  (
    await ask<{ alias: { moves: { nodes: Move[] } } }>(
      'query ($model: String!, $name: String!) { alias(model: $model, name: $name) { moves { nodes { number actor reason from { number } to { number } } } } }',
      { model, name },
    )
  ).alias.moves.nodes;

test('an alias is created and moved; its history says from where, to where, who and why', async () => {
  const made = await set('champion', 1, { expectedVersion: 0 });
  expect(made).toMatchObject({ alias: { version: { number: 1 } }, userErrors: [] });
  expect(await set('champion', 2, { expectedVersion: 1, reason: 'better' })).toMatchObject({ alias: { id: made.alias!.id, version: { number: 2 } } });
  expect(await set('champion', 2, { reason: 'again' })).toMatchObject({ alias: { version: { number: 2 } } });
  expect(await moves('champion')).toEqual([
    { number: 2, actor: 'token:admin', reason: 'better', from: { number: 1 }, to: { number: 2 } },
    { number: 1, actor: 'token:admin', reason: '', from: null, to: { number: 1 } },
  ]);
  const events = async (): Promise<object[]> =>
    (
      await ask<{ events: { nodes: object[] } }>('query ($id: ID!) { events(topic: ALIAS, subject: $id) { nodes { __typename type message payload } } }', {
        id: made.alias!.id,
      })
    ).events.nodes;
  await eventually(async () => (await events()).length === 2, 'the events have their places');
  expect(await events()).toMatchObject([
    { __typename: 'AliasEvent', type: 'ALIAS_MOVED', payload: { from: null, to: 1 } },
    { message: `${model}@champion: version 1 → version 2: better`, payload: { from: 1, to: 2 } },
  ]);
});

test('of two moves that expect the same version, one is a CONFLICT', async () => {
  await set('raced', 1);
  const answers = await Promise.all([2, 3].map((version) => set('raced', version, { expectedVersion: 1 })));
  expect(answers.filter(({ alias }) => alias)).toHaveLength(1);
  expect(answers.flatMap(({ userErrors }) => userErrors)).toMatchObject([{ code: 'CONFLICT', field: ['input', 'expectedVersion'] }]);
  expect(await moves('raced')).toHaveLength(2);
});

test('a repetition with the same key moves nothing back', async () => {
  await set('repeated', 1, { idempotencyKey: 'first' });
  await set('repeated', 2);
  expect(await set('repeated', 1, { idempotencyKey: 'first' })).toMatchObject({ alias: { version: { number: 2 } }, userErrors: [] });
  expect(await moves('repeated')).toHaveLength(2);
});

test('what cannot be is refused', async () => {
  const rejected = await newVersion();
  const { number } = await registry.versions.get(rejected);
  await api.database.dataSource.query(`UPDATE version SET state = 'REJECTED' WHERE id = $1`, [rejected]);
  const refusals: [Promise<Answer>, string, string][] = [
    [set('Champion', 1), 'INVALID', 'name'],
    [set('champion', 99), 'NOT_FOUND', 'version'],
    [set('champion', number), 'FAILED_PRECONDITION', 'version'],
    [set('champion', 1, { expectedVersion: 0 }), 'CONFLICT', 'expectedVersion'],
    [set('fresh', 1, { expectedVersion: 1 }), 'CONFLICT', 'expectedVersion'],
    [set('champion', 1, { model: 'absent' }), 'NOT_FOUND', 'model'],
  ];
  for (const [answer, code, field] of refusals) expect(await answer).toMatchObject({ alias: null, userErrors: [{ code, field: ['input', field] }] });
  expect(await moves('champion')).toHaveLength(2);
});

test('an alias leads to its version, and a version to its aliases, in as many statements for more of them', async () => {
  const { version, alias, node } = await ask<Record<string, Record<string, unknown>>>(
    `query ($model: String!, $id: ID!) {
      version(model: $model, alias: "champion") { number aliases } alias(model: $model, name: "champion") { version { number } model { name } }
      node(id: $id) { ... on Alias { name } } none: alias(model: $model, name: "nothing") { name }
    }`,
    { model, id: (await set('champion', 2)).alias!.id },
  );
  expect(version).toEqual({ number: 2, aliases: expect.arrayContaining(['champion', 'repeated']) as string[] });
  expect(alias).toEqual({ version: { number: 2 }, model: { name: model } });
  expect(node).toEqual({ name: 'champion' });
  const list =
    '{ models { nodes { aliases { name version { number } model { name } moves(first: 2) { nodes { number } } } versions { nodes { aliases } } } } }';
  const count = async (): Promise<number> => {
    // The token is looked up now, and not while statements are counted.
    await ask('{ __typename }');
    return (await countStatements(api.database.dataSource, () => ask(list))).count;
  };
  const few = await count();
  for (const name of ['a', 'b', 'c']) await set(name, 1);
  expect(await count()).toBe(few);
  const both = await api.graphql(`{ version(model: "${model}", alias: "champion", number: 1) { number } }`);
  expect(both.errors).toMatchObject([{ extensions: { code: 'INVALID' } }]);
  expect((await api.graphql(`{ node(id: "${toNodeId('Alias', '00000000-0000-4000-8000-000000000001')}") { id } }`)).data).toEqual({ node: null });
});
