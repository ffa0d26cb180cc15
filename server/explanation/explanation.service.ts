/** Collects why a deployment is as it is, in a fixed number of statements. */
import { ScalingDecisionEntity, ScalingPolicyEntity } from '../autoscaling/autoscaling.entities.js';
import type { UnitOfWork } from '../database/unit-of-work.js';
import { ReplicaEntity, RevisionEntity, type DeploymentEntity } from '../deployments/deployment.entities.js';
import type { DeploymentRef, DeploymentService } from '../deployments/deployment.service.js';
import { AlertEntity } from '../monitoring/monitoring.entities.js';
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
    const revision = await manager.findOneByOrFail(RevisionEntity, { deploymentId, number: generation });
    const policy = await manager
      .createQueryBuilder(ScalingPolicyEntity, 'p')
      .where('p.deploymentId = :deploymentId AND p.deletedAt IS NULL', { deploymentId })
      .getOne();
    const decision = policy && (await manager.findOne(ScalingDecisionEntity, { where: { policyId: policy.id }, order: { at: 'DESC' } }));
    const { at: since } = await this.servingSince(deployment, revision);
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
    const rows: { id: string; version: string; ready: number }[] = await this.work.manager.query(
      `SELECT v.id, m.name || ':' || v.number AS version,
              (SELECT count(*)::int FROM replica r WHERE r.deployment_id = $1 AND r.version_id = v.id AND r.state = 'READY') AS ready
       FROM version v JOIN model m ON m.id = v.model_id WHERE v.id = ANY($2)`,
      [id, spec.targets.map(({ versionId }) => versionId)],
    );
    const byId = new Map(rows.map((row) => [row.id, row]));
    return spec.targets.map(({ versionId, weight, shadowPercent }) => {
      const { version, ready } = byId.get(versionId)!;
      return { version, weight, shadowPercent, readyReplicas: ready };
    });
  }

  /** When the revision's rollout ended; its creation while it has not. */
  private async servingSince({ id }: DeploymentEntity, revision: RevisionEntity): Promise<{ at: Date }> {
    const rows: { at: Date | null }[] = await this.work.manager.query(
      `SELECT finished_at AS at FROM rollout WHERE deployment_id = $1 AND revision_id = $2 AND state = 'SUCCEEDED'`,
      [id, revision.id],
    );
    return { at: rows[0]?.at ?? revision.createdAt };
  }

  private async problems({ id: deploymentId, conditions, generation }: DeploymentEntity): Promise<string[]> {
    const { manager } = this.work;
    const bad = conditions.filter(({ type, status }) => (type === 'Degraded' ? status === 'TRUE' : type === 'Available' && status !== 'TRUE'));
    const failed = await manager.find(ReplicaEntity, { where: { deploymentId, state: 'FAILED', generation }, order: { createdAt: 'DESC' }, take: MAX_TOLD });
    const alerts = await manager.find(AlertEntity, { where: { deploymentId, state: 'FIRING' }, order: { firedAt: 'DESC' }, take: MAX_TOLD });
    return [
      ...bad.map(({ type, status, reason, message }) => `${type} is ${status}: ${message || reason}`),
      // Replicas that fail in a row mostly fail alike.
      ...new Set(failed.map(({ reason }) => `a replica FAILED: ${reason ?? 'no reason is known'}`)),
      ...alerts.map(({ reason, firedAt }) => `an alert is FIRING since ${firedAt.toISOString()}: ${reason}`),
    ];
  }
}
