/** Every mistake that a caller of monitoring and autoscaling can make: what is said, and that nothing changed. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { toNodeId } from '../../../server/api/node-id.js';
import { MAX_MONITORS, MAX_RULES } from '../../../server/monitoring/monitor.service.js';
import { DeploymentEntity } from '../../../server/deployments/deployment.entities.js';
import { AlertRuleEntity, MonitorEntity } from '../../../server/monitoring/monitoring.entities.js';
import { made, type MonitoredApi, startMonitoredApi } from '../../support/monitored-api.js';
import { ACTOR } from '../../support/monitored-world.js';

let api: MonitoredApi['api'];
let world: MonitoredApi['world'];
let mutate: MonitoredApi['mutate'];
let close: MonitoredApi['close'] | undefined;
beforeAll(async () => {
  ({ api, world, mutate, close } = await startMonitoredApi());
});
afterAll(() => close?.());

let monitor: { id: string };
let latency: { id: string };
let rule: { id: string };
let crowded: { id: string };
const unknown = '00000000-0000-4000-8000-000000000000';
beforeAll(async () => {
  await world.addDeployment('errors');
  const base = { deployment: { name: 'errors' }, cron: '0 0 1 1 *' };
  monitor = made(await mutate('createMonitor', 'monitor { id }', { ...base, name: 'taken', metric: 'ERROR_RATE', idempotencyKey: 'used' }), 'monitor');
  latency = made(await mutate('createMonitor', 'monitor { id }', { ...base, name: 'latency', metric: 'LATENCY' }), 'monitor');
  rule = made(await mutate('createAlertRule', 'alertRule { id }', { monitor: monitor.id, name: 'taken', threshold: 0.1 }), 'alertRule');
  const gone = made(await mutate('createMonitor', 'monitor { id }', { ...base, name: 'gone', metric: 'ERROR_RATE' }), 'monitor');
  await mutate('deleteMonitor', 'monitor { id }', { id: gone.id });
  const goneRule = made(await mutate('createAlertRule', 'alertRule { id }', { monitor: monitor.id, name: 'gone', threshold: 0.1 }), 'alertRule');
  await mutate('deleteAlertRule', 'alertRule { id }', { id: goneRule.id });
  const leaving = await world.addDeployment('leaving');
  const left = made(
    await mutate('createMonitor', 'monitor { id }', { ...base, deployment: { name: 'leaving' }, name: 'left', metric: 'ERROR_RATE' }),
    'monitor',
  );
  await world.deleteDeployment(leaving.id);
  const deleted = await world.addDeployment('deleted');
  await mutate('setScalingPolicy', 'scalingPolicy { id }', { deployment: { name: 'deleted' }, minReplicas: 2, maxReplicas: 4, targetInFlight: 1 });
  await world.deleteDeployment(deleted.id);
  // As the reconciler would; nothing reconciles here.
  await world.database.dataSource.manager.update(DeploymentEntity, { id: deleted.id }, { phase: 'DELETED' });
  ids.deleted = toNodeId('Deployment', deleted.id);
  const full = await world.addDeployment('full');
  const fullRow = {
    deploymentId: full.id,
    cron: '0 0 1 1 *',
    metric: 'ERROR_RATE',
    windowMs: 60_000,
    minimumRequests: 1,
    createdBy: ACTOR,
    createdAt: world.now,
  } as const;
  await world.database.dataSource.manager.insert(
    MonitorEntity,
    Array.from({ length: MAX_MONITORS }, (_, i) => ({ ...fullRow, id: uuid(i), name: `m${i}` })),
  );
  const ruleRow = {
    monitorId: uuid(0),
    comparison: 'GREATER_THAN',
    threshold: 1,
    consecutiveRuns: 1,
    severity: 'INFO',
    createdBy: ACTOR,
    createdAt: world.now,
  } as const;
  await world.database.dataSource.manager.insert(
    AlertRuleEntity,
    Array.from({ length: MAX_RULES }, (_, i) => ({ ...ruleRow, id: uuid(1_000 + i), name: `r${i}` })),
  );
  crowded = { id: toNodeId('Monitor', uuid(0)) };
  await mutate('setScalingPolicy', 'scalingPolicy { id }', {
    deployment: { name: 'errors' },
    maxReplicas: 4,
    targetInFlight: 1,
    idempotencyKey: 'policy-used',
  });
  Object.assign(ids, { gone: gone.id, goneRule: goneRule.id, left: left.id });
});
const ids: { gone?: string; goneRule?: string; left?: string; deleted?: string } = {};
const uuid = (i: number): string => `00000000-0000-4000-9000-${String(i).padStart(12, '0')}`;
const RIGHT = '"*/5 * * * *" runs every five minutes, "*/30 * * * * *" every thirty seconds (a sixth field, in front, is seconds), in UTC';
const newMonitor = (more: object) => ({ deployment: { name: 'errors' }, name: 'new', cron: '* * * * *', metric: 'ERROR_RATE', ...more });
const newRule = (more: object) => ({ monitor: monitor.id, name: 'new', threshold: 0.1, ...more });
const newPolicy = (more: object) => ({ deployment: { name: 'errors' }, minReplicas: 1, maxReplicas: 4, targetInFlight: 4, ...more });

test.each<[string, () => object, string, string, string[]]>([
  ['createMonitor', () => newMonitor({ deployment: { name: 'nobody' } }), 'NOT_FOUND', 'project "default" has no deployment "nobody"', ['input', 'deployment']],
  ['createMonitor', () => newMonitor({ deployment: {} }), 'INVALID', 'name a deployment either by `id` or by `project` and `name`', ['input', 'deployment']],
  ['createMonitor', () => newMonitor({ deployment: { id: monitor.id } }), 'INVALID', '" is not the id of a Deployment', ['input', 'deployment', 'id']],
  [
    'createMonitor',
    () => newMonitor({ deployment: { name: 'leaving' } }),
    'FAILED_PRECONDITION',
    'deployment "leaving" is being deleted',
    ['input', 'deployment'],
  ],
  ['createMonitor', () => newMonitor({ deployment: { id: ids.deleted } }), 'NOT_FOUND', 'deployment "deleted" was deleted', ['input', 'deployment']],
  ['setScalingPolicy', () => newPolicy({ deployment: { id: ids.deleted } }), 'NOT_FOUND', 'deployment "deleted" was deleted', ['input', 'deployment']],
  ['scale', () => ({ deployment: { id: ids.deleted }, replicas: 2 }), 'NOT_FOUND', 'deployment "deleted" was deleted', ['input', 'deployment']],
  ['rollback', () => ({ deployment: { id: ids.deleted } }), 'NOT_FOUND', 'deployment "deleted" was deleted', ['input', 'deployment']],
  ['deleteDeployment', () => ({ deployment: { id: ids.deleted } }), 'NOT_FOUND', 'deployment "deleted" was deleted', ['input', 'deployment']],
  ['scale', () => ({ deployment: { name: 'leaving' }, replicas: 2 }), 'FAILED_PRECONDITION', 'deployment "leaving" is being deleted', ['input', 'deployment']],
  [
    'deploy',
    () => ({ name: 'leaving', replicas: 2 }),
    'FAILED_PRECONDITION',
    'deployment "leaving" is being deleted; wait until its phase is DELETED',
    ['input', 'name'],
  ],
  [
    'createMonitor',
    () => newMonitor({ deployment: { name: 'full' } }),
    'LIMIT_EXCEEDED',
    'deployment "full" has 100 monitors, which is the limit; delete one first',
    ['input'],
  ],
  [
    'createMonitor',
    () => newMonitor({ name: 'taken' }),
    'ALREADY_EXISTS',
    'deployment "errors" has a monitor "taken" already; choose another name, or delete it first',
    ['input', 'name'],
  ],
  [
    'createMonitor',
    () => newMonitor({ name: 'a b' }),
    'INVALID',
    '"a b" is not a valid name; it must have 1 to 63 characters of a-z, 0-9 and "-", and begin and end with a letter or digit',
    ['input', 'name'],
  ],
  [
    'createMonitor',
    () => newMonitor({ cron: 'hourly' }),
    'INVALID',
    `"hourly" is not a cron expression: expected 5 or 6 fields but got 1. ${RIGHT}`,
    ['input', 'cron'],
  ],
  [
    'createMonitor',
    () => newMonitor({ cron: '61 * * * *' }),
    'INVALID',
    `"61 * * * *" is not a cron expression: "61" is no minute (0 to 59). ${RIGHT}`,
    ['input', 'cron'],
  ],
  ['createMonitor', () => newMonitor({ windowMs: 1 }), 'INVALID', 'windowMs is 1; it must be a whole number from 5000 to 86400000', ['input', 'windowMs']],
  [
    'createMonitor',
    () => newMonitor({ minimumRequests: 0 }),
    'INVALID',
    'minimumRequests is 0; it must be a whole number from 1 to 1000000000',
    ['input', 'minimumRequests'],
  ],
  [
    'createMonitor',
    () => newMonitor({ quantile: 0.9 }),
    'INVALID',
    'quantile was given, but ERROR_RATE has none; leave it out, or use LATENCY',
    ['input', 'quantile'],
  ],
  [
    'createMonitor',
    () => newMonitor({ metric: 'LATENCY', quantile: 99 }),
    'INVALID',
    'quantile is 99; it must lie between 0 and 1, such as 0.95',
    ['input', 'quantile'],
  ],
  [
    'createMonitor',
    () => newMonitor({ idempotencyKey: 'used' }),
    'CONFLICT',
    'idempotencyKey "used" was used before with another input; use a new key',
    ['input', 'idempotencyKey'],
  ],
  ['deleteMonitor', () => ({ id: toNodeId('Monitor', unknown) }), 'NOT_FOUND', 'this monitor does not exist', ['input', 'id']],
  ['deleteMonitor', () => ({ id: ids.gone }), 'NOT_FOUND', 'monitor "gone" was deleted', ['input', 'id']],
  ['deleteMonitor', () => ({ id: rule.id }), 'INVALID', '" is not the id of a Monitor', ['input', 'id']],
  ['runMonitor', () => ({ id: toNodeId('Monitor', unknown) }), 'NOT_FOUND', 'this monitor does not exist', ['input', 'id']],
  ['runMonitor', () => ({ id: ids.gone }), 'NOT_FOUND', 'monitor "gone" was deleted', ['input', 'id']],
  [
    'runMonitor',
    () => ({ id: ids.left }),
    'FAILED_PRECONDITION',
    'the deployment of monitor "left" was deleted, so there is nothing to check',
    ['input', 'id'],
  ],
  ['createAlertRule', () => newRule({ monitor: toNodeId('Monitor', unknown) }), 'NOT_FOUND', 'this monitor does not exist', ['input', 'monitor']],
  ['createAlertRule', () => newRule({ monitor: ids.gone }), 'NOT_FOUND', 'monitor "gone" was deleted', ['input', 'monitor']],
  [
    'createAlertRule',
    () => newRule({ monitor: crowded.id }),
    'LIMIT_EXCEEDED',
    'monitor "m0" has 20 alert rules, which is the limit; delete one first',
    ['input'],
  ],
  [
    'createAlertRule',
    () => newRule({ name: 'taken' }),
    'ALREADY_EXISTS',
    'monitor "taken" has an alert rule "taken" already; choose another name, or delete it first',
    ['input', 'name'],
  ],
  [
    'createAlertRule',
    () => newRule({ name: '' }),
    'INVALID',
    '"" is not a valid name; it must have 1 to 63 characters of a-z, 0-9 and "-", and begin and end with a letter or digit',
    ['input', 'name'],
  ],
  [
    'createAlertRule',
    () => newRule({ threshold: 5 }),
    'INVALID',
    'threshold is 5; an error rate is a fraction from 0 to 1: 0.05 is 5 %',
    ['input', 'threshold'],
  ],
  [
    'createAlertRule',
    () => newRule({ monitor: latency.id, threshold: -1 }),
    'INVALID',
    'threshold is -1; a latency is in milliseconds, from 0 to 86400000: 250 is a quarter of a second',
    ['input', 'threshold'],
  ],
  [
    'createAlertRule',
    () => newRule({ consecutiveRuns: 0 }),
    'INVALID',
    'consecutiveRuns is 0; it must be a whole number from 1 to 100',
    ['input', 'consecutiveRuns'],
  ],
  ['deleteAlertRule', () => ({ id: toNodeId('AlertRule', unknown) }), 'NOT_FOUND', 'this alert rule does not exist', ['input', 'id']],
  ['deleteAlertRule', () => ({ id: ids.goneRule }), 'NOT_FOUND', 'alert rule "gone" was deleted before', ['input', 'id']],
  [
    'setScalingPolicy',
    () => newPolicy({ deployment: { name: 'nobody' } }),
    'NOT_FOUND',
    'project "default" has no deployment "nobody"',
    ['input', 'deployment'],
  ],
  [
    'setScalingPolicy',
    () => newPolicy({ deployment: { name: 'leaving' } }),
    'FAILED_PRECONDITION',
    'deployment "leaving" is being deleted',
    ['input', 'deployment'],
  ],
  [
    'setScalingPolicy',
    () => newPolicy({ minReplicas: 0 }),
    'INVALID',
    'minReplicas is 0; it must be at least 1, because scaling to zero is not supported yet',
    ['input', 'minReplicas'],
  ],
  ['setScalingPolicy', () => newPolicy({ minReplicas: -1 }), 'INVALID', 'minReplicas is -1; it must be a whole number from 1 to 64', ['input', 'minReplicas']],
  ['setScalingPolicy', () => newPolicy({ maxReplicas: 65 }), 'INVALID', 'maxReplicas is 65; it must be a whole number from 1 to 64', ['input', 'maxReplicas']],
  [
    'setScalingPolicy',
    () => newPolicy({ minReplicas: 5 }),
    'INVALID',
    'maxReplicas is 4, less than minReplicas, which is 5; it must be at least as large',
    ['input', 'maxReplicas'],
  ],
  [
    'setScalingPolicy',
    () => newPolicy({ targetInFlight: 0 }),
    'INVALID',
    'targetInFlight is 0; it must be greater than 0 and at most 1000000: the requests that one replica should have in flight',
    ['input', 'targetInFlight'],
  ],
  [
    'setScalingPolicy',
    () => newPolicy({ windowMs: 5_000 }),
    'INVALID',
    'windowMs is 5000; it must be a whole number from 10000 to 3600000',
    ['input', 'windowMs'],
  ],
  [
    'setScalingPolicy',
    () => newPolicy({ scaleDownWindowMs: -1 }),
    'INVALID',
    'scaleDownWindowMs is -1; it must be a whole number from 0 to 3600000',
    ['input', 'scaleDownWindowMs'],
  ],
  [
    'setScalingPolicy',
    () => newPolicy({ expectedGeneration: 7 }),
    'CONFLICT',
    "expectedGeneration is 7, but the policy's generation is 1; read it again before you change it",
    ['input', 'expectedGeneration'],
  ],
  [
    'setScalingPolicy',
    () => newPolicy({ deployment: { name: 'full' }, expectedGeneration: 1 }),
    'CONFLICT',
    'expectedGeneration is 1, but the deployment has no scaling policy (generation 0); read it again before you change it',
    ['input', 'expectedGeneration'],
  ],
  [
    'setScalingPolicy',
    () => newPolicy({ idempotencyKey: 'policy-used' }),
    'CONFLICT',
    'idempotencyKey "policy-used" was used before with another input; use a new key',
    ['input', 'idempotencyKey'],
  ],
  ['deleteScalingPolicy', () => ({ deployment: { name: 'full' } }), 'NOT_FOUND', 'deployment "full" has no scaling policy', ['input', 'deployment']],
  [
    'deleteScalingPolicy',
    () => ({ deployment: { name: 'errors' }, expectedGeneration: 2 }),
    'CONFLICT',
    "expectedGeneration is 2, but the policy's generation is 1; read it again before you change it",
    ['input', 'expectedGeneration'],
  ],
])('%s %#', async (mutation, input, code, message, field) => {
  const before = await world.footprint();
  const { userErrors } = await mutate(mutation, '__typename', input());
  expect(userErrors).toEqual([{ code, field, message: message.startsWith('" is') ? expect.stringContaining(message) : message }]);
  expect(await world.footprint()).toEqual(before);
});

test.each([
  ['alertEvents(project: "nobody")', 'NOT_FOUND', 'project "nobody" does not exist'],
  ['alertEvents(deployment: "x")', 'INVALID', '"x" is not the id of a Deployment'],
  [`alertEvents(deployment: "${toNodeId('Deployment', unknown)}")`, 'NOT_FOUND', 'this deployment does not exist'],
  [`alertEvents(project: "default", deployment: "x")`, 'INVALID', 'name a project or a deployment, not both: a deployment has its project'],
  ['alertEvents(after: "x")', 'INVALID', '"x" is not a cursor of the event feed; use the cursor of an event, as it came'],
])('subscription %s', async (field, code, message) => {
  const answer = await api
    .wsClient()
    .iterate({ query: `subscription { ${field} { cursor } }` })
    .next()
    .then(
      (step) => step.value?.errors,
      (error: unknown) => error,
    );
  expect(answer).toEqual([expect.objectContaining({ message, extensions: expect.objectContaining({ code }) })]);
});

test('alerts of an unknown deployment', async () => {
  const { errors: found } = await api.graphql('{ alerts(deployment: { name: "nobody" }) { nodes { id } } }');
  expect(found).toEqual([
    expect.objectContaining({ message: 'project "default" has no deployment "nobody"', extensions: expect.objectContaining({ code: 'NOT_FOUND' }) }),
  ]);
});
