/**
 * Where the sockets of a home lie. A Unix socket's path may have only about a hundred bytes, and Node 20 cuts a longer one
 * without a word and then reaches another replica, so a home with a long path has its sockets in a short folder elsewhere.
 */
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, realpathSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DomainError } from '../errors.js';
import { look } from './look.js';

/** Linux takes 107 bytes, macOS 103. */
export const MAX_SOCKET_PATH_BYTES = 100;
/** `<16 hexadecimal digits>.sock`, and `gateway-<process id>.sock` of gateway workers, which is no longer. */
const NAME_BYTES = 21;

const digest = (text: string, length: number): string => createHash('sha256').update(text).digest('hex').slice(0, length);

/** A home that does not exist yet has no other path. */
const realPath = (path: string): string => look(path, () => realpathSync(path)) ?? path;

/**
 * The folder for this home's sockets, the same at every start; it may not exist yet.
 * @throws DomainError FAILED_PRECONDITION when no folder of this machine is short enough.
 */
export function socketFolder(home: string): string {
  const uid = process.getuid?.() ?? 0;
  const candidates = [join(home, 'run', 'sockets'), ...[tmpdir(), '/tmp'].map((folder) => join(folder, `pilothouse-${uid}-${digest(realPath(home), 12)}`))];
  const short = candidates.find((folder) => Buffer.byteLength(folder) + 1 + NAME_BYTES <= MAX_SOCKET_PATH_BYTES);
  if (short === undefined) {
    throw new DomainError(
      'FAILED_PRECONDITION',
      `no folder is short enough for sockets, whose paths may have ${MAX_SOCKET_PATH_BYTES} bytes: set TMPDIR to a shorter one than ${tmpdir()}`,
    );
  }
  return short;
}

/**
 * Makes the folder for this home's sockets, for this user alone.
 * @throws DomainError FAILED_PRECONDITION when somebody else has a folder, or a link, of that name in the temporary directory.
 */
export function makeSocketFolder(home: string): string {
  const folder = socketFolder(home);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const status = lstatSync(folder);
  const uid = process.getuid?.();
  if (!status.isDirectory() || (uid !== undefined && status.uid !== uid) || (status.mode & 0o077) !== 0) {
    throw new DomainError(
      'FAILED_PRECONDITION',
      `${folder} must be a folder of mode 0700 that belongs to the user who runs Pilothouse: remove it, and start again`,
    );
  }
  return folder;
}

/** The path of the socket with this name (a replica's id): short, whatever the name. @throws DomainError as `socketFolder` does. */
export function socketPath(home: string, name: string): string {
  return join(socketFolder(home), `${digest(name, 16)}.sock`);
}

/** Removes what is left of this home's sockets, and their folder. */
export function removeSocketFolder(home: string): void {
  const folder = socketFolder(home);
  let names: string[];
  try {
    if (lstatSync(folder).isSymbolicLink()) return;
    names = readdirSync(folder);
  } catch {
    return;
  }
  for (const name of names) if (/^(?:[0-9a-f]{16}|gateway-\d{1,7})\.sock$/.test(name)) rmSync(join(folder, name), { force: true });
  try {
    rmdirSync(folder);
  } catch {
    // Somebody put something else there: theirs to remove.
  }
}
