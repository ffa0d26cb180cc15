/** Work that takes its time: a live line, a deadline, and patience with a server that is away for a while. */
import { PilothouseError } from '../typescript/src/errors.js';
import type { DeploymentChange } from '../typescript/src/client.js';
import type { DeploymentEventFieldsFragment as DeploymentEvent, DeploymentFieldsFragment as Deployment } from '../typescript/src/generated/operations.js';
import type { Session } from './session.js';

/** How long a command waits where --timeout does not say. */
export const DEFAULT_TIMEOUT_MS = 600_000;
const RETRY_EVERY_MS = 500;

/**
 * Tries again while a server that has answered before is away, until the deadline. The work must be repeatable.
 * @throws what the work throws for any other reason, and at once where the server never answered
 */
export async function persist<T>(session: Session, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = session.deadline(DEFAULT_TIMEOUT_MS);
  let told = false;
  for (;;) {
    try {
      return await work(signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof PilothouseError) || error.code !== 'UNAVAILABLE' || !session.client.reached) throw error;
      if (!told) session.output.note(`${session.client.url} is away (${error.message}); waiting until it is back`);
      told = true;
      await pause(RETRY_EVERY_MS, signal);
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', end);
      resolve();
    }, ms);
    signal.addEventListener('abort', end, { once: true });
  });
}

/** Waits until a change of a deployment is carried out, and shows its steps once each. */
export async function waitForChange(session: Session, change: DeploymentChange): Promise<Deployment> {
  const seen = new Set<string>();
  const show = (event: DeploymentEvent): void => {
    if (seen.has(event.cursor)) return;
    seen.add(event.cursor);
    session.output.step(`${change.deployment.name}: ${event.phase} ${event.message}`);
  };
  try {
    return await persist(session, (signal) => session.client.ready(change, { signal, patienceMs: Infinity, seen: show }));
  } finally {
    session.output.endProgress();
  }
}
