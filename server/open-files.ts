import { readFileSync } from 'node:fs';

/** Where the limit cannot be looked up: what macOS gives a process at most (OPEN_MAX). */
const ASSUMED = 10_240;

/** How many files and sockets this process may have open at one time (RLIMIT_NOFILE). Node raises the soft limit to the hard one at its start. */
export function openFilesLimit(): number {
  try {
    const soft = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return soft === 'unlimited' ? Infinity : Number(soft ?? ASSUMED);
  } catch {
    return ASSUMED; // no /proc here
  }
}

/** Of these, how many connections of callers may take: the program's own files, its other connections and its child processes need some at any time. */
export const connectionsLeft = (openFiles: number): number => openFiles - Math.min(1_024, Math.ceil(openFiles / 2));
