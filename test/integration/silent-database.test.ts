/** A database that neither answers nor refuses: every wait for it has an end, and what was given up is not used again. */
import { pino } from 'pino';
import type { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { toClientError } from '../../server/api/format-error.js';
import { createDataSource } from '../../server/database/data-source.js';
import { ENTITIES } from '../../server/features.js';
import { Notifier } from '../../server/database/notifications.js';
import { UnitOfWork } from '../../server/database/unit-of-work.js';
import { ProjectEntity } from '../../server/registry/registry.entities.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { startFreezablePostgres, type FreezablePostgres } from '../support/freezable-postgres.js';

let database: TestDatabase;
let postgres: FreezablePostgres;
let dataSource: DataSource;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  postgres = await startFreezablePostgres(database.url);
  dataSource = await createDataSource(postgres.url, ENTITIES, 1).initialize();
});
afterEach(async () => {
  vi.useRealTimers();
  postgres.thaw();
  await dataSource.destroy();
  await postgres.close();
});

const codeOf = (error: unknown): string => toClientError(error, pino({ level: 'silent' })).code;
const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

test('a change in whose midst the database falls silent fails as a whole, and its connection goes with it', async () => {
  const id = crypto.randomUUID();
  const work = new UnitOfWork(dataSource, new Notifier(async () => undefined));
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  let asked: Promise<void> | undefined;
  let pid = 0;
  const failed = failure(
    work.run('token:test', async (change) => {
      await change.manager.insert(ProjectEntity, { id, name: 'silent', createdBy: 't', createdAt: change.now });
      const rows: { pid: number }[] = await change.manager.query('SELECT pg_backend_pid() AS pid');
      pid = rows[0]!.pid;
      postgres.freeze();
      asked = postgres.asked();
      await change.manager.query('SELECT 1');
    }),
  );
  await vi.waitFor(() => expect(asked).toBeDefined(), { timeout: 20_000 });
  await asked;
  // Once is enough: the rollback does not wait as long again.
  vi.advanceTimersByTime(35_000);
  const error = await failed;
  expect(String(error)).toContain('the database has not answered for 35 s');
  expect(codeOf(error)).toBe('UNAVAILABLE');
  vi.useRealTimers();
  postgres.thaw();
  const rows: { pid: number }[] = await dataSource.query('SELECT pg_backend_pid() AS pid');
  expect(rows[0]!.pid).not.toBe(pid);
  const lives = async (): Promise<boolean> =>
    ((await database.dataSource.query('SELECT 1 FROM pg_stat_activity WHERE pid = $1', [pid])) as unknown[]).length > 0;
  await eventually(async () => !(await lives()), 'the end of the connection');
  expect(await database.dataSource.manager.countBy(ProjectEntity, { id })).toBe(0);
});

test('whoever waits for a connection meanwhile waits for ten seconds', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  postgres.freeze();
  const asked = postgres.asked();
  const first = failure(dataSource.query('SELECT 1'));
  await asked;
  const second = failure(dataSource.query('SELECT 1'));
  vi.advanceTimersByTime(10_000);
  expect(codeOf(await second)).toBe('UNAVAILABLE');
  vi.advanceTimersByTime(25_000);
  expect(codeOf(await first)).toBe('UNAVAILABLE');
  // Nor is it waited for without end to be let in anew.
  const asksToBeLetIn = postgres.asked();
  const third = failure(dataSource.query('SELECT 1'));
  await asksToBeLetIn;
  vi.advanceTimersByTime(10_000);
  expect(codeOf(await third)).toBe('UNAVAILABLE');
});

test('a statement that PostgreSQL itself ends after its 30 s is none of our faults', async () => {
  const error = await failure(
    dataSource.transaction(async (manager) => {
      await manager.query(`SET LOCAL statement_timeout = 1`);
      await manager.query('SELECT pg_sleep(60)');
    }),
  );
  expect(codeOf(error)).toBe('UNAVAILABLE');
});
