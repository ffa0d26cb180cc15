/** What is configured now, in a number of statements that does not depend on how much it is. */
import type { EntityManager } from 'typeorm';
import { livePolicies } from '../autoscaling/scaling-policy.service.js';
import { liveDeployments } from '../deployments/deployment-rows.js';
import type { DeploymentEntity } from '../deployments/deployment.entities.js';
import { liveMonitors, liveRules } from '../monitoring/monitoring-rows.js';
import { modelRows, projectRows, versionNames } from '../registry/registry-rows.js';
import type { ConfigurationObject } from './documents.js';

export interface Stored extends ConfigurationObject {
  readonly id: string;
}

/** Objects by kind and name, parents first. @param projects names; undefined for all */
export async function readState(manager: EntityManager, projects?: readonly string[]): Promise<Stored[]> {
  const found = await projectRows(manager, projects);
  const projectName = new Map(found.map(({ id, name }) => [id, name]));
  const models = await modelRows(manager, [...projectName.keys()]);
  const deployments = await liveDeployments(manager, [...projectName.keys()]);
  const deploymentOf = new Map(deployments.map((row) => [row.id, row]));
  const policies = await livePolicies(manager, [...deploymentOf.keys()]);
  const monitors = await liveMonitors(manager, [...deploymentOf.keys()]);
  const monitorOf = new Map(monitors.map((row) => [row.id, row]));
  const rules = await liveRules(manager, [...monitorOf.keys()]);
  const versions = await versionNames(
    manager,
    deployments.flatMap(({ spec }) => spec.targets.map(({ versionId }) => versionId)),
  );
  const references = new Map(versions.map(({ id, model, number }) => [id, `${model}:${number}`]));
  const inDeployment = (deploymentId: string, ...names: string[]): { project: string; name: string } => {
    const { projectId, name } = deploymentOf.get(deploymentId)!;
    return { project: projectName.get(projectId)!, name: [name, ...names].join('/') };
  };
  const objects: Stored[] = [
    ...found.map(({ id, name, description }) => ({ kind: 'Project' as const, id, project: name, name, fields: { description } })),
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

/** @param references `churn:3` by the version's id */
function deploymentFields({ spec }: DeploymentEntity, references: ReadonlyMap<string, string>): Record<string, unknown> {
  const { targets, memoryLimitBytes, ...rest } = spec;
  return {
    targets: targets.map(({ versionId, weight, shadowPercent }) => ({ version: references.get(versionId), weight, shadowPercent })),
    ...rest,
    memoryLimitBytes: memoryLimitBytes === null ? null : String(memoryLimitBytes),
  };
}
