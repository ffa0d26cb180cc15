import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { startTestApp, type TestApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';

let t: TestApp;
beforeAll(async () => {
  t = await startTestApp();
  await t.addVersion('digits');
  await t.graphql('mutation { deploy(input: { name: "digits", targets: [{ model: "digits" }] }) { userErrors { message } } }');
  await t.phase('digits', 'READY');
}, 120_000);
afterAll(() => t?.close());

/** Sends requests one after the other, in several lines at once, until it is told to stop. */
function load(lines: number): () => Promise<void> {
  let on = true;
  const line = async (): Promise<void> => {
    while (on) await (await t.infer('digits')).arrayBuffer();
  };
  const running = Array.from({ length: lines }, line);
  return async () => {
    on = false;
    await Promise.all(running);
  };
}

async function made(mutation: string, field: string): Promise<string> {
  const answer = await t.graphql<Record<string, Record<string, { id: string }> & { userErrors: unknown[] }>>(`mutation { ${mutation} }`);
  const [payload] = Object.values(answer);
  expect(payload!.userErrors).toEqual([]);
  return payload![field]!.id;
}

test('what the gateway measured fires an alert, which subscribers hear of', async () => {
  const monitor = await made(
    'createMonitor(input: { deployment: { name: "digits" }, name: "speed", cron: "* * * * * *", metric: LATENCY, quantile: 0.5, windowMs: 5000, minimumRequests: 5 }) { monitor { id } userErrors { message } }',
    'monitor',
  );
  // Every answer takes longer than nothing.
  await made(`createAlertRule(input: { monitor: "${monitor}", name: "any", threshold: 0 }) { alertRule { id } userErrors { message } }`, 'alertRule');
  const client = createClient({
    url: `${t.app.endpoints.control.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${t.token}` },
  });
  // From a cursor on: the alert may fire before the subscription has come through.
  const { eventCursor } = await t.graphql<{ eventCursor: string }>('{ eventCursor }');
  const query = 'subscription ($after: String) { alertEvents(after: $after) { type message } }';
  const events = client.iterate<{ alertEvents: { type: string; message: string } }>({ query, variables: { after: eventCursor } });
  const stop = load(2);
  const { value } = await events.next().finally(stop);
  expect(value!.data!.alertEvents).toMatchObject({ type: 'ALERT_FIRED', message: expect.stringContaining('ms') });
  await client.dispose();
  const { deployment } = await t.graphql<{
    deployment: { alerts: { nodes: { state: string; rule: { name: string }; value: number }[] }; metrics: { requests: number; coveredMs: number } };
  }>('{ deployment(name: "digits") { alerts { nodes { state value rule { name } } } metrics(windowMs: 60000) { requests coveredMs } } }');
  expect(deployment.alerts.nodes).toMatchObject([{ state: 'FIRING', rule: { name: 'any' } }]);
  expect(deployment.metrics.requests).toBeGreaterThanOrEqual(5);
}, 60_000);

test('a scaling policy follows the load up, and the ledger says why', async () => {
  await made(
    'setScalingPolicy(input: { deployment: { name: "digits" }, minReplicas: 1, maxReplicas: 2, targetInFlight: 0.05, windowMs: 10000, scaleDownWindowMs: 0 }) { scalingPolicy { id } userErrors { message } }',
    'scalingPolicy',
  );
  const stop = load(6);
  let reasons: string[] = [];
  try {
    const decision = await eventually(
      async () => {
        const { deployment } = await t.graphql<{
          deployment: { scalingDecisions: { nodes: { action: string; fromReplicas: number; toReplicas: number; reason: string }[] } };
        }>('{ deployment(name: "digits") { scalingDecisions(first: 50) { nodes { action fromReplicas toReplicas reason } } } }');
        reasons = deployment.scalingDecisions.nodes.map((each) => each.reason);
        return deployment.scalingDecisions.nodes.find((each) => each.action === 'SCALE_UP');
      },
      'a decision to scale up',
      60_000,
    );
    expect(decision).toMatchObject({ fromReplicas: 1, toReplicas: 2, reason: expect.stringMatching(/\d/) });
    await eventually(
      async () => {
        const { deployment } = await t.graphql<{ deployment: { scaledReplicas: number; targets: { replicas: { state: string }[] }[] } }>(
          '{ deployment(name: "digits") { scaledReplicas targets { replicas { state } } } }',
        );
        return deployment.scaledReplicas === 2 && deployment.targets[0]!.replicas.filter((replica) => replica.state === 'READY').length === 2;
      },
      'two READY replicas',
      60_000,
    );
  } catch (error) {
    throw new Error(`the ledger says: ${reasons.join('; ')}`, { cause: error });
  } finally {
    await stop();
  }
}, 120_000);
