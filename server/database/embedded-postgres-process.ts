/**
 * Finds the processes of an embedded PostgreSQL. `postmaster.pid` alone says too little: after a `kill -9` it stays, and may
 * name any process that got the pid since. A process belongs to a data folder when it is a postgres whose working directory
 * is that folder, which holds for the postmaster and for every backend, and for nothing else.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import { codeOf, FailedLookError, look, provesAbsence } from '../engines/look.js';
import { allPids, type ProcessIdentity, identityOf, isAlive, killIdentity } from '../engines/process-identity.js';
import { setTimeout as sleep } from 'node:timers/promises';

const LINUX = process.platform === 'linux';

/** What PostgreSQL wrote into its `postmaster.pid`. */
export interface PostmasterFile {
  readonly pid: number;
  readonly port: number;
  /** Empty while it is starting, or where it has none. */
  readonly socketFolder: string;
  readonly status: string;
}

/** @returns undefined where there is no such file, or none that PostgreSQL finished writing. @throws FailedLookError */
export function readPostmasterFile(dataFolder: string): PostmasterFile | undefined {
  const path = join(dataFolder, 'postmaster.pid');
  const lines = look(path, () => readFileSync(path, 'utf8'))?.split('\n') ?? [];
  const pid = Number(lines[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  return { pid, port: Number(lines[3] ?? 0), socketFolder: lines[4] ?? '', status: (lines[7] ?? '').trim() };
}

/**
 * The living postmaster of a data folder: the process that the pid file names, when it is a postgres that works in this folder.
 * No clock is compared: for another process to have that pid and still be a postgres in this very folder, it would have to be
 * a backend that was forked before its postmaster died, and those have other pids.
 * @param recorded who we started there last, for when the pid file is gone or not there yet
 * @throws FailedLookError
 */
export function findPostmaster(dataFolder: string, recorded?: ProcessIdentity): ProcessIdentity | undefined {
  const named = readPostmasterFile(dataFolder)?.pid;
  const identity = (named === undefined ? undefined : identityOf(named)) ?? (recorded && isAlive(recorded) ? recorded : undefined);
  return identity && worksIn(identity.pid, dataFolder) ? identity : undefined;
}

/** Every living process of this data folder: the postmaster, its backends, and backends whose postmaster was killed. @throws FailedLookError */
export function processesOf(dataFolder: string): ProcessIdentity[] {
  const pids = LINUX ? allPids() : postgresPids();
  return pids.filter((pid) => worksIn(pid, dataFolder)).flatMap((pid) => identityOf(pid) ?? []);
}

/** Kills what works in this data folder and waits until it is gone; a zombie is gone. Returns how many there were. */
export async function killAllOf(dataFolder: string, timeoutMs = 10_000): Promise<number> {
  const found = processesOf(dataFolder);
  const deadline = performance.now() + timeoutMs;
  // Again and again: a postmaster may have started one more backend while it was being looked at.
  for (let left = found; left.length > 0 && performance.now() < deadline; left = processesOf(dataFolder)) {
    for (const identity of left) killIdentity(identity, 'SIGKILL');
    await sleep(10);
  }
  return found.length;
}

function worksIn(pid: number, dataFolder: string): boolean {
  try {
    // A shell that somebody opened in the folder works there too.
    return isPostgres(pid) && workingDirectory(pid) === realpathSync(dataFolder);
  } catch (error) {
    // A number: the program that was asked has found nothing. Denied: a process of another account.
    const { status } = error as { status?: unknown };
    if (typeof status === 'number' || provesAbsence(error) || ['EACCES', 'EPERM'].includes(codeOf(error) ?? '')) return false;
    throw new FailedLookError(`process ${pid}`, error);
  }
}

function isPostgres(pid: number): boolean {
  // The name of the running file, with what the kernel adds when an upgrade has replaced it.
  if (LINUX) return basename(readlinkSync(`/proc/${pid}/exe`)).replace(/ \(deleted\)$/, '') === 'postgres';
  return basename(execFileSync('ps', ['-o', 'comm=', '-p', String(pid)], { encoding: 'utf8' }).trim()).startsWith('postgres');
}

function workingDirectory(pid: number): string | undefined {
  if (LINUX) return readlinkSync(`/proc/${pid}/cwd`);
  const printed = execFileSync('lsof', ['-a', '-d', 'cwd', '-p', String(pid), '-Fn'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return /^n(.+)$/m.exec(printed)?.[1];
}

function postgresPids(): number[] {
  try {
    return execFileSync('pgrep', ['-x', 'postgres'], { encoding: 'utf8' }).split('\n').filter(Boolean).map(Number);
  } catch (error) {
    // With status 1 `pgrep` says that there is none.
    if ((error as { status?: unknown }).status === 1) return [];
    throw new FailedLookError('the table of processes', error);
  }
}
