/** Work that one process of this machine does at a time, under a lock of `launch/lock.mjs`. */
import { isAlive, ownIdentity, type ProcessIdentity } from '../engines/process-identity.js';
import { Lock } from '../launch/lock.mjs';

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

let claims = 0;
const held = new Set<Lock>();
// A process that is forced to end in the middle of the work leaves no file behind.
process.on('exit', () => {
  for (const lock of held) lock.release();
});

/**
 * Runs the work while this process alone holds the lock.
 * @param folder the lock: a folder that is made when it is missing, and removed by the last one to leave
 * @throws LockTimeoutError when somebody else held it all the time; whatever the work throws
 */
export async function withLock<Result>(folder: string, work: () => Promise<Result>, { onWait, timeoutMs }: ClaimLockOptions = {}): Promise<Result> {
  const lock = new Lock(folder, claimOf(ownIdentity(), ++claims), isLiving);
  const holder = await lock.acquire((pid) => onWait?.(pid), timeoutMs);
  if (holder !== undefined) throw new LockTimeoutError(folder, holder);
  held.add(lock);
  try {
    return await work();
  } finally {
    held.delete(lock);
    lock.release();
  }
}

/** One process may want the same lock several times at once, so a serial number tells its claims apart. */
const claimOf = ({ bootId, pid, startTime }: ProcessIdentity, serial: number): string =>
  [bootId || 'boot', pid, startTime, serial].map((part) => encodeURIComponent(part)).join('~');

function isLiving(claim: string): boolean {
  const [boot, pid, startTime, serial] = claim.split('~').map((part) => decodeURIComponent(part));
  if (boot === undefined || startTime === undefined || serial === undefined) return false;
  return isAlive({ bootId: boot === 'boot' ? '' : boot, pid: Number(pid), startTime });
}
