import { pino } from 'pino';
import { afterEach, expect, test, vi } from 'vitest';
import { ApiMetrics } from '../../server/api/metrics.js';

afterEach(() => void vi.useRealTimers());

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('what is not looked up within a second is left out, and asked for only once at a time', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const metrics = new ApiMetrics(pino({ level: 'silent' }));
  let looks = 0;
  let answer: (value: number) => void;
  let looked = new Promise<number>((resolve) => (answer = resolve));
  metrics.add({ name: 'a_slow', help: 'Slow.', values: async () => [[{ look: String(++looks) }, await looked]], labels: ['look'] });
  metrics.add({ name: 'a_quick', help: 'Quick.', values: () => [[{}, 1]] });
  const scrape = async (): Promise<string[]> => {
    const text = metrics.registry.metrics();
    await turn();
    vi.advanceTimersByTime(1_000);
    return (await text).split('\n').filter((line) => line.startsWith('a_'));
  };
  expect(await scrape()).toEqual(['a_quick 1']);
  expect(await scrape()).toEqual(['a_quick 1']);
  expect(looks).toBe(1);
  answer!(2);
  await turn();
  looked = Promise.resolve(3);
  expect(await scrape()).toEqual(['a_slow{look="2"} 3', 'a_quick 1']);
});

test.each([[[]], [['label']]])('one that cannot be looked up is left out; its labels are %j', async (labels) => {
  const metrics = new ApiMetrics(pino({ level: 'silent' }));
  metrics.add({ name: 'a_broken', help: 'Broken.', labels, values: () => Promise.reject(new Error('no')) });
  metrics.add({ name: 'a_whole', help: 'Whole.', values: () => [[{}, 1]] });
  const lines = (await metrics.registry.metrics()).split('\n');
  expect(lines.filter((line) => line.startsWith('a_'))).toEqual(['a_whole 1']);
});
