/** Monitoring and autoscaling as callers see them: over HTTP and WebSocket, through the API as it ships. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { toNodeId } from '../../../server/api/node-id.js';
import { countStatements } from '../../support/count-statements.js';
import { data, made, type MonitoredApi, startMonitoredApi } from '../../support/monitored-api.js';
import { ACTOR, leads } from '../../support/monitored-world.js';

let api: MonitoredApi['api'];
let world: MonitoredApi['world'];
let mutate: MonitoredApi['mutate'];
let close: MonitoredApi['close'] | undefined;
beforeAll(async () => {
  ({ api, world, mutate, close } = await startMonitoredApi());
});
afterAll(() => close?.());

const times = <T>(count: number, value: T): T[] => new Array<T>(count).fill(value);

test('metrics: a deployment and each of its targets', async () => {
  const deployment = await world.addDeployment('measured', { targets: 2 });
  const [first, second] = deployment.versionIds as [string, string];
  await world.addWindows(
    deployment,
    times(11, {
      requests: 10,
      errors: { INVALID: 2, OVERLOADED: 1 },
      latencyMs: 20,
      inFlight: 2,
      queue: 1,
      queueTimeMs: 4,
      computeTimeMs: 15,
      batches: [3, 4],
      requestBytes: 900,
      responseBytes: 40,
    }),
    {
      versionId: first,
    },
  );
  await world.addWindows(
    deployment,
    times(11, { requests: 10, latencyMs: 20, inFlight: 1, queueTimeMs: 64, computeTimeMs: 15, batches: [1, 5000], requestBytes: 100 }),
    {
      versionId: second,
    },
  );
  const fields = `coveredMs measuredMs requests errorRate errors { kind count serverSide } latencyP50Ms latencyP95Ms latencyP99Ms inFlight inFlightMax queue queueMax
    queueTimeP50Ms queueTimeP95Ms queueTimeP99Ms computeTimeP50Ms computeTimeP95Ms computeTimeP99Ms executions meanBatchSize batchSizes { atMost count }
    requestBytes responseBytes`;
  const answer = await api.graphql(
    `{ deployment(name: "measured") { metrics { windowMs from to ${fields} targets { ${fields} version { number } } } targets { metrics { requests errorRate } version { number } } } }`,
  );
  const found = data(answer)['deployment'] as { metrics: Record<string, unknown>; targets: object[] };
  const { latencyP50Ms, latencyP99Ms, targets, ...rest } = found.metrics as { latencyP50Ms: number; latencyP99Ms: number; targets: Record<string, unknown>[] };
  expect(rest).toEqual({
    windowMs: 60_000,
    from: new Date(world.now.getTime() - 60_000).toISOString(),
    to: world.now.toISOString(),
    coveredMs: 55_000,
    measuredMs: 55_000,
    requests: 220,
    errorRate: 0.05,
    errors: [
      { kind: 'INVALID', count: 22, serverSide: false },
      { kind: 'OVERLOADED', count: 11, serverSide: true },
    ],
    latencyP95Ms: expect.closeTo(20, -1),
    inFlight: 3,
    inFlightMax: 2,
    queue: 1,
    queueMax: 1,
    queueTimeP50Ms: expect.closeTo(64, -2),
    queueTimeP95Ms: expect.closeTo(64, -2),
    queueTimeP99Ms: expect.closeTo(64, -2),
    computeTimeP50Ms: expect.closeTo(15, -1),
    computeTimeP95Ms: expect.closeTo(15, -1),
    computeTimeP99Ms: expect.closeTo(15, -1),
    executions: 44,
    meanBatchSize: 1252,
    batchSizes: [
      { atMost: 1, count: 11 },
      { atMost: 4, count: 22 },
      { atMost: null, count: 11 },
    ],
    requestBytes: 11_000,
    responseBytes: 440,
  });
  const measured = targets.find((target) => target['executions'] === 22 && target['requestBytes'] === 9_900)!;
  expect(measured).toMatchObject({ meanBatchSize: 3.5, batchSizes: [{ atMost: 4, count: 22 }], responseBytes: 440 });
  expect(measured['queueTimeP99Ms']).toBeLessThan(4 * 1.2);
  expect(latencyP50Ms).toBeGreaterThan(20 / 1.2);
  expect(latencyP99Ms).toBeLessThan(20 * 1.2);
  expect(targets.map((t) => [t['requests'], t['errorRate']]).sort()).toEqual([
    [110, 0],
    [110, 0.1],
  ]);
  expect(found.targets).toEqual(expect.arrayContaining([expect.objectContaining({ metrics: { requests: 110, errorRate: 0.1 } })]));
});

test('metrics of what nobody reported on are null, not zero', async () => {
  await world.addDeployment('unmeasured');
  const answer = await api.graphql(
    '{ deployment(name: "unmeasured") { metrics(windowMs: 5000) { coveredMs requests errorRate latencyP99Ms queueTimeP50Ms computeTimeP99Ms meanBatchSize batchSizes { count } requestBytes inFlight queue targets { requests } } targets { metrics { requests } } } }',
  );
  expect(data(answer)['deployment']).toEqual({
    metrics: {
      coveredMs: 0,
      requests: 0,
      errorRate: null,
      latencyP99Ms: null,
      queueTimeP50Ms: null,
      computeTimeP99Ms: null,
      meanBatchSize: null,
      batchSizes: [],
      requestBytes: 0,
      inFlight: null,
      queue: null,
      targets: [],
    },
    targets: [{ metrics: null }],
  });
  const refused = await api.graphql('{ deployment(name: "unmeasured") { metrics(windowMs: 4999) { requests } } }');
  expect(refused.errors).toEqual([
    expect.objectContaining({ message: 'windowMs is 4999; it must be from 5000 to 86400000', extensions: expect.objectContaining({ code: 'INVALID' }) }),
  ]);
});

test('from a monitor to its alert, live, and back along every link', async () => {
  const deployment = await world.addDeployment('watched');
  const deploymentId = toNodeId('Deployment', deployment.id);
  const input = {
    deployment: { name: 'watched' },
    name: 'errors',
    cron: '0 0 1 1 *',
    metric: 'ERROR_RATE',
    windowMs: 60_000,
    minimumRequests: 10,
    idempotencyKey: 'monitor-1',
  };
  const monitor = made(
    await mutate('createMonitor', 'monitor { id name cron metric quantile windowMs minimumRequests createdBy deployment { id } }', input),
    'monitor',
  );
  expect(monitor).toMatchObject({
    name: 'errors',
    cron: '0 0 1 1 *',
    metric: 'ERROR_RATE',
    quantile: null,
    createdBy: 'token:admin',
    deployment: { id: deploymentId },
  });
  expect(made(await mutate('createMonitor', 'monitor { id }', input), 'monitor').id).toBe(monitor.id);
  const rule = made(
    await mutate('createAlertRule', 'alertRule { id severity comparison consecutiveRuns monitor { id } }', {
      monitor: monitor.id,
      name: 'too-many',
      threshold: 0.05,
      idempotencyKey: 'rule-1',
    }),
    'alertRule',
  );
  expect(rule).toMatchObject({ severity: 'WARNING', comparison: 'GREATER_THAN', consecutiveRuns: 1, monitor: { id: monitor.id } });

  const other = toNodeId('Deployment', (await world.addDeployment('elsewhere')).id);
  const start = data(await api.graphql('{ eventCursor }'))['eventCursor'] as string;
  const client = api.wsClient();
  const follow = (args: string) =>
    client.iterate({
      query: `subscription { alertEvents(${args}, after: "${start}") { cursor type message actor subjectId alert { id state rule { name } deployment { name } } } }`,
    });
  const [ofDeployment, ofProject, ofOther] = [follow(`deployment: "${deploymentId}"`), follow('project: "default"'), follow(`deployment: "${other}"`)];
  const live = [ofDeployment.next(), ofProject.next()];
  let heard = false;
  void ofOther.next().then(({ done }) => (heard ||= done !== true));

  await world.addWindows(deployment, times(11, { requests: 10, errors: { REPLICA_LOST: 5 } }));
  const run = made(await mutate('runMonitor', 'run { id state value requests reason windowFrom windowTo monitor { id } }', { id: monitor.id }), 'run');
  expect(run).toMatchObject({ state: 'SUCCEEDED', value: 0.5, requests: 110, windowTo: world.now.toISOString(), monitor: { id: monitor.id } });
  for (const step of await Promise.all(live)) {
    expect(step.value?.data?.['alertEvents']).toMatchObject({
      type: 'ALERT_FIRED',
      actor: 'token:admin',
      message: 'WARNING too-many: the error rate was 50 % over 60 s with 110 requests, above the threshold of 5 %',
      alert: { state: 'FIRING', rule: { name: 'too-many' }, deployment: { name: 'watched' } },
    });
  }

  await world.pass(60_000);
  await world.addWindows(deployment, times(11, { requests: 10 }));
  await mutate('runMonitor', 'run { id }', { id: monitor.id });
  expect((await ofDeployment.next()).value?.data?.['alertEvents']).toMatchObject({ type: 'ALERT_RESOLVED', alert: { state: 'RESOLVED' } });

  // Whoever comes back with a cursor misses nothing.
  const again = follow(`deployment: "${deploymentId}"`);
  expect([(await again.next()).value, (await again.next()).value].map((step) => (step?.data?.['alertEvents'] as { type: string }).type)).toEqual([
    'ALERT_FIRED',
    'ALERT_RESOLVED',
  ]);
  expect(heard).toBe(false);
  for (const each of [ofDeployment, ofProject, again]) await each.return?.();

  const linked = data(
    await api.graphql(
      `query ($id: ID!) {
        deployment(name: "watched") { monitors { nodes { id runs { nodes { id monitor { id } } } alertRules { nodes { id alerts { nodes { id } } } } } } alerts(state: RESOLVED) { nodes { id } } firing: alerts(state: FIRING) { nodes { id } } }
        monitor(deployment: "watched", name: "errors") { id }
        node(id: $id) { ... on AlertRule { name } }
        alerts(deployment: { name: "watched" }, state: RESOLVED) { nodes { id value reason firedAt resolvedAt resolvedReason rule { monitor { deployment { name } } } deployment { name } } }
        none: alerts(deployment: { name: "elsewhere" }) { nodes { id } }
      }`,
      { id: rule.id },
    ),
  ) as Record<string, { nodes: Record<string, unknown>[] } & Record<string, { nodes: Record<string, never>[] }>>;
  const [alert] = linked['alerts']!.nodes;
  expect(alert).toMatchObject({
    value: 0.5,
    resolvedAt: world.now.toISOString(),
    resolvedReason: expect.stringContaining('not above the threshold'),
    rule: { monitor: { deployment: { name: 'watched' } } },
    deployment: { name: 'watched' },
  });
  expect(linked['deployment']).toEqual({
    monitors: {
      nodes: [
        {
          id: monitor.id,
          runs: { nodes: [expect.anything(), { id: run.id, monitor: { id: monitor.id } }] },
          alertRules: { nodes: [{ id: rule.id, alerts: { nodes: [{ id: alert!['id'] }] } }] },
        },
      ],
    },
    alerts: { nodes: [{ id: alert!['id'] }] },
    firing: { nodes: [] },
  });
  expect([linked['monitor'], linked['node'], linked['none']]).toEqual([{ id: monitor.id }, { name: 'too-many' }, { nodes: [] }]);
  for (const id of [monitor.id, run.id, alert!['id'] as string])
    expect(data(await api.graphql('query ($id: ID!) { node(id: $id) { id } }', { id }))['node']).toEqual({ id });

  expect(made(await mutate('deleteAlertRule', 'alertRule { id deletedAt }', { id: rule.id }), 'alertRule')).toEqual({
    id: rule.id,
    deletedAt: world.now.toISOString(),
  });
  expect(made(await mutate('deleteMonitor', 'monitor { id deletedAt }', { id: monitor.id }), 'monitor')).toEqual({
    id: monitor.id,
    deletedAt: world.now.toISOString(),
  });
  expect(
    data(await api.graphql('{ deployment(name: "watched") { monitors { nodes { id } } } monitor(deployment: "watched", name: "errors") { id } }')),
  ).toEqual({ deployment: { monitors: { nodes: [] } }, monitor: null });
});

test('a scaling policy, its deployment and its ledger', async () => {
  const deployment = await world.addDeployment('scaled');
  const answer = await mutate(
    'setScalingPolicy',
    'scalingPolicy { id generation minReplicas maxReplicas targetInFlight windowMs scaleDownWindowMs deployment { name } } deployment { scaledReplicas }',
    {
      deployment: { name: 'scaled' },
      minReplicas: 2,
      maxReplicas: 6,
      targetInFlight: 4,
      idempotencyKey: 'policy-1',
    },
  );
  const policy = made(answer, 'scalingPolicy');
  expect(answer['deployment']).toEqual({ scaledReplicas: 2 });
  expect(policy).toMatchObject({
    generation: 1,
    minReplicas: 2,
    maxReplicas: 6,
    targetInFlight: 4,
    windowMs: 30_000,
    scaleDownWindowMs: 300_000,
    deployment: { name: 'scaled' },
  });
  await world.addWindows(deployment, times(6, { inFlight: 16 }));
  await world.pass(1_000);
  await world.autoscaling.autoscaler.evaluateAll(leads);
  const ledger = data(
    await api.graphql(
      '{ deployment(name: "scaled") { scaledReplicas scalingPolicy { id decisions(first: 1) { nodes { action fromReplicas toReplicas reason inputs policy { id } deployment { name } } pageInfo { hasNextPage } } } scalingDecisions { nodes { id action } } } }',
    ),
  )['deployment'] as { scalingPolicy: { decisions: { nodes: Record<string, unknown>[] } }; scalingDecisions: { nodes: { id: string }[] } };
  expect(ledger).toMatchObject({
    scaledReplicas: 4,
    scalingPolicy: {
      id: policy.id,
      decisions: {
        nodes: [
          {
            action: 'SCALE_UP',
            fromReplicas: 2,
            toReplicas: 4,
            reason: expect.stringContaining('16 requests were in flight'),
            inputs: { rule: 'LOAD_ABOVE_TARGET', ratio: 2 },
            policy: { id: policy.id },
            deployment: { name: 'scaled' },
          },
        ],
        pageInfo: { hasNextPage: true },
      },
    },
    scalingDecisions: { nodes: [{ action: 'SCALE_UP' }, { action: 'SCALE_UP' }] },
  });
  for (const id of [policy.id, ledger.scalingDecisions.nodes[0]!.id])
    expect(data(await api.graphql('query ($id: ID!) { node(id: $id) { id } }', { id }))['node']).toEqual({ id });
  const deleted = await mutate('deleteScalingPolicy', 'scalingPolicy { id deletedAt } deployment { scaledReplicas scalingPolicy { id } }', {
    deployment: { name: 'scaled' },
    expectedGeneration: 1,
  });
  expect([made(deleted, 'scalingPolicy').id, deleted['deployment']]).toEqual([policy.id, { scaledReplicas: null, scalingPolicy: null }]);
});

test('the number of statements does not grow with the rows', async () => {
  const query = `{ deployments(first: 20) { nodes {
    metrics { requests targets { version { number } } } targets { metrics { requests } }
    monitors(first: 2) { nodes { deployment { name } runs(first: 2) { nodes { monitor { name } } } alertRules(first: 2) { nodes { monitor { name } alerts(first: 2) { nodes { rule { name } deployment { name } } } } } } }
    alerts(first: 2, state: FIRING) { nodes { rule { name } } }
    scalingPolicy { deployment { name } decisions(first: 2) { nodes { policy { id } deployment { name } } } } scalingDecisions(first: 2) { nodes { id } } } } }`;
  const ask = async () => countStatements(world.database.dataSource, async () => data(await api.graphql(query)));
  async function grow(name: string): Promise<void> {
    const deployment = await world.addDeployment(name);
    const monitor = await world.monitoring.service.createMonitor(ACTOR, {
      deployment: { id: deployment.id },
      name: 'errors',
      cron: '* * * * *',
      metric: 'ERROR_RATE',
      windowMs: 60_000,
      minimumRequests: 1,
      input: {},
    });
    await world.monitoring.service.createAlertRule(ACTOR, {
      monitorId: monitor.id,
      name: 'any',
      comparison: 'GREATER_THAN',
      threshold: 0,
      consecutiveRuns: 1,
      severity: 'INFO',
      input: {},
    });
    await world.addWindows(deployment, times(6, { requests: 1, errors: { UNAVAILABLE: 1 } }));
    await world.monitoring.service.runMonitor(ACTOR, monitor.id);
    await world.autoscaling.service.set(ACTOR, {
      deployment: { id: deployment.id },
      minReplicas: 2,
      maxReplicas: 3,
      targetInFlight: 1,
      windowMs: 30_000,
      scaleDownWindowMs: 0,
      input: {},
    });
  }
  await grow('rows-0');
  const few = await ask();
  for (let i = 1; i < 8; i++) await grow(`rows-${i}`);
  const many = await ask();
  expect((many.result['deployments'] as { nodes: unknown[] }).nodes.length).toBe((few.result['deployments'] as { nodes: unknown[] }).nodes.length + 7);
  expect(many.count).toBe(few.count);
});
