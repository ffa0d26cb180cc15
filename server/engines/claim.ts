/**
 * The one moment at which a recorded process begins to exist. Its shell claims the record before it does anything else, by
 * making a file that must not exist. A server that finds a record whose starter died makes the same file to declare it abandoned.
 * So a crash between the record, the spawn and the first instruction leaves no doubt: one of the two wins, and a process that
 * comes late ends itself. A claim is written aside and then linked to its name, which fails where there is one: so it is there
 * whole or not at all, also when the disk is full.
 */
import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { look } from './look.js';
import { parseIdentity, type ProcessIdentity } from './process-identity.js';

const FILE = 'claim';
const ABANDONED = 'abandoned';
/** Why a record was abandoned where the fault is the server's alone: it says nothing of the model. */
export const STARTER_GONE = {
  died: 'the server died before it started this replica',
  replaced: 'the server that was to start this replica no longer leads',
} as const;
const STARTER_GONE_REASONS: readonly string[] = Object.values(STARTER_GONE);

/** What the shell (`shell/claim.sh`) exits with when its record was abandoned before it began. */
export const TOO_LATE = 125;

export type Claim =
  | { readonly state: 'OPEN' }
  | { readonly state: 'CLAIMED'; readonly shell: ProcessIdentity }
  | { readonly state: 'ABANDONED'; readonly reason: string; readonly starterGone: boolean };

/** @throws FailedLookError */
export function readClaim(folder: string): Claim {
  const path = join(folder, FILE);
  const text = look(path, () => readFileSync(path, 'utf8'));
  if (text === undefined) return { state: 'OPEN' };
  if (text.startsWith(ABANDONED)) {
    const reason = text.slice(ABANDONED.length + 1).trim();
    return { state: 'ABANDONED', reason, starterGone: STARTER_GONE_REASONS.includes(reason) };
  }
  const shell = parseIdentity(text);
  // A claim appears whole. One that says nothing was left by a power cut, or by an older Pilothouse on a full disk.
  return shell
    ? { state: 'CLAIMED', shell }
    : { state: 'ABANDONED', reason: 'its claim is empty: the disk was full, or the machine went down', starterGone: false };
}

/**
 * Declares that what is recorded in this folder never began and never will. Returns false when it did begin, and when the claim
 * cannot be written now: then it may still begin.
 */
export function abandon(folder: string, reason: string): boolean {
  const aside = join(folder, `${FILE}.${randomUUID()}`);
  try {
    writeFileSync(aside, `${ABANDONED} ${reason}\n`, { flag: 'wx' });
    linkSync(aside, join(folder, FILE));
    return true;
  } catch {
    return readClaim(folder).state === 'ABANDONED';
  } finally {
    rmSync(aside, { force: true });
  }
}
