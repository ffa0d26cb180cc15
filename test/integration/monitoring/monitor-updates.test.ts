/** Changing monitors and alert rules through the API. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { made, startMonitoredApi, type MonitoredApi } from '../../support/monitored-api.js';

let server: MonitoredApi;
beforeAll(async () => {
  server = await startMonitoredApi();
});
afterAll(() => server.close());

const audits = async (action: string): Promise<{ detail: Record<string, unknown> }[]> =>
  server.world.database.dataSource.query('SELECT detail FROM audit_entry WHERE action = $1', [action]);

test('updateMonitor and updateAlertRule change what they name, and write one audit entry each', async () => {
  await server.world.addDeployment('updated');
  const input = { deployment: { name: 'updated' }, name: 'errors', cron: '0 0 1 1 *', metric: 'LATENCY' };
  const monitor = made(await server.mutate('createMonitor', 'monitor { id }', input), 'monitor');
  const rule = made(await server.mutate('createAlertRule', 'alertRule { id }', { monitor: monitor.id, name: 'slow', threshold: 100 }), 'alertRule');

  const selection = 'monitor { cron quantile windowMs minimumRequests }';
  const changed = await server.mutate('updateMonitor', selection, { id: monitor.id, cron: '*/5 * * * *', windowMs: 60_000 });
  expect(changed).toEqual({ monitor: { cron: '*/5 * * * *', quantile: 0.95, windowMs: 60_000, minimumRequests: 10 }, userErrors: [] });
  const changedRule = await server.mutate('updateAlertRule', 'alertRule { threshold severity comparison }', { id: rule.id, threshold: 250 });
  expect(changedRule.alertRule).toEqual({ threshold: 250, severity: 'WARNING', comparison: 'GREATER_THAN' });

  // A repetition changes nothing, so it writes nothing.
  await server.mutate('updateMonitor', selection, { id: monitor.id, cron: '*/5 * * * *' });
  await server.mutate('updateAlertRule', 'alertRule { threshold }', { id: rule.id, threshold: 250 });
  expect(await audits('updateMonitor')).toMatchObject([
    { detail: { name: 'errors', changes: { cron: { before: '0 0 1 1 *', after: '*/5 * * * *' }, windowMs: { before: 300_000, after: 60_000 } } } },
  ]);
  expect(await audits('updateAlertRule')).toMatchObject([{ detail: { name: 'slow', changes: { threshold: { before: 100, after: 250 } } } }]);

  const wrong = await server.mutate('updateMonitor', selection, { id: monitor.id, cron: 'often' });
  expect(wrong).toMatchObject({ monitor: null, userErrors: [{ code: 'INVALID', field: ['input', 'cron'] }] });
  const wrongRule = await server.mutate('updateAlertRule', 'alertRule { id }', { id: rule.id, threshold: -1 });
  expect(wrongRule).toMatchObject({ alertRule: null, userErrors: [{ code: 'INVALID', field: ['input', 'threshold'] }] });
  await server.mutate('deleteMonitor', 'monitor { id }', { id: monitor.id });
  expect((await server.mutate('updateMonitor', selection, { id: monitor.id })).userErrors).toMatchObject([{ code: 'NOT_FOUND' }]);
  expect((await server.mutate('updateAlertRule', 'alertRule { id }', { id: rule.id })).userErrors).toMatchObject([{ code: 'NOT_FOUND' }]);
});
