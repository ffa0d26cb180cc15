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
  task.destroy();
  expect(logged).toMatchObject([
    { level: 40, task: 'slow', msg: expect.stringContaining('still running') },
    { level: 50, task: 'slow', err: { message: 'no' } },
  ]);
  expect(written).toEqual([]);
});

const silent = pino({ level: 'silent' });

test('after three days of sleep a task that was due runs once, and nothing is filled in', async () => {
  vi.useFakeTimers({ now: new Date('2026-01-01T00:00:01Z') });
  let runs = 0;
  const task = schedule('*/5 * * * * *', 'sleeper', silent, () => void runs++);
  vi.setSystemTime(new Date('2026-01-04T00:00:01Z'));
  await vi.advanceTimersByTimeAsync(4_000);
  expect(runs).toBe(1);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(runs).toBe(2);
  task.destroy();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(runs).toBe(2);
});

test('a clock that is set back by an hour does not stop a task for an hour', async () => {
  vi.useFakeTimers({ now: new Date('2026-01-01T01:00:01Z') });
  let runs = 0;
  const task = schedule('*/5 * * * * *', 'back', silent, () => void runs++);
  vi.setSystemTime(new Date('2026-01-01T00:00:01Z'));
  await vi.advanceTimersByTimeAsync(30_000);
  expect(runs).toBeGreaterThanOrEqual(4);
  task.destroy();
});

test('a task of once a day runs at its time', async () => {
  vi.useFakeTimers({ now: new Date('2026-01-01T12:00:00Z') });
  const at: string[] = [];
  const task = schedule('0 0 3 * * *', 'daily', silent, () => void at.push(new Date().toISOString()));
  await vi.advanceTimersByTimeAsync(16 * 3_600_000);
  expect(at).toEqual(['2026-01-02T03:00:00.000Z']);
  task.destroy();
});
