import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.js';
import { hasPromtool, promtoolObjections, samplesOf } from '../support/promtool.js';
import { startTestApp, type TestApp } from '../support/app.js';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

const scrape = async (): Promise<string> => (await fetch(`${app.app.endpoints.control}/metrics`)).text();

test("a server's metrics say what it was asked, what is deployed, who leads, and how far the feed is", async () => {
  const before = samplesOf(await scrape(), 'pilothouse_event_feed_position')[0]!.value;
  await app.graphql('{ projects(first: 1) { nodes { name } } }');
  await app.addVersion('m');
  await expect(app.graphql('{ node(id: "no id") { id } }')).rejects.toThrow();
  await eventually(async () => samplesOf(await scrape(), 'pilothouse_event_feed_position')[0]!.value > before, 'the events of the new version');
  const text = await scrape();
  const operations = Object.fromEntries(
    samplesOf(text, 'pilothouse_graphql_operation_duration_seconds_count').map(({ labels, value }) => [
      `${labels['operation']} ${labels['transport']} ${labels['outcome']}`,
      value,
    ]),
  );
  // Of adding the version: the model, the version, and at least one look at its state.
  expect(operations).toMatchObject({ 'mutation http success': 2, 'query http error': 1 });
  expect(operations['query http success']).toBeGreaterThan(1);
  // A leader that was held up for long leads again when it has its lock anew.
  await expect.poll(async () => samplesOf(await scrape(), 'pilothouse_leader'), { timeout: 10_000 }).toEqual([{ labels: {}, value: 1 }]);
  const phases = samplesOf(text, 'pilothouse_deployments').map(({ labels, value }) => [labels['phase'], value]);
  expect(phases).toEqual(['PENDING', 'STARTING', 'LOADING', 'READY', 'FAILED', 'DELETING'].map((phase) => [phase, 0]));
  expect(samplesOf(text, 'pilothouse_build_info')[0]!.value).toBe(1);
  expect(samplesOf(text, 'process_cpu_seconds_total')[0]!.value).toBeGreaterThan(0);
}, 120_000);

test.skipIf(!hasPromtool)("a server's metrics are what Prometheus expects (skipped where promtool is not installed)", async () => {
  expect(promtoolObjections(await scrape())).toBe('');
});
