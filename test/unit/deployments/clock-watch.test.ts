import { expect, test } from 'vitest';
import { ClockWatch } from '../../../server/deployments/clock-watch.js';

const HOUR_MS = 3_600_000;

test.each([
  ['sleep', 72 * HOUR_MS],
  ['a clock that is set back', -HOUR_MS],
])('%s is a jump, told once', (_, stepMs) => {
  const watch = new ClockWatch();
  expect(watch.jumped(1_000_000, 5_000)).toBe(false);
  expect(watch.jumped(1_010_000, 15_000)).toBe(false);
  expect(watch.jumped(1_020_000 + stepMs, 25_000)).toBe(true);
  expect(watch.jumped(1_030_000 + stepMs, 35_000)).toBe(false);
});

test('time that passes, however long nobody looks, is none', () => {
  const watch = new ClockWatch();
  watch.jumped(1_000_000, 5_000);
  expect(watch.jumped(1_000_000 + HOUR_MS, 5_000 + HOUR_MS)).toBe(false);
});
