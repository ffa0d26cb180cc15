import { describe, expect, test } from 'vitest';
import { plan, rolloutOutcome, type ReplicaView, type RouteView, type World } from '../../../server/deployments/plan.js';
import type { Acknowledgement } from '../../../server/routing/acknowledgements.js';
import { statusOf } from '../../../server/deployments/status.js';
import type { WantedGeneration } from '../../../server/deployments/template.js';

const NOW = new Date('2026-01-01T00:00:00Z');
const ago = (ms: number): Date => new Date(NOW.getTime() - ms);

let serial = 0;
const replica = (versionId: string, state: ReplicaView['state'], more: Partial<ReplicaView> = {}): ReplicaView => ({
  id: `r${++serial}`,
  versionId,
  template: 't',
  generation: 1,
  state,
  startAfter: null,
  createdAt: ago(100_000 - serial),
  readyAt: null,
  stoppedAt: null,
  reason: null,
  ...more,
});
const wants = (generation: number, ...targets: [versionId: string, replicas: number, weight?: number][]): WantedGeneration => ({
  generation,
  targets: targets.map(([versionId, replicas, weight = 100]) => ({ versionId, template: 't', weight, shadowPercent: 0, replicas })),
});
/** `a` serves, and `b` is its shadow. */
const shadowed = (generation: number): WantedGeneration => {
  const [serving, shadow] = wants(generation, ['a', 1], ['b', 1, 0]).targets;
  return { generation, targets: [serving!, { ...shadow!, shadowPercent: 10 }] };
};
const routeTo = (generation: number, ...targets: [versionId: string, ids: string[], weight?: number][]): RouteView => ({
  generation,
  targets: targets.map(([versionId, ids, weight = 100]) => ({ versionId, weight, shadowPercent: 0, replicaIds: [...ids].sort() })),
});
const gateway = (acknowledgedVersion: number, inFlight: Acknowledgement['inFlight'] = {}): Acknowledgement => ({ acknowledgedVersion, inFlight });
const world = (parts: Partial<World> & Pick<World, 'desired'>): World => ({
  deleting: false,
  routed: null,
  rollout: { state: 'PROGRESSING', startedAt: ago(1_000) },
  replicas: [],
  route: null,
  routeVersion: 7,
  gateways: [gateway(7)],
  now: NOW,
  ...parts,
});
const kinds = (w: World): string[] => plan(w).steps.map((s) => ('replicaId' in s ? `${s.kind} ${s.replicaId}` : s.kind));

test('a new deployment: as many replicas as wanted are created, and nothing is routed yet', () => {
  const { steps } = plan(world({ desired: wants(1, ['a', 2]) }));
  expect(steps).toEqual([1, 2].map(() => ({ kind: 'CREATE', versionId: 'a', template: 't', generation: 1, attempt: 0, startAfter: NOW })));
});

test('the first READY replica is routed at once, since nothing serves yet', () => {
  const [ready, loading] = [replica('a', 'READY'), replica('a', 'LOADING')];
  const { steps } = plan(world({ desired: wants(1, ['a', 2]), replicas: [ready, loading] }));
  expect(steps).toEqual([{ kind: 'ROUTE', route: routeTo(1, ['a', [ready.id]]) }]);
});

test('a settled deployment has nothing to do', () => {
  const ready = replica('a', 'READY');
  const settled = world({
    desired: wants(1, ['a', 1]),
    routed: wants(1, ['a', 1]),
    route: routeTo(1, ['a', [ready.id]]),
    replicas: [ready],
    rollout: { state: 'SUCCEEDED', startedAt: NOW },
  });
  expect(plan(settled)).toEqual({ steps: [], lookAgainAt: null });
  expect(statusOf(settled, null, []).phase).toBe('READY');
});

test('a new version: the old one keeps its route and its replicas until the new one is complete', () => {
  const [old, fresh] = [replica('a', 'READY'), replica('b', 'LOADING')];
  const rolling = world({ desired: wants(2, ['b', 1]), routed: wants(1, ['a', 1]), route: routeTo(1, ['a', [old.id]]), replicas: [old, fresh] });
  expect(plan(rolling).steps).toEqual([]);
  expect(statusOf(rolling, null, [])).toMatchObject({ phase: 'LOADING', conditions: [{ type: 'Available', status: 'TRUE' }, {}, {}] });
});

test('an old replica that dies during a rollout is restarted: it still serves', () => {
  const dead = replica('a', 'FAILED', { stoppedAt: ago(10), readyAt: ago(60_000), reason: 'killed' });
  const fresh = replica('b', 'LOADING', { generation: 2 });
  const { steps } = plan(world({ desired: wants(2, ['b', 1]), routed: wants(1, ['a', 1]), route: routeTo(1, ['a', [dead.id]]), replicas: [dead, fresh] }));
  expect(steps).toMatchObject([
    { kind: 'ROUTE', route: { targets: [{ versionId: 'a', replicaIds: [] }] } },
    { kind: 'CREATE', versionId: 'a', startAfter: NOW },
  ]);
});

test('once the new version is complete the route moves, and the old replica drains but is not stopped in the same pass', () => {
  const [old, fresh] = [replica('a', 'READY'), replica('b', 'READY')];
  const { steps } = plan(world({ desired: wants(2, ['b', 1]), routed: wants(1, ['a', 1]), route: routeTo(1, ['a', [old.id]]), replicas: [old, fresh] }));
  expect(steps).toMatchObject([
    { kind: 'ROUTE', route: routeTo(2, ['b', [fresh.id]]) },
    { kind: 'DRAIN', replicaId: old.id },
  ]);
});

test.each([
  ['one gateway has not acknowledged', [gateway(7), gateway(6)], []],
  ['a gateway still waits for an answer of it', [gateway(7, { OLD: 1 })], []],
  ['every gateway has let go of it', [gateway(7), gateway(8, { other: 3 })], ['STOP OLD']],
  ['no gateway lives', [], ['STOP OLD']],
])('a draining replica is stopped only when no gateway can send to it: %s', (_, gateways, expected) => {
  const [old, fresh] = [replica('a', 'DRAINING', { id: 'OLD' }), replica('b', 'READY')];
  expect(
    kinds(world({ desired: wants(2, ['b', 1]), routed: wants(2, ['b', 1]), route: routeTo(2, ['b', [fresh.id]]), replicas: [old, fresh], gateways })),
  ).toEqual(expected);
});

test('scaling down stops the newest and keeps what serves', () => {
  const [first, second, third] = [replica('a', 'READY'), replica('a', 'READY'), replica('a', 'LOADING')];
  const { steps } = plan(
    world({ desired: wants(2, ['a', 1]), routed: wants(1, ['a', 3]), route: routeTo(1, ['a', [first.id, second.id]]), replicas: [first, second, third] }),
  );
  expect(steps).toMatchObject([
    { kind: 'ROUTE', route: routeTo(2, ['a', [first.id]]) },
    { kind: 'DRAIN', replicaId: second.id },
    { kind: 'DRAIN', replicaId: third.id },
  ]);
});

test('two targets are routed with their weights, and only together', () => {
  const [a, b] = [replica('a', 'READY'), replica('b', 'LOADING')];
  const desired = wants(1, ['a', 1, 90], ['b', 1, 10]);
  expect(kinds(world({ desired, replicas: [a, b] }))).toEqual([]);
  const { steps } = plan(world({ desired, replicas: [a, { ...b, state: 'READY' }] }));
  expect(steps).toEqual([{ kind: 'ROUTE', route: routeTo(1, ['a', [a.id], 90], ['b', [b.id], 10]) }]);
});

test('the next start waits longer after each failure, and a replica that served for long starts the count anew', () => {
  const failed = (ms: number, served = false): ReplicaView => replica('a', 'FAILED', { stoppedAt: ago(ms), readyAt: served ? ago(ms + 40_000) : null });
  const delayAfter = (...ended: ReplicaView[]): number => {
    const [step] = plan(world({ desired: wants(1, ['a', 1]), replicas: ended })).steps;
    return step?.kind === 'CREATE' ? step.startAfter.getTime() - NOW.getTime() : NaN;
  };
  expect(delayAfter(failed(1))).toBe(0);
  expect(delayAfter(failed(1), failed(2))).toBe(500);
  expect(delayAfter(failed(1), failed(2), failed(3), failed(4))).toBe(2_000);
  expect(delayAfter(failed(1), failed(2, true), failed(50_000), failed(60_000))).toBe(500);
  expect(delayAfter(failed(1), failed(11 * 60_000))).toBe(0);
});

describe('a stable service forgives the failures before it', () => {
  const SEVEN = [1, 2, 3, 4, 5, 6, 7].map((n) => replica('a', 'FAILED', { readyAt: ago(100_000 + n * 1_000), stoppedAt: ago(99_500 + n * 1_000) }));
  const delayAfter = (...others: ReplicaView[]): number => {
    const { steps } = plan(world({ desired: wants(1, ['a', 2]), replicas: [...SEVEN, ...others] }));
    const create = steps.find((step) => step.kind === 'CREATE');
    return create?.kind === 'CREATE' ? create.startAfter.getTime() - NOW.getTime() : NaN;
  };

  test('seven failures alone are waited for', () => expect(delayAfter()).toBe(16_000));
  test('of a replica that was stopped on purpose after 45 s', () =>
    expect(delayAfter(replica('a', 'STOPPED', { readyAt: ago(50_000), stoppedAt: ago(5_000) }))).toBe(0));
  test('of a replica that failed after 45 s: its end is the first failure', () =>
    expect(delayAfter(replica('a', 'FAILED', { readyAt: ago(50_000), stoppedAt: ago(5_000) }))).toBe(0));
  test('of one that still serves', () => expect(delayAfter(replica('a', 'READY', { readyAt: ago(45_000) }))).toBe(0));
  test('but not of one that served too short', () => {
    expect(delayAfter(replica('a', 'STOPPED', { readyAt: ago(50_000), stoppedAt: ago(30_000) }))).toBe(16_000);
    expect(delayAfter(replica('a', 'READY', { readyAt: ago(20_000) }))).toBe(16_000);
  });
  test('nor of one that was READY before they failed, beside them', () => expect(delayAfter(replica('a', 'READY', { readyAt: ago(900_000) }))).toBe(16_000));
  test('nor of another version', () => expect(delayAfter(replica('b', 'STOPPED', { readyAt: ago(50_000), stoppedAt: ago(5_000) }))).toBe(16_000));
});

test('a clock that was set back by an hour holds no start up', () => {
  const ahead = (ms: number): Date => new Date(NOW.getTime() + 3_600_000 + ms);
  const waiting = replica('a', 'PENDING', { startAfter: ahead(500) });
  const w = world({ desired: wants(1, ['a', 1]), replicas: [waiting] });
  expect(plan(w)).toMatchObject({ steps: [{ kind: 'LAUNCH', replicaId: waiting.id }], lookAgainAt: null });
  const failed = [1, 2, 3, 4].map((n) => replica('a', 'FAILED', { stoppedAt: ahead(-n) }));
  expect(plan(world({ desired: wants(1, ['a', 1]), replicas: failed })).steps).toMatchObject([{ kind: 'CREATE', startAfter: NOW }]);
});

test('a waiting replica is launched when its time has come, and looked at then', () => {
  const later = new Date(NOW.getTime() + 500);
  const waiting = replica('a', 'PENDING', { startAfter: later });
  const before = world({ desired: wants(1, ['a', 1]), replicas: [waiting] });
  expect(plan(before)).toEqual({ steps: [], lookAgainAt: later });
  expect(plan({ ...before, now: later }).steps).toEqual([{ kind: 'LAUNCH', replicaId: waiting.id }]);
});

test('a rollout fails after three failed starts, and the old version goes on serving without the new one', () => {
  const old = replica('a', 'READY');
  const failures = [1, 2, 3].map((ms) => replica('b', 'FAILED', { generation: 2, stoppedAt: ago(ms), reason: 'bad weights' }));
  const rolling = world({ desired: wants(2, ['b', 1]), routed: wants(1, ['a', 1]), route: routeTo(1, ['a', [old.id]]), replicas: [old, ...failures] });
  expect(rolloutOutcome(rolling)).toEqual({ state: 'FAILED', reason: 'a replica failed to start 3 times: bad weights' });
  const given = { ...rolling, rollout: { state: 'FAILED', startedAt: NOW } } as const;
  expect(plan(given).steps).toEqual([]);
  const { phase, conditions } = statusOf(given, 'bad weights', []);
  expect(phase).toBe('FAILED');
  expect(conditions.map((c) => `${c.type} ${c.status}`)).toEqual(['Available TRUE', 'Progressing FALSE', 'Degraded TRUE']);
});

test('two failures are not yet a failed rollout, and earlier generations do not count', () => {
  const failures = [
    replica('b', 'FAILED', { generation: 2, stoppedAt: ago(1) }),
    replica('b', 'FAILED', { generation: 2, stoppedAt: ago(2) }),
    replica('b', 'FAILED', { generation: 1, stoppedAt: ago(3) }),
  ];
  expect(rolloutOutcome(world({ desired: wants(2, ['b', 1]), replicas: failures }))).toEqual({ state: 'PROGRESSING' });
});

test('a rollout succeeds only when every gateway has acknowledged, and there is one', () => {
  const ready = replica('a', 'READY');
  const routed = world({ desired: wants(1, ['a', 1]), routed: wants(1, ['a', 1]), route: routeTo(1, ['a', [ready.id]]), replicas: [ready] });
  expect(rolloutOutcome(routed)).toEqual({ state: 'SUCCEEDED' });
  expect(rolloutOutcome({ ...routed, gateways: [gateway(6)] })).toEqual({ state: 'PROGRESSING' });
  expect(rolloutOutcome({ ...routed, gateways: [] })).toEqual({ state: 'PROGRESSING' });
});

test('a rollout that hangs is given up after ten minutes', () => {
  const hanging = world({ desired: wants(1, ['a', 1]), replicas: [replica('a', 'LOADING')], rollout: { state: 'PROGRESSING', startedAt: ago(601_000) } });
  expect(rolloutOutcome(hanging)).toMatchObject({ state: 'FAILED', reason: expect.stringContaining('10 minutes') });
});

test('a superseded rollout whose route had moved keeps serving until the next one is complete', () => {
  const serving = replica('b', 'READY');
  const { steps } = plan(world({ desired: wants(3, ['c', 1]), routed: wants(2, ['b', 1]), route: routeTo(2, ['b', [serving.id]]), replicas: [serving] }));
  expect(steps).toMatchObject([{ kind: 'CREATE', versionId: 'c' }]);
});

test('deleting withdraws the route, drains, stops, and is done when nothing runs', () => {
  const ready = replica('a', 'READY');
  const deleting = world({
    deleting: true,
    desired: wants(1, ['a', 1]),
    routed: wants(1, ['a', 1]),
    route: routeTo(1, ['a', [ready.id]]),
    replicas: [ready, replica('a', 'PENDING', { id: 'WAITS' })],
  });
  expect(kinds(deleting)).toEqual(['WITHDRAW', `DRAIN ${ready.id}`, 'STOP WAITS']);
  expect(statusOf(deleting, null, []).phase).toBe('DELETING');
  const withdrawn = { ...deleting, route: null, routed: null, replicas: [{ ...ready, state: 'DRAINING' as const }] };
  expect(kinds(withdrawn)).toEqual([`STOP ${ready.id}`]);
  expect(statusOf({ ...withdrawn, replicas: [] }, null, []).phase).toBe('DELETED');
});

/** What gateways have of `shadowed`: the shadow with these replicas. */
const shadowRoute = (generation: number, serving: string[], shadow: string[]): RouteView => {
  const [a, b] = routeTo(generation, ['a', serving], ['b', shadow, 0]).targets;
  return { generation, targets: [a!, { ...b!, shadowPercent: 10 }] };
};

test('a shadow is started like any target, and what serves does not wait for it', () => {
  const [old, loading] = [replica('a', 'READY'), replica('b', 'LOADING')];
  const adding = world({ desired: shadowed(2), routed: wants(1, ['a', 1]), route: routeTo(1, ['a', [old.id]]), replicas: [old] });
  expect(plan(adding).steps).toMatchObject([
    { kind: 'ROUTE', route: shadowRoute(2, [old.id], []) },
    { kind: 'CREATE', versionId: 'b' },
  ]);
  const routed = { ...adding, routed: shadowed(2), route: shadowRoute(2, [old.id], []), replicas: [old, loading] };
  expect(rolloutOutcome(routed)).toEqual({ state: 'SUCCEEDED' });
  const up = { ...loading, state: 'READY' as const };
  expect(plan({ ...routed, replicas: [old, up] }).steps).toEqual([{ kind: 'ROUTE', route: shadowRoute(2, [old.id], [up.id]) }]);
});

test('a shadow that cannot start fails no rollout: it is tried again, and the condition says why it is missing', () => {
  const serving = replica('a', 'READY');
  const failures = [1, 2, 3].map((ms) => replica('b', 'FAILED', { generation: 2, stoppedAt: ago(ms), reason: 'bad weights' }));
  const rolling = world({ desired: shadowed(2), routed: shadowed(2), route: shadowRoute(2, [serving.id], []), replicas: [serving, ...failures] });
  expect(rolloutOutcome(rolling)).toEqual({ state: 'SUCCEEDED' });
  expect(plan(rolling).steps).toMatchObject([{ kind: 'CREATE', versionId: 'b', attempt: 3 }]);
  const { phase, conditions } = statusOf({ ...rolling, rollout: { state: 'SUCCEEDED', startedAt: NOW } }, null, []);
  expect(phase).toBe('READY');
  expect(conditions).toMatchObject([
    { type: 'Available', status: 'TRUE' },
    { type: 'Progressing', status: 'FALSE' },
    { type: 'Degraded', status: 'TRUE', reason: 'ShadowMissing', message: expect.stringMatching(/callers are still served; .*bad weights/) },
  ]);
});
