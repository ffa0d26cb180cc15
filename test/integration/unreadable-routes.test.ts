/** A route document that a gateway cannot read is refused alone, and reported; every other deployment is served. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { acknowledged, COMMAND_MODEL, GatewayBench, publish, routeOf, targetOf, type TestGateway } from '../support/gateway.js';
import { samplesOf } from '../support/promtool.js';

vi.setConfig({ testTimeout: 120_000 });

let db: TestDatabase;
let bench: GatewayBench;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());
beforeEach(() => {
  bench = new GatewayBench();
});
afterEach(() => bench.close());

const query = (sql: string, parameters: unknown[] = []) => db.dataSource.query(sql, parameters);
const statusOf = async (gateway: TestGateway, model: string): Promise<number> => (await gateway.command('echo', { model })).status;
const refused = async (gateway: TestGateway): Promise<number | undefined> =>
  samplesOf(await (await fetch(`${gateway.url}/metrics`)).text(), 'pilothouse_gateway_routes_refused')[0]?.value;
const REFUSED = 'cannot read the route of this deployment: skipped; the other deployments are served';

/** Takes away what a gateway needs of a document, as a release with another format would. */
const spoil = (deploymentId: string) => query(`UPDATE route SET document = document - 'targets' WHERE deployment_id = $1`, [deploymentId]);

test('a new gateway serves the others, a running one also what it had, and both say so', async () => {
  const replica = await bench.replica(COMMAND_MODEL);
  const [bad, good] = [routeOf([targetOf([replica])], { name: 'bad' }), routeOf([targetOf([replica])], { name: 'good' })];
  await acknowledged(query, await bench.gateway(db.url), await publish(db.url, [bad, good]));
  const running = await bench.gateway(db.url);
  expect([await statusOf(running, 'bad'), await statusOf(running, 'good'), await refused(running)]).toEqual([200, 200, 0]);
  await spoil(bad.deploymentId);
  const [{ version }] = (await query('UPDATE route_table SET version = version + 1 RETURNING version'))[0] as [{ version: string }];
  await acknowledged(query, running, Number(version));
  expect([await statusOf(running, 'bad'), await statusOf(running, 'good'), await refused(running)]).toEqual([200, 200, 1]);
  const fresh = await bench.gateway(db.url);
  await eventually(async () => (await statusOf(fresh, 'good')) === 200, 'the good one is served');
  expect([await statusOf(fresh, 'bad'), await refused(fresh)]).toEqual([404, 1]);
  for (const [gateway, serving] of [
    [running, 1],
    [fresh, undefined],
  ] as const) {
    const said = await gateway.logged((msg) => msg === REFUSED, 'the refusal');
    expect(said).toMatchObject({ deploymentId: bad.deploymentId, reason: 'targets: Invalid input: expected array, received undefined' });
    expect(said['serving']).toBe(serving);
  }
  // Once readable, it is served again.
  await acknowledged(query, fresh, await publish(db.url, [bad, good]));
  expect([await statusOf(fresh, 'bad'), await refused(fresh)]).toEqual([200, 0]);
});

test('a saved table with one such document gives the others to a start without PostgreSQL', async () => {
  const replica = await bench.replica(COMMAND_MODEL);
  const [bad, good] = [routeOf([targetOf([replica])], { name: 'bad' }), routeOf([targetOf([replica])], { name: 'good' })];
  const version = await publish(db.url, [bad, good]);
  const gateway = await bench.gateway(db.url);
  await acknowledged(query, gateway, version);
  await gateway.kill();
  const path = join(bench.home, 'run', 'gateway', 'routes.json');
  const saved = JSON.parse(readFileSync(path, 'utf8')) as { routes: { name: string }[] };
  writeFileSync(path, JSON.stringify({ ...saved, routes: saved.routes.map((route) => (route.name === 'bad' ? { ...route, targets: null } : route)) }));
  const alone = await bench.gatewayWithoutTable('postgres://postgres@127.0.0.1:1/nothing');
  await eventually(async () => (await statusOf(alone, 'good')) === 200, 'the good one is served');
  expect([await statusOf(alone, 'bad'), await refused(alone)]).toEqual([404, 1]);
});
