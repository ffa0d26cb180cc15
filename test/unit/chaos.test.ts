/** What a campaign of kills (`npm run chaos`) judges by: its checks must see the faults that it is there for. */
import { expect, test } from 'vitest';
import { planRounds } from '../chaos/plan.mjs';
import { markedRequest, serialOf } from '../chaos/support/model.mjs';
import { summaryOf } from '../chaos/support/report.mjs';
import { createWorld } from '../chaos/support/world.mjs';
import { whatIsMissing } from '../chaos/support/readiness.mjs';

const STEP = 1e9;
const answer = ({ a, b }: { a: Float64Array; b: Float64Array }, serial: number): Float64Array => a.map((value, i) => value - b[i]! + serial * STEP);

test('the plan follows from the seed, and kills every kind of process', () => {
  expect(planRounds({ seed: 7, rounds: 50 })).toEqual(planRounds({ seed: 7, rounds: 50 }));
  expect(planRounds({ seed: 8, rounds: 50 })).not.toEqual(planRounds({ seed: 7, rounds: 50 }));
  const kinds = new Set(planRounds({ seed: 7, rounds: 40 }).map(({ kill }) => kill));
  expect([...kinds].toSorted()).toEqual(
    ['backend', 'gateway', 'holder', 'postgres', 'replica', 'server', 'stopped gateway', 'stopped postgres', 'stopped replica', 'stopped server'].toSorted(),
  );
});

test('an answer belongs to its request and to one version, or is wrong', () => {
  const request = markedRequest(4);
  expect(serialOf(request, answer(request, 3))).toBe(3);
  const swapped = { ...request, a: request.b, b: request.a };
  expect(serialOf(request, answer(swapped, 3))).toBeUndefined();
  // Mark 7 has as many rows.
  expect(serialOf(request, answer(markedRequest(7), 3))).toBeUndefined();
  expect(serialOf(request, answer(markedRequest(5), 3))).toBeUndefined();
  const mixed = answer(request, 3);
  mixed[7] = answer(request, 2)[7]!;
  expect(serialOf(request, mixed)).toBeUndefined();
});

const nothingWrong = {
  seed: 1,
  gateways: 1,
  seconds: 10,
  told: {
    rounds: [
      { kill: 'gateway', quiet: true, answersMs: 100, readyMs: 300 },
      { kill: 'gateway', quiet: false, answersMs: 200, readyMs: 900 },
    ],
    neverReady: [] as string[],
  },
  load: { answered: 5, wrong: [] as string[], failures: {}, heldBack: 0 },
  feed: { events: 9, gaps: 0, repeated: 0, failure: undefined as string | undefined },
  maker: { records: [{ kind: 'deploy', mark: 'chaos-1', acknowledged: true, made: true, givenUp: false }], answers: { done: 1 }, untrue: [] as string[] },
  lost: [] as string[],
  doubled: [] as string[],
  untold: [] as string[],
  position: { last: 9, without: 0 },
  orphans: [] as string[],
  ended: [] as string[],
};

test('a campaign without a fault breaks nothing, and gives times by kind', () => {
  const { broken, kinds } = summaryOf(nothingWrong);
  expect(broken).toEqual([]);
  expect(kinds).toEqual([
    { kind: 'gateway', kills: 2, answers: { p50: 100, p90: 200 }, ready: { p50: 300, p90: 900 }, quietKills: 1, quietReady: { p50: 300, p90: 300 } },
  ]);
});

test.each([
  ['acknowledged changes lost', { lost: ['deploy chaos-1'] }],
  ['changes made twice', { doubled: ['deploy chaos-1: 2 rows'] }],
  ['changes without an event', { untold: ['revision 2'] }],
  ['wrong answers to mutations', { maker: { ...nothingWrong.maker, untrue: ['deploy chaos-1: UNAVAILABLE, yet it was made'] } }],
  ['changes with an unknown outcome', { maker: { ...nothingWrong.maker, records: [{ ...nothingWrong.maker.records[0]!, givenUp: true }] } }],
  ['wrong answers', { load: { ...nothingWrong.load, wrong: ['HTTP pair'] } }],
  ['events missing from the feed', { feed: { ...nothingWrong.feed, gaps: 1 } }],
  ['events missing from the feed', { position: { last: 9, without: 1 } }],
  ['events sent twice', { feed: { ...nothingWrong.feed, repeated: 1 } }],
  ['ends of the feed', { feed: { ...nothingWrong.feed, failure: 'CURSOR_EXPIRED' } }],
  ['orphans', { orphans: ['42 pilothouse-replica'] }],
  ['ends of a server without a kill', { ended: ['it ended with 1'] }],
  ['rounds that never became READY', { told: { ...nothingWrong.told, neverReady: ['round 3'] } }],
])('%s break it', (what, fault) => {
  const { broken, counts } = summaryOf({ ...nothingWrong, ...fault });
  expect(counts[what]).toBe(1);
  expect(broken).toHaveLength(1);
});

const deploymentRow = {
  name: 'pair',
  phase: 'READY',
  generation: 3,
  observedGeneration: 3,
  targets: [{ version: { number: 2 } }],
  replicas: {
    nodes: [
      { pid: 11, state: 'READY' },
      { pid: 12, state: 'STOPPED' },
    ],
  },
};

test.each([
  ['nothing', {}, {}, undefined],
  ['a deployment that should be gone', { name: 'other' }, {}, 'other is still READY'],
  ['an earlier generation', { generation: 2 }, {}, 'pair has generation 2, not 3'],
  ['a generation that is not carried out', { observedGeneration: 2 }, {}, 'pair is READY at generation 2'],
  ['an earlier version', { targets: [{ version: { number: 1 } }] }, {}, 'pair has another version as its target'],
  [
    'a replica that still drains',
    { replicas: { nodes: [...deploymentRow.replicas.nodes, { pid: 13, state: 'DRAINING' }] } },
    {},
    /1 READY replicas of 1, 2 in all/,
  ],
  ['the killed replica', {}, { killed: { role: 'replica', pid: 11 } }, /0 READY replicas of 1/],
  ['the killed gateway', {}, { killed: { role: 'gateway', pid: 21 } }, 'no other gateway runs yet'],
  ['an answer', {}, { serial: undefined }, 'pair does not answer'],
  ['an answer of the version that is wanted', {}, { serial: 1 }, 'pair answers with serial 1 and 1, not 2'],
])('READY waits for %s', async (_what, row, given: { killed?: { role: string; pid: number }; serial?: number | undefined }, missing) => {
  const world = createWorld();
  world.models.set('marked', { name: 'marked', versions: new Map([[2, { id: 'x', serial: 2 }]]) });
  const pair = { name: 'pair', model: 'marked', brief: false, live: true, served: true, generation: 0, version: 0, replicas: 0, revisions: [] };
  world.deployments.set('pair', pair);
  world.revise(pair, { number: 3, version: 2, replicas: 1 });
  const { killed, serial } = { serial: 2, killed: undefined, ...given };
  const found = await whatIsMissing(
    {
      home: { pids: () => [21], isReady: () => Promise.resolve(true) },
      client: { request: () => Promise.resolve({ deployments: { nodes: [{ ...deploymentRow, ...row }] } }) },
      load: { probe: () => Promise.resolve(serial) },
      world,
      gateways: 1,
    },
    killed,
  );
  if (missing instanceof RegExp) expect(found).toMatch(missing);
  else expect(found).toBe(missing);
});
