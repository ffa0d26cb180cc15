/**
 * The one moment at which a recorded process begins to exist. Its shell claims the record before it does anything else, by
 * making a file that must not exist; whoever finds a record whose starter died makes the same file to declare it abandoned.
 * So a crash between the record, the spawn and the first instruction leaves no doubt: one of the two wins, and a process that
 * comes late ends itself.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { look } from './look.js';
import { IDENTIFY, parseIdentity, type ProcessIdentity } from './process-identity.js';

const FILE = 'claim';
const ABANDONED = 'abandoned';
/** What the shell exits with when its record was abandoned before it began. */
export const TOO_LATE = 125;

/** Shell text that claims the folder in `$1`, or exits; it defines `identify` too. `set -C` makes `>` refuse a file that exists. */
export const CLAIM = `${IDENTIFY}set -C
identify > "$1/${FILE}" || exit ${TOO_LATE}
set +C
`;

export type Claim =
  { readonly state: 'OPEN' } | { readonly state: 'CLAIMED'; readonly shell: ProcessIdentity } | { readonly state: 'ABANDONED'; readonly reason: string };

/** @throws FailedLookError */
export function readClaim(folder: string): Claim {
  const path = join(folder, FILE);
  const text = look(path, () => readFileSync(path, 'utf8'));
  if (text === undefined) return { state: 'OPEN' };
  if (text.startsWith(ABANDONED)) return { state: 'ABANDONED', reason: text.slice(ABANDONED.length + 1).trim() };
  const shell = parseIdentity(text);
  // The file is there, its one line is not: the shell is just about to write it.
  return shell ? { state: 'CLAIMED', shell } : { state: 'OPEN' };
}

/** Declares that what is recorded in this folder never began and never will. Returns false when it did begin. */
export function abandon(folder: string, reason: string): boolean {
  try {
    writeFileSync(join(folder, FILE), `${ABANDONED} ${reason}\n`, { flag: 'wx' });
    return true;
  } catch {
    return readClaim(folder).state === 'ABANDONED';
  }
}
