/** Makes a data folder: aside and then renamed, so that a crash in the middle leaves nothing that looks whole. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { childEnvironment } from '../config.js';
import { processEnvironment } from '../process-environment.js';
import { DomainError } from '../errors.js';
import { type Account, commandAs, dataArgument, giveTo, initAccount } from './embedded-postgres-account.js';
import type { PostgresBinaries } from './embedded-postgres-binaries.js';
import type { EmbeddedPostgresPaths } from './embedded-postgres-paths.js';
import { killAllOf } from './embedded-postgres-process.js';

/**
 * The same everywhere, whatever the machine's locale: text sorts by code point, and its case follows Unicode. The socket's
 * folder keeps other users out, so clients of the socket need no password.
 */
const ARGUMENTS = [
  '--username=postgres',
  '--auth-local=trust',
  '--auth-host=reject',
  '--encoding=UTF8',
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--no-instructions',
];

/**
 * Makes the data folder, which must not exist. Takes about a second.
 * @throws DomainError FAILED_PRECONDITION with initdb's own reason
 */
export async function initialise(paths: EmbeddedPostgresPaths, account: Account, binaries: PostgresBinaries): Promise<void> {
  await removeUnfinished(paths);
  const aside = `${paths.aside}${process.pid}`;
  const initAs = initAccount(account);
  try {
    mkdirSync(aside, { mode: 0o700 });
    giveTo(initAs, aside);
    await run(aside, initAs, binaries);
    giveTo(account, aside);
    chmodSync(aside, 0o700);
    renameSync(aside, paths.data);
    flush(dirname(paths.data));
  } catch (error) {
    rmSync(aside, { recursive: true, force: true });
    throw error;
  }
}

async function run(aside: string, account: Account, binaries: PostgresBinaries): Promise<void> {
  const { file, args, ...as } = commandAs(account, binaries.initdb, ['-D', dataArgument(account, aside), ...ARGUMENTS]);
  // A session of its own: Ctrl-C reaches the server, which stops when this is done, a second later.
  const child = spawn(file, args, {
    ...as,
    cwd: aside,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: processEnvironment(childEnvironment({ LANG: undefined, LC_ALL: 'C' })),
  });
  const { code, errors } = await ended(child);
  if (code === 0) return;
  const reason = reasonIn(errors) ?? `initdb ended with ${code}`;
  throw new DomainError('FAILED_PRECONDITION', `the embedded PostgreSQL could not make its data folder in ${dirname(aside)}: ${reason}`);
}

/** Why initdb failed, of all that it printed: the first complaint, since later ones come of it; but a full disk is what to act on. */
export function reasonIn(errors: string): string | undefined {
  const lines = errors.split('\n').map((line) => line.trim());
  const full = lines.find((line) => /no space left on device|disk quota/i.test(line));
  if (full) return `${full}: free some space, or set PILOTHOUSE_HOME to a folder on another disk`;
  return lines.find((line) => /error|fatal|panic|could not|cannot/i.test(line)) ?? lines.findLast((line) => line !== '');
}

function ended(child: ChildProcess): Promise<{ code: number | string; errors: string }> {
  return new Promise((resolve) => {
    let errors = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-10_000)));
    child.on('error', (error) => resolve({ code: error.message, errors: error.message }));
    child.on('close', (code, signal) => resolve({ code: code ?? signal ?? 'nothing', errors }));
  });
}

/** Removes what a server left that was killed while it initialised; the caller holds the lock, so no other server does this now. */
async function removeUnfinished({ aside }: EmbeddedPostgresPaths): Promise<void> {
  const folder = dirname(aside);
  for (const name of readdirSync(folder).filter((entry) => entry.startsWith(basename(aside)))) {
    await killAllOf(join(folder, name));
    rmSync(join(folder, name), { recursive: true, force: true, maxRetries: 5 });
  }
}

function flush(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
