/**
 * Before the first test: dist/, for the processes that tests start, and one PostgreSQL for the whole run. Both are what the
 * product itself does. PILOTHOUSE_TEST_POSTGRES names another server to use, PILOTHOUSE_TEST_BUILD=off leaves dist/ as it is.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { EmbeddedPostgres, stopEmbeddedPostgres } from '../../server/database/embedded-postgres.js';
import { identityOf } from '../../server/engines/process-identity.js';
import { program, PROJECT_ROOT } from '../../server/paths.js';

export default async function setup(): Promise<() => Promise<void>> {
  if (process.env['PILOTHOUSE_TEST_BUILD'] !== 'off') build();
  if (process.env['PILOTHOUSE_TEST_POSTGRES']) return async () => undefined;
  await clearKilledRuns();
  const home = mkdtempSync(join(tmpdir(), `pilothouse-tests-${process.pid}-`));
  const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '300', shared_buffers: '128MB' };
  const postgres = await EmbeddedPostgres.start({ home, log: pino({ level: 'silent' }), settings });
  process.env['PILOTHOUSE_TEST_POSTGRES'] = postgres.url;
  return async () => {
    await postgres.stop({ force: true });
    rmSync(home, { recursive: true, force: true });
  };
}

/** A run that was killed leaves its PostgreSQL, which is made to outlive its server. */
async function clearKilledRuns(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const pid = /^pilothouse-tests-(\d+)-/.exec(name)?.[1];
    if (pid === undefined || identityOf(Number(pid))) continue;
    await stopEmbeddedPostgres(join(tmpdir(), name), { force: true });
    rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}

/** Fresh already: 0.1 s. Two runs at once wait for one another. */
function build(): void {
  try {
    execFileSync(process.execPath, [join(PROJECT_ROOT, 'server', 'launch.mjs'), 'build'], { stdio: 'inherit' });
  } catch (error) {
    // A type error elsewhere, in the middle of an edit, must not keep a unit test from running; the type check is what reports it.
    if (!existsSync(program('server/main'))) throw error;
    console.warn('dist/ is stale: tests that start processes run the last build.');
  }
}
