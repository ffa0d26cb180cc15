/** Work that takes long says so on the terminal. */
import type { Say } from './terminal.js';

/** Work that takes longer than this is told of. */
export const SAY_AFTER_MS = 1_000;

/** Does the work, and says what it is when it takes more than a second. */
export async function announced<Result>(say: Say | undefined, line: string, work: () => Promise<Result>): Promise<Result> {
  const timer = setTimeout(() => say?.(line), SAY_AFTER_MS);
  try {
    return await work();
  } finally {
    clearTimeout(timer);
  }
}
