/** Scaling policies on a real database, from windows as gateways write them; time is the test's. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AuditEntryEntity, EventEntity } from '../../../server/database/change.entities.js';
import { ScalingDecisionEntity } from '../../../server/autoscaling/autoscaling.entities.js';
import { pruneDecisions } from '../../../server/autoscaling/decision-retention.js';
import type { SetScalingPolicyRequest } from '../../../server/autoscaling/scaling-policy.service.js';
import { NotLeaderError } from '../../../server/database/leadership.js';
import { countStatements } from '../../support/count-statements.js';
import { eventually } from '../../support/eventually.js';
import { ACTOR, leads, lost, MonitoredWorld, type TestDeployment } from '../../support/monitored-world.js';

let world: MonitoredWorld;
beforeAll(async () => {
  world = await MonitoredWorld.create();
});
afterAll(() => world.drop());

const policyOf = (deployment: TestDeployment, more: Partial<SetScalingPolicyRequest> = {}): SetScalingPolicyRequest => ({
  deployment: { id: deployment.id },
  minReplicas: 1,
  maxReplicas: 8,
  targetInFlight: 4,
  windowMs: 20_000,
  scaleDownWindowMs: 30_000,
  input: {},
  ...more,
});
const set = (deployment: TestDeployment, more?: Partial<SetScalingPolicyRequest>) => world.autoscaling.service.set(ACTOR, policyOf(deployment, more));
const evaluate = (deployment: TestDeployment) => world.autoscaling.autoscaler.evaluate(deployment.id, leads);
const replicas = async (deployment: TestDeployment) => (await world.deployment(deployment.id)).scaledReplicas;
const ledger = (deployment: TestDeployment) =>
  world.database.dataSource.manager.find(ScalingDecisionEntity, { where: { deploymentId: deployment.id }, order: { at: 'ASC' } });

/** A slot of 5 s passes at each of these loads, and a decision follows each. */
async function live(deployment: TestDeployment, loads: readonly (number | null)[]): Promise<void> {
  for (const load of loads) {
    await world.pass(5_000);
    if (load !== null) await world.addWindows(deployment, [{ inFlight: load, queue: load / 2 }]);
    await evaluate(deployment);
  }
}

const times = <T>(count: number, value: T): T[] => new Array<T>(count).fill(value);

test('follows the load up at once and down slowly, and the ledger tells it', async () => {
  const deployment = await world.addDeployment('follows');
  await set(deployment);
  expect(await replicas(deployment)).toBe(1);
  await live(deployment, times(8, 3.8));
  expect(await replicas(deployment)).toBe(1);
  await live(deployment, times(5, 16));
  expect(await replicas(deployment)).toBe(4);
  await live(deployment, times(5, 2));
  expect(await replicas(deployment)).toBe(4);
  await live(deployment, times(8, 2));
  expect(await replicas(deployment)).toBe(1);

  const decisions = await ledger(deployment);
  expect(decisions.map((d) => [d.action, d.inputs['rule'], d.fromReplicas, d.toReplicas])).toEqual([
    ['HOLD', 'TOO_FEW_WINDOWS', 1, 1],
    ['HOLD', 'WITHIN_TOLERANCE', 1, 1],
    ['HOLD', 'ONE_WINDOW', 1, 1],
    ['SCALE_UP', 'LOAD_ABOVE_TARGET', 1, 3],
    // The mean of 3.8 and three times 16 is 8 % above what three carry.
    ['HOLD', 'WITHIN_TOLERANCE', 3, 3],
    ['SCALE_UP', 'LOAD_ABOVE_TARGET', 3, 4],
    ['HOLD', 'WITHIN_TOLERANCE', 4, 4],
    ['HOLD', 'RIGHT_NUMBER', 4, 4],
    ['HOLD', 'SCALE_DOWN_WINDOW', 4, 4],
    ['SCALE_DOWN', 'LOAD_BELOW_TARGET', 4, 3],
    ['SCALE_DOWN', 'LOAD_BELOW_TARGET', 3, 2],
    ['SCALE_DOWN', 'LOAD_BELOW_TARGET', 2, 1],
    ['HOLD', 'RIGHT_NUMBER', 1, 1],
  ]);
  const up = decisions.find((d) => d.action === 'SCALE_UP')!;
  expect(up.reason).toMatch(
    /^\d+(\.\d+)? requests were in flight at version \d+ of [a-z0-9-]+ \(mean of 4 windows\), \d+(\.\d+)? a replica, \d+(\.\d+)? times the target of 4: from 1 to 3 replicas$/,
  );
  expect(up.inputs).toMatchObject({ currentReplicas: 1, targetInFlight: 4, recommended: 3, load: { [deployment.versionIds[0]!]: { windows: 4 } } });

  const audit = await world.database.dataSource.manager.find(AuditEntryEntity, {
    where: { objectId: deployment.id, action: 'setScaledReplicas' },
    order: { sequence: 'ASC' },
  });
  expect(audit.map((entry) => [entry.actor, entry.detail['to']])).toEqual([[ACTOR, 1], ...[3, 4, 3, 2, 1].map((to) => ['system:autoscaler', to])]);
  const events = await world.database.dataSource.manager.find(EventEntity, { where: { subjectId: deployment.id, type: 'SCALED' }, order: { sequence: 'ASC' } });
  expect(events.at(-1)!.payload['message']).toBe('replicas of each target: 2 → 1');
});

test('follows the load of what is routed, while a rollout to another version is under way or has failed', async () => {
  const deployment = await world.addDeployment('routed');
  await set(deployment);
  await world.addRoute(deployment);
  const next = await world.addVersion();
  const spec = { targets: [{ versionId: next, weight: 100, shadowPercent: 0 }] };
  await world.deployments.service.deploy(ACTOR, { project: 'default', name: 'routed', spec, reason: '', input: {} });
  await live(deployment, times(8, 16));
  expect(await replicas(deployment)).toBe(4);
});

test('acts on no missing data: none yet, a gap, stale windows, a dead gateway', async () => {
  const deployment = await world.addDeployment('missing', { replicas: 4 });
  await set(deployment);
  expect((await evaluate(deployment))!.reason).toContain('has reported nothing yet on version');
  await live(deployment, times(12, 16));
  expect(await replicas(deployment)).toBe(4);
  await live(deployment, [null, 0, 0, 0]);
  expect((await evaluate(deployment))!).toMatchObject({ action: 'HOLD', rule: 'MISSING_DATA', reason: expect.stringContaining('did not report on version') });
  // The gateway lives but says nothing any more.
  await live(deployment, times(20, null));
  expect((await evaluate(deployment))!).toMatchObject({ action: 'HOLD', rule: 'MISSING_DATA' });
  await live(deployment, times(12, 400));
  expect(await replicas(deployment)).toBe(8);
  // Nobody measures at all.
  world.now = new Date(world.now.getTime() + 60_000);
  expect((await evaluate(deployment))!.reason).toBe('the number of replicas stays while data is missing: no gateway is alive, so the load is not measured');
  expect(await replicas(deployment)).toBe(8);
  await world.pass(0);
});

test('all gateways count, and one that is silent holds', async () => {
  const deployment = await world.addDeployment('gateways');
  await set(deployment);
  const other = await world.addGateway();
  await world.addWindows(deployment, times(10, { inFlight: 4 }));
  expect((await evaluate(deployment))!).toMatchObject({
    action: 'HOLD',
    rule: 'MISSING_DATA',
    reason: expect.stringContaining(`gateway ${other.slice(0, 8)}`),
  });
  await world.addWindows(deployment, times(10, { inFlight: 8 }), { gatewayId: other });
  expect((await evaluate(deployment))!).toMatchObject({ action: 'SCALE_UP', to: 3 });
  await world.database.dataSource.query('DELETE FROM gateway WHERE id = $1', [other]);
});

test('a server that lost the lead writes nothing', async () => {
  const deployment = await world.addDeployment('lost');
  await set(deployment);
  await world.addWindows(deployment, times(10, { inFlight: 30 }));
  const before = await world.footprint();
  await expect(world.autoscaling.autoscaler.evaluate(deployment.id, lost)).rejects.toThrow(NotLeaderError);
  await expect(world.autoscaling.autoscaler.evaluateAll(lost)).rejects.toThrow(NotLeaderError);
  expect(await world.footprint()).toEqual(before);
  expect(await evaluate(deployment)).toMatchObject({ action: 'SCALE_UP', to: 8 });
});

test('a decision costs the same number of statements however many windows, targets and decisions there are', async () => {
  const few = await world.addDeployment('cost-few');
  const many = await world.addDeployment('cost-many', { targets: 4 });
  await set(few);
  await set(many);
  await world.addWindows(few, times(2, { inFlight: 4 }));
  for (const versionId of many.versionIds) await world.addWindows(many, times(10, { inFlight: 4 }), { versionId });
  for (const deployment of [few, many]) await evaluate(deployment);
  const counts = [];
  for (const deployment of [few, many]) counts.push((await countStatements(world.database.dataSource, () => evaluate(deployment))).count);
  expect(counts[1]).toBe(counts[0]);
});

describe('the policy', () => {
  test.each([
    [1, { minReplicas: 3, maxReplicas: 5 }, 3, ['SCALE_UP', 'BELOW_MINIMUM']],
    [6, { minReplicas: 1, maxReplicas: 2 }, 2, ['SCALE_DOWN', 'ABOVE_MAXIMUM']],
    [2, { minReplicas: 1, maxReplicas: 4 }, 2, undefined],
  ] as const)('takes %i replicas over within %o at once', async (before, bounds, after, entry) => {
    const deployment = await world.addDeployment(`bounds-${before}`, { replicas: before });
    await set(deployment, bounds);
    expect(await replicas(deployment)).toBe(after);
    expect((await ledger(deployment)).map((d) => [d.action, d.inputs['rule']])).toEqual(entry ? [entry] : []);
    await expect(world.deployments.service.scale(ACTOR, { ref: { id: deployment.id }, replicas: 7, reason: '' })).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
    });
  });

  test('changes with a new generation, and not at all when nothing is new', async () => {
    const deployment = await world.addDeployment('generations');
    const first = await set(deployment);
    const before = await world.footprint();
    expect(await set(deployment)).toMatchObject({ id: first.id, generation: 1 });
    expect(await world.footprint()).toEqual(before);
    expect(await set(deployment, { maxReplicas: 9, expectedGeneration: 1 })).toMatchObject({ id: first.id, generation: 2, maxReplicas: 9 });
  });

  test('deleted, it gives the deployment back to its spec, keeps its ledger, and may come again', async () => {
    const deployment = await world.addDeployment('gives-back', { replicas: 2 });
    const policy = await set(deployment, { minReplicas: 4 });
    expect(await replicas(deployment)).toBe(4);
    const deleted = await world.autoscaling.service.delete(ACTOR, { id: deployment.id }, 1);
    expect(deleted).toMatchObject({ id: policy.id, deletedAt: world.now });
    expect(await replicas(deployment)).toBeNull();
    expect(await ledger(deployment)).toHaveLength(1);
    expect(await evaluate(deployment)).toBeUndefined();
    expect((await set(deployment)).id).not.toBe(policy.id);
    expect(await replicas(deployment)).toBe(2);
  });

  test('ends with its deployment', async () => {
    const deployment = await world.addDeployment('ends');
    await set(deployment);
    expect(await replicas(deployment)).not.toBeNull();
    await world.deleteDeployment(deployment.id);
    expect(await replicas(deployment)).toBeNull();
    expect(await evaluate(deployment)).toBeUndefined();
    expect(await world.autoscaling.service.ofDeployments([deployment.id])).toEqual([]);
  });
});

test('the leader evaluates by the clock until its lead ends', async () => {
  const deployment = await world.addDeployment('clock');
  await set(deployment);
  await world.addWindows(deployment, times(10, { inFlight: 12 }));
  const stop = new AbortController();
  world.autoscaling.autoscaler.lead(leads, stop.signal);
  // Every five seconds, but a pass that this process was too busy for is left out.
  await eventually(async () => (await replicas(deployment)) === 3, 'three replicas', 40_000);
  stop.abort();
  await world.autoscaling.autoscaler.idle();
}, 60_000);

test('old decisions go, the newest of a policy stay', async () => {
  const deployment = await world.addDeployment('old');
  for (let i = 1; i <= 6; i++) await set(deployment, { minReplicas: i });
  const { dataSource } = world.database;
  const before = (await ledger(deployment)).length;
  await world.pass(1_000);
  await expect(pruneDecisions(dataSource, lost, world.now, 500, 2, 2)).rejects.toThrow(NotLeaderError);
  expect(await ledger(deployment)).toHaveLength(before);
  await pruneDecisions(dataSource, leads, world.now, 500, 2, 2);
  expect(before).toBe(5);
  expect((await ledger(deployment)).length).toBe(2);
});
