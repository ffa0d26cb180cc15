/** Why a deployment is as it is. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ReplicaEntity } from '../../server/deployments/deployment.entities.js';
import { countStatements } from '../support/count-statements.js';
import { startMonitoredApi, type MonitoredApi } from '../support/monitored-api.js';

let server: MonitoredApi;
beforeAll(async () => {
  server = await startMonitoredApi();
});
afterAll(() => server.close());

test('tells what serves, through whom, why so many replicas and what is wrong, in a fixed number of statements', async () => {
  const { world, api } = server;
  const ask = async (name: string): Promise<Record<string, unknown>> => {
    const answer = await api.graphql(
      `{ why(deployment: { name: "${name}" }) { deployment { name } serving { version weight readyReplicas } revision actor replicas replicasReason problems lines } }`,
    );
    expect(answer.errors).toBeUndefined();
    return answer.data!['why'] as never;
  };
  await world.addDeployment('plain', { replicas: 2 });
  const plain = await ask('plain');
  expect(plain).toMatchObject({ revision: 1, actor: 'token:test', replicas: 2, replicasReason: '2 of each target: the spec says so', problems: [] });
  expect(plain['serving']).toMatchObject([{ version: 'model:1', weight: 100, readyReplicas: 0 }]);
  expect(plain['lines']).toMatchObject({ 0: 'plain (PENDING): model:1 gets 100 % of the traffic, 0 of 2 replicas are READY', 3: 'nothing is wrong' });

  const { id, versionIds } = await world.addDeployment('busy', { targets: 3 });
  const rules = { minReplicas: 2, maxReplicas: 4, targetInFlight: 4, windowMs: 30_000, scaleDownWindowMs: 0 };
  await world.autoscaling.service.set('token:test', { deployment: { id }, input: {}, ...rules });
  const row = { deploymentId: id, versionId: versionIds[0]!, template: '', generation: 1, createdAt: world.now };
  for (let i = 0; i < 3; i++)
    await world.database.dataSource.manager.insert(ReplicaEntity, { ...row, id: randomUUID(), state: 'FAILED', reason: 'out of memory' });
  const busy = await ask('busy');
  expect(busy).toMatchObject({ replicas: 2, problems: ['a replica FAILED: out of memory'] });
  expect(busy['replicasReason']).toMatch(/^2 of each target: the scaling policy allows 2 to 4; its last decision, at .*, was SCALE_UP: /);

  const count = async (): Promise<number> => (await countStatements(world.database.dataSource, () => ask('busy'))).count;
  const few = await count();
  await world.database.dataSource.manager.insert(ReplicaEntity, { ...row, id: randomUUID(), state: 'READY' });
  expect(await count()).toBe(few);
});
