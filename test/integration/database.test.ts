import { afterAll, beforeAll, expect, test } from 'vitest';
import { UnitOfWork } from '../../server/database/unit-of-work.js';
import { Notifier } from '../../server/database/notifications.js';
import { ProjectEntity, VersionEntity } from '../../server/registry/registry.entities.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { migrate } from '../../server/database/data-source.js';
import { pageOf } from '../../server/database/pagination.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());

test('entities and migrations agree: nothing is left to generate', async () => {
  const { upQueries } = await db.dataSource.driver.createSchemaBuilder().log();
  expect(upQueries.map((q) => q.query)).toEqual([]);
});

test('a version of the release before is kept, and has no backend', async () => {
  const old = await createTestDatabase();
  try {
    const { dataSource } = old;
    const hasBackend = async (): Promise<boolean> =>
      (await dataSource.query(`SELECT FROM information_schema.columns WHERE table_name = 'version' AND column_name = 'backend'`)).length > 0;
    while (await hasBackend()) await dataSource.undoLastMigration();
    const id = '00000000-0000-4000-8000-000000000002';
    await dataSource.query(`INSERT INTO project (id, name, created_by, created_at) VALUES ($1, 'p', 't', now())`, [id]);
    await dataSource.query(`INSERT INTO model (id, project_id, name, created_by, created_at) VALUES ($1, $1, 'm', 't', now())`, [id]);
    await dataSource.query(
      `INSERT INTO version (id, model_id, number, format, runtime, digest, lineage, state, created_by, created_at) VALUES ($1, $1, 1, 'onnx', 'onnx', 'd', '{}', 'READY', 't', now())`,
      [id],
    );
    await migrate(dataSource);
    expect(await dataSource.manager.findOneBy(VersionEntity, { id })).toMatchObject({ state: 'READY', digest: 'd', backend: null });
  } finally {
    await old.drop();
  }
});

test('a change that fails leaves no row, event or audit entry', async () => {
  const work = new UnitOfWork(db.dataSource, new Notifier((sql, parameters) => db.dataSource.query(sql, parameters)));
  const id = '00000000-0000-4000-8000-000000000001';
  const attempt = work.run('token:test', async (change) => {
    await change.manager.insert(ProjectEntity, { id, name: 'p', createdBy: 'token:test', createdAt: change.now });
    await change.emit({ topic: 'deployment', subjectId: id, projectId: id, type: 'X', payload: { phase: 'PENDING', generation: 1, message: '' } });
    await change.audit({ action: 'createProject', objectType: 'Project', objectId: id, projectId: id });
    throw new Error('no');
  });
  await expect(attempt).rejects.toThrow('no');
  const counts = await db.dataSource.query('SELECT (SELECT count(*) FROM project) + (SELECT count(*) FROM event) + (SELECT count(*) FROM audit_entry) AS n');
  expect(Number(counts[0].n)).toBe(0);
});

test('pages follow one another without a gap or a repetition', async () => {
  const now = new Date();
  for (let i = 0; i < 5; i++)
    await db.dataSource.manager.insert(ProjectEntity, { id: `00000000-0000-4000-8000-00000000001${i}`, name: `p${i}`, createdBy: 't', createdAt: now });
  const names: string[] = [];
  for (let after: string | undefined, more = true; more;) {
    const page = await pageOf(db.dataSource.manager, ProjectEntity, { first: 2, after }, { orderBy: 'createdAt', direction: 'DESC' });
    names.push(...page.rows.map((r) => r.name));
    after = page.cursors.at(-1);
    more = page.hasNextPage;
  }
  expect(names).toEqual(['p4', 'p3', 'p2', 'p1', 'p0']);
});

test('a cursor of another list, and one that nobody gave out, is refused as such', async () => {
  const byName = await pageOf(db.dataSource.manager, ProjectEntity, { first: 1 }, { orderBy: 'name', direction: 'ASC' });
  const made = (...parts: unknown[]): string => Buffer.from(JSON.stringify(parts)).toString('base64url');
  const id = '00000000-0000-4000-8000-000000000010';
  for (const after of [
    byName.cursors[0]!,
    'rubbish',
    made('a', 'b'),
    made('project.createdAt', '2026-01-01', 'no-id'),
    made('project.createdAt', 'yesterday or so', id),
    made('project.createdAt', '2026-01-01\u0000', id),
    made('project.createdAt', '99999999-01-01', id),
  ]) {
    const refused = pageOf(db.dataSource.manager, ProjectEntity, { first: 1, after }, { orderBy: 'createdAt', direction: 'DESC' });
    await expect(refused, after).rejects.toMatchObject({
      code: 'INVALID',
      field: ['after'],
      message: expect.stringContaining('is not a cursor of this connection'),
    });
  }
});
