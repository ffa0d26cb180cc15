/** What PostgreSQL and the file system say when a disk is full, in words that name the disk and say what to do. */
import { DomainError } from './errors.js';

/** `disk_full` of PostgreSQL. */
const SQL_DISK_FULL = '53100';
const FULL: ReadonlyMap<unknown, string> = new Map([
  ['ENOSPC', 'the disk is full'],
  ['EDQUOT', 'the disk quota is used up'],
]);

interface Described {
  readonly code?: unknown;
  readonly path?: unknown;
  readonly driverError?: { readonly code?: unknown };
}

/** Whether the file system refused a write for want of space. */
export const isDiskFull = (error: unknown): boolean => FULL.has((error as Described | undefined)?.code);

/** @returns undefined for an error that says nothing of a full disk */
export function diskFullError(error: unknown): DomainError | undefined {
  const { code, path, driverError } = (error ?? {}) as Described;
  if ((driverError?.code ?? code) === SQL_DISK_FULL) {
    return new DomainError(
      'UNAVAILABLE',
      `the disk of the database is full (PostgreSQL ${SQL_DISK_FULL}), so nothing was changed: free space where PostgreSQL keeps its data (PILOTHOUSE_HOME/postgres, unless DATABASE_URL names another one), then call again`,
      [],
      { cause: error },
    );
  }
  const what = FULL.get(code);
  if (what === undefined) return undefined;
  const where = typeof path === 'string' ? `${what}: ${path} cannot be written (${String(code)})` : `${what} (${String(code)})`;
  return new DomainError('UNAVAILABLE', `${where}; free space there, or where PILOTHOUSE_HOME is, then call again`, [], { cause: error });
}
