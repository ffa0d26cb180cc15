/** The feature as features.ts lists it. */
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import type { ResolverClass } from '../api/create-schema.js';
import type { UnitOfWork } from '../database/unit-of-work.js';
import type { Deployments } from '../deployments/deployments.js';
import type { RunningFeature } from '../feature.js';
import { MetricWindows } from '../metering/metric-windows.js';
import { Autoscaler } from './autoscaler.js';
import { pruneDecisions } from './decision-retention.js';
import { ScalingPolicyService } from './scaling-policy.service.js';
import { DeploymentScalingResolver, ScalingDecisionResolver, ScalingPolicyResolver } from './scaling.resolver.js';

export interface AutoscalingOptions {
  readonly dataSource: DataSource;
  readonly work: UnitOfWork;
  readonly deployments: Pick<Deployments, 'service'>;
  readonly log: Logger;
}

export interface Autoscaling extends RunningFeature {
  readonly service: ScalingPolicyService;
  readonly autoscaler: Autoscaler;
}

/** Every class of the feature with resolvers; `createAutoscaling` gives an instance of each. */
export const AUTOSCALING_RESOLVERS: readonly ResolverClass[] = [ScalingPolicyResolver, ScalingDecisionResolver, DeploymentScalingResolver];

export function createAutoscaling({ dataSource, work, deployments: { service: deployments }, log }: AutoscalingOptions): Autoscaling {
  const service = new ScalingPolicyService(work, deployments);
  const policy = new ScalingPolicyResolver(dataSource, service, deployments);
  const autoscaler = new Autoscaler({ work, windows: new MetricWindows(), policies: service, log });
  return {
    service,
    autoscaler,
    lead: (fence, signal) => autoscaler.lead(fence, signal),
    idle: () => autoscaler.idle(),
    tidy: (fence, now) => pruneDecisions(dataSource, fence, now),
    nodes: policy.nodes,
    resolvers: [policy, new ScalingDecisionResolver(dataSource), new DeploymentScalingResolver(dataSource, service)],
  };
}
