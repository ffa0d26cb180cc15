/** What a signal means. Pure: time is an argument. */

export type SignalMeaning = 'stop' | 'ignore' | 'force';

export const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** One Ctrl-C arrives twice, from the terminal and from npm, and systemd sends SIGHUP right after SIGTERM: within this they are one. */
export const SAME_MS = 1_000;

/**
 * The first signal stops, drained; what comes within a second of it is the same one; a later one forces.
 * @param sameMs that second
 * @returns a function to be called with the time of each signal, in milliseconds of any clock
 */
export function signalMeanings(sameMs = SAME_MS): (nowMs: number) => SignalMeaning {
  let first: number | undefined;
  return (nowMs) => {
    if (first === undefined) {
      first = nowMs;
      return 'stop';
    }
    return nowMs - first < sameMs ? 'ignore' : 'force';
  };
}
