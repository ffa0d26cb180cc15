/** The gateway's clock: milliseconds since 1970 that never run backwards, fine enough to time a request with. */

let offset = performance.timeOrigin;

/** Now. */
export const now = (): number => offset + performance.now();

/**
 * Follows the machine's clock where it has gone ahead (the machine slept, or its clock was set). It is not followed back: windows
 * of metrics that are written already would be written again.
 */
export function followWallClock(wall = Date.now()): void {
  const ahead = wall - now();
  if (ahead > 1_000) offset += ahead;
}
