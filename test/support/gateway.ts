/** Everything that a test of a whole gateway needs, for one import. */
export * from './database-proxy.js';
export * from './gateway-bench.js';
export * from './published-routes.js';
export * from './replica-models.js';
export * from './routes.js';
export * from './test-gateway.js';
