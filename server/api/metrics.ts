/** Metrics of the control plane's own process. What models do is metered at the gateway. */
import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { GraphqlWebSockets } from './websocket.js';

export function createMetrics(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

export function meter(registry: Registry, fastify: FastifyInstance, sockets: GraphqlWebSockets): void {
  const requests = new Histogram({
    name: 'pilothouse_api_request_duration_seconds',
    help: 'Time from a request to the end of its answer.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30],
    registers: [registry],
  });
  fastify.addHook('onResponse', async (request, reply) => {
    // The route's pattern, never the path as sent: a label must not have as many values as callers can think of.
    requests.observe({ method: request.method, route: request.routeOptions.url ?? 'none', status: reply.statusCode }, reply.elapsedTime / 1000);
  });
  const gauge = (name: string, help: string, value: () => number): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value());
      },
    });
  };
  gauge('pilothouse_api_websocket_connections', 'Open WebSocket connections.', () => sockets.connections);
}
