/** Lets the replicas of deployments with a scaling policy follow their load, in the leader alone. One transaction a policy. */
import type { Logger } from 'pino';
import type { EntityManager } from 'typeorm';
import { NotLeaderError, type Fence } from '../database/leadership.js';
import type { UnitOfWork } from '../database/unit-of-work.js';
import { lockDeployment } from '../deployments/deployment-rows.js';
import type { DeploymentEntity } from '../deployments/deployment.entities.js';
import { RouteEntity } from '../routing/routing.entities.js';
import type { MetricWindows } from '../metering/metric-windows.js';
import { LeaderLoop } from '../leader-loop.js';
import { versionNames } from '../registry/registry-rows.js';
import type { ScalingPolicyEntity } from './autoscaling.entities.js';
import { decide, type Decision } from './decide.js';
import { loadRange, observeLoad, type LoadedVersion } from './load.js';
import { lastDecision, livePolicy, replicasOf, type ScalingPolicyService } from './scaling-policy.service.js';

export const AUTOSCALER_ACTOR = 'system:autoscaler';

export interface AutoscalerDependencies {
  readonly work: UnitOfWork;
  readonly windows: MetricWindows;
  readonly policies: ScalingPolicyService;
  readonly log: Logger;
}

const EVERY = '*/5 * * * * *';

export class Autoscaler {
  private readonly passes: LeaderLoop;

  constructor(private readonly parts: AutoscalerDependencies) {
    this.passes = new LeaderLoop({
      name: 'autoscaler',
      every: EVERY,
      run: (fence, signal) => this.evaluateAll(fence, signal),
      failure: 'the scaling policies could not be listed; the next try is in a few seconds',
      log: parts.log,
    });
  }

  /** Evaluates every policy every few seconds until `signal` aborts. */
  lead(fence: Fence, signal: AbortSignal): void {
    this.passes.lead(fence, signal);
  }

  /** Waits for the pass under way. */
  idle(): Promise<void> {
    return this.passes.idle();
  }

  /** One look at every policy: one that fails does not hold up the others. @throws NotLeaderError */
  async evaluateAll(fence: Fence, signal?: AbortSignal): Promise<void> {
    const { log, work } = this.parts;
    const rows: { deployment_id: string }[] = await work.dataSource.query(
      'SELECT deployment_id FROM scaling_policy WHERE deleted_at IS NULL ORDER BY deployment_id',
    );
    for (const { deployment_id: deploymentId } of rows) {
      if (signal?.aborted) return;
      await this.evaluate(deploymentId, fence).catch((error: unknown) => {
        if (error instanceof NotLeaderError) throw error;
        log.error({ err: error, deploymentId }, 'a scaling policy could not be evaluated; the next try is in a few seconds');
      });
    }
  }

  /**
   * Decides for one deployment, now.
   * @returns the decision; undefined where there is no policy any more
   * @throws NotLeaderError, and then nothing was written
   */
  async evaluate(deploymentId: string, fence: Fence): Promise<Decision | undefined> {
    const { work, policies } = this.parts;
    return work.run(AUTOSCALER_ACTOR, async (change) => {
      await fence.check(change.manager);
      const deployment = await lockDeployment(change.manager, deploymentId);
      const policy = await livePolicy(change.manager, deploymentId);
      if (!policy) return undefined;
      if (deployment.deletionRequestedAt) {
        await policies.retire(change, deployment, policy);
        return undefined;
      }
      const decision = decide(policy, replicasOf(deployment), await this.observe(change.manager, deployment, policy, change.now));
      const repeated = decision.action === 'HOLD' && deployment.scaledReplicas !== null && (await this.isRepeated(change.manager, policy, decision));
      if (!repeated) await policies.carryOut(change, deployment, policy, decision);
      return decision;
    });
  }

  private async observe(manager: EntityManager, deployment: DeploymentEntity, policy: ScalingPolicyEntity, now: Date) {
    const { windows } = this.parts;
    // While a rollout is under way, or after it failed, the route sends the traffic to the targets of an earlier generation than the spec's.
    const route = await manager.findOneBy(RouteEntity, { deploymentId: deployment.id });
    const targets = route?.document.targets ?? deployment.spec.targets;
    const loaded = targets.filter((target) => target.weight > 0).map((target) => target.versionId);
    const names = await versionNames(manager, loaded);
    const versions: LoadedVersion[] = names.map(({ id, model, number }) => ({ versionId: id, version: `${number} of ${model}` }));
    const query = { ...policy, versions, nowMs: now.getTime() };
    const { fromMs, toMs } = loadRange(query);
    const rows = await windows.load(manager, deployment.id, new Date(fromMs), new Date(toMs));
    return observeLoad(query, rows, await windows.liveGateways(manager, now));
  }

  /** A HOLD is news only when another part of the rule holds than before. */
  private async isRepeated(manager: EntityManager, policy: ScalingPolicyEntity, decision: Decision): Promise<boolean> {
    const last = await lastDecision(manager, policy.id);
    return last?.action === 'HOLD' && last.inputs['rule'] === decision.rule && last.toReplicas === decision.to;
  }
}
