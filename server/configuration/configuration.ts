/** The feature as features.ts lists it. */
import type { ResolverClass } from '../api/create-schema.js';
import type { Autoscaling } from '../autoscaling/autoscaling.js';
import type { UnitOfWork } from '../database/unit-of-work.js';
import type { Deployments } from '../deployments/deployments.js';
import type { RunningFeature } from '../feature.js';
import type { Monitoring } from '../monitoring/monitoring.js';
import type { Registry } from '../registry/registry.js';
import { ConfigurationResolver } from './configuration.resolver.js';
import { ConfigurationService } from './configuration.service.js';
import { ConfigurationWriter } from './writer.js';

export interface ConfigurationOptions {
  readonly work: UnitOfWork;
  readonly registry: Pick<Registry, 'projects' | 'models' | 'versions'>;
  readonly deployments: Pick<Deployments, 'service'>;
  readonly monitoring: Pick<Monitoring, 'service' | 'updates'>;
  readonly autoscaling: Pick<Autoscaling, 'service'>;
}

export interface Configuration extends RunningFeature {
  readonly service: ConfigurationService;
}

/** Every class of the feature with resolvers; `createConfiguration` gives an instance of each. */
export const CONFIGURATION_RESOLVERS: readonly ResolverClass[] = [ConfigurationResolver];

export function createConfiguration({ work, registry, deployments, monitoring, autoscaling }: ConfigurationOptions): Configuration {
  const { projects, models, versions } = registry;
  const writer = new ConfigurationWriter({
    projects,
    models,
    versions,
    deployments: deployments.service,
    policies: autoscaling.service,
    monitors: monitoring.service,
    monitorUpdates: monitoring.updates,
  });
  const service = new ConfigurationService(work, writer);
  return { service, resolvers: [new ConfigurationResolver(service)] };
}
