/** Monitors, alert rules and their runs on a real database; time is the test's. */
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NotLeaderError } from '../../../server/database/leadership.js';
import { AuditEntryEntity, EventEntity } from '../../../server/database/change.entities.js';
import { MonitorScheduler } from '../../../server/monitoring/monitor-scheduler.js';
import { AlertEntity, MonitorEntity, MonitorRunEntity } from '../../../server/monitoring/monitoring.entities.js';
import type { CreateAlertRuleRequest, CreateMonitorRequest } from '../../../server/monitoring/monitor.service.js';
import { countStatements } from '../../support/count-statements.js';
import { eventually } from '../../support/eventually.js';
import { ACTOR, leads, lost, MonitoredWorld, type TestDeployment } from '../../support/monitored-world.js';

let world: MonitoredWorld;
beforeAll(async () => {
  world = await MonitoredWorld.create();
});
afterAll(() => world.drop());

const monitorOf = (deployment: TestDeployment, more: Partial<CreateMonitorRequest> = {}): CreateMonitorRequest => ({
  deployment: { id: deployment.id },
  name: 'errors',
  cron: '0 0 1 1 *',
  metric: 'ERROR_RATE',
  windowMs: 60_000,
  minimumRequests: 10,
  input: {},
  ...more,
});
const ruleOf = (monitor: MonitorEntity, more: Partial<CreateAlertRuleRequest> = {}): CreateAlertRuleRequest => ({
  monitorId: monitor.id,
  name: 'too-many',
  comparison: 'GREATER_THAN',
  threshold: 0.05,
  consecutiveRuns: 1,
  severity: 'CRITICAL',
  input: {},
  ...more,
});

/** A minute of traffic, then a run by the schedule. */
async function minute(deployment: TestDeployment, monitor: MonitorEntity, failed: number | null): Promise<MonitorRunEntity> {
  await world.pass(60_000);
  if (failed !== null) await world.addWindows(deployment, new Array(11).fill({ requests: 100, errors: { RUNTIME_FAILED: failed, INVALID: 50 } }));
  return (await world.monitoring.runner.run('system:monitor', monitor.id, leads))!;
}

const alertsOf = (deployment: TestDeployment): Promise<AlertEntity[]> =>
  world.database.dataSource.manager.find(AlertEntity, { where: { deploymentId: deployment.id }, order: { firedAt: 'ASC' } });

test('fires, stays, and resolves; each once, with an event and an audit entry', async () => {
  const deployment = await world.addDeployment('life');
  const monitor = await world.monitoring.service.createMonitor(ACTOR, monitorOf(deployment));
  const rule = await world.monitoring.service.createAlertRule(ACTOR, ruleOf(monitor, { consecutiveRuns: 2 }));

  expect((await minute(deployment, monitor, 0)).reason).toBe('the error rate was 0 % over the last 60 s, measured over 55 s (0 of 1100 requests failed)');
  await minute(deployment, monitor, 20);
  expect(await alertsOf(deployment)).toEqual([]);
  await minute(deployment, monitor, 20);
  const firedAt = world.now;
  const reason = 'the error rate was 20 % over 60 s with 1100 requests, above the threshold of 5 %, in 2 runs in a row';
  const firing = { ruleId: rule.id, deploymentId: deployment.id, state: 'FIRING', value: 0.2, reason, firedAt, resolvedAt: null, resolvedReason: null };
  expect(await alertsOf(deployment)).toEqual([expect.objectContaining(firing)]);

  await minute(deployment, monitor, 30);
  await minute(deployment, monitor, 0);
  await minute(deployment, monitor, 30);
  expect(await alertsOf(deployment)).toEqual([expect.objectContaining(firing)]);

  await minute(deployment, monitor, 0);
  await minute(deployment, monitor, 1);
  const resolvedReason = 'the error rate was 1 % over 60 s with 1100 requests, not above the threshold of 5 %, in 2 runs in a row';
  const [alert, ...more] = await alertsOf(deployment);
  expect([alert, more]).toEqual([expect.objectContaining({ ...firing, state: 'RESOLVED', resolvedAt: world.now, resolvedReason }), []]);

  const events = await world.database.dataSource.manager.find(EventEntity, { where: { topic: 'alert', subjectId: alert!.id }, order: { sequence: 'ASC' } });
  const about = { alertId: alert!.id, ruleId: rule.id, monitorId: monitor.id, deploymentId: deployment.id, severity: 'CRITICAL' };
  expect(events.map(({ type, payload, projectId, actor }) => ({ type, payload, projectId, actor }))).toEqual([
    {
      type: 'ALERT_FIRED',
      projectId: world.projectId,
      actor: 'system:monitor',
      payload: { ...about, state: 'FIRING', value: 0.2, message: `CRITICAL too-many: ${reason}` },
    },
    {
      type: 'ALERT_RESOLVED',
      projectId: world.projectId,
      actor: 'system:monitor',
      payload: { ...about, state: 'RESOLVED', value: 0.01, message: `too-many: ${resolvedReason}` },
    },
  ]);
  const audit = await world.database.dataSource.manager.find(AuditEntryEntity, { where: { objectId: alert!.id }, order: { sequence: 'ASC' } });
  expect(audit.map(({ action, actor }) => [action, actor])).toEqual([
    ['fireAlert', 'system:monitor'],
    ['resolveAlert', 'system:monitor'],
  ]);
});

test('silence neither fires nor resolves', async () => {
  const deployment = await world.addDeployment('silence');
  const monitor = await world.monitoring.service.createMonitor(ACTOR, monitorOf(deployment));
  await world.monitoring.service.createAlertRule(ACTOR, ruleOf(monitor));
  expect(await minute(deployment, monitor, null)).toMatchObject({
    state: 'NO_DATA',
    value: null,
    requests: 0,
    reason: expect.stringContaining('no gateway reported anything'),
  });
  expect(await alertsOf(deployment)).toEqual([]);
  await minute(deployment, monitor, 50);
  expect((await alertsOf(deployment)).map((a) => a.state)).toEqual(['FIRING']);
  for (let i = 0; i < 3; i++) expect((await minute(deployment, monitor, null)).state).toBe('NO_DATA');
  await world.pass(60_000);
  await world.addWindows(deployment, [{ requests: 9 }]);
  expect(await world.monitoring.runner.run('system:monitor', monitor.id, leads)).toMatchObject({
    state: 'NO_DATA',
    requests: 9,
    reason: expect.stringContaining('9 requests in the last 60 s, measured over 5 s, and the monitor needs at least 10'),
  });
  expect((await alertsOf(deployment)).map((a) => a.state)).toEqual(['FIRING']);
});

test('runs before the rule do not count for it', async () => {
  const deployment = await world.addDeployment('before');
  const monitor = await world.monitoring.service.createMonitor(ACTOR, monitorOf(deployment));
  await minute(deployment, monitor, 50);
  await world.pass(1_000);
  await world.monitoring.service.createAlertRule(ACTOR, ruleOf(monitor, { consecutiveRuns: 2 }));
  await minute(deployment, monitor, 50);
  expect(await alertsOf(deployment)).toEqual([]);
  await minute(deployment, monitor, 50);
  expect(await alertsOf(deployment)).toHaveLength(1);
});

test('a server that lost the lead writes nothing', async () => {
  const deployment = await world.addDeployment('lost');
  const monitor = await world.monitoring.service.createMonitor(ACTOR, monitorOf(deployment));
  await world.monitoring.service.createAlertRule(ACTOR, ruleOf(monitor));
  await world.addWindows(deployment, [{ requests: 100, errors: { REPLICA_LOST: 100 } }]);
  const before = await world.footprint();
  await expect(world.monitoring.runner.run('system:monitor', monitor.id, lost)).rejects.toThrow(NotLeaderError);
  await expect(world.monitoring.runner.recordFailure('system:monitor', monitor.id, 'why', lost)).rejects.toThrow(NotLeaderError);
  expect(await world.footprint()).toEqual(before);
  expect((await world.monitoring.runner.run('system:monitor', monitor.id, leads))!.value).toBe(1);
});

test('runs at the same moment fire one alert', async () => {
  const deployment = await world.addDeployment('race');
  const monitor = await world.monitoring.service.createMonitor(ACTOR, monitorOf(deployment));
  await world.monitoring.service.createAlertRule(ACTOR, ruleOf(monitor));
  await world.addWindows(deployment, [{ requests: 100, errors: { REPLICA_LOST: 100 } }]);
  await Promise.all(Array.from({ length: 4 }, () => world.monitoring.service.runMonitor(ACTOR, monitor.id)));
  expect(await alertsOf(deployment)).toHaveLength(1);
});

test('a run costs the same number of statements however many rules, runs and windows there are', async () => {
  const deployment = await world.addDeployment('cost', { targets: 3 });
  const monitor = await world.monitoring.service.createMonitor(ACTOR, monitorOf(deployment));
  await world.monitoring.service.createAlertRule(ACTOR, ruleOf(monitor, { threshold: 0.9 }));
  await minute(deployment, monitor, 10);
  const run = () => countStatements(world.database.dataSource, () => world.monitoring.runner.run('system:monitor', monitor.id, leads));
  const few = await run();
  for (let i = 0; i < 10; i++) await world.monitoring.service.createAlertRule(ACTOR, ruleOf(monitor, { name: `rule-${i}`, threshold: 0.9 }));
  for (const versionId of deployment.versionIds) await world.addWindows(deployment, new Array(11).fill({ requests: 5 }), { versionId });
  await minute(deployment, monitor, 10);
  const many = await run();
  expect(many.count).toBe(few.count);
});

describe('what ends with what', () => {
  async function firing(name: string) {
    const deployment = await world.addDeployment(name);
    const monitor = await world.monitoring.service.createMonitor(ACTOR, monitorOf(deployment));
    const rule = await world.monitoring.service.createAlertRule(ACTOR, ruleOf(monitor));
    await minute(deployment, monitor, 50);
    expect((await alertsOf(deployment)).map((a) => a.state)).toEqual(['FIRING']);
    return { deployment, monitor, rule };
  }

  test('deleting the rule resolves its alert, and frees its name', async () => {
    const { deployment, monitor, rule } = await firing('ends-rule');
    expect((await world.monitoring.service.deleteAlertRule(ACTOR, rule.id)).deletedAt).toEqual(world.now);
    expect(await alertsOf(deployment)).toEqual([expect.objectContaining({ state: 'RESOLVED', resolvedReason: 'the alert rule was deleted' })]);
    expect((await world.monitoring.service.createAlertRule(ACTOR, ruleOf(monitor))).id).not.toBe(rule.id);
  });

  test('deleting the monitor resolves its alerts, deletes its rules, and frees its name', async () => {
    const { deployment, monitor, rule } = await firing('ends-monitor');
    await world.monitoring.service.deleteMonitor(ACTOR, monitor.id);
    expect(await alertsOf(deployment)).toEqual([expect.objectContaining({ state: 'RESOLVED', resolvedReason: 'the monitor was deleted' })]);
    await expect(world.monitoring.service.deleteAlertRule(ACTOR, rule.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await world.monitoring.runner.run('system:monitor', monitor.id, leads)).toBeUndefined();
    expect((await world.monitoring.service.createMonitor(ACTOR, monitorOf(deployment))).id).not.toBe(monitor.id);
  });

  test("deleting the deployment ends its monitors at the scheduler's next look", async () => {
    const { deployment, monitor } = await firing('ends-deployment');
    await world.deleteDeployment(deployment.id);
    const stop = new AbortController();
    world.monitoring.scheduler.lead(leads, stop.signal);
    await world.monitoring.scheduler.sync();
    stop.abort();
    expect((await world.monitoring.service.get(monitor.id)).deletedAt).toEqual(world.now);
    expect(await alertsOf(deployment)).toEqual([expect.objectContaining({ state: 'RESOLVED', resolvedReason: 'the deployment was deleted' })]);
  });
});

describe('the scheduler', () => {
  test('takes up what was created and drops what was deleted, without being told what', async () => {
    const { scheduler, service } = world.monitoring;
    const deployment = await world.addDeployment('scheduled');
    const first = await service.createMonitor(ACTOR, monitorOf(deployment, { name: 'first' }));
    expect(scheduler.ids).toEqual([]);
    const stop = new AbortController();
    scheduler.lead(leads, stop.signal);
    try {
      await eventually(() => scheduler.ids.includes(first.id), 'the schedule of a monitor that was there before');
      const second = await service.createMonitor(ACTOR, monitorOf(deployment, { name: 'second' }));
      await eventually(() => scheduler.ids.includes(second.id), 'the schedule of a new monitor');
      await service.deleteMonitor(ACTOR, first.id);
      await eventually(() => !scheduler.ids.includes(first.id), 'the end of a schedule');
      // Another server's change comes without a call.
      await world.database.dataSource.manager.update(MonitorEntity, { id: second.id }, { deletedAt: world.now });
      // Every five seconds, but a look that this process was too busy for is left out.
      await eventually(() => !scheduler.ids.includes(second.id), 'the slow look', 40_000);
    } finally {
      stop.abort();
    }
    expect(scheduler.ids).toEqual([]);
  }, 60_000);

  test('runs monitors by their cron expression, until the lead ends', async () => {
    const { scheduler, service } = world.monitoring;
    const deployment = await world.addDeployment('ticking');
    const monitor = await service.createMonitor(ACTOR, monitorOf(deployment, { cron: '* * * * * *' }));
    const runs = () => world.database.dataSource.manager.countBy(MonitorRunEntity, { monitorId: monitor.id });
    const stop = new AbortController();
    scheduler.lead(leads, stop.signal);
    await eventually(async () => (await runs()) >= 2, 'two runs', 40_000);
    stop.abort();
    await scheduler.idle();
    const then = await runs();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await runs()).toBe(then);
    await service.deleteMonitor(ACTOR, monitor.id);
  }, 60_000);

  test('a tick without the lead is no run, and no noise', async () => {
    const lines: string[] = [];
    const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
    const deployment = await world.addDeployment('demoted');
    const monitor = await world.monitoring.service.createMonitor(ACTOR, monitorOf(deployment));
    const scheduler = new MonitorScheduler({ work: world.work, runner: world.monitoring.runner, monitors: world.monitoring.service, log });
    const before = await world.footprint();
    await scheduler.tick(monitor.id);
    const stop = new AbortController();
    scheduler.lead(lost, stop.signal);
    await scheduler.tick(monitor.id);
    await scheduler.idle();
    stop.abort();
    expect(await world.footprint()).toEqual(before);
    expect(lines).toEqual([]);
  });

  test('a run that breaks is FAILED, with an id that the log has too', async () => {
    const lines: Record<string, unknown>[] = [];
    const log = pino({ level: 'error' }, { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) });
    const deployment = await world.addDeployment('broken');
    const monitor = await world.monitoring.service.createMonitor(ACTOR, monitorOf(deployment));
    const { runner } = world.monitoring;
    // A real fault of the database, put where a run would meet it.
    const breaking = Object.assign(Object.create(runner) as typeof runner, { run: () => world.database.dataSource.query('SELECT 1/0') });
    const scheduler = new MonitorScheduler({ work: world.work, runner: breaking, monitors: world.monitoring.service, log });
    const stop = new AbortController();
    scheduler.lead(leads, stop.signal);
    await scheduler.tick(monitor.id);
    await scheduler.idle();
    stop.abort();
    const [run] = await world.database.dataSource.manager.findBy(MonitorRunEntity, { monitorId: monitor.id });
    expect(run).toMatchObject({ state: 'FAILED', value: null, requests: 0 });
    expect(lines).toHaveLength(1);
    expect(run!.reason).toBe(`the run failed inside Pilothouse; the server's log says why under ${lines[0]!['faultId'] as string}`);
    expect(JSON.stringify(lines[0])).toContain('division by zero');
  });
});
