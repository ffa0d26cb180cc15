/** Reads what a change has made, after the change was committed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { DomainError } from '../errors.js';
import { UnconfirmedError } from './unconfirmed-error.js';

const PATIENCE_MS = 15_000;
const RETRY_MS = 250;

/**
 * Tries again for a while: a database that is away just after the change must not make the caller believe that nothing was done.
 * @throws DomainError as `read` does; UnconfirmedError, which says that the change was made, where it cannot be read
 */
export async function readBack<T>(read: () => Promise<T>, patienceMs = PATIENCE_MS): Promise<T> {
  for (const end = performance.now() + patienceMs; ;) {
    try {
      return await read();
    } catch (error) {
      if (error instanceof DomainError || error instanceof UnconfirmedError) throw error;
      if (performance.now() > end) throw UnconfirmedError.unread(error);
      await sleep(RETRY_MS);
    }
  }
}
