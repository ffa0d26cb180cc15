/** Where an embedded PostgreSQL keeps what it has, below its home and, for what needs a short or public path, in the temporary directory. */
import { createHash } from 'node:crypto';
import { chownSync, chmodSync, lstatSync, mkdirSync, readdirSync, realpathSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MAX_SOCKET_PATH_BYTES } from '../engines/socket-folder.js';
import { look } from '../engines/look.js';
import { DomainError } from '../errors.js';
import type { Account } from './embedded-postgres-account.js';

/** Part of the socket's name only: nothing listens on TCP. */
export const POSTGRES_PORT = 5432;
const SOCKET_NAME = `.s.PGSQL.${POSTGRES_PORT}`;
const DATABASE = 'pilothouse';

export interface EmbeddedPostgresPaths {
  readonly home: string;
  /** The data folder. */
  readonly data: string;
  /** Where data folders are made, before they are whole: this and a pid. */
  readonly aside: string;
  readonly lock: string;
  /** Says which process we started last. */
  readonly record: string;
  readonly log: string;
  /** A copy of the programs, where they cannot be run from where they are. */
  readonly copies: readonly string[];
  /** Folders for the socket, best first: the first whose path is short enough. */
  readonly sockets: readonly string[];
}

export function embeddedPostgresPaths(home: string): EmbeddedPostgresPaths {
  const short = (root: string, what: string): string => join(root, `pilothouse-${process.getuid?.() ?? 0}-${digestOf(home)}-${what}`);
  const roots = [...new Set([tmpdir(), '/tmp'])];
  return {
    home,
    data: join(home, 'postgres'),
    aside: join(home, 'postgres.new-'),
    lock: join(home, 'run', 'locks', 'postgres'),
    record: join(home, 'run', 'postgres.json'),
    log: join(home, 'logs', 'postgres.log'),
    copies: [join(home, 'postgres-programs'), ...roots.map((root) => short(root, 'programs'))],
    sockets: [join(home, 'run', 'postgres'), ...roots.map((root) => short(root, 'postgres'))],
  };
}

/** The home may be reached by several paths; its real one names it. */
function digestOf(home: string): string {
  // Where it does not exist yet, nothing of it does.
  const real = look(home, () => realpathSync(home)) ?? home;
  return createHash('sha256').update(real).digest('hex').slice(0, 12);
}

/**
 * Makes the folder for the socket, which only the account may enter: a process that reaches the socket is the superuser.
 * @throws DomainError FAILED_PRECONDITION when no path is short enough, or somebody else has a folder, or a link, there
 */
export function makeSocketFolder({ sockets }: EmbeddedPostgresPaths, account: Account): string {
  // Another account may not be able to enter the folders above the home.
  const candidates = account.kind === 'other' ? sockets.slice(1) : sockets;
  const folder = candidates.find((path) => Buffer.byteLength(join(path, SOCKET_NAME)) <= MAX_SOCKET_PATH_BYTES);
  if (folder === undefined) {
    throw new DomainError(
      'FAILED_PRECONDITION',
      `no folder is short enough for PostgreSQL's socket, whose path may have ${MAX_SOCKET_PATH_BYTES} bytes: set TMPDIR to a shorter one than ${tmpdir()}`,
    );
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const status = lstatSync(folder);
  const own = process.getuid?.();
  const ours = own === undefined || status.uid === own || (own === 0 && account.kind === 'other' && status.uid === account.uid);
  if (!status.isDirectory() || !ours) {
    throw new DomainError('FAILED_PRECONDITION', `${folder} must be a folder that belongs to the user who runs Pilothouse: remove it, and start again`);
  }
  chmodSync(folder, 0o700);
  if (own === 0) chownSync(folder, account.kind === 'other' ? account.uid : 0, account.kind === 'other' ? account.gid : 0);
  return folder;
}

/** Removes sockets and their locks that a dead PostgreSQL left, and the folders. Only for when none of this home runs. */
export function removeSockets({ sockets }: EmbeddedPostgresPaths, alsoIn?: string): void {
  for (const folder of new Set([...sockets, ...(alsoIn === undefined ? [] : [alsoIn])])) {
    try {
      if (!lstatSync(folder).isDirectory()) continue;
      for (const name of readdirSync(folder)) if (name === SOCKET_NAME || name === `${SOCKET_NAME}.lock`) rmSync(join(folder, name), { force: true });
      rmdirSync(folder);
    } catch {
      // Not there, not ours, or something else lies in it.
    }
  }
}

/** Removes the copies of the programs that lie outside of the home. */
export function removeOutsideCopies({ copies, home }: EmbeddedPostgresPaths): void {
  for (const folder of copies.filter((path) => !path.startsWith(home))) {
    try {
      if (lstatSync(folder).isDirectory() && lstatSync(folder).uid === process.getuid?.()) rmSync(folder, { recursive: true, force: true });
    } catch {
      // Not there.
    }
  }
}

export const socketPathIn = (folder: string, port = POSTGRES_PORT): string => join(folder, `.s.PGSQL.${port}`);

/**
 * The address for clients. Port and TLS are said although they are the defaults, so that PGPORT or PGSSLMODE in somebody's
 * environment does not lead elsewhere.
 */
export const socketUrl = (folder: string, port = POSTGRES_PORT, database = DATABASE): string =>
  `postgres://postgres@localhost:${port}/${database}?host=${encodeURIComponent(folder)}&sslmode=disable`;

export const PILOTHOUSE_DATABASE = DATABASE;
