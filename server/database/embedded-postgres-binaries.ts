/** Finds the PostgreSQL programs that came with npm, and makes them runnable where the package manager left that undone. */
import { accessSync, chmodSync, constants, cpSync, existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { DomainError } from '../errors.js';
import { type Account, canRun } from './embedded-postgres-account.js';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** The major version, such as `18`: a data folder belongs to one. */
  readonly major: string;
}

const require = createRequire(import.meta.url);
const PACKAGES: Readonly<Record<string, string>> = {
  'linux-x64': 'linux-x64',
  'linux-arm64': 'linux-arm64',
  'linux-arm': 'linux-arm',
  'linux-ia32': 'linux-ia32',
  'linux-ppc64': 'linux-ppc64',
  'darwin-x64': 'darwin-x64',
  'darwin-arm64': 'darwin-arm64',
};

/** Folders that a copy of the programs may lie in, best first, where the package's own folder will not do. */
export type CopyFolders = readonly string[];

/** initdb asks `"<its folder>/postgres" -V` of a shell, to which these mean something even between quotes. */
const meansMore = (path: string): boolean => /[$`"\\]/.test(path);

/**
 * @param copyFolders tried in this order
 * @param from where the programs came to lie
 * @throws DomainError FAILED_PRECONDITION where there are no programs for this platform, or none that the account can run
 */
export function findBinaries(account: Account, copyFolders: CopyFolders, from = platformPackage()): PostgresBinaries {
  const { native, version } = from;
  const major = version.split('.')[0]!;
  if (makeRunnable(native) && !meansMore(native) && (account.kind !== 'other' || canRun(account, programs(native, major).postgres)))
    return programs(native, major);
  for (const folder of copyFolders.filter((path) => !meansMore(path))) {
    const copy = join(folder, `postgres-${version}`);
    try {
      makeOwnFolder(folder);
      if (!existsSync(copy)) copyWhole(native, copy);
      if (makeRunnable(copy) && canRun(account, programs(copy, major).postgres)) return programs(copy, major);
    } catch (error) {
      if (!['EACCES', 'EROFS', 'EPERM', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
  const where = [native, ...copyFolders].join(', ');
  throw new DomainError(
    'FAILED_PRECONDITION',
    `the embedded PostgreSQL cannot be run from any of ${where}: make one of them a folder that its account can enter and run programs from, or set DATABASE_URL`,
  );
}

const programs = (native: string, major: string): PostgresBinaries => ({
  initdb: join(native, 'bin', 'initdb'),
  postgres: join(native, 'bin', 'postgres'),
  major,
});

/** The programs that npm installed for this platform. @throws DomainError FAILED_PRECONDITION */
export function platformPackage(): { native: string; version: string } {
  const platform = `${process.platform}-${process.arch}`;
  const name = PACKAGES[platform];
  try {
    if (!name) throw new Error('no such package');
    // The platform's package is a dependency of embedded-postgres, and need not be within our own reach.
    const parent = createRequire(require.resolve('embedded-postgres'));
    const root = dirname(dirname(parent.resolve(`@embedded-postgres/${name}`)));
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    return { native: join(root, 'native'), version };
  } catch (error) {
    throw new DomainError(
      'FAILED_PRECONDITION',
      `the embedded PostgreSQL has no programs for ${platform} installed: set DATABASE_URL to a PostgreSQL 14 or newer`,
      [],
      { cause: error },
    );
  }
}

/** Where install scripts are off, the libraries' links are missing, and some package managers lose the mode. @returns false where that cannot be put right. */
function makeRunnable(native: string): boolean {
  try {
    for (const { source, target } of links(native)) {
      const path = join(dirname(native), target);
      if (!isThere(path)) symlinkSync(relative(dirname(target), source), path);
    }
    for (const program of ['initdb', 'postgres']) {
      const path = join(native, 'bin', program);
      if ((statSync(path).mode & 0o555) !== 0o555) chmodSync(path, 0o755);
      accessSync(path, constants.X_OK);
    }
    return true;
  } catch (error) {
    // Two servers that start at once both make the links.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return makeRunnable(native);
    return false;
  }
}

/** @returns paths relative to the package, as its list of links has them. */
function links(native: string): { source: string; target: string }[] {
  const list = join(native, 'pg-symlinks.json');
  const base = `${native.split(/[\\/]/).at(-1)}/`;
  const named = existsSync(list) ? (JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) : [];
  return named.map(({ source, target }) => ({ source: source.replace(/^native\//, base), target: target.replace(/^native\//, base) }));
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** A folder that others may enter but not write to: root runs the programs in it. */
function makeOwnFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const status = lstatSync(folder);
  if (status.isDirectory() && status.uid === process.getuid?.() && (status.mode & 0o022) === 0) return;
  throw new DomainError(
    'FAILED_PRECONDITION',
    `${folder} must be a folder that belongs to the user who runs Pilothouse, and that no other user may write to: remove it, and start again`,
  );
}

function copyWhole(native: string, copy: string): void {
  const aside = `${copy}.${process.pid}`;
  try {
    cpSync(native, aside, { recursive: true, verbatimSymlinks: true });
    renameSync(aside, copy);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}
