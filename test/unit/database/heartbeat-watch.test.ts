import { expect, test } from 'vitest';
import { HeartbeatWatch } from '../../../server/database/heartbeat-watch.js';

const STALE_MS = 6_000;
const STEP_MS = 2_000;

/** Looks as [heartbeat, milliseconds]; 'x' for a look that failed. @returns what the last one said */
function after(...looks: (readonly [string, number] | 'x')[]): boolean {
  const watch = new HeartbeatWatch(STALE_MS, STEP_MS);
  let stale = false;
  for (const look of looks) {
    if (look === 'x') watch.reset();
    else stale = watch.look(...look);
  }
  return stale;
}
const every = (stepMs: number, from: number, to: number, beat: (ms: number) => string = () => 'a') =>
  Array.from({ length: Math.floor((to - from) / stepMs) + 1 }, (_, i) => [beat(from + i * stepMs), from + i * stepMs] as const);

test.each([
  ['one look says nothing', [['a', 0]] as const, false],
  ['the same for less than the limit', every(500, 0, 5_500), false],
  ['the same for as long as the limit', every(500, 0, 6_000), true],
  ['one that beats', every(500, 0, 60_000, (ms) => String(Math.floor(ms / 1_000))), false],
  ['one that beats again just before', [...every(500, 0, 5_500), ...every(500, 6_000, 11_500, () => 'b')], false],
  ['one that has stopped after it beat', [...every(500, 0, 5_500), ...every(500, 6_000, 12_000, () => 'b')], true],
  ['a candidate that was stopped itself between two looks', [...every(500, 0, 1_000), ['a', 60_000] as const], false],
  ['a candidate that is slow, and looks every two seconds', every(2_000, 0, 6_000), true],
  ['the database was away meanwhile', [...every(500, 0, 4_000), 'x' as const, ['a', 40_000] as const, ['a', 40_500] as const], false],
])('%s', (_what, looks, stale) => expect(after(...looks)).toBe(stale));
