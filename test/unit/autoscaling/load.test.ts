import { describe, expect, test } from 'vitest';
import { loadRange, observeLoad, type LoadQuery } from '../../../server/autoscaling/load.js';
import type { LiveGateway, LoadWindow } from '../../../server/metering/metric-windows.js';

const V1 = '11111111-0000-4000-8000-000000000000';
const V2 = '22222222-0000-4000-8000-000000000000';
const [G1, G2] = ['aaaaaaaa-0000-4000-8000-000000000000', 'bbbbbbbb-0000-4000-8000-000000000000'];
const NOW = 1_000_000_003_000;
/** The newest slot that is looked at ends here. */
const TO = 1_000_000_000_000;

const query: LoadQuery = { windowMs: 20_000, scaleDownWindowMs: 30_000, targetInFlight: 4, versions: [{ versionId: V1, version: '1 of m' }], nowMs: NOW };
const alive = (...ids: string[]): LiveGateway[] => ids.map((id) => ({ id, startedMs: TO - 3_600_000 }));

/** Windows of 5 s that end at TO, oldest first: a number is a mean load, null a window that is missing. */
function windows(loads: readonly (number | null)[], gatewayId = G1, versionId = V1): LoadWindow[] {
  return loads.flatMap((load, i) =>
    load === null ? [] : [{ gatewayId, deploymentId: 'd', versionId, startMs: TO - (loads.length - i) * 5_000, windowMs: 5_000, loadMs: load * 5_000 }],
  );
}

const all = (load: number): number[] => new Array<number>(10).fill(load);

test('only windows that ended two seconds ago are looked at, on whole slots', () => {
  expect(loadRange(query)).toEqual({ fromMs: TO - 50_000, toMs: TO });
  expect(loadRange({ ...query, nowMs: TO + 1_999 })).toEqual({ fromMs: TO - 55_000, toMs: TO - 5_000 });
  expect(loadRange({ ...query, windowMs: 12_000, nowMs: TO + 6_999 })).toEqual({ fromMs: TO - 45_000, toMs: TO });
});

describe('samples', () => {
  test("are those of the policy's window, oldest first", () => {
    const { targets, missing, knownForMs } = observeLoad(query, windows([9, 9, 9, 9, 9, 9, 1, 2, 3, 4]), alive(G1));
    expect(targets).toEqual([{ versionId: V1, version: '1 of m', samples: [1, 2, 3, 4] }]);
    expect([missing, knownForMs]).toEqual([null, 50_000]);
  });

  test('add up over gateways', () => {
    const { targets, missing } = observeLoad(query, [...windows(all(2)), ...windows(all(3), G2)], alive(G1, G2));
    expect(targets[0]!.samples).toEqual([5, 5, 5, 5]);
    expect(missing).toBeNull();
  });

  test('a gateway that is gone counts for the time that it lived', () => {
    const { targets, missing } = observeLoad(query, [...windows(all(2)), ...windows([3, 3, 3, 3, 3, 3, 3, 3, null, null], G2)], alive(G1));
    expect(targets[0]!.samples).toEqual([5, 5, 2, 2]);
    expect(missing).toBeNull();
  });

  test('a long window, written after an outage of the database, is spread over its slots', () => {
    const long: LoadWindow = { gatewayId: G1, deploymentId: 'd', versionId: V1, startMs: TO - 50_000, windowMs: 40_000, loadMs: 6 * 40_000 };
    const { targets, missing, recommendations } = observeLoad(query, [long, ...windows([6, 6])], alive(G1));
    expect(targets[0]!.samples).toEqual([6, 6, 6, 6]);
    expect(missing).toBeNull();
    expect(recommendations.map((r) => r.replicas)).toEqual([2, 2, 2, 2, 2, 2, 2]);
  });
});

describe('what is missing is said', () => {
  test.each([
    ['no gateway', windows(all(2)), alive(), 'no gateway is alive, so the load is not measured'],
    ['no window at all', [], alive(G1), 'gateway aaaaaaaa, which started 3603 s ago, has reported nothing yet on version 1 of m'],
    [
      'old windows only',
      windows([1, 1, 1, 1, 1, 1, null, null, null, null]),
      alive(G1),
      'gateway aaaaaaaa did not report on version 1 of m for the 5 s from 2001-09-09T01:46:20.000Z',
    ],
    [
      'the oldest window',
      windows([1, 1, 1, 1, 1, 1, null, 1, 1, 1]),
      alive(G1),
      'gateway aaaaaaaa did not report on version 1 of m for the 5 s from 2001-09-09T01:46:20.000Z',
    ],
    [
      'the newest window',
      windows([1, 1, 1, 1, 1, 1, 1, 1, 1, null]),
      alive(G1),
      'gateway aaaaaaaa did not report on version 1 of m for the 5 s from 2001-09-09T01:46:35.000Z',
    ],
    [
      'one in between',
      windows([1, 1, 1, 1, 1, 1, 1, null, 1, 1]),
      alive(G1),
      'gateway aaaaaaaa did not report on version 1 of m for the 5 s from 2001-09-09T01:46:25.000Z',
    ],
    ['one gateway of two', windows(all(2)), alive(G1, G2), 'gateway bbbbbbbb, which started 3603 s ago, has reported nothing yet on version 1 of m'],
    [
      'the newest of one gateway of two',
      [...windows(all(2)), ...windows([...all(2).slice(1), null], G2)],
      alive(G1, G2),
      'gateway bbbbbbbb did not report on version 1 of m for the 5 s from 2001-09-09T01:46:35.000Z',
    ],
  ])('%s', (_name, rows, gateways, missing) => {
    expect(observeLoad(query, rows, gateways).missing).toBe(missing);
  });

  test('a window that was written while it was open is not whole', () => {
    const rows = windows(all(2));
    const cut = rows.map((row, i) => (i === 9 ? { ...row, windowMs: 3_000 } : row));
    expect(observeLoad(query, cut, alive(G1)).missing).toContain('did not report');
  });

  test('a target that was routed to only a while ago is known from its first window on', () => {
    const { targets, missing, knownForMs } = observeLoad(query, windows([1, 1]), alive(G1));
    expect([targets[0]!.samples, missing, knownForMs]).toEqual([[1, 1], null, 10_000]);
  });

  test('every version of the spec counts, others do not', () => {
    const rows = [...windows(all(2)), ...windows([1, 1, 1, 1, 1, null, null, null, null, null], G1, V2)];
    expect(observeLoad(query, rows, alive(G1)).missing).toBeNull();
    expect(observeLoad({ ...query, versions: [...query.versions, { versionId: V2, version: '2 of m' }] }, rows, alive(G1)).missing).toContain('version 2 of m');
  });
});

describe('recommendations', () => {
  test('are what the mean of the window before each moment asks for', () => {
    // Means over four slots: ends at slot 4, 5, ... 10.
    const { recommendations } = observeLoad(query, windows([0, 0, 0, 40, 0, 0, 0, 0, 0, 0]), alive(G1));
    expect(recommendations).toEqual([3, 3, 3, 3, 0, 0, 0].map((replicas, i) => ({ at: TO - 30_000 + i * 5_000, replicas })));
  });

  test('moments that are not known recommend nothing', () => {
    const { recommendations } = observeLoad(query, windows([null, null, null, null, 40, null, null, null, 4, 4]), alive(G1));
    expect(recommendations.map((r) => [(r.at - TO) / 1_000, r.replicas])).toEqual([
      [-25, 10],
      [-5, 1],
      [0, 1],
    ]);
  });

  test('come from the busiest version, one that is no longer in the spec too', () => {
    const { recommendations } = observeLoad(query, [...windows(all(4)), ...windows([40, 40, 40, 40, 40, null, null, null, null, null], G1, V2)], alive(G1));
    expect(recommendations.map((r) => r.replicas)).toEqual([10, 10, 1, 1, 1, 1, 1]);
  });
});
