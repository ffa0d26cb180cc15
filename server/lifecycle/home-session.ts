/**
 * A server's stay in its home. Several servers may share one, and the last to leave ends what they shared: gateway, replicas,
 * PostgreSQL. Entering and leaving exclude one another, so that no server starts in a home that another one is just stopping.
 */
import { accessSync, constants, existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DomainError } from '../errors.js';
import { withLock } from './claim-lock.js';
import { forgetServer, otherServers, recordServer, type ServerRecord } from './server-records.js';
import type { Say } from './terminal.js';

const lockOf = (home: string): string => join(home, 'run', 'locks', 'home');

/** Makes the home, for this user alone. @throws DomainError FAILED_PRECONDITION when it cannot be written */
export function prepareHome(home: string): void {
  try {
    makeFolder(home);
    for (const folder of ['run', 'logs']) makeFolder(join(home, folder));
    const probe = join(home, 'run', `.writable-${process.pid}`);
    writeFileSync(probe, 'x');
    rmSync(probe);
    accessSync(home, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new DomainError(
      'FAILED_PRECONDITION',
      `the home ${home} (PILOTHOUSE_HOME) cannot be written: ${REASONS[(error as NodeJS.ErrnoException).code ?? ''] ?? (error as Error).message}; set PILOTHOUSE_HOME to a writable folder`,
      [],
      { cause: error },
    );
  }
}

/** Level by level: where a file system refuses with ENOENT, as /proc does, Node's own recursive mkdir never ends. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this user has no permission',
  EPERM: 'this user has no permission',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota is used up',
  ENOTDIR: 'a part of its path is a file',
  EEXIST: 'a part of its path is a file',
  ENOENT: 'a part of its path cannot be created',
};

/** Says that this process is a server of the home, once no other one is on its way out. */
export async function enterHome(home: string, known: Omit<ServerRecord, 'identity' | 'startedAt'>, say: Say): Promise<void> {
  await withLock(lockOf(home), async () => recordServer(home, known), {
    onWait: (pid) => say(`Waiting for the Pilothouse that is stopping (process ${pid})…`),
  });
}

/** @param end is told whether this was the last server of the home; no server enters the home until it is done */
export async function leaveHome(home: string, end: (last: boolean) => Promise<void>): Promise<void> {
  await withLock(lockOf(home), async () => {
    try {
      await end(otherServers(home).length === 0);
    } finally {
      forgetServer(home);
    }
  });
  tidyHome(home);
}

/** Runs the work while no server enters or leaves. */
export const whileClosed = <Result>(home: string, work: () => Promise<Result>, say: Say): Promise<Result> =>
  withLock(lockOf(home), work, { onWait: (pid) => say(`Waiting for process ${pid}, which starts or stops Pilothouse in ${home}…`) });

/** Removes the folders of `run/` that are empty. */
export function tidyHome(home: string): void {
  for (const folder of [join(home, 'run', 'servers'), dirname(lockOf(home))]) {
    try {
      if (readdirSync(folder).length === 0) rmdirSync(folder);
    } catch {
      // It is gone, or in use again.
    }
  }
}
