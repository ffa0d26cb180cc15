import { afterAll, beforeAll, expect, test } from 'vitest';
import { quantile } from '../../../server/metering/histogram.js';
import { MetricWindows } from '../../../server/metering/metric-windows.js';
import { pruneMonitoring } from '../../../server/monitoring/monitoring-retention.js';
import { NotLeaderError } from '../../../server/database/leadership.js';
import { countStatements } from '../../support/count-statements.js';
import { ACTOR, leads, lost, MonitoredWorld, type TestDeployment } from '../../support/monitored-world.js';

let world: MonitoredWorld;
const windows = new MetricWindows();
beforeAll(async () => {
  world = await MonitoredWorld.create();
});
afterAll(() => world.drop());

/** The last minute that gateways have finished writing. */
const range = (ms = 60_000): [Date, Date] => [new Date(world.now.getTime() - 3_000 - ms), new Date(world.now.getTime() - 3_000)];
const summarise = async (deployment: TestDeployment, ms?: number) =>
  (await windows.summarise(world.database.dataSource.manager, [deployment.id], ...range(ms))).get(deployment.id)!;
const times = <T>(count: number, value: T): T[] => new Array<T>(count).fill(value);

test('windows of gateways and versions add up, and each version is told apart', async () => {
  const deployment = await world.addDeployment('adds-up', { targets: 2 });
  const [first, second] = deployment.versionIds as [string, string];
  const other = await world.addGateway();
  await world.addWindows(
    deployment,
    times(12, { requests: 10, errors: { INVALID: 1, OVERLOADED: 2 }, latencyMs: 10, inFlight: 2, inFlightMax: 5, queue: 1, queueMax: 3 }),
    { versionId: first },
  );
  await world.addWindows(deployment, times(12, { requests: 5, errors: { OVERLOADED: 1 }, latencyMs: 10, inFlight: 1, inFlightMax: 9 }), {
    versionId: first,
    gatewayId: other,
  });
  await world.addWindows(deployment, times(12, { requests: 20, errors: { RUNTIME_FAILED: 4 }, latencyMs: 1_000, inFlight: 3, queue: 0, queueMax: 1 }), {
    versionId: second,
  });
  const { total, byVersion, from, to } = await summarise(deployment);
  expect([from, to]).toEqual(range());
  expect(total).toMatchObject({
    requests: 420,
    errors: { INVALID: 12, OVERLOADED: 36, RUNTIME_FAILED: 48 },
    coveredMs: 60_000,
    measuredMs: 60_000,
    inFlight: 6,
    inFlightMax: 9,
    queue: 1,
    queueMax: 3,
  });
  expect(byVersion.get(first)).toMatchObject({ requests: 180, errors: { INVALID: 12, OVERLOADED: 36 }, inFlight: 3, inFlightMax: 9, queue: 1, queueMax: 3 });
  expect(byVersion.get(second)).toMatchObject({ requests: 240, errors: { RUNTIME_FAILED: 48 }, inFlight: 3, inFlightMax: 3, queue: 0, queueMax: 1 });
  expect(quantile(byVersion.get(first)!.latency, 0.99)).toBeLessThan(12);
  // 180 at 10 ms, 240 at 1 s: the merged histogram knows both.
  expect(quantile(total.latency, 0.4)).toBeLessThan(12);
  expect(quantile(total.latency, 0.5)).toBeGreaterThan(800);
  await world.database.dataSource.query('DELETE FROM gateway WHERE id = $1', [other]);
});

const NOTHING = {
  requests: 0,
  errors: {},
  latency: [],
  queueTime: [],
  computeTime: [],
  executions: 0,
  rows: 0,
  batchSizes: [],
  requestBytes: 0,
  responseBytes: 0,
};

test('no windows is not the same as no requests', async () => {
  const silent = await world.addDeployment('silent');
  const idle = await world.addDeployment('idle');
  await world.addWindows(idle, times(12, {}));
  expect((await summarise(silent)).total).toEqual({
    ...NOTHING,
    coveredMs: 0,
    measuredMs: 0,
    inFlight: null,
    inFlightMax: null,
    queue: null,
    queueMax: null,
  });
  expect((await summarise(idle)).total).toEqual({
    ...NOTHING,
    coveredMs: 60_000,
    measuredMs: 60_000,
    inFlight: 0,
    inFlightMax: 0,
    queue: 0,
    queueMax: 0,
  });
});

test('a range that was reported in part says how much of it was', async () => {
  const deployment = await world.addDeployment('gaps');
  await world.addWindows(deployment, [{ requests: 1, inFlight: 4 }, null, null, { requests: 1, inFlight: 4 }, null]);
  const { total } = await summarise(deployment);
  expect(total).toMatchObject({ requests: 2, coveredMs: 10_000, measuredMs: 10_000, inFlight: 4 });
});

test('neighbouring ranges count every window once', async () => {
  const deployment = await world.addDeployment('neighbours');
  await world.addWindows(deployment, times(24, { requests: 1 }));
  const { manager } = world.database.dataSource;
  const end = world.now.getTime() - 3_000;
  let sum = 0;
  // Edges that do not lie on whole windows.
  for (const [from, to] of [
    [-120_000, -71_234],
    [-71_234, -33_333],
    [-33_333, 0],
  ] as const) {
    const found = await windows.summarise(manager, [deployment.id], new Date(end + from), new Date(end + to));
    sum += found.get(deployment.id)!.total.requests;
  }
  expect(sum).toBe(24);
});

test.each([
  // Windows end at 0, the range does not begin with one: 2 s of the first are before it, or 3 s and then it is left out.
  [8_000, 2, 10_000, 8_000],
  [7_000, 1, 5_000, 5_000],
])('a steady load is as high over %i ms, whichever windows lie across its edge', async (rangeMs, count, measuredMs, coveredMs) => {
  const deployment = await world.addDeployment(`steady-${rangeMs}`);
  await world.addWindows(deployment, times(24, { requests: 85, inFlight: 16, queue: 4 }));
  const { total } = await summarise(deployment, rangeMs);
  expect(total).toMatchObject({ requests: 85 * count, measuredMs, coveredMs, inFlight: 16, inFlightMax: 16, queue: 4 });
});

test('one statement serves any number of deployments', async () => {
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) {
    const deployment = await world.addDeployment(`many-${i}`);
    await world.addWindows(deployment, times(12, { requests: i }));
    ids.push(deployment.id);
  }
  const { manager } = world.database.dataSource;
  const { result, count } = await countStatements(world.database.dataSource, () => windows.summarise(manager, ids, ...range()));
  expect(ids.map((id) => result.get(id)!.total.requests)).toEqual([0, 12, 24, 36, 48]);
  expect(count).toBe(1);
});

test('the load of a deployment leaves out windows that are still open', async () => {
  const deployment = await world.addDeployment('load');
  await world.addWindows(deployment, [{ inFlight: 1, queue: 7 }, { inFlight: 2 }, { inFlight: 3 }]);
  await world.addWindows(deployment, [{ inFlight: 9, windowMs: 2_500 }], { endsAgoMs: -2_000 });
  const rows = await windows.load(
    world.database.dataSource.manager,
    deployment.id,
    new Date(world.now.getTime() - 13_000),
    new Date(world.now.getTime() - 3_000),
  );
  expect(rows).toEqual(
    [2, 3].map((inFlight, i) => ({
      gatewayId: world.gatewayId,
      deploymentId: deployment.id,
      versionId: deployment.versionIds[0],
      startMs: world.now.getTime() - 13_000 + i * 5_000,
      windowMs: 5_000,
      loadMs: inFlight * 5_000,
    })),
  );
});

test('a gateway counts as living for ten seconds after its last heartbeat', async () => {
  const { manager } = world.database.dataSource;
  const at = (ms: number) => windows.liveGateways(manager, new Date(world.now.getTime() + ms));
  expect(await at(9_999)).toEqual([{ id: world.gatewayId, startedMs: world.now.getTime() - 3_600_000 }]);
  expect(await at(10_001)).toEqual([]);
});

test('what is past the retention goes, the newest runs of a monitor stay, and a server that lost the lead removes nothing', async () => {
  const deployment = await world.addDeployment('old');
  await world.addWindows(deployment, times(30, { requests: 1 }));
  const monitor = await world.monitoring.service.createMonitor(ACTOR, {
    deployment: { id: deployment.id },
    name: 'm',
    cron: '* * * * *',
    metric: 'ERROR_RATE',
    windowMs: 60_000,
    minimumRequests: 1,
    input: {},
  });
  for (let i = 0; i < 6; i++) {
    await world.pass(1_000);
    await world.monitoring.service.runMonitor(ACTOR, monitor.id);
  }
  const before = { windows: await world.count('metric_window'), runs: await world.count('monitor_run') };
  const retention = { windowsMs: 60_000, runsMs: 2_000, runsKept: 2, batchSize: 7 };
  await expect(pruneMonitoring(world.database.dataSource, lost, world.now, retention)).rejects.toThrow(NotLeaderError);
  expect([await world.count('metric_window'), await world.count('monitor_run')]).toEqual([before.windows, before.runs]);
  const removed = await pruneMonitoring(world.database.dataSource, leads, world.now, retention);
  const young: { n: string }[] = await world.database.dataSource.query('SELECT count(*) AS n FROM metric_window WHERE window_start < $1', [
    new Date(world.now.getTime() - 60_000),
  ]);
  expect(Number(young[0]!.n)).toBe(0);
  expect(await world.count('metric_window')).toBe(before.windows - removed.windows);
  // Six runs, of which three are older than 2 s and the newest two stay in any case.
  expect([removed.runs, await world.count('monitor_run')]).toEqual([3, 3]);
  expect((await pruneMonitoring(world.database.dataSource, leads, new Date(world.now.getTime() + 3_600_000), retention)).runs).toBe(1);
});
