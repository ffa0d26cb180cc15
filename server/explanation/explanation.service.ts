/** Collects why a deployment is as it is, in a fixed number of statements. */
import { lastDecision, livePolicy } from '../autoscaling/scaling-policy.service.js';
import type { UnitOfWork } from '../database/unit-of-work.js';
import { currentRevision, failedReplicas, readyReplicas } from '../deployments/deployment-rows.js';
import type { DeploymentEntity } from '../deployments/deployment.entities.js';
import type { DeploymentRef, DeploymentService } from '../deployments/deployment.service.js';
import { firingAlerts } from '../monitoring/monitoring-rows.js';
import { versionNames } from '../registry/registry-rows.js';
import type { Facts, ServingFact } from './wording.js';

/** Failed replicas and firing alerts that are told. */
const MAX_TOLD = 5;

export interface Explanation extends Facts {
  readonly deployment: DeploymentEntity;
}

export class ExplanationService {
  constructor(
    private readonly work: UnitOfWork,
    private readonly deployments: DeploymentService,
  ) {}

  /** @throws DomainError NOT_FOUND */
  async why(ref: DeploymentRef): Promise<Explanation> {
    const deployment = await this.deployments.get(ref);
    const { id: deploymentId, name, phase, spec, scaledReplicas, generation } = deployment;
    const { manager } = this.work;
    const { revision, since } = await currentRevision(manager, deployment);
    const policy = await livePolicy(manager, deploymentId);
    const decision = policy && (await lastDecision(manager, policy.id));
    return {
      deployment,
      name,
      phase,
      serving: await this.serving(deployment),
      revision: generation,
      since,
      actor: revision.actor,
      reason: revision.reason,
      replicas: scaledReplicas ?? spec.replicas,
      specReplicas: spec.replicas,
      policy,
      decision,
      problems: await this.problems(deployment),
    };
  }

  private async serving({ id, spec }: DeploymentEntity): Promise<ServingFact[]> {
    const { manager } = this.work;
    const names = await versionNames(
      manager,
      spec.targets.map(({ versionId }) => versionId),
    );
    const ready = await readyReplicas(manager, id);
    return spec.targets.map(({ versionId, weight, shadowPercent }) => {
      const { model, number } = names.find((version) => version.id === versionId)!;
      return { version: `${model}:${number}`, weight, shadowPercent, readyReplicas: ready.get(versionId) ?? 0 };
    });
  }

  private async problems(deployment: DeploymentEntity): Promise<string[]> {
    const { manager } = this.work;
    const { id, conditions } = deployment;
    const bad = conditions.filter(({ type, status }) => (type === 'Degraded' ? status === 'TRUE' : type === 'Available' && status !== 'TRUE'));
    const failed = await failedReplicas(manager, deployment, MAX_TOLD);
    const alerts = await firingAlerts(manager, id, MAX_TOLD);
    return [
      ...bad.map(({ type, status, reason, message }) => `${type} is ${status}: ${message || reason}`),
      // Replicas that fail in a row mostly fail alike.
      ...new Set(failed.map(({ reason }) => `a replica FAILED: ${reason ?? 'no reason is known'}`)),
      ...alerts.map(({ reason, firedAt }) => `an alert is FIRING since ${firedAt.toISOString()}: ${reason}`),
    ];
  }
}
