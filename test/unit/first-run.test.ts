import { expect, test } from 'vitest';
import type { Features } from '../../server/features.js';
import { settled } from '../../server/samples/first-run.js';

/** A deployment that is STARTING for ever, and a feed that ends with its signal, as the real one does. */
const starting = {
  events: {
    feed: {
      open: async (_filter: object, signal: AbortSignal) => ({
        next: () => new Promise((resolve) => signal.addEventListener('abort', () => resolve({ done: true, value: undefined }))),
      }),
    },
  },
  deployments: { service: { get: async () => ({ phase: 'STARTING' }) } },
} as unknown as Pick<Features, 'events' | 'deployments'>;

test('waiting for a sample ends with the reason of the stop, not with a phase that would be told', async () => {
  const stop = new AbortController();
  const waiting = settled(starting, 'id', stop.signal);
  stop.abort(new Error('the server stops'));
  await expect(waiting).rejects.toThrow('the server stops');
});
