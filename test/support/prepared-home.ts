/** Data folders of the embedded PostgreSQL for tests that are about something else: initdb runs once a file, the rest are copies. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll } from 'vitest';
import { EmbeddedPostgres } from '../../server/database/embedded-postgres.js';

let template: Promise<string> | undefined;
const made: string[] = [];

afterAll(() => {
  for (const home of made.splice(0)) rmSync(home, { recursive: true, force: true });
  template = undefined;
});

/** Puts an empty database into a home that has none. */
export async function prepareData(home: string): Promise<void> {
  const source = await (template ??= makeTemplate());
  mkdirSync(home, { recursive: true, mode: 0o700 });
  execFileSync('cp', ['-a', join(source, 'postgres'), join(home, 'postgres')]);
}

async function makeTemplate(): Promise<string> {
  // Named as the homes of test runs are, so that the next one clears away what a killed one left.
  const home = mkdtempSync(join(tmpdir(), `pilothouse-tests-${process.pid}-template-`));
  made.push(home);
  const postgres = await EmbeddedPostgres.start({ home, log: pino({ level: 'silent' }), settings: { fsync: 'off' } });
  await postgres.stop();
  return home;
}
