import { describe, expect, test } from 'vitest';
import { decide, type ScalingRules } from '../../../server/autoscaling/decide.js';
import type { ObservedLoad } from '../../../server/autoscaling/load.js';

const V1 = '11111111-0000-4000-8000-000000000000';
const V2 = '22222222-0000-4000-8000-000000000000';
const rules: ScalingRules = { minReplicas: 1, maxReplicas: 10, targetInFlight: 4, windowMs: 30_000, scaleDownWindowMs: 300_000 };

/** One target whose every window had the same load, and a history that recommended so many replicas. */
function steady(load: number, history: readonly number[] = [1], more: Partial<ObservedLoad> = {}): ObservedLoad {
  return seen(new Array<number>(6).fill(load), history, more);
}

function seen(samples: readonly number[], history: readonly number[] = [1], more: Partial<ObservedLoad> = {}): ObservedLoad {
  return {
    targets: [{ versionId: V1, version: '1 of m', samples }],
    missing: null,
    recommendations: history.map((replicas, at) => ({ at, replicas })),
    knownForMs: 330_000,
    ...more,
  };
}

describe('up: the ceiling of the present number times the ratio', () => {
  test.each([
    [1, 4, 1, 'WITHIN_TOLERANCE'],
    [1, 2, 1, 'RIGHT_NUMBER'],
    [3, 10, 3, 'RIGHT_NUMBER'],
    [1, 8, 2, 'LOAD_ABOVE_TARGET'],
    [1, 9, 3, 'LOAD_ABOVE_TARGET'],
    [2, 12, 3, 'LOAD_ABOVE_TARGET'],
    [3, 39, 10, 'LOAD_ABOVE_TARGET'],
    [1, 400, 10, 'LOAD_ABOVE_TARGET'],
    // 3 × 0.1 / 0.1 is 3.0000000000000004 in floating point: not a fourth replica.
    [10, 400, 10, 'AT_MAXIMUM'],
  ])('%i replicas with %d in flight become %i', (current, load, to, rule) => {
    const decision = decide(rules, current, steady(load));
    expect([decision.to, decision.rule]).toEqual([to, rule]);
    expect(decision.action).toBe(to > current ? 'SCALE_UP' : 'HOLD');
  });

  test('a rounding error asks for no replica more', () => {
    expect(decide({ ...rules, targetInFlight: 0.1 }, 1, steady(0.1 + 0.2)).to).toBe(3);
  });
});

describe('within a tolerance of 0.1 nothing happens', () => {
  test.each([
    [10, 44, 'HOLD', 10],
    [10, 44.1, 'SCALE_UP', 10 + 2],
    [10, 36, 'HOLD', 10],
    [10, 35.9, 'SCALE_DOWN', 9],
    [2, 8.8, 'HOLD', 2],
    [2, 7.2, 'HOLD', 2],
  ])('%i replicas with %d in flight: %s', (current, load, action, to) => {
    const decision = decide({ ...rules, maxReplicas: 20 }, current, steady(load));
    expect([decision.action, decision.to]).toEqual([action, to]);
  });
});

describe('missing data decides nothing', () => {
  const missing = 'no gateway is alive, so the load is not measured';
  test.each([
    ['a load that is far too high', steady(400, [1], { missing })],
    ['a load that is far too low', steady(0, [1], { missing })],
    ['no target', { ...steady(0), targets: [] }],
  ])('%s', (_name, load) => {
    const decision = decide(rules, 5, load);
    expect([decision.action, decision.to, decision.rule]).toEqual(['HOLD', 5, 'MISSING_DATA']);
  });

  test('says what is missing', () => {
    expect(decide(rules, 5, steady(400, [1], { missing })).reason).toBe(`the number of replicas stays while data is missing: ${missing}`);
  });

  test.each([[[]], [[400]], [[0]]])('windows %o are too few', (samples) => {
    const decision = decide(rules, 5, seen(samples));
    expect([decision.action, decision.rule, decision.reason]).toEqual([
      'HOLD',
      'TOO_FEW_WINDOWS',
      `version 1 of m has ${samples.length} of the 2 windows that a decision needs`,
    ]);
  });

  test('one target without windows holds all', () => {
    const load: ObservedLoad = {
      ...steady(400),
      targets: [
        { versionId: V1, version: '1 of m', samples: [400, 400] },
        { versionId: V2, version: '2 of m', samples: [] },
      ],
    };
    expect(decide(rules, 5, load).rule).toBe('TOO_FEW_WINDOWS');
  });
});

describe('one window alone moves nothing', () => {
  test.each([
    ['one spike of six', 2, [8, 8, 8, 8, 8, 200], 'HOLD', 2],
    ['one spike of two', 2, [8, 200], 'HOLD', 2],
    ['two spikes of six', 2, [8, 8, 8, 8, 200, 200], 'SCALE_UP', 10],
    ['one dip of six', 2, [8, 8, 8, 8, 8, 0], 'HOLD', 2],
    ['a load that lasts', 2, [30, 30], 'SCALE_UP', 8],
  ] as const)('%s', (_name, current, samples, action, to) => {
    const decision = decide(rules, current, seen(samples));
    expect([decision.action, decision.to]).toEqual([action, to]);
  });
});

describe('down: to the highest that was right at any moment of the scale-down window', () => {
  test.each([
    ['never more than one', 8, 1, [1, 1, 1], 'SCALE_DOWN', 1, 'LOAD_BELOW_TARGET'],
    ['four once', 8, 1, [1, 4, 1], 'SCALE_DOWN', 4, 'LOAD_BELOW_TARGET'],
    ['eight once', 8, 1, [8, 1, 1], 'HOLD', 8, 'SCALE_DOWN_WINDOW'],
    ['more than there are, once', 8, 1, [30, 1], 'HOLD', 8, 'SCALE_DOWN_WINDOW'],
    ['nothing in flight at all', 3, 0, [0, 0], 'SCALE_DOWN', 1, 'LOAD_BELOW_TARGET'],
    ['at the minimum already', 1, 0, [0], 'HOLD', 1, 'AT_MINIMUM'],
  ] as const)('%s', (_name, current, load, history, action, to, rule) => {
    const decision = decide(rules, current, steady(load, history));
    expect([decision.action, decision.to, decision.rule]).toEqual([action, to, rule]);
  });

  test('not below the minimum', () => {
    expect(decide({ ...rules, minReplicas: 3 }, 8, steady(0, [0])).to).toBe(3);
  });

  test('not before the load is known for the whole window', () => {
    const decision = decide(rules, 8, steady(1, [1], { knownForMs: 120_000 }));
    expect([decision.action, decision.rule]).toEqual(['HOLD', 'SHORT_HISTORY']);
    expect(decision.reason).toContain('known for only 120 s of the 300 s');
    // Going up need not wait.
    expect(decide(rules, 2, steady(40, [1], { knownForMs: 10_000 })).action).toBe('SCALE_UP');
  });
});

describe('the bounds of the policy are kept whatever the load', () => {
  test.each([
    [{ minReplicas: 3, maxReplicas: 5 }, 1, 'SCALE_UP', 3, 'BELOW_MINIMUM', "1 replicas are fewer than the policy's minimum of 3"],
    [{ minReplicas: 1, maxReplicas: 2 }, 8, 'SCALE_DOWN', 2, 'ABOVE_MAXIMUM', "8 replicas are more than the policy's maximum of 2"],
  ] as const)('%o at %i', (bounds, current, action, to, rule, reason) => {
    const decision = decide({ ...rules, ...bounds }, current, steady(0, [], { missing: 'nothing is known' }));
    expect(decision).toMatchObject({ action, to, rule, reason });
  });
});

describe('several targets', () => {
  test('the busiest one decides', () => {
    const load: ObservedLoad = {
      ...steady(0),
      targets: [
        { versionId: V1, version: '1 of m', samples: [1, 1, 1] },
        { versionId: V2, version: '2 of m', samples: [20, 20, 20] },
      ],
    };
    const decision = decide(rules, 1, load);
    expect([decision.action, decision.to]).toEqual(['SCALE_UP', 5]);
    expect(decision.reason).toContain('at version 2 of m');
  });

  test('an idle one does not pull the other down', () => {
    const load: ObservedLoad = {
      ...steady(0),
      targets: [
        { versionId: V1, version: '1 of m', samples: [0, 0, 0] },
        { versionId: V2, version: '2 of m', samples: [20, 20, 20] },
      ],
    };
    expect(decide(rules, 5, load).action).toBe('HOLD');
  });
});

test('a decision explains itself, with its inputs', () => {
  const decision = decide(rules, 2, steady(30));
  expect(decision.reason).toBe(
    '30 requests were in flight at version 1 of m (mean of 6 windows), 15 a replica, 3.75 times the target of 4: from 2 to 8 replicas',
  );
  expect(decision.inputs).toEqual({
    currentReplicas: 2,
    minReplicas: 1,
    maxReplicas: 10,
    targetInFlight: 4,
    windowMs: 30_000,
    scaleDownWindowMs: 300_000,
    load: { [V1]: { windows: 6, meanInFlight: 30 } },
    ratio: 3.75,
    recommended: 8,
  });
});

test('a load that flaps every window leaves the replicas where its mean puts them', () => {
  let current = 2;
  const moves: number[] = [];
  const history: number[] = [];
  const samples: number[] = [];
  for (let i = 0; i < 120; i++) {
    samples.push(i % 2 === 0 ? 2 : 26);
    const window = samples.slice(-6);
    history.push(Math.ceil(window.reduce((a, b) => a + b, 0) / window.length / 4));
    const decision = decide(rules, current, seen(window, history.slice(-60)));
    if (decision.to !== current) moves.push(decision.to);
    current = decision.to;
  }
  expect(moves).toEqual([4]);
});
