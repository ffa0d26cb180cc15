/** The features and their GraphQL, which is most of the program: app.ts loads them while the gateway starts on another core. */
export { AuditResolver } from './access/audit.resolver.js';
export { AuditService } from './access/audit.service.js';
export { TokenResolver } from './access/token.resolver.js';
export { createSchema, ResolverInstances } from './api/create-schema.js';
export { NodeResolver } from './api/node.resolver.js';
export { createAutoscaling } from './autoscaling/autoscaling.js';
export { createConfiguration } from './configuration/configuration.js';
export { createDeployments } from './deployments/deployments.js';
export { expectFreePrefix } from './deployments/endpoint-names.js';
export { EventResolver } from './events/event.resolver.js';
export { createExplanation } from './explanation/explanation.js';
export { createMonitoring } from './monitoring/monitoring.js';
export { createRegistry } from './registry/registry.js';
export { RESOLVERS } from './resolvers.js';
export { serverState } from './server-state.js';
