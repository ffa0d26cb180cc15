import { afterEach, expect, test } from 'vitest';
import { AwakeClock } from '../../../server/gateway/awake-clock.js';
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

test('what callers may take their time for does not go on while the process stands still', () => {
  let at = 5_000;
  const clock = new AwakeClock(1_000, () => at);
  const seen = [990, 1_005, 200_000, 1_000].map((passed) => {
    at += passed;
    clock.tick();
    return clock.now;
  });
  expect(seen).toEqual([990, 1_990, 2_990, 3_990]);
});
