import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hashToken, makeToken, TokenService } from '../../server/access/token.service.js';
import { Notifier } from '../../server/database/notifications.js';
import { UnitOfWork } from '../../server/database/unit-of-work.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

let db: TestDatabase;
let home: string;
let work: UnitOfWork;
let tokens: TokenService;
beforeEach(async () => {
  db = await createTestDatabase();
  home = await mkdtemp(join(tmpdir(), 'pilothouse-home-'));
  work = new UnitOfWork(db.dataSource, new Notifier((sql, parameters) => db.dataSource.query(sql, parameters)));
  tokens = new TokenService(work);
});
afterEach(async () => {
  await db.drop();
  await rm(home, { recursive: true, force: true });
});

const kept = async (): Promise<string> => (await readFile(join(home, 'admin-token'), 'utf8')).trim();
const names = async (): Promise<string[]> =>
  ((await db.dataSource.query('SELECT name FROM api_token ORDER BY created_at, name')) as { name: string }[]).map((row) => row.name);
const whose = async (): Promise<string | undefined> => (await tokens.verify(await kept()))?.actor;

test('the first start makes the token admin, in a file that only its owner reads; later starts change nothing', async () => {
  const path = await tokens.ensureAdminToken(home);
  expect(path).toBe(join(home, 'admin-token'));
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const token = await kept();
  expect(token).toMatch(/^ph_[A-Za-z0-9_-]{43}$/);
  expect(await whose()).toBe('token:admin');
  await chmod(path, 0o644);
  await tokens.ensureAdminToken(home);
  expect(await kept()).toBe(token);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await names()).toEqual(['admin']);
  expect(await readdir(home)).toEqual(['admin-token']);
  const audit: unknown[] = await db.dataSource.query('SELECT actor, action, detail FROM audit_entry');
  expect(audit).toEqual([{ actor: 'system:access', action: 'createAdminToken', detail: { name: 'admin' } }]);
});

test('a home that is not there yet is made', async () => {
  const inner = join(home, 'a', 'b');
  expect(await tokens.ensureAdminToken(inner)).toBe(join(inner, 'admin-token'));
});

test('a crash between the file and the commit is repaired by the next start', async () => {
  const dying = new UnitOfWork(db.dataSource, new Notifier(async () => undefined));
  dying.run = (actor, change) =>
    work.run(actor, async (under) => {
      await change(under);
      throw new Error('killed before the commit');
    });
  await expect(new TokenService(dying).ensureAdminToken(home)).rejects.toThrow('killed');
  const written = await kept();
  expect(await names()).toEqual([]);
  await tokens.ensureAdminToken(home);
  expect(await kept()).toBe(written);
  expect(await whose()).toBe('token:admin');
});

test('a new database below an old home takes the token that the operator has', async () => {
  const token = makeToken();
  await writeFile(join(home, 'admin-token'), `${token}\n`);
  await tokens.ensureAdminToken(home);
  expect(await kept()).toBe(token);
  expect(await whose()).toBe('token:admin');
});

test('without the file another token is made, and the first one stays valid', async () => {
  await tokens.ensureAdminToken(home);
  const first = await kept();
  await rm(join(home, 'admin-token'));
  await tokens.ensureAdminToken(home);
  expect(await whose()).toBe('token:admin-2');
  expect(await tokens.verify(first)).toMatchObject({ actor: 'token:admin' });
  expect(await names()).toEqual(['admin', 'admin-2']);
});

test('a file with something else in it is replaced; a token that was revoked stays so, and another is made', async () => {
  await writeFile(join(home, 'admin-token'), 'hello');
  await tokens.ensureAdminToken(home);
  const first = await kept();
  await tokens.create('token:test', { name: 'other' });
  const row = (await db.dataSource.query('SELECT id FROM api_token WHERE hash = $1', [hashToken(first)])) as { id: string }[];
  await tokens.revoke('token:test', row[0]!.id);
  await tokens.ensureAdminToken(home);
  expect(await kept()).not.toBe(first);
  expect(await whose()).toBe('token:admin-2');
  expect(await tokens.verify(first)).toBeUndefined();
});

test('two servers that start at once agree on one token', async () => {
  const other = new TokenService(new UnitOfWork(db.dataSource, new Notifier(async () => undefined)));
  await Promise.all([tokens.ensureAdminToken(home), other.ensureAdminToken(home), tokens.ensureAdminToken(home)]);
  expect(await names()).toEqual(['admin']);
  expect(await whose()).toBe('token:admin');
});
