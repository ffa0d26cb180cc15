/** The list of features: what follows from it is complete, and each feature gets what comes before it. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, expectTypeOf, test } from 'vitest';
import { type Feature, FeatureList, type RunningFeature } from '../../server/feature.js';
import { ENTITIES, FEATURES } from '../../server/features.js';
import { PROJECT_ROOT } from '../../server/paths.js';

const server = join(PROJECT_ROOT, 'server');
const files = readdirSync(server, { recursive: true, encoding: 'utf8' });

/** The exports of all files with this ending whose names end with `suffix`. */
async function exported(ending: string, suffix: string): Promise<unknown[]> {
  const modules = await Promise.all(files.filter((file) => file.endsWith(ending)).map((file) => import(join(server, file)) as Promise<object>));
  return modules.flatMap((module) => Object.entries(module).flatMap(([name, value]) => (name.endsWith(suffix) ? [value] : [])));
}

test('every entity is one of a feature, or of what lies below the features', async () => {
  const found = await exported('.entities.ts', 'Entity');
  expect(found.length).toBeGreaterThan(20);
  expect(new Set(ENTITIES)).toEqual(new Set(found));
});

test('every resolver class is one of a feature, save that of the API itself', async () => {
  const found = (await exported('.resolver.ts', 'Resolver')) as { name: string }[];
  const listed = await FEATURES.resolvers();
  expect(listed.length).toBeGreaterThan(30);
  expect([...listed.map(({ name }) => name), 'NodeResolver'].toSorted()).toEqual(found.map(({ name }) => name).toSorted());
});

test("a feature is made of the core's parts and of the features before it, one after the other", async () => {
  const made: string[] = [];
  const list = FeatureList.over<{ readonly core: number }>()
    .add('first', {
      entities: [],
      load: async () => ({
        resolvers: [],
        create: async ({ core }: { core: number }) => {
          await Promise.resolve();
          made.push('first');
          return { resolvers: [], value: core + 1 };
        },
      }),
    })
    .add('second', {
      entities: [],
      load: async () => ({
        resolvers: [],
        create: ({ core, first }: { core: number; first: RunningFeature & { value: number } }) => {
          made.push('second');
          return { resolvers: [], value: core + first.value };
        },
      }),
    });
  const { second } = await list.create({ core: 1 });
  expect(second.value).toBe(3);
  expect(made).toEqual(['first', 'second']);
  const needy = { entities: [], load: async () => ({ resolvers: [], create: ({ first }: { first: object }) => ({ resolvers: [], first }) }) };
  // Where nothing comes before it, the compiler refuses it.
  expectTypeOf(needy).not.toExtend<Feature<{ core: number }, RunningFeature>>();
  expectTypeOf(needy).toExtend<Feature<{ core: number; first: object }, RunningFeature>>();
});
