/** Which request comes too slowly, and which one ends when there is no more room. */
import { describe, expect, test } from 'vitest';
import { RECEPTION_MIN_RATE, RECEPTION_SLOW_MS, REQUEST_TIMEOUT_MS } from '../../../server/gateway/limits.js';
import { firstToEnd, greediest, latenessOf, rateOf, type Progress } from '../../../server/gateway/reception-rules.js';

const MIB = 1024 ** 2;
const NOW = 1_000_000;
type Named = Progress & { readonly name: string };

/** A request that holds `mib`, of which `recent` came in the last second. */
const request = (name: string, mib: number, recent: number): Named => ({
  name,
  bytes: mib * MIB,
  startedAt: NOW - 5_000,
  briskAt: NOW,
  mark: { bytes: (mib - recent) * MIB, at: NOW - 1_000 },
});

describe('lateness', () => {
  test.each([
    ['has just begun', 0, 0, undefined],
    ['was slow for as long as it may be', RECEPTION_SLOW_MS, RECEPTION_SLOW_MS, undefined],
    ['was slow for longer', RECEPTION_SLOW_MS + 1, RECEPTION_SLOW_MS + 1, 'slow'],
    ['was slow at first, and is not any more', 60_000, 1_000, undefined],
    ['took as long as it may', REQUEST_TIMEOUT_MS, 0, undefined],
    ['took too long, though it was never slow', REQUEST_TIMEOUT_MS + 1, 0, 'late'],
  ])('of one that %s', (_what, startedAgo, briskAgo, lateness) => {
    expect(latenessOf({ startedAt: NOW - startedAgo, briskAt: NOW - briskAgo, bytes: MIB, mark: { bytes: 0, at: NOW } }, NOW)).toBe(lateness);
  });
});

test('a rate is measured from the mark, and never over less than a tenth of a second', () => {
  expect(rateOf(request('a', 10, 2), NOW)).toBe(2 * MIB);
  const young = { bytes: RECEPTION_MIN_RATE, startedAt: NOW, briskAt: NOW, mark: { bytes: 0, at: NOW } };
  expect(rateOf(young, NOW)).toBe(10 * RECEPTION_MIN_RATE);
});

test('the greediest account holds the most', () => {
  expect(greediest([])).toBeUndefined();
  expect(greediest([{ bytes: 1 }, { bytes: 3 }, { bytes: 2 }])).toEqual({ bytes: 3 });
});

describe('who ends', () => {
  test.each([
    ['the only one', [request('only', 1, 1)], 'only'],
    ['the one that stands still', [request('comes', 64, 10), request('stands', 64, 0)], 'stands'],
    ['the one that stands still though it holds less', [request('comes', 64, 10), request('stands', 32, 0), request('small', 1, 0)], 'stands'],
    ['the slowest of those that come', [request('fast', 40, 20), request('slow', 40, 2)], 'slow'],
    ['never a small one while there are large ones', [request('large', 64, 60), request('small', 0.01, 0.01)], 'large'],
    ['a small one where all are', [request('a', 0.1, 0.1), request('b', 0.1, 0)], 'b'],
  ])('%s', (_what, requests: Named[], name) => {
    expect(firstToEnd(new Set(requests), NOW)?.name).toBe(name);
  });

  test('nobody of none', () => expect(firstToEnd(new Set<Progress>(), NOW)).toBeUndefined());
});
