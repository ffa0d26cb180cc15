/** What the database allows is asked of the database, and a server that needs more does not start. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApp } from '../../server/app.js';
import { readConfig } from '../../server/config.js';
import { readConnectionLimit } from '../../server/database/connection-limit.js';
import { openDatabase } from '../../server/database/database.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

let database: TestDatabase;
/** A user of this database alone. */
const role = `limited_${crypto.randomUUID().replaceAll('-', '')}`;
let url: string;
beforeAll(async () => {
  database = await createTestDatabase();
  await database.dataSource.query(`CREATE ROLE ${role} LOGIN CONNECTION LIMIT 40`);
  const limited = new URL(database.url);
  limited.username = role;
  url = limited.href;
});
afterAll(async () => {
  await database.dataSource.query(`DROP ROLE ${role}`);
  await database.drop();
});

test('the lowest of the limits counts: the server, the database, the role', async () => {
  const [{ n }] = (await database.dataSource.query(`SELECT current_setting('max_connections')::int AS n`)) as [{ n: number }];
  const server = await readConnectionLimit(database.url);
  expect(server.limitedBy).toBe('max_connections');
  expect(server.limit).toBeLessThan(n);
  expect(await readConnectionLimit(url)).toEqual({ limit: 40, limitedBy: 'CONNECTION LIMIT of the role' });
  const [{ name }] = (await database.dataSource.query('SELECT current_database() AS name')) as [{ name: string }];
  await database.dataSource.query(`ALTER DATABASE ${name} CONNECTION LIMIT 30`);
  expect(await readConnectionLimit(url)).toEqual({ limit: 30, limitedBy: 'CONNECTION LIMIT of the database' });
  await database.dataSource.query(`ALTER DATABASE ${name} CONNECTION LIMIT -1`);
});

test('a server whose gateways would need more does not start, and says what would fit', async () => {
  const home = await mkdtemp(join(tmpdir(), 'pilothouse-limit-'));
  const log = pino({ level: 'silent' });
  const config = readConfig({
    PILOTHOUSE_HOME: home,
    DATABASE_URL: url,
    PILOTHOUSE_GATEWAYS: '20',
    PILOTHOUSE_PORT: '0',
    PILOTHOUSE_HTTP_PORT: '0',
    PILOTHOUSE_GRPC_PORT: '0',
  });
  try {
    await expect(createApp({ config, log, database: openDatabase(config, { log }) })).rejects.toThrow(
      'the database allows 40 connections (CONNECTION LIMIT of the role), and 20 gateway processes (PILOTHOUSE_GATEWAYS) and 2 servers need at least 63; set PILOTHOUSE_GATEWAYS to at most 8, or raise CONNECTION LIMIT of the role by 23',
    );
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});
