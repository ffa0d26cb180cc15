/** Lines of replicas' logs, read from files and followed by cursor. */
import { randomUUID } from 'node:crypto';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ReplicaEntity } from '../../server/deployments/deployment.entities.js';
import { LogsService } from '../../server/deployments/logs.service.js';
import { ReplicaLogs } from '../../server/engines/replica-log.js';
import { MonitoredWorld, type TestDeployment } from '../support/monitored-world.js';

let world: MonitoredWorld;
let logs: ReplicaLogs;
let service: LogsService;
let deployment: TestDeployment;
let age = 0;
const home = mkdtempSync(join(tmpdir(), 'pilothouse-logs-'));

beforeAll(async () => {
  world = await MonitoredWorld.create();
  deployment = await world.addDeployment('logged');
  logs = new ReplicaLogs(home);
  const logPart = (id: string, offset: number | null, max: number) => Promise.resolve(logs.part(id, offset, max));
  service = new LogsService(world.work, world.deployments.service, { logPart });
});
afterAll(async () => {
  await world.drop();
  rmSync(home, { recursive: true, force: true });
});

async function addReplica(text: string): Promise<string> {
  const id = randomUUID();
  const createdAt = new Date(world.now.getTime() + ++age);
  const row = { id, deploymentId: deployment.id, versionId: deployment.versionIds[0]!, template: '', generation: 1, state: 'STOPPED' as const, createdAt };
  await world.database.dataSource.manager.insert(ReplicaEntity, row);
  writeFileSync(logs.pathOf(id), text);
  return id;
}

const texts = ({ lines }: { lines: readonly { text: string }[] }): string[] => lines.map(({ text }) => text);

test('the last lines of all runs, then what is written behind them', async () => {
  const of = { deployment: { id: deployment.id } };
  await addReplica('first run\n');
  const second = await addReplica('2026-01-02 03:04:05.6789 \u001b[33m[W:onnxruntime:, x.cc] slow\u001b[m\nunfinished');
  const page = await service.page({ of }, 10);
  expect(texts(page)).toEqual(['first run', '2026-01-02 03:04:05.6789 [W:onnxruntime:, x.cc] slow']);
  expect(page.lines[1]).toMatchObject({ replicaId: second, time: new Date('2026-01-02T03:04:05.678Z'), level: 'WARNING' });
  expect(texts(await service.page({ of }, 1))).toEqual([page.lines[1]!.text]);
  expect(texts(await service.page({ of, filter: 'FIRST' }, 10))).toEqual(['first run']);

  expect(texts(await service.page({ of }, 10, page.endCursor))).toEqual([]);
  appendFileSync(logs.pathOf(second), ' line\nError: one\nmore\n');
  await addReplica('third run\n');
  const next = await service.page({ of }, 2, page.endCursor);
  expect(texts(next)).toEqual(['unfinished line', 'Error: one']);
  expect(next.lines[1]!.level).toBe('ERROR');
  expect(texts(await service.page({ of }, 10, next.lines[0]!.cursor))).toEqual(['Error: one', 'more', 'third run']);

  const lines = service.follow({ of: { replicaId: second } }, (await service.page({ of }, 1)).endCursor);
  const line = lines.next();
  appendFileSync(logs.pathOf(second), 'live\n');
  expect((await line).value).toMatchObject({ text: 'live' });
  await lines.return();
});

test('wrong cursors, numbers and replicas are refused', async () => {
  const of = { deployment: { id: deployment.id } };
  await expect(service.page({ of }, 10, 'x')).rejects.toMatchObject({ code: 'INVALID', field: ['after'] });
  await expect(service.page({ of }, 0)).rejects.toMatchObject({ code: 'INVALID', field: ['first'] });
  await expect(service.page({ of: { replicaId: randomUUID() } }, 1)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
