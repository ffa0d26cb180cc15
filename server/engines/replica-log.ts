/** Logs of replicas: files, because a pipe to a server that died would kill the replica at its next line. */
import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, readSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { join } from 'node:path';
import { isDiskFull } from '../disk-full.js';
import { FailedLookError, failedLooks, look, lookOr } from './look.js';
import type { LogPart } from './engine.js';
import { logText, SEQUENCE_BYTES } from './log-text.js';

/** A log that grew past this is cut down to its last part. */
export const MAX_LOG_BYTES = 8 * 1024 ** 2;
const KEPT_BYTES = 1024 ** 2;
/** Logs of replicas that were stopped, kept for people who look for the reason later. */
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

  /** Whole lines from an offset on; the last ones where it is null. Nothing where the file cannot be read now. */
  part(replicaId: string, offset: number | null, maxBytes: number): LogPart {
    const path = this.pathOf(replicaId);
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    // A log that is shorter than what was read of it was cut down since.
    const start = offset === null ? Math.max(0, size - maxBytes) : offset > size ? 0 : offset;
    const bytes = lookOr(Buffer.alloc(0), () => bytesFrom(path, start, maxBytes));
    return { start, lines: linesOf(bytes, start, offset === null && start > 0, bytes.length === maxBytes) };
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

/** @param cut the first line began before; @param full a line that does not end is cut by the limit, and counts as one */
function linesOf(bytes: Buffer, start: number, cut: boolean, full: boolean): LogPart['lines'] {
  const lines: { text: string; end: number }[] = [];
  let from = cut ? bytes.indexOf(0x0a) + 1 : 0;
  for (let end = bytes.indexOf(0x0a, from); end >= 0; end = bytes.indexOf(0x0a, from)) {
    lines.push({ text: textOf(bytes.subarray(from, end)), end: start + end + 1 });
    from = end + 1;
  }
  if (full && lines.length === 0) lines.push({ text: textOf(bytes), end: start + bytes.length });
  return lines;
}

const textOf = (bytes: Buffer): string => stripVTControlCharacters(bytes.toString('utf8')).replace(/\r$/, '');

function bytesFrom(path: string, start: number, maxBytes: number): Buffer {
  const file = look(path, () => openSync(path, 'r'));
  if (file === undefined) return Buffer.alloc(0);
  try {
    const bytes = Buffer.alloc(maxBytes);
    return bytes.subarray(0, readSync(file, bytes, 0, maxBytes, start));
  } finally {
    closeSync(file);
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
