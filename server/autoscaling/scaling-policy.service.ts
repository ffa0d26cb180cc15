/** Scaling policies: what callers may set and delete, and how a decision becomes a number of replicas. */
import { randomUUID } from 'node:crypto';
import { In, type EntityManager } from 'typeorm';
import { idempotent } from '../access/idempotency.js';
import { readBack } from '../database/read-back.js';
import type { Actor, Change, UnitOfWork } from '../database/unit-of-work.js';
import { lockDeployment } from '../deployments/deployment-rows.js';
import type { DeploymentEntity } from '../deployments/deployment.entities.js';
import type { DeploymentRef, DeploymentService } from '../deployments/deployment.service.js';
import { expectLive } from '../deployments/live.js';
import { DomainError } from '../errors.js';
import { ScalingDecisionEntity, ScalingPolicyEntity } from './autoscaling.entities.js';
import { outOfBounds, type Decision, type ScalingRules } from './decide.js';
import { checkRules, sameRules } from './policy-rules.js';

export interface SetScalingPolicyRequest extends ScalingRules {
  readonly deployment: DeploymentRef;
  readonly expectedGeneration?: number | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
  /** The caller's input as it came, for the idempotency digest. */
  readonly input: object;
}

export class ScalingPolicyService {
  constructor(
    private readonly work: UnitOfWork,
    private readonly deployments: DeploymentService,
  ) {}

  /** In no particular order; unknown ids are left out, deleted policies are not. */
  rows<E extends { id: string }>(entity: new () => E, ids: readonly string[]): Promise<E[]> {
    return this.manager.findBy(entity, { id: In([...ids]) } as never);
  }

  /** The policies of deployments; deployments without one are left out. */
  ofDeployments(deploymentIds: readonly string[]): Promise<ScalingPolicyEntity[]> {
    return livePolicies(this.manager, deploymentIds);
  }

  /**
   * Creates the deployment's policy, or changes it. Replicas outside its bounds are corrected in the same transaction.
   * @throws DomainError INVALID, NOT_FOUND, CONFLICT, FAILED_PRECONDITION
   */
  async set(actor: Actor, request: SetScalingPolicyRequest): Promise<ScalingPolicyEntity> {
    const { minReplicas, maxReplicas, targetInFlight, windowMs, scaleDownWindowMs, expectedGeneration } = request;
    const rules: ScalingRules = { minReplicas, maxReplicas, targetInFlight, windowMs, scaleDownWindowMs };
    checkRules(rules);
    const { id: deploymentId } = await this.deployments.get(request.deployment);
    const id = await this.work.run(actor, (change) =>
      idempotent(change, { operation: 'setScalingPolicy', key: request.idempotencyKey, input: request.input }, async () => {
        // Everything about a deployment's scaling is decided under the lock of its row.
        const deployment = await lockDeployment(change.manager, deploymentId);
        expectLive(deployment);
        const before = await livePolicy(change.manager, deploymentId);
        expectGeneration(before, expectedGeneration);
        if (before && sameRules(before, rules)) return before.id;
        const policy = await this.write(change, deployment, before, rules);
        await this.carryOut(change, deployment, policy, outOfBounds(rules, replicasOf(deployment)));
        return policy.id;
      }),
    );
    return readBack(() => this.manager.findOneByOrFail(ScalingPolicyEntity, { id }));
  }

  /** The deployment goes back to the replicas of its spec; the ledger stays. @throws DomainError NOT_FOUND, CONFLICT */
  async delete(actor: Actor, ref: DeploymentRef, expectedGeneration?: number | null): Promise<ScalingPolicyEntity> {
    const { id: deploymentId } = await this.deployments.get(ref);
    const id = await this.work.run(actor, async (change) => {
      const deployment = await lockDeployment(change.manager, deploymentId);
      const policy = await livePolicy(change.manager, deploymentId);
      if (!policy) throw new DomainError('NOT_FOUND', `deployment "${deployment.name}" has no scaling policy`, ['deployment']);
      expectGeneration(policy, expectedGeneration);
      await this.retire(change, deployment, policy);
      return policy.id;
    });
    return readBack(() => this.manager.findOneByOrFail(ScalingPolicyEntity, { id }));
  }

  /** Ends a policy. The deployment's row must be locked. */
  async retire(change: Change, deployment: DeploymentEntity, policy: ScalingPolicyEntity): Promise<void> {
    await change.manager.update(ScalingPolicyEntity, { id: policy.id }, { deletedAt: change.now, updatedAt: change.now });
    await this.deployments.setScaledReplicas(change, deployment.id, null);
    await change.audit({
      action: 'deleteScalingPolicy',
      objectType: 'ScalingPolicy',
      objectId: policy.id,
      projectId: deployment.projectId,
      detail: { deploymentId: deployment.id },
    });
  }

  /**
   * Brings the deployment to what was decided, and writes the decision; with none, the number of replicas stays, but is the policy's
   * from now on. The deployment's row must be locked.
   */
  async carryOut(change: Change, deployment: DeploymentEntity, policy: ScalingPolicyEntity, decision: Decision | undefined): Promise<void> {
    const current = replicasOf(deployment);
    await this.deployments.setScaledReplicas(change, deployment.id, decision?.to ?? current);
    if (!decision) return;
    const { action, to, rule, reason, inputs } = decision;
    await change.manager.insert(ScalingDecisionEntity, {
      id: randomUUID(),
      deploymentId: deployment.id,
      policyId: policy.id,
      at: change.now,
      action,
      fromReplicas: current,
      toReplicas: to,
      reason,
      inputs: { rule, ...inputs } as never,
    });
  }

  private async write(change: Change, deployment: DeploymentEntity, before: ScalingPolicyEntity | null, rules: ScalingRules): Promise<ScalingPolicyEntity> {
    const { manager, actor, now } = change;
    const policy = before
      ? { ...before, ...rules, generation: before.generation + 1, updatedAt: now }
      : { ...rules, id: randomUUID(), deploymentId: deployment.id, generation: 1, createdBy: actor, createdAt: now, updatedAt: now, deletedAt: null };
    if (before) await manager.update(ScalingPolicyEntity, { id: before.id }, { ...rules, generation: policy.generation, updatedAt: now });
    else await manager.insert(ScalingPolicyEntity, policy);
    const detail = { deploymentId: deployment.id, generation: policy.generation, ...rules };
    await change.audit({ action: 'setScalingPolicy', objectType: 'ScalingPolicy', objectId: policy.id, projectId: deployment.projectId, detail });
    return manager.create(ScalingPolicyEntity, policy);
  }

  private get manager(): EntityManager {
    return this.work.manager;
  }
}

/** Replicas of each target that are asked for now. */
export const replicasOf = (deployment: DeploymentEntity): number => deployment.scaledReplicas ?? deployment.spec.replicas;

export const livePolicy = (manager: EntityManager, deploymentId: string): Promise<ScalingPolicyEntity | null> =>
  manager.createQueryBuilder(ScalingPolicyEntity, 'p').where('p.deploymentId = :deploymentId AND p.deletedAt IS NULL', { deploymentId }).getOne();

/** The policies of some deployments; deployments without one are left out. */
export const livePolicies = (manager: EntityManager, deploymentIds: readonly string[]): Promise<ScalingPolicyEntity[]> =>
  manager
    .createQueryBuilder(ScalingPolicyEntity, 'p')
    .where('p.deploymentId = ANY(:ids) AND p.deletedAt IS NULL', { ids: [...deploymentIds] })
    .getMany();

/** The newest entry of a policy's ledger. */
export const lastDecision = (manager: EntityManager, policyId: string): Promise<ScalingDecisionEntity | null> =>
  manager.createQueryBuilder(ScalingDecisionEntity, 'd').where('d.policyId = :policyId', { policyId }).orderBy('d.at', 'DESC').limit(1).getOne();

/** 0 means "there is none". @throws DomainError CONFLICT */
function expectGeneration(policy: ScalingPolicyEntity | null, expected: number | null | undefined): void {
  const generation = policy?.generation ?? 0;
  if (expected == null || expected === generation) return;
  const state = policy ? `the policy's generation is ${generation}` : 'the deployment has no scaling policy (generation 0)';
  throw new DomainError('CONFLICT', `expectedGeneration is ${expected}, but ${state}; read it again before you change it`, ['expectedGeneration']);
}
