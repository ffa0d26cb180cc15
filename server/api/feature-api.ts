/** The API over features: their resolvers, nodes, routes and gauges. */
import type { RunningFeature } from '../feature.js';
import { createSchema, type ResolverClass, ResolverInstances } from './create-schema.js';
import { type ApiOptions, type ApiServer, startApi } from './http-server.js';
import { NodeResolver } from './node.resolver.js';

export interface FeatureApiOptions extends Omit<ApiOptions, 'schema' | 'instances' | 'routes'> {
  readonly features: readonly RunningFeature[];
  /** Every resolver class of the features. */
  readonly resolvers: readonly ResolverClass[];
}

/** Starts listening. @throws Error that names the resolver classes without an instance; the listen error as Node gives it */
export function startFeatureApi({ features, resolvers, state = [], ...options }: FeatureApiOptions): Promise<ApiServer> {
  const nodes = new NodeResolver(features.flatMap((feature) => feature.nodes ?? []));
  const instances = new ResolverInstances([nodes, ...features.flatMap((feature) => feature.resolvers)]);
  instances.expectAll(resolvers);
  return startApi({
    ...options,
    schema: createSchema(resolvers, instances),
    instances,
    routes: features.flatMap((feature) => feature.routes ?? []),
    state: [...state, ...features.flatMap((feature) => feature.gauges ?? [])],
  });
}
