import { pino } from 'pino';
import { afterEach, expect, test, vi } from 'vitest';
import { schedule } from '../../server/schedule.js';

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test('a task that still runs when it is due, or that fails, is told of in the log by its name, and nowhere else', async () => {
  const written: string[] = [];
  for (const name of ['log', 'info', 'warn', 'error', 'debug'] as const)
    vi.spyOn(console, name).mockImplementation((...words) => void written.push(`${words}`));
  vi.useFakeTimers();
  const logged: Record<string, unknown>[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void logged.push(JSON.parse(line) as Record<string, unknown>) });
  let fail: ((error: Error) => void) | undefined;
  const task = schedule('*/5 * * * * *', 'slow', log, () => new Promise((_resolve, reject) => (fail = reject)));
  await vi.advanceTimersByTimeAsync(5_000);
  expect(fail).toBeDefined();
  await vi.advanceTimersByTimeAsync(5_000);
  fail!(new Error('no'));
  await vi.advanceTimersByTimeAsync(0);
  await task.destroy();
  expect(logged).toMatchObject([
    { level: 40, task: 'slow', msg: expect.stringContaining('still running') },
    { level: 50, task: 'slow', err: { message: 'no' } },
  ]);
  expect(written).toEqual([]);
});
