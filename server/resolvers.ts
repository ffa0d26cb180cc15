/** Every class with resolvers: the schema is made of these, and app.ts gives an instance of each. */
import { AuditResolver } from './access/audit.resolver.js';
import { TokenResolver } from './access/token.resolver.js';
import type { ResolverClass } from './api/create-schema.js';
import { NodeResolver } from './api/node.resolver.js';
import { AUTOSCALING_RESOLVERS } from './autoscaling/autoscaling.js';
import { CONFIGURATION_RESOLVERS } from './configuration/configuration.js';
import { DEPLOYMENT_RESOLVERS } from './deployments/deployments.js';
import { EventResolver } from './events/event.resolver.js';
import { EXPLANATION_RESOLVERS } from './explanation/explanation.js';
import { MONITORING_RESOLVERS } from './monitoring/monitoring.js';
import { REGISTRY_RESOLVERS } from './registry/registry.js';

export const RESOLVERS: readonly ResolverClass[] = [
  AuditResolver,
  EventResolver,
  NodeResolver,
  TokenResolver,
  ...REGISTRY_RESOLVERS,
  ...DEPLOYMENT_RESOLVERS,
  ...MONITORING_RESOLVERS,
  ...AUTOSCALING_RESOLVERS,
  ...CONFIGURATION_RESOLVERS,
  ...EXPLANATION_RESOLVERS,
];
