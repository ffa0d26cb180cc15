/** The memory of a process and of everything that it started. */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { provesAbsence } from './look.js';

/** Resident memory of a process; undefined when it is gone. @throws Error when it cannot be looked at */
export async function residentBytes(pid: number): Promise<number | undefined> {
  if (process.platform === 'linux') {
    const kilobytes = /^VmRSS:\s+(\d+)/m.exec(await textOf(`/proc/${pid}/status`))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  }
  const kilobytes = await new Promise<string>((resolve, reject) =>
    execFile('ps', ['-o', 'rss=', '-p', String(pid)], (error, stdout) => (error && error.code !== 1 ? reject(error) : resolve(stdout.trim()))),
  );
  return kilobytes === '' ? undefined : Number(kilobytes) * 1024;
}

/**
 * Resident memory of a process and its living descendants; undefined when it is gone. Pages that several of them share count for each. Where the
 * system does not list a process's children (other than Linux), of the process alone.
 * @throws Error when it cannot be looked at
 */
export async function treeBytes(pid: number): Promise<number | undefined> {
  const own = await residentBytes(pid);
  if (own === undefined) return undefined;
  const below = await Promise.all((await childrenOf(pid)).map(treeBytes));
  return below.reduce((sum: number, bytes) => sum + (bytes ?? 0), own);
}

/** Each thread has the children that it started. */
async function childrenOf(pid: number): Promise<number[]> {
  if (process.platform !== 'linux') return [];
  const threads = await readdir(`/proc/${pid}/task`).catch((error: unknown) => (provesAbsence(error) ? [] : raise(error)));
  const lists = await Promise.all(threads.map((thread) => textOf(`/proc/${pid}/task/${thread}/children`)));
  return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number));
}

/** Empty for a file that is gone. */
const textOf = (path: string): Promise<string> => readFile(path, 'utf8').catch((error: unknown) => (provesAbsence(error) ? '' : raise(error)));

function raise(error: unknown): never {
  throw error;
}
