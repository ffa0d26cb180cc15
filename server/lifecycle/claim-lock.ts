/**
 * Locks between processes of this machine, as files, that a `kill -9` of their holder releases: a claim's name says which
 * process made it (boot, pid, start time), and the claim of a dead process counts for nothing.
 *
 * Whoever wants the lock first puts its claim there and then looks at the others': of two that come together at least one
 * sees the other and withdraws. Nobody ever takes a file away that somebody living could believe in, which is where the usual
 * "the holder is dead, so remove its lock file" lets two in.
 */
import { mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ProcessIdentity, isAlive, ownIdentity } from '../engines/process-identity.js';

export interface ClaimLockOptions {
  /** Called once when another process has held the lock for a second, with its pid. */
  readonly onWait?: (holder: number) => void;
  /** How long to wait; default for ever. */
  readonly timeoutMs?: number;
}

/** Thrown when the lock was not to be had in time. */
export class LockTimeoutError extends Error {
  override readonly name = 'LockTimeoutError';

  constructor(
    readonly folder: string,
    readonly holder: number,
  ) {
    super(`process ${holder} holds the lock ${folder}`);
  }
}

const SAY_AFTER_MS = 1_000;
let claims = 0;
const held = new Map<string, string>();
// Whoever ends in the middle of the work, being forced to, leaves no file of it.
process.on('exit', () => {
  for (const [claim, folder] of held) release(folder, claim);
});

/**
 * Runs the work while this process alone holds the lock.
 * @param folder the lock: a folder that is made when it is missing, and removed by the last one to leave
 * @throws LockTimeoutError when somebody else held it all the time; whatever the work throws
 */
export async function withLock<Result>(folder: string, work: () => Promise<Result>, options: ClaimLockOptions = {}): Promise<Result> {
  const claim = await acquire(folder, options);
  try {
    return await work();
  } finally {
    release(folder, claim);
  }
}

async function acquire(folder: string, { onWait, timeoutMs = Infinity }: ClaimLockOptions): Promise<string> {
  const claim = nameOf(ownIdentity(), ++claims);
  const began = performance.now();
  let said = false;
  for (;;) {
    put(folder, claim);
    const holder = looked(folder, claim);
    if (holder === undefined) {
      held.set(claim, folder);
      return claim;
    }
    rmSync(join(folder, claim), { force: true });
    const waited = performance.now() - began;
    if (waited >= timeoutMs) throw new LockTimeoutError(folder, holder);
    if (!said && waited >= SAY_AFTER_MS) {
      said = true;
      onWait?.(holder);
    }
    // Chance lets one of two be first the next time.
    await sleep(10 + Math.random() * 40);
  }
}

/** The pid of another claim's process, if any. A claim that cannot be told from the others' is withdrawn, so that nobody waits for it. */
function looked(folder: string, claim: string): number | undefined {
  try {
    return othersIn(folder, claim)[0];
  } catch (error) {
    release(folder, claim);
    throw error;
  }
}

function put(folder: string, claim: string): void {
  for (let attempt = 0; ; attempt++) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    try {
      writeFileSync(join(folder, claim), '', { mode: 0o600 });
      return;
    } catch (error) {
      // Another process left, and took the empty folder with it.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt >= 100) throw error;
    }
  }
}

function release(folder: string, claim: string): void {
  held.delete(claim);
  rmSync(join(folder, claim), { force: true });
  try {
    rmdirSync(folder);
  } catch {
    // Somebody else waits in it, or was quicker.
  }
}

/** The pids of the living claims beside this one; what dead processes left is cleared away. */
function othersIn(folder: string, own: string): number[] {
  const holders: number[] = [];
  for (const name of readdirSync(folder)) {
    if (name === own) continue;
    const identity = identityIn(name);
    if (identity && isAlive(identity)) holders.push(identity.pid);
    else rmSync(join(folder, name), { force: true });
  }
  return holders;
}

const nameOf = ({ bootId, pid, startTime }: ProcessIdentity, serial: number): string =>
  [bootId || 'boot', pid, startTime, serial].map((part) => encodeURIComponent(part)).join('~');

function identityIn(name: string): ProcessIdentity | undefined {
  const [boot, pid, startTime, serial] = name.split('~').map((part) => decodeURIComponent(part));
  if (boot === undefined || startTime === undefined || serial === undefined) return undefined;
  return { bootId: boot === 'boot' ? '' : boot, pid: Number(pid), startTime };
}
