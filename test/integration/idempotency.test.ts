import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { canonicalJson } from '../../server/access/canonical-json.js';
import { idempotent, pruneIdempotencyRecords } from '../../server/access/idempotency.js';
import { Notifier } from '../../server/database/notifications.js';
import { UnitOfWork } from '../../server/database/unit-of-work.js';
import { DomainError } from '../../server/errors.js';
import { ProjectEntity } from '../../server/registry/registry.entities.js';
import { openFence } from '../support/api.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';

let db: TestDatabase;
let work: UnitOfWork;
beforeAll(async () => {
  db = await createTestDatabase();
  work = new UnitOfWork(db.dataSource, new Notifier((sql, parameters) => db.dataSource.query(sql, parameters)));
});
afterAll(() => db.drop());

interface Call {
  readonly key?: string | null;
  readonly name?: string;
  readonly actor?: string;
  readonly operation?: string;
  readonly input?: object;
  readonly before?: () => Promise<unknown>;
}

const make = ({ key, name = randomUUID(), actor = 'token:test', operation = 'createProject', input = { name: 'same' }, before }: Call): Promise<string> =>
  work.run(actor, (change) =>
    idempotent(change, { operation, key, input }, async () => {
      await before?.();
      const id = randomUUID();
      await change.manager.insert(ProjectEntity, { id, name, createdBy: change.actor, createdAt: change.now });
      return id;
    }),
  );

const projects = async (): Promise<number> => db.dataSource.manager.count(ProjectEntity);

/** Waits until so many calls wait for the transaction of another. */
const waitingForAnother = (count: number): Promise<true> =>
  eventually(
    async () =>
      ((await db.dataSource.query(`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'transactionid'`)) as unknown[])
        .length === count,
    `${count} that wait`,
  );

test('a repetition answers with the first object and makes nothing; without a key every call makes one', async () => {
  const before = await projects();
  const first = await make({ key: 'a' });
  expect(await make({ key: 'a' })).toBe(first);
  expect(await projects()).toBe(before + 1);
  expect(await make({ key: null })).not.toBe(await make({}));
  expect(await projects()).toBe(before + 3);
});

test('duplicates at the same time: one makes the object, the others wait for it', async () => {
  const before = await projects();
  let entered = 0;
  let release: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const calls = Array.from({ length: 4 }, () => make({ key: 'b', before: () => (entered++, gate) }));
  await waitingForAnother(3);
  release();
  expect(new Set(await Promise.all(calls)).size).toBe(1);
  expect(entered).toBe(1);
  expect(await projects()).toBe(before + 1);
});

test('when the first fails, the repetition that waited makes the object', async () => {
  let entered = false;
  let release: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const first = make({ key: 'c', before: () => ((entered = true), gate.then(() => Promise.reject(new Error('no')))) });
  const failed = expect(first).rejects.toThrow('no');
  // Not its open transaction, which is there before the key is its own.
  await eventually(() => entered, 'the first under way with the key');
  const second = make({ key: 'c', name: 'made-by-the-second' });
  await waitingForAnother(1);
  release();
  await failed;
  const id = await second;
  expect(await db.dataSource.manager.findOneBy(ProjectEntity, { name: 'made-by-the-second' })).toMatchObject({ id });
});

test('a key that comes back with another input or operation is a CONFLICT, and nothing is made', async () => {
  await make({ key: 'd', input: { name: 'x', inner: { a: 1, b: [1, 2] } } });
  const before = await projects();
  await expect(make({ key: 'd', input: { name: 'y' } })).rejects.toEqual(
    new DomainError('CONFLICT', 'idempotencyKey "d" was used before with another input; use a new key', ['idempotencyKey']),
  );
  await expect(make({ key: 'd', operation: 'deploy', input: { name: 'x', inner: { b: [1, 2], a: 1 } } })).rejects.toMatchObject({
    code: 'CONFLICT',
    message: 'idempotencyKey "d" was used before with createProject; use a new key',
  });
  // Neither the order of fields, nor an absent one, nor the key itself makes another input.
  await make({ key: 'd', input: { inner: { b: [1, 2], a: 1 }, idempotencyKey: 'd', more: undefined, name: 'x' } });
  expect(await projects()).toBe(before);
});

test('keys of different actors do not meet, and malformed keys are INVALID', async () => {
  expect(await make({ key: 'e', actor: 'token:one' })).not.toBe(await make({ key: 'e', actor: 'token:two' }));
  for (const key of ['', 'x'.repeat(201)]) await expect(make({ key })).rejects.toMatchObject({ code: 'INVALID', field: ['idempotencyKey'] });
});

test('old keys are forgotten', async () => {
  const first = await make({ key: 'f' });
  const inAWeek = Date.now() + 7 * 86_400_000;
  expect(await pruneIdempotencyRecords(db.dataSource, openFence, new Date(inAWeek - 60_000))).toBe(0);
  expect(await pruneIdempotencyRecords(db.dataSource, openFence, new Date(inAWeek + 1000))).toBeGreaterThan(0);
  expect(await make({ key: 'f' })).not.toBe(first);
});

test.each([
  [{ b: 1, a: [undefined, null, 'x'] }, '{"a":[null,null,"x"],"b":1}'],
  [{ at: new Date(0), big: 9007199254740993n, gone: undefined }, '{"at":"1970-01-01T00:00:00.000Z","big":"9007199254740993"}'],
  [{ n: NaN, nested: { z: {}, a: true } }, '{"n":null,"nested":{"a":true,"z":{}}}'],
])('canonical JSON is one text for one value (%#)', (value, text) => {
  expect(canonicalJson(value)).toBe(text);
});
