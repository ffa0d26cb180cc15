/** The feature as app.ts puts it together. */
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import type { ResolverClass } from '../api/create-schema.js';
import type { NodeSource } from '../api/node.resolver.js';
import type { UnitOfWork } from '../database/unit-of-work.js';
import type { DeploymentService } from '../deployments/deployment.service.js';
import { MetricWindows } from '../metering/metric-windows.js';
import { Autoscaler } from './autoscaler.js';
import { ScalingPolicyService } from './scaling-policy.service.js';
import { DeploymentScalingResolver, ScalingDecisionResolver, ScalingPolicyResolver } from './scaling.resolver.js';

export interface AutoscalingOptions {
  readonly dataSource: DataSource;
  readonly work: UnitOfWork;
  readonly deployments: DeploymentService;
  readonly log: Logger;
}

export interface Autoscaling {
  readonly service: ScalingPolicyService;
  /** Its `lead` runs in the leader alone. */
  readonly autoscaler: Autoscaler;
  readonly resolvers: readonly object[];
  readonly nodes: readonly NodeSource[];
}

/** Every class of the feature with resolvers; `createAutoscaling` gives an instance of each. */
export const AUTOSCALING_RESOLVERS: readonly ResolverClass[] = [ScalingPolicyResolver, ScalingDecisionResolver, DeploymentScalingResolver];

export function createAutoscaling({ dataSource, work, deployments, log }: AutoscalingOptions): Autoscaling {
  const service = new ScalingPolicyService(work, deployments);
  const policy = new ScalingPolicyResolver(dataSource, service, deployments);
  return {
    service,
    autoscaler: new Autoscaler({ work, windows: new MetricWindows(), policies: service, log }),
    nodes: policy.nodes,
    resolvers: [policy, new ScalingDecisionResolver(dataSource), new DeploymentScalingResolver(dataSource, service)],
  };
}
