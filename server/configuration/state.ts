/** What is configured now, in a number of statements that does not depend on how much it is. */
import type { EntityManager } from 'typeorm';
import { ScalingPolicyEntity } from '../autoscaling/autoscaling.entities.js';
import { DeploymentEntity } from '../deployments/deployment.entities.js';
import { AlertRuleEntity, MonitorEntity } from '../monitoring/monitoring.entities.js';
import { ModelEntity, ProjectEntity } from '../registry/registry.entities.js';
import type { ConfigurationObject } from './documents.js';

export interface Stored extends ConfigurationObject {
  readonly id: string;
}

/** Objects by kind and name, parents first. @param projects names; undefined for all */
export async function readState(manager: EntityManager, projects?: readonly string[]): Promise<Stored[]> {
  const projectRows = await manager
    .createQueryBuilder(ProjectEntity, 'p')
    .where(projects ? 'p.name = ANY(:projects)' : 'true', { projects })
    .orderBy('p.name')
    .getMany();
  const projectName = new Map(projectRows.map(({ id, name }) => [id, name]));
  const ids = { ids: [...projectName.keys()] };
  const models = await manager.createQueryBuilder(ModelEntity, 'm').where('m.projectId = ANY(:ids)', ids).orderBy('m.name').getMany();
  const deployments = await manager
    .createQueryBuilder(DeploymentEntity, 'd')
    .where('d.projectId = ANY(:ids) AND d.deletionRequestedAt IS NULL', ids)
    .orderBy('d.name')
    .getMany();
  const deploymentOf = new Map(deployments.map((row) => [row.id, row]));
  const below = { ids: [...deploymentOf.keys()] };
  const policies = await manager.createQueryBuilder(ScalingPolicyEntity, 's').where('s.deploymentId = ANY(:ids) AND s.deletedAt IS NULL', below).getMany();
  const monitors = await manager
    .createQueryBuilder(MonitorEntity, 'm')
    .where('m.deploymentId = ANY(:ids) AND m.deletedAt IS NULL', below)
    .orderBy('m.name')
    .getMany();
  const monitorOf = new Map(monitors.map((row) => [row.id, row]));
  const rules = await manager
    .createQueryBuilder(AlertRuleEntity, 'r')
    .where('r.monitorId = ANY(:ids) AND r.deletedAt IS NULL', { ids: [...monitorOf.keys()] })
    .orderBy('r.name')
    .getMany();
  const references = await versionReferences(
    manager,
    deployments.flatMap(({ spec }) => spec.targets.map(({ versionId }) => versionId)),
  );
  const inDeployment = (deploymentId: string, ...names: string[]): { project: string; name: string } => {
    const { projectId, name } = deploymentOf.get(deploymentId)!;
    return { project: projectName.get(projectId)!, name: [name, ...names].join('/') };
  };
  const objects: Stored[] = [
    ...projectRows.map(({ id, name, description }) => ({ kind: 'Project' as const, id, project: name, name, fields: { description } })),
    ...models.map((row) => ({
      kind: 'Model' as const,
      id: row.id,
      project: projectName.get(row.projectId)!,
      name: row.name,
      fields: { description: row.description },
    })),
    ...deployments.map((row) => ({ kind: 'Deployment' as const, id: row.id, ...inDeployment(row.id), fields: deploymentFields(row, references) })),
    ...policies.map(({ id, deploymentId, minReplicas, maxReplicas, targetInFlight, windowMs, scaleDownWindowMs }) => ({
      kind: 'ScalingPolicy' as const,
      id,
      ...inDeployment(deploymentId),
      fields: { minReplicas, maxReplicas, targetInFlight, windowMs, scaleDownWindowMs },
    })),
    ...monitors.map(({ id, deploymentId, name, cron, metric, quantile, windowMs, minimumRequests }) => ({
      kind: 'Monitor' as const,
      id,
      ...inDeployment(deploymentId, name),
      fields: { cron, metric, quantile, windowMs, minimumRequests },
    })),
    ...rules.map(({ id, monitorId, name, comparison, threshold, consecutiveRuns, severity }) => ({
      kind: 'AlertRule' as const,
      id,
      ...inDeployment(monitorOf.get(monitorId)!.deploymentId, monitorOf.get(monitorId)!.name, name),
      fields: { comparison, threshold, consecutiveRuns, severity },
    })),
  ];
  return objects;
}

function deploymentFields({ spec }: DeploymentEntity, references: ReadonlyMap<string, string>): Record<string, unknown> {
  const { targets, memoryLimitBytes, ...rest } = spec;
  return {
    targets: targets.map(({ versionId, weight, shadowPercent }) => ({ version: references.get(versionId), weight, shadowPercent })),
    ...rest,
    memoryLimitBytes: memoryLimitBytes === null ? null : String(memoryLimitBytes),
  };
}

/** `churn:3` by the version's id. */
async function versionReferences(manager: EntityManager, ids: readonly string[]): Promise<Map<string, string>> {
  const rows: { id: string; reference: string }[] = await manager.query(
    `SELECT v.id, m.name || ':' || v.number AS reference FROM version v JOIN model m ON m.id = v.model_id WHERE v.id = ANY($1)`,
    [ids],
  );
  return new Map(rows.map(({ id, reference }) => [id, reference]));
}
