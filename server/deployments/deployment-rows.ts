/** What other features read of deployments, each in the transaction that it has open. */
import type { EntityManager } from 'typeorm';
import { DeploymentEntity, ReplicaEntity, RevisionEntity, RolloutEntity } from './deployment.entities.js';

/** The row, that of a deleted deployment too. It must be there. */
export const deploymentRow = (manager: EntityManager, id: string): Promise<DeploymentEntity> => manager.findOneByOrFail(DeploymentEntity, { id });

/** The same, locked: no change of the deployment slips in between, and those who lock it come one after the other. */
export const lockDeployment = (manager: EntityManager, id: string): Promise<DeploymentEntity> =>
  manager.findOneOrFail(DeploymentEntity, { where: { id }, lock: { mode: 'pessimistic_write' } });

/** Those of some projects, by name, without those that are being deleted. */
export const liveDeployments = (manager: EntityManager, projectIds: readonly string[]): Promise<DeploymentEntity[]> =>
  manager
    .createQueryBuilder(DeploymentEntity, 'd')
    .where('d.projectId = ANY(:ids) AND d.deletionRequestedAt IS NULL', { ids: [...projectIds] })
    .orderBy('d.name')
    .getMany();

/** Whether a deployment of this name is there, or was. */
export const hadDeployment = (manager: EntityManager, projectId: string, name: string): Promise<boolean> =>
  manager.existsBy(DeploymentEntity, { projectId, name });

/** The revision of the deployment's spec, and since when it serves: the end of its rollout, its creation while that goes on. */
export async function currentRevision(manager: EntityManager, { id, generation }: DeploymentEntity): Promise<{ revision: RevisionEntity; since: Date }> {
  const revision = await manager.findOneByOrFail(RevisionEntity, { deploymentId: id, number: generation });
  const rollout = await manager.findOneBy(RolloutEntity, { deploymentId: id, revisionId: revision.id, state: 'SUCCEEDED' });
  return { revision, since: rollout?.finishedAt ?? revision.createdAt };
}

/** How many replicas of each version are READY; versions without one are left out. */
export async function readyReplicas(manager: EntityManager, deploymentId: string): Promise<Map<string, number>> {
  const rows: { versionId: string; ready: number }[] = await manager.query(
    `SELECT version_id AS "versionId", count(*)::int AS ready FROM replica WHERE deployment_id = $1 AND state = 'READY' GROUP BY version_id`,
    [deploymentId],
  );
  return new Map(rows.map(({ versionId, ready }) => [versionId, ready]));
}

/** The latest replicas of the current generation that FAILED, newest first. */
export const failedReplicas = (manager: EntityManager, { id: deploymentId, generation }: DeploymentEntity, take: number): Promise<ReplicaEntity[]> =>
  manager.find(ReplicaEntity, { where: { deploymentId, state: 'FAILED', generation }, order: { createdAt: 'DESC' }, take });
