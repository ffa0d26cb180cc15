import { afterAll, beforeAll, expect, test } from 'vitest';
import { schemaSql } from '../../migrations/schema-sql.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());

const current = (): Promise<string> => schemaSql((sql, parameters) => db.dataSource.query(sql, parameters));

test('schema.sql is what the migrations make (`npm run schema:sql` writes it)', async () => {
  await expect(await current()).toMatchFileSnapshot('../../migrations/schema.sql');
});

test('what a migration could add changes the text', async () => {
  const before = await current();
  const seen = new Set([before]);
  for (const change of [
    'ALTER TABLE model ADD COLUMN extra numeric(10, 2) DEFAULT 1 NOT NULL',
    'ALTER TABLE model ALTER COLUMN extra DROP DEFAULT',
    'ALTER TABLE model ALTER COLUMN extra DROP NOT NULL',
    'ALTER TABLE model ALTER COLUMN extra TYPE numeric(12, 2)',
    'ALTER TABLE model ADD CONSTRAINT extra_positive CHECK (extra > 0)',
    'CREATE INDEX model_extra ON model (extra) WHERE extra IS NOT NULL',
    "CREATE TYPE mood AS ENUM ('calm', 'alarmed')",
    'CREATE SEQUENCE ticket START 5',
    'CREATE TABLE "Extra" (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, twice int GENERATED ALWAYS AS (1 + 1) STORED, model uuid REFERENCES model ON DELETE SET NULL)',
    'CREATE FUNCTION one() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
    'CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$',
    'CREATE TRIGGER quiet BEFORE UPDATE ON model FOR EACH ROW EXECUTE FUNCTION nothing()',
  ]) {
    await db.dataSource.query(change);
    const after = await current();
    expect(seen, change).not.toContain(after);
    seen.add(after);
  }
});

test('the text tells the tables with their keys, and not what TypeORM keeps for itself', async () => {
  const text = await current();
  expect(text).toContain('CREATE TABLE project (');
  expect(text).toMatch(/CONSTRAINT \S+ FOREIGN KEY \(project_id\) REFERENCES project\(id\)/);
  expect(text).not.toMatch(/CREATE (TABLE|SEQUENCE) migration/);
});
