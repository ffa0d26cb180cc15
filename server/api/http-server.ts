/** The control plane's HTTP server: GraphQL over HTTP and WebSocket, routes of features, health, metrics, a landing page. */
import { randomUUID } from 'node:crypto';
import { ApolloServer, type ApolloServerPlugin } from '@apollo/server';
import { ApolloServerPluginLandingPageDisabled, ApolloServerPluginUsageReportingDisabled } from '@apollo/server/plugin/disabled';
import { fastifyApolloHandler } from '@as-integrations/fastify';
import Fastify, { type FastifyError, type FastifyInstance, type FastifyPluginAsync, type FastifyReply, type FastifyRequest } from 'fastify';
import type { DocumentNode, GraphQLSchema } from 'graphql';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Caller, TokenService } from '../access/token.service.js';
import { AllowedHosts } from '../allowed-hosts.js';
import { isLoopback } from '../config.js';
import { DomainError } from '../errors.js';
import type { EventFeed } from '../events/event-feed.js';
import { answerOtherOrigins } from './cross-origin.js';
import { Admission } from './admission.js';
import { AnswersUnderWay } from './answers-under-way.js';
import { authenticateRequest } from './authentication.js';
import { connectionLimits, Connections, type ConnectionLimits } from './connections.js';
import { type ApiContext, Loaders } from './context.js';
import type { ResolverInstances } from './create-schema.js';
import { FAULT, formatGraphQLError, noteErrors, statusOf, toClientError } from './format-error.js';
import { answerError, answerNotFound, hearOut, knownError, refuseConnection } from './http-errors.js';
import { limitRequests, TIMEOUTS, type Timeouts } from './request-limits.js';
import { LANDING_PAGE } from './landing-page.js';
import type { Limits } from './limits.js';
import { ApiMetrics, type StateGauge } from './metrics.js';
import type { Readiness } from './readiness.js';
import { GraphqlWebSockets } from './websocket.js';

export interface ApiOptions {
  readonly schema: GraphQLSchema;
  readonly instances: ResolverInstances;
  readonly tokens: TokenService;
  readonly events: EventFeed;
  readonly ready: Readiness;
  readonly log: Logger;
  /** Bind address and port; port 0 means any free one. */
  readonly host: string;
  readonly port: number;
  /** Origins whose web pages may call; none where it is left out. */
  readonly corsOrigins?: readonly string[];
  /** Further names by which callers without a token may call this machine. */
  readonly allowedHosts?: readonly string[];
  /** Fastify plugins of features. Every route in them is authenticated: `request.caller` says who calls. */
  readonly routes?: readonly FastifyPluginAsync[];
  readonly limits?: Partial<Limits>;
  readonly connections?: Partial<ConnectionLimits>;
  readonly timeouts?: Partial<Timeouts>;
  /** What `/metrics` says beside what this server observes itself. */
  readonly state?: readonly StateGauge[];
}

export interface ApiServer {
  /** `http://host:port` */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly metrics: Registry;
  readonly connections: Pick<Connections, 'counts'>;
  /** Refuses what is new, finishes what is under way, tells WebSockets that it goes away. */
  close(): Promise<void>;
}

const GRAPHQL = '/graphql';
const REQUEST_ID = /^[\w.:-]{1,64}$/;
/** Requests that are still under way after this long are cut off. */
const CLOSE_MS = 10_000;

/** Starts listening. @throws the listen error (EADDRINUSE, EACCES) as Node gives it */
export async function startApi(options: ApiOptions): Promise<ApiServer> {
  const { schema, log, tokens, host } = options;
  const admission = new Admission(schema, options.limits);
  const answers = new AnswersUnderWay(admission.limits);
  const connections = new Connections({ ...connectionLimits(), ...options.connections }, log);
  const timeouts = { ...TIMEOUTS, ...options.timeouts };
  const contextOf = (caller: Caller, requestId: string = randomUUID()): ApiContext => ({
    ...caller,
    requestId,
    loaders: new Loaders(),
    events: options.events,
    instance: (resolver) => options.instances.get(resolver),
  });
  const metrics = new ApiMetrics(log);
  for (const gauge of options.state ?? []) metrics.add(gauge);
  const apollo = createApollo(schema, admission, metrics, log);
  await apollo.start();
  const fastify = Fastify({
    logger: false,
    routerOptions: { ignoreTrailingSlash: true },
    bodyLimit: admission.limits.bodyBytes,
    // Of a whole request: `limitRequests` has it, since a big artifact may take its time.
    requestTimeout: 0,
    keepAliveTimeout: timeouts.idleMs,
    http: { headersTimeout: timeouts.headersMs, connectionsCheckingInterval: Math.min(1_000, timeouts.headersMs) },
    genReqId: ({ headers }) =>
      typeof headers['x-request-id'] === 'string' && REQUEST_ID.test(headers['x-request-id']) ? headers['x-request-id'] : randomUUID(),
    // Of a path that cannot be read: before every hook.
    frameworkErrors: (error, request, reply) => answerError(error, request, markAnswer(request, reply), log),
    clientErrorHandler: refuseConnection,
  });
  fastify.removeContentTypeParser('text/plain');
  fastify.decorateRequest('caller');
  let closing = false;
  fastify.addHook('onRequest', async (request, reply) => {
    markAnswer(request, reply);
  });
  answerOtherOrigins(fastify, options.corsOrigins ?? []);
  fastify.addHook('onSend', async (_request, reply) => {
    // A connection that was busy when closing began would else stay open, idle, for as long as its client likes.
    if (closing) reply.header('connection', 'close');
  });
  connections.attach(fastify.server);
  limitRequests(fastify, connections, timeouts);
  const sockets = new GraphqlWebSockets({
    path: GRAPHQL,
    schema,
    admission,
    connections,
    answers,
    tokens,
    log,
    context: (caller) => contextOf(caller),
    observe: metrics.observeOperation,
  });
  metrics.observeRequests(fastify, sockets, connections);
  fastify.setErrorHandler((error, request, reply) => answerError(error, request, reply, log));
  fastify.setNotFoundHandler(answerNotFound);
  await fastify.register(async (scope) => registerGraphql(scope, { apollo, admission, answers, tokens, log, contextOf }));
  await fastify.register(async (scope) => registerOpenRoutes(scope, options, metrics.registry));
  await fastify.register(async (scope) => {
    scope.addHook('onRequest', authenticateRequest(tokens));
    for (const routes of options.routes ?? []) await scope.register(routes);
  });
  sockets.attach(fastify.server);
  // As many as the gateway's: what waits here while many connect at once is not lost.
  await fastify.listen({ host, port: options.port, backlog: 4_096 });
  const address = fastify.server.address();
  const port = typeof address === 'object' && address ? address.port : options.port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    host,
    port,
    metrics: metrics.registry,
    connections,
    close: async () => {
      closing = true;
      // Before the WebSockets are told: no connection is accepted from here on, so a client that connects again finds the next server.
      const cut = setTimeout(() => fastify.server.closeAllConnections(), CLOSE_MS);
      const closed = fastify.close();
      await sockets.close();
      await closed.finally(() => clearTimeout(cut));
      await apollo.stop();
      metrics.registry.clear();
    },
  };
}

const markAnswer = (request: FastifyRequest, reply: FastifyReply): FastifyReply =>
  reply.headers({ 'x-request-id': request.id, 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });

/** Before the errors are formatted, which is done without the operation at hand. */
const errorsNoted: ApolloServerPlugin<ApiContext> = {
  requestDidStart: async () => ({ didEncounterErrors: async ({ operation, errors }) => noteErrors(operation?.operation, errors) }),
};

function createApollo(schema: GraphQLSchema, admission: Admission, metrics: ApiMetrics, log: Logger): ApolloServer<ApiContext> {
  return new ApolloServer<ApiContext>({
    schema,
    introspection: true,
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    persistedQueries: false,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    nodeEnv: 'production',
    logger: {
      debug: (message) => log.debug(message),
      info: (message) => log.debug(message),
      warn: (message) => log.warn(message),
      error: (message) => log.error(message),
    },
    plugins: [ApolloServerPluginLandingPageDisabled(), ApolloServerPluginUsageReportingDisabled(), metrics.apolloPlugin, errorsNoted],
    formatError: (formatted, error) => {
      // Apollo puts its codes on the errors it makes itself: parsing, validation, malformed requests.
      const { code } = formatted.extensions ?? {};
      const ours = formatGraphQLError(error, log);
      return ours.extensions?.['code'] === FAULT && code !== undefined && code !== FAULT ? formatted : ours;
    },
    // Operations were parsed and validated by the admission, which also measured them. Apollo's keys end in the query's SHA-256.
    documentStore: {
      get: async (key) => admission.documentByHash(key.slice(key.lastIndexOf(':') + 1)),
      set: async (_key: string, _document: DocumentNode) => undefined,
      delete: async () => undefined,
    },
  });
}

interface GraphqlParts {
  readonly apollo: ApolloServer<ApiContext>;
  readonly admission: Admission;
  readonly answers: AnswersUnderWay;
  readonly tokens: TokenService;
  readonly log: Logger;
  readonly contextOf: (caller: Caller, requestId: string) => ApiContext;
}

function registerGraphql(scope: FastifyInstance, { apollo, admission, answers, tokens, log, contextOf }: GraphqlParts): void {
  const answer = (reply: FastifyReply, status: number, errors: readonly unknown[]): FastifyReply =>
    reply.code(status).type('application/json; charset=utf-8').send({ errors });
  scope.setErrorHandler((error: FastifyError, request, reply) => {
    hearOut(error, request, reply);
    const known = knownError(error);
    if (known) return answer(reply, known.status, [{ message: known.message, extensions: { code: known.code } }]);
    const { message, ...extensions } = toClientError(error, log, request.id);
    if (extensions.code === 'UNAUTHENTICATED') reply.header('www-authenticate', 'Bearer');
    return answer(reply, statusOf(extensions.code), [{ message, extensions }]);
  });
  scope.route({
    method: 'POST',
    url: GRAPHQL,
    onRequest: authenticateRequest(tokens),
    preHandler: async (request, reply) => {
      const body = request.body as { query?: unknown; operationName?: unknown; variables?: unknown } | null;
      // What is no operation at all Apollo refuses with words of its own.
      if (typeof body?.query !== 'string' || body.query === '') return;
      if (body.operationName != null && typeof body.operationName !== 'string') return;
      if (body.variables != null && (typeof body.variables !== 'object' || Array.isArray(body.variables))) return;
      const admitted = admission.admit({ query: body.query, operationName: body.operationName, variables: body.variables as Record<string, unknown> | null });
      if ('errors' in admitted)
        return answer(
          reply,
          400,
          admitted.errors.map((error) => formatGraphQLError(error, log, request.id)),
        );
      if (admitted.operation.operation === 'subscription') {
        return answer(reply, 400, [
          { message: 'subscriptions need a WebSocket: connect to this path with the protocol graphql-transport-ws', extensions: { code: 'BAD_REQUEST' } },
        ]);
      }
      const { tokenId } = request.caller;
      const refusal = answers.refusal(tokenId, request.raw.socket);
      if (refusal) return answer(reply, 429, [formatGraphQLError(refusal, log, request.id)]);
      reply.raw.once('close', answers.begin(tokenId, request.raw.socket));
    },
    handler: fastifyApolloHandler<ApiContext>(apollo, { context: async (request) => contextOf(request.caller, request.id) }) as never,
  });
  // Before authentication: it tells nothing, and a person who opens the address in a browser learns what to do.
  scope.get(GRAPHQL, (_request, reply) =>
    answer(reply.header('allow', 'POST'), 405, [
      { message: 'send operations by POST, with "Content-Type: application/json", or open a WebSocket', extensions: { code: 'BAD_REQUEST' } },
    ]),
  );
}

function registerOpenRoutes(scope: FastifyInstance, { tokens, host, ready, allowedHosts = [], corsOrigins = [] }: ApiOptions, metrics: Registry): void {
  const hosts = new AllowedHosts({ bound: host, names: allowedHosts, origins: corsOrigins });
  scope.addHook('onRequest', async ({ headers }) => {
    const refusal = hosts.refusal(headers.host, headers.origin);
    if (refusal !== undefined) throw new DomainError('FORBIDDEN', refusal);
  });
  scope.get('/', (_request, reply) =>
    reply.type('text/html; charset=utf-8').header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'").send(LANDING_PAGE),
  );
  scope.get('/healthz', () => ({ status: 'ok' }));
  scope.get('/readyz', async (_request, reply) => {
    const reason = await ready();
    return reason === undefined ? { status: 'ready' } : reply.code(503).send({ status: 'not ready', reason });
  });
  scope.get('/metrics', { onRequest: isLoopback(host) ? [] : [authenticateRequest(tokens)] }, async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.metrics()),
  );
}
