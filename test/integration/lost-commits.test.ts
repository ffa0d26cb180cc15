/** The answer to COMMIT is lost: the caller is told what became of the change, and where that cannot be known, exactly that. */
import { GraphQLError, OperationTypeNode } from 'graphql';
import { pino } from 'pino';
import type { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { formatGraphQLError, noteErrors, toClientError } from '../../server/api/format-error.js';
import { aboutToCommit, outcomeOf, type Commit } from '../../server/database/commit-outcome.js';
import { createDataSource } from '../../server/database/data-source.js';
import { ENTITIES } from '../../server/features.js';
import { Notifier } from '../../server/database/notifications.js';
import { readBack } from '../../server/database/read-back.js';
import { ConnectionLostError } from '../../server/database/server-connection.js';
import { UnconfirmedError } from '../../server/database/unconfirmed-error.js';
import { UnitOfWork } from '../../server/database/unit-of-work.js';
import { DomainError } from '../../server/errors.js';
import { ProjectService } from '../../server/registry/project.service.js';
import { startCommitCuttingPostgres, type CommitCuttingPostgres } from '../support/commit-cutting-postgres.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

const silent = pino({ level: 'silent' });
let database: TestDatabase;
let postgres: CommitCuttingPostgres;
let dataSource: DataSource;
let names = 0;
const fresh = () => ({ name: `project-${++names}`, description: '' });
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  postgres = await startCommitCuttingPostgres(database.url);
  dataSource = await createDataSource(postgres.url, ENTITIES, 3).initialize();
});
afterEach(async () => {
  postgres.back();
  await dataSource.destroy();
  await postgres.close();
});

/** Long enough for a slow machine; none of the tests waits for its end but those that give another. */
const worker = (patienceMs = 60_000): UnitOfWork => new UnitOfWork(dataSource, new Notifier(async () => undefined), undefined, patienceMs);
const failure = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => expect.fail('it did not fail'),
    (error: Error) => error,
  );
const count = async (name: string): Promise<number> => ((await database.dataSource.query('SELECT 1 FROM project WHERE name = $1', [name])) as unknown[]).length;

test('a change that was committed is answered as any other, and does what comes after the commit', async () => {
  const project = fresh();
  let after = 0;
  postgres.cutNextCommit('AFTER');
  const result = await worker().run('token:test', async (change) => {
    await change.manager.query(`INSERT INTO project (id, name, created_by, created_at) VALUES (gen_random_uuid(), $1, 't', now())`, [project.name]);
    change.afterCommit(() => after++);
    return 'done';
  });
  expect([result, after, await count(project.name)]).toEqual(['done', 1, 1]);
});

test.each(['BEFORE', 'HELD'] as const)('a change whose COMMIT did not arrive (%s) is refused as not done, and never is', async (at) => {
  const project = fresh();
  postgres.cutNextCommit(at);
  const error = await failure(new ProjectService(worker()).create('token:test', project));
  expect(toClientError(error, silent).code).toBe('UNAVAILABLE');
  expect(await count(project.name)).toBe(0);
  // Nothing goes on that could still commit it.
  const open: unknown[] = await database.dataSource.query(
    `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction' AND backend_xid IS NOT NULL`,
  );
  expect(open).toEqual([]);
});

test.each(['BEFORE', 'AFTER'] as const)('a call with an idempotencyKey answers the same afterwards (%s)', async (at) => {
  const service = new ProjectService(worker());
  const request = { ...fresh(), idempotencyKey: `key-${names}` };
  postgres.cutNextCommit(at);
  const first = await service.create('token:test', request).catch(() => undefined);
  expect(first !== undefined).toBe(at === 'AFTER');
  const second = await service.create('token:test', request);
  if (first) expect(second.id).toBe(first.id);
  expect(await count(request.name)).toBe(1);
});

test.each([
  ['with a key', 'key-of-mine', 'call again with the same idempotencyKey ("key-of-mine")'],
  ['without one', undefined, 'read the object before you call again'],
] as const)('where the database stays away it says that it is not known, %s', async (_what, idempotencyKey, advice) => {
  postgres.cutNextCommit('AFTER', { away: true });
  const error = await failure(new ProjectService(worker(300)).create('token:test', { ...fresh(), ...(idempotencyKey && { idempotencyKey }) }));
  expect(error).toBeInstanceOf(UnconfirmedError);
  expect(toClientError(error, silent)).toMatchObject({ code: 'UNCONFIRMED', id: expect.any(String) });
  expect(error.message).toContain('it is not known whether the change was made');
  expect(error.message).toContain(advice);
});

test('a database that comes back in time is asked', async () => {
  const project = fresh();
  postgres.cutNextCommit('AFTER', { away: true });
  const made = new ProjectService(worker()).create('token:test', project);
  setTimeout(() => postgres.back(), 300);
  expect((await made).name).toBe(project.name);
  expect(await count(project.name)).toBe(1);
});

test('what PostgreSQL itself refuses at COMMIT is passed on', async () => {
  await database.dataSource.query('CREATE TABLE IF NOT EXISTS late (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)');
  const error = await failure(
    worker().run('token:test', async ({ manager }) => {
      await manager.query('INSERT INTO late VALUES (1), (1)');
    }),
  );
  expect(error).toMatchObject({ driverError: { code: '23505' } });
});

test('a change that writes nothing is done, whatever becomes of its COMMIT', async () => {
  postgres.cutNextCommit('BEFORE');
  expect(await worker().run('token:test', async ({ manager }) => ((await manager.query('SELECT 7 AS n')) as { n: number }[])[0]!.n)).toBe(7);
});

test('after a crash the id of a forgotten transaction may be that of another one, or of none', async () => {
  const [{ xid }] = (await database.dataSource.query('SELECT pg_current_xact_id()::text AS xid')) as [{ xid: string }];
  const forgotten: Commit = { xid, backend: 1, written: { table: 'audit_entry', sequence: '999999', at: new Date(), actor: 'token:test' } };
  expect(await outcomeOf(database.dataSource, forgotten, 60_000)).toBe('ABORTED');
  expect(await outcomeOf(database.dataSource, { ...forgotten, xid: String(Number(xid) + 1_000_000) }, 60_000)).toBe('ABORTED');
  const commit = await database.dataSource.transaction(async (manager) => {
    await manager.query('CREATE TABLE IF NOT EXISTS written (n int)');
    return aboutToCommit(manager, undefined);
  });
  expect(await outcomeOf(database.dataSource, commit, 60_000)).toBe('COMMITTED');
});

test('what was changed is read again while the database is away, and otherwise said to be done', async () => {
  let attempts = 0;
  const lost = new ConnectionLostError('the connection to the database was lost');
  const read = async (): Promise<string> => {
    if (attempts++ === 0) throw lost;
    return 'read';
  };
  expect(await readBack(read, 60_000)).toBe('read');
  await expect(readBack(() => Promise.reject(new DomainError('NOT_FOUND', 'it was deleted meanwhile')), 60_000)).rejects.toThrow(DomainError);
  const error = await failure(readBack(() => Promise.reject(lost), 0));
  expect(error).toBeInstanceOf(UnconfirmedError);
  expect(error.message).toMatch(/^the change was made, .*do not call again$/);
});

test('a field below a mutation that cannot be read does not make the change look undone', () => {
  const at = (path: string[]) => new GraphQLError('lost', { path, originalError: new ConnectionLostError('lost') });
  const code = (operation: OperationTypeNode, path: string[]): unknown => {
    const error = at(path);
    noteErrors(operation, [error]);
    return formatGraphQLError(error, silent).extensions!['code'];
  };
  expect(code(OperationTypeNode.MUTATION, ['createProject'])).toBe('UNAVAILABLE');
  expect(code(OperationTypeNode.MUTATION, ['createProject', 'project', 'models'])).toBe('UNCONFIRMED');
  expect(code(OperationTypeNode.QUERY, ['project', 'models'])).toBe('UNAVAILABLE');
});
