/** Replicas run with the settings of the generation that they were made for, however quickly generations follow one another. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { readNodeId } from '../../server/api/node-id.js';
import { PassWriter } from '../../server/deployments/pass-writer.js';
import { LocalEngine } from '../../server/engines/local-engine.js';
import { ReplicaFolder } from '../../server/engines/replica-folder.js';
import { startTestApp, type TestApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';

vi.setConfig({ testTimeout: 120_000 });

let t: TestApp;
let version: number;
beforeAll(async () => {
  t = await startTestApp();
  version = await t.addVersion('digits');
}, 120_000);
afterEach(() => vi.restoreAllMocks());
afterAll(() => t?.close());

const MiB = 1024 ** 2;

async function deploy(name: string, change: object): Promise<number> {
  const { deploy: answer } = await t.graphql<{ deploy: { deployment: { generation: number } | null; userErrors: { message: string }[] } }>(
    'mutation ($input: DeployInput!) { deploy(input: $input) { deployment { generation } userErrors { message } } }',
    { input: { name, ...change } },
  );
  if (!answer.deployment) throw new Error(answer.userErrors[0]!.message);
  return answer.deployment.generation;
}

/** Does something once, after a replica was recorded and before it is launched: the moment in which another generation may come. */
function beforeLaunch(work: () => Promise<unknown>): void {
  const write = PassWriter.prototype.write;
  let due = true;
  vi.spyOn(PassWriter.prototype, 'write').mockImplementation(async function (this: PassWriter, ...args) {
    const written = await write.apply(this, args);
    if (due && written.launch.length > 0) {
      due = false;
      await work();
    }
    return written;
  });
}

/** The READY replicas of a deployment. */
async function replicasOf(name: string): Promise<{ rowId: string; generation: number }[]> {
  const { deployment } = await t.graphql<{ deployment: { replicas: { nodes: { id: string; state: string; generation: number }[] } } }>(
    'query ($name: String!) { deployment(name: $name) { replicas(first: 50) { nodes { id state generation } } } }',
    { name },
  );
  const ready = deployment.replicas.nodes.filter((replica) => replica.state === 'READY');
  return ready.map(({ id, generation }) => ({ rowId: readNodeId(id)!.id, generation }));
}

/** The settings that the READY replicas of a deployment were launched with. */
async function launched(name: string) {
  return (await replicasOf(name)).map(({ rowId, generation }) => {
    const folder = new ReplicaFolder(t.home, rowId);
    const { threads, maxConcurrency } = JSON.parse(readFileSync(folder.specPath, 'utf8')) as { threads: number; maxConcurrency: number };
    const { memoryLimitBytes } = JSON.parse(readFileSync(join(folder.path, 'record.json'), 'utf8')) as { memoryLimitBytes: number | null };
    return { generation, threads, maxConcurrency, memoryLimitBytes };
  });
}

test('a replica of the second of three generations runs with its own settings, not with those of the generation that is routed', async () => {
  await deploy('quick', { targets: [{ model: 'digits', version }] });
  await t.phase('quick', 'READY');
  expect(await launched('quick')).toEqual([{ generation: 1, threads: 1, maxConcurrency: 2, memoryLimitBytes: null }]);
  let third = 0;
  // The third generation changes nothing that a replica runs with, so it keeps the second one's replica.
  beforeLaunch(async () => (third = await deploy('quick', { timeoutMs: 20_000 })));
  await deploy('quick', { threads: 2, maxConcurrency: 3, memoryLimitBytes: String(512 * MiB) });
  await t.phase('quick', 'READY');
  expect(third).toBe(3);
  expect(await launched('quick')).toEqual([{ generation: 2, threads: 2, maxConcurrency: 3, memoryLimitBytes: 512 * MiB }]);
});

test('a replica may drain as long as a request of its own generation may take, whatever the next generation says', async () => {
  await deploy('drains', { targets: [{ model: 'digits', version }], timeoutMs: 60_000 });
  await t.phase('drains', 'READY');
  const [old] = await replicasOf('drains');
  const stop = vi.spyOn(LocalEngine.prototype, 'stop');
  await deploy('drains', { threads: 2, timeoutMs: 1_000 });
  const graces = (): number[] => stop.mock.calls.filter(([replicaId]) => replicaId === old!.rowId).map(([, graceMs]) => graceMs);
  await eventually(() => graces().length > 0, 'the old replica is stopped', 60_000);
  expect(graces()).toContain(65_000);
  await t.phase('drains', 'READY');
});
