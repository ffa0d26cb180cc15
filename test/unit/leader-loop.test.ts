/** Work of the leader: when it runs, and when it does not any more. */
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { NotLeaderError, type Fence } from '../../server/database/leadership.js';
import { LeaderLoop, type LeaderLoopOptions } from '../../server/leader-loop.js';

const fence: Fence = { epoch: 1, check: async () => undefined };
const logged: Record<string, unknown>[] = [];
const log = pino({ level: 'info' }, { write: (line: string) => void logged.push(JSON.parse(line) as Record<string, unknown>) });
const looping = (options: Partial<LeaderLoopOptions> & Pick<LeaderLoopOptions, 'run'>): LeaderLoop =>
  new LeaderLoop({ name: 'counting', every: 1_000, failure: 'it could not count', log, ...options });

/** A run that goes on until the test ends it. */
function held(): { begun: () => number; end: () => void; run: () => Promise<void> } {
  let begun = 0;
  let end = (): void => undefined;
  return { begun: () => begun, end: () => end(), run: () => ((begun += 1), new Promise((resolve) => (end = resolve))) };
}

beforeEach(() => void vi.useFakeTimers({ now: new Date('2030-01-01T12:00:00.500Z') }));
afterEach(() => {
  vi.useRealTimers();
  logged.length = 0;
});

test('by milliseconds: at once, again so long after the end of a run, and never after the lead', async () => {
  const { begun, end, run } = held();
  const loop = looping({ run });
  await loop.wake();
  expect(begun()).toBe(0);
  const term = new AbortController();
  loop.lead(fence, term.signal);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(begun()).toBe(1);
  end();
  await vi.advanceTimersByTimeAsync(999);
  expect(begun()).toBe(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(begun()).toBe(2);
  term.abort();
  end();
  await loop.idle();
  await vi.advanceTimersByTimeAsync(10_000);
  await loop.wake();
  expect(begun()).toBe(2);
});

test('by a cron expression: at its times only; what is due while a run is under way is left out', async () => {
  const { begun, end, run } = held();
  const loop = looping({ every: '*/5 * * * * *', run });
  const term = new AbortController();
  loop.lead(fence, term.signal);
  await vi.advanceTimersByTimeAsync(4_000);
  expect(begun()).toBe(0);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(begun()).toBe(1);
  await vi.advanceTimersByTimeAsync(5_000);
  end();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(begun()).toBe(1);
  expect(logged).toMatchObject([{ level: 40, task: 'counting' }]);
  await vi.advanceTimersByTimeAsync(4_000);
  expect(begun()).toBe(2);
  term.abort();
  end();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(begun()).toBe(2);
});

test('woken while a run is under way, however often, it runs once more after it', async () => {
  const { begun, end, run } = held();
  const loop = looping({ run });
  const term = new AbortController();
  loop.lead(fence, term.signal);
  await vi.advanceTimersByTimeAsync(0);
  const woken = [loop.wake(), loop.wake(), loop.wake()];
  await vi.advanceTimersByTimeAsync(0);
  expect(begun()).toBe(1);
  end();
  await vi.advanceTimersByTimeAsync(0);
  expect(begun()).toBe(2);
  end();
  await Promise.all(woken);
  expect(begun()).toBe(2);
  term.abort();
});

test('idle waits for the run under way, after the lead ended too', async () => {
  const { end, run } = held();
  const loop = looping({ run });
  const term = new AbortController();
  loop.lead(fence, term.signal);
  await vi.advanceTimersByTimeAsync(0);
  term.abort();
  let idle = false;
  const waiting = loop.idle().then(() => (idle = true));
  await vi.advanceTimersByTimeAsync(0);
  expect(idle).toBe(false);
  end();
  await waiting;
});

test('a run that fails is logged, and the next one comes; one that finds another leader is the last, without noise', async () => {
  let runs = 0;
  const loop = looping({
    run: async () => {
      runs += 1;
      throw runs === 1 ? new Error('no') : new NotLeaderError('epoch 1 is over');
    },
  });
  loop.lead(fence, new AbortController().signal);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(runs).toBe(2);
  await vi.advanceTimersByTimeAsync(10_000);
  await loop.wake();
  expect(runs).toBe(2);
  expect(logged).toMatchObject([{ level: 40, task: 'counting', msg: 'it could not count', err: { message: 'no' } }]);
});

test('a lead that was over before it began is none, and a new one begins anew', async () => {
  const epochs: number[] = [];
  const loop = looping({ run: async ({ epoch }) => epochs.push(epoch) });
  loop.lead(fence, AbortSignal.abort());
  await vi.advanceTimersByTimeAsync(5_000);
  expect(epochs).toEqual([]);
  const first = new AbortController();
  loop.lead(fence, first.signal);
  await vi.advanceTimersByTimeAsync(0);
  loop.lead({ ...fence, epoch: 2 }, new AbortController().signal);
  first.abort();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(epochs).toEqual([1, 2, 2]);
  loop.stop();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(epochs).toEqual([1, 2, 2]);
});
