/** When a replica that failed is started again. Pure. */

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

export interface EndedReplica {
  readonly readyAt: Date | null;
  readonly stoppedAt: Date | null;
}

/** How many failures in a row a target has had, newest first in `failed`. */
export function failuresInARow(failed: readonly EndedReplica[], now: Date): number {
  let count = 0;
  for (const { readyAt, stoppedAt } of failed) {
    if (!stoppedAt || now.getTime() - stoppedAt.getTime() > FAILURE_MEMORY_MS) break;
    count++;
    if (readyAt && stoppedAt.getTime() - readyAt.getTime() >= STABLE_AFTER_MS) break;
  }
  return count;
}
