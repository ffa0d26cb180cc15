/**
 * The gateway's two clocks, in milliseconds. Requests are timed by `now`, which never jumps: a deadline of 50 ms stays one of 50 ms while
 * the machine sleeps or its clock is set. What other processes read (windows of metrics, traces) is dated by `wallTime`.
 */

/** A difference below this is drift, which would only make windows uneven. */
const STEP_MS = 1_000;

/** Read once: it never changes, and its getter costs more than the clock itself. */
const { timeOrigin } = performance;

let aheadMs = 0;

/** Now, on the monotonic clock. It starts near the time since 1970, and goes its own way from there. */
export const now = (): number => timeOrigin + performance.now();

/** What the machine's clock says at this moment of `now`, in milliseconds since 1970. It jumps where that clock does. */
export const wallTime = (at: number): number => at + aheadMs;

/** Looks at the machine's clock, and follows it where it was set, or went on while the machine slept. Call it now and then. */
export function followWallClock(wall = Date.now(), at = now()): void {
  if (Math.abs(wall - wallTime(at)) > STEP_MS) aheadMs = wall - at;
}
