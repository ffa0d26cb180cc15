/** When a replica that failed is started again. Pure. */
import type { ReplicaState } from './deployment.entities.js';

/** A replica that served this long had started properly: its end does not count as a failed start. */
export const STABLE_AFTER_MS = 30_000;

/** Failures older than this are forgotten. */
export const FAILURE_MEMORY_MS = 10 * 60_000;

const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 60_000;

/** Delay before the next start after `failures` in a row: none after the first, then 0.5 s, 1 s, 2 s... up to a minute. */
export function restartDelayMs(failures: number): number {
  return failures <= 1 ? 0 : Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 2));
}

/** Whether the moment of a start has come. One that is further away than any delay was set before the clock was set back. */
export function isDue(startAfter: Date | null, now: Date): boolean {
  const left = startAfter ? startAfter.getTime() - now.getTime() : 0;
  return left <= 0 || left > MAX_DELAY_MS;
}

/** A replica of the target that ended, or that serves. */
export interface PastReplica {
  readonly state: ReplicaState;
  readonly readyAt: Date | null;
  /** null while it lives. */
  readonly stoppedAt: Date | null;
}

/**
 * How many failures in a row a target has had. Those before a stable service are forgiven: one of a replica that became READY later, and
 * served for `STABLE_AFTER_MS`, however it ended, or still serves.
 */
export function failuresInARow(replicas: readonly PastReplica[], now: Date): number {
  const readyAgain = replicas.reduce((latest, { readyAt, stoppedAt }) => {
    const served = readyAt ? (stoppedAt ?? now).getTime() - readyAt.getTime() : 0;
    return served >= STABLE_AFTER_MS ? Math.max(latest, readyAt!.getTime()) : latest;
  }, now.getTime() - FAILURE_MEMORY_MS);
  // A failure later than now was before the clock was set back; it is not known how long ago.
  return replicas.filter(({ state, stoppedAt }) => state === 'FAILED' && stoppedAt && stoppedAt.getTime() > readyAgain && stoppedAt <= now).length;
}
