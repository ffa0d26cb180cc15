import { pino } from 'pino';
import { afterEach, expect, test, vi } from 'vitest';
import { Reconciler, type ReconcilerDependencies } from '../../../server/deployments/reconciler.js';

afterEach(() => void vi.useRealTimers());

test.each([
  ['three days of sleep', 3 * 86_400_000],
  ['a clock that is set back', -3_600_000],
])('after %s nothing is decided until gateways have written their heartbeats again', async (_, stepMs) => {
  vi.useFakeTimers({ toFake: ['Date'] });
  let looks = 0;
  const store = { ids: () => Promise.resolve([]), activeReplicas: () => Promise.resolve(new Set()), snapshot: () => Promise.resolve(void looks++) };
  const engine = { begin: () => undefined, onChange: () => () => undefined, observe: () => Promise.resolve([]) };
  const parts = { store, engine, log: pino({ level: 'silent' }) } as unknown as ReconcilerDependencies;
  const reconciler = new Reconciler(parts);
  const end = new AbortController();
  reconciler.lead({ epoch: 1, check: () => Promise.resolve() }, end.signal);
  await reconciler.firstPass();
  reconciler.enqueue('d');
  await reconciler.firstPass();
  expect(looks).toBe(1);
  vi.setSystemTime(Date.now() + stepMs);
  reconciler.enqueue('d');
  await reconciler.firstPass();
  expect(looks).toBe(1);
  await vi.waitFor(() => expect(looks).toBe(2), { timeout: 20_000 });
  end.abort();
  await reconciler.pause();
});
