import { expect, test, vi } from 'vitest';
import { WorkQueue } from '../../../server/deployments/work-queue.js';

const PATIENCE = { timeout: 20_000 };

test('a key is worked on by one at a time, and once more when it came meanwhile', async () => {
  let running = 0;
  let most = 0;
  let runs = 0;
  const queue = new WorkQueue({
    concurrency: 4,
    work: async () => {
      most = Math.max(most, ++running);
      runs++;
      await new Promise((done) => setTimeout(done, 20));
      running--;
      return null;
    },
    onError: () => true,
  });
  queue.add('a');
  queue.add('a');
  queue.add('a');
  await vi.waitFor(() => expect(runs).toBe(2), PATIENCE);
  await queue.close();
  expect({ most, runs }).toEqual({ most: 1, runs: 2 });
});

test('a key that failed comes back, unless it is given up', async () => {
  const seen: string[] = [];
  const queue = new WorkQueue({
    concurrency: 1,
    work: async (key) => {
      seen.push(key);
      if (seen.length < 3) throw new Error(key);
      return null;
    },
    onError: (key) => key !== 'given up',
  });
  queue.add('given up');
  queue.add('tried again');
  await vi.waitFor(() => expect(seen).toEqual(['given up', 'tried again', 'tried again']), PATIENCE);
  await queue.close();
});

test('a key comes back when its work asked for it', async () => {
  let runs = 0;
  const queue = new WorkQueue({ concurrency: 1, work: async () => (++runs === 1 ? new Date(Date.now() + 10) : null), onError: () => false });
  queue.add('a');
  await vi.waitFor(() => expect(runs).toBe(2), PATIENCE);
  await queue.close();
});
