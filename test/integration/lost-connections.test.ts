/** Connections to PostgreSQL that are lost in the midst of a change: the caller is told to come again, and the log says why. */
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { toClientError } from '../../server/api/format-error.js';
import { migrate } from '../../server/database/data-source.js';
import { Notifier } from '../../server/database/notifications.js';
import { UnitOfWork } from '../../server/database/unit-of-work.js';
import { ProjectEntity } from '../../server/registry/registry.entities.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';

let database: TestDatabase;
let work: UnitOfWork;
beforeAll(async () => {
  database = await createTestDatabase();
  work = new UnitOfWork(database.dataSource, new Notifier(async () => undefined));
});
afterAll(() => database.drop());

const project = (name: string) => ({ id: crypto.randomUUID(), name, createdBy: 't', createdAt: new Date() });

test.each([
  ['a statement', (change: Parameters<Parameters<UnitOfWork['run']>[1]>[0]) => change.manager.query('SELECT 1')],
  ['a query by an entity', (change: Parameters<Parameters<UnitOfWork['run']>[1]>[0]) => change.manager.find(ProjectEntity)],
  ['the commit', async () => undefined],
])('lost between two statements, seen by %s', async (_what, next) => {
  const logged: Record<string, unknown>[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void logged.push(JSON.parse(line) as Record<string, unknown>) });
  const attempt = work.run('token:test', async (change) => {
    await change.manager.insert(ProjectEntity, project('lost'));
    const [{ pid }] = (await change.manager.query('SELECT pg_backend_pid() AS pid')) as [{ pid: number }];
    await database.dataSource.query('SELECT pg_terminate_backend($1)', [pid]);
    await eventually(() => change.manager.queryRunner!.isReleased, 'the news that the connection is gone');
    await next(change);
  });
  const error: unknown = await attempt.catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ name: 'ConnectionLostError', message: expect.stringMatching(/administrator command/), cause: { code: '57P01' } });
  expect(toClientError(error, log)).toMatchObject({ code: 'UNAVAILABLE', id: expect.any(String) });
  expect(JSON.stringify(logged)).toContain('administrator command');
  expect(await database.dataSource.manager.countBy(ProjectEntity, { name: 'lost' })).toBe(0);
});

test.each(['QueryRunnerAlreadyReleasedError', 'QueryRunnerProviderAlreadyReleasedError'])('%s outside of a change is none of our faults', (name) => {
  const error = Object.defineProperty(new Error('Query runner already released. Cannot run queries anymore.'), 'name', { value: name });
  expect(toClientError(error, pino({ level: 'silent' })).code).toBe('UNAVAILABLE');
});

test('a migration that loses its connections says so', async () => {
  const { dataSource } = database;
  const run = dataSource.runMigrations;
  dataSource.runMigrations = async () => {
    // Everything but this one: the connection with the lock among it.
    await dataSource.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()');
    throw new Error('no space left on device');
  };
  try {
    await expect(migrate(dataSource)).rejects.toThrow('no space left on device');
  } finally {
    dataSource.runMigrations = run;
  }
});
