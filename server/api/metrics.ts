/** Metrics of the control plane's own process. What models do is metered at the gateway. */
import type { ApolloServerPlugin } from '@apollo/server';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Connections } from './connections.js';
import type { ApiContext } from './context.js';
import type { GraphqlWebSockets } from './websocket.js';

/** Gauges of prom-client whose names end as only a counter's may. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];
/** A scraper gives up after some seconds, and then has none of the others either. */
const LOOK_UP_MS = 1_000;
const SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30];

/** Something that is looked up when it is asked for. */
export interface StateGauge {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  readonly values: () => Values | Promise<Values>;
}
type Values = readonly (readonly [Readonly<Record<string, string>>, number])[];

/** What is told of every GraphQL operation that was executed. The operation's own name is the caller's choice, and no label. */
export type OperationObserver = (operation: string, transport: 'http' | 'websocket', ms: number, failed: boolean) => void;

export class ApiMetrics {
  readonly registry = new Registry();
  private readonly operations: Histogram<'operation' | 'transport' | 'outcome'>;

  constructor(private readonly log: Logger) {
    collectDefaultMetrics({ register: this.registry });
    for (const name of MISNAMED) this.registry.removeSingleMetric(name);
    this.operations = new Histogram({
      name: 'pilothouse_graphql_operation_duration_seconds',
      help: 'Time that a GraphQL query or mutation took to execute.',
      labelNames: ['operation', 'transport', 'outcome'],
      buckets: SECONDS,
      registers: [this.registry],
    });
  }

  readonly observeOperation: OperationObserver = (operation, transport, ms, failed) =>
    this.operations.observe({ operation, transport, outcome: failed ? 'error' : 'success' }, ms / 1000);

  /** Tells of what comes over HTTP. What is refused before its execution is no operation. */
  get apolloPlugin(): ApolloServerPlugin<ApiContext> {
    const observe = this.observeOperation;
    return {
      requestDidStart: async () => {
        const started = performance.now();
        return {
          willSendResponse: async ({ operation, response }) => {
            if (!operation) return;
            const failed = response.body.kind === 'single' && response.body.singleResult.errors !== undefined;
            observe(operation.operation, 'http', performance.now() - started, failed);
          },
        };
      },
    };
  }

  observeRequests(fastify: FastifyInstance, sockets: GraphqlWebSockets, connections: Connections): void {
    const requests = new Histogram({
      name: 'pilothouse_api_request_duration_seconds',
      help: 'Time from a request to the end of its answer.',
      labelNames: ['method', 'route', 'status'],
      buckets: SECONDS,
      registers: [this.registry],
    });
    fastify.addHook('onResponse', async (request, reply) => {
      // The route's pattern, never the path as sent: a label must not have as many values as callers can think of.
      requests.observe({ method: request.method, route: request.routeOptions.url ?? 'none', status: reply.statusCode }, reply.elapsedTime / 1000);
    });
    this.add({
      name: 'pilothouse_api_connections',
      help: 'Open connections, WebSockets among them; of strangers: over which no valid token came yet.',
      labels: ['caller'],
      values: () => Object.entries(connections.counts).map(([caller, count]) => [{ caller }, count] as const),
    });
    this.add({ name: 'pilothouse_api_websocket_connections', help: 'Open WebSocket connections.', values: () => [[{}, sockets.connections]] });
  }

  add({ name, help, labels = [], values }: StateGauge): void {
    const { log } = this;
    const lookUp = withinTime(async () => values(), LOOK_UP_MS);
    new Gauge({
      name,
      help,
      labelNames: labels,
      registers: [this.registry],
      async collect() {
        this.reset();
        try {
          for (const [of, value] of await lookUp()) this.set(of, value);
        } catch (error) {
          // The others still tell something, and that one is missing does too. One without labels has a zero after a reset.
          if (labels.length === 0) this.remove();
          log.warn({ err: error, metric: name }, 'a metric could not be looked up');
        }
      },
    });
  }
}

/** Does the work, one at a time: calls while it is under way wait for the same result. @throws when it takes longer than that */
function withinTime<Result>(work: () => Promise<Result>, ms: number): () => Promise<Result> {
  let underWay: Promise<Result> | undefined;
  return async () => {
    underWay ??= work().finally(() => (underWay = undefined));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`it was not there within ${ms} ms`)), ms);
    });
    return Promise.race([underWay, late]).finally(() => clearTimeout(timer));
  };
}
