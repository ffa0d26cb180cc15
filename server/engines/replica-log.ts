/** Logs of replicas: files, because a pipe to a server that died would kill the replica at its next line. */
import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, readSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDiskFull } from '../disk-full.js';
import { FailedLookError, failedLooks, look, lookOr } from './look.js';
import { logText, SEQUENCE_BYTES } from './log-text.js';

/** A log that grew past this is cut down to its last part. */
export const MAX_LOG_BYTES = 8 * 1024 ** 2;
const KEPT_BYTES = 1024 ** 2;
/** Logs of replicas that were stopped, kept for whoever looks for the reason later. */
const OLD_LOGS = 100;

export class ReplicaLogs {
  readonly folder: string;

  constructor(home: string) {
    this.folder = join(home, 'logs', 'replicas');
    mkdirSync(this.folder, { recursive: true });
  }

  pathOf(replicaId: string): string {
    return join(this.folder, `${replicaId}.log`);
  }

  tail(replicaId: string, maxBytes: number): string {
    const path = this.pathOf(replicaId);
    const wanted = maxBytes + SEQUENCE_BYTES;
    try {
      const last = tailOf(path, wanted);
      const missing = wanted - last.length;
      return logText(missing > 0 ? Buffer.concat([tailOf(`${path}.1`, missing), last]) : last, maxBytes);
    } catch (error) {
      if (!(error instanceof FailedLookError)) throw error;
      return `(${path} cannot be read now: ${error.code})`.slice(0, maxBytes);
    }
  }

  /** Keeps a living replica's log within its bounds; see `boundLog`. */
  bound(replicaId: string): void {
    boundLog(this.pathOf(replicaId));
  }

  /** Removes the oldest logs of replicas that are not among the living. */
  prune(living: ReadonlySet<string>): void {
    // What cannot be listed now is pruned another time.
    const logs = lookOr([], () => look(this.folder, () => readdirSync(this.folder)) ?? [])
      .filter((name) => name.endsWith('.log') && !living.has(name.slice(0, -'.log'.length)))
      .map((name) => ({ path: join(this.folder, name), at: statSync(join(this.folder, name), { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
      .sort((a, b) => b.at - a.at);
    for (const { path } of logs.slice(OLD_LOGS)) {
      rmSync(path, { force: true });
      rmSync(`${path}.1`, { force: true });
    }
  }
}

/**
 * Cuts a log that its process holds open for appending: the last part goes to `<path>.1`, the file itself becomes empty. What
 * is written between the two steps is lost, which is the price of not being in the process's way. Never throws: what fails is
 * tried again the next time. On a full disk the last part is lost too, because a log that cannot be cut keeps it full.
 */
export function boundLog(path: string, maxBytes = MAX_LOG_BYTES): void {
  try {
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (size <= maxBytes) return;
    try {
      writeFileSync(`${path}.new`, tailOf(path, KEPT_BYTES));
      renameSync(`${path}.new`, `${path}.1`);
    } catch (error) {
      rmSync(`${path}.new`, { force: true });
      if (!isDiskFull(error)) throw error;
    }
    truncateSync(path);
  } catch (error) {
    failedLooks.note(error instanceof FailedLookError ? error : new FailedLookError(path, error));
  }
}

/** The last bytes of a file; none when there is no such file. @throws FailedLookError when it cannot be opened */
export function tailOf(path: string, maxBytes: number): Buffer {
  const file = look(path, () => openSync(path, 'r'));
  if (file === undefined) return Buffer.alloc(0);
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.alloc(Math.min(size, maxBytes));
    return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, size - bytes.length));
  } finally {
    closeSync(file);
  }
}
