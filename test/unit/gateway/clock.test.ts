import { afterEach, expect, test } from 'vitest';
import { followWallClock, now, wallTime } from '../../../server/gateway/clock.js';

const DAY_MS = 86_400_000;

afterEach(() => followWallClock());

test.each([
  ['three days of sleep', 3 * DAY_MS],
  ['a clock that is set back', -3_600_000],
])('requests are timed as before over %s, and dated by the new time', (_, stepMs) => {
  const before = now();
  followWallClock(wallTime(before) + stepMs, before);
  expect(now() - before).toBeLessThan(60_000);
  expect(now()).toBeGreaterThanOrEqual(before);
  expect(wallTime(before)).toBeCloseTo(before + stepMs, -2);
});

test('drift of less than a second is not followed', () => {
  followWallClock();
  const at = now();
  const was = wallTime(at);
  followWallClock(was + 900, at);
  expect(wallTime(at)).toBe(was);
});
