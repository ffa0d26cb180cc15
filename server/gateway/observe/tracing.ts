/**
 * OpenTelemetry traces. Spans are made after a request has ended, from the times that were taken of it anyway: a request that is not
 * sampled costs no more than the decision. Attributes follow the semantic conventions for HTTP and RPC servers; what they have no
 * name for begins with `pilothouse.`. The exporter reads its own variables (OTEL_EXPORTER_OTLP_*, OTEL_RESOURCE_ATTRIBUTES).
 */
import { status } from '@grpc/grpc-js';
import type { Attributes, Span, SpanContext } from '@opentelemetry/api';
import type { Sampler } from '@opentelemetry/sdk-trace';
import type { Logger } from 'pino';
import type { TraceSampler } from '../../config.js';
import { wallTime } from '../clock.js';
import { FAILURE_KINDS } from '../gateway-error.js';
import type { RequestObserver, RequestOutcome } from './observer.js';
import type { CallContext, Protocol } from '../dispatch/call.js';
import { GRPC_STATUS_OF } from '../grpc/grpc-status.js';
import { parseTraceparent } from './traceparent.js';

export interface TracingOptions {
  readonly sampler: TraceSampler;
  /** Of traces, 0 to 1; for the samplers that draw. */
  readonly ratio: number;
  readonly serverVersion: string;
  readonly instanceId: string;
  readonly log: Logger;
}

export interface Tracing {
  readonly observe: RequestObserver;
  /** Sends what waits; resolves when it is sent or given up, within a few seconds. */
  close(): Promise<void>;
}

/** Spans that may wait for a slow collector; further ones are dropped. */
const MAX_WAITING_SPANS = 4_096;
const CLOSE_MS = 3_000;

/** Starts tracing; loads the libraries. An unreachable collector is noticed later, and only loses the spans. */
export async function startTracing({ sampler, ratio, serverVersion, instanceId, log }: TracingOptions): Promise<Tracing> {
  const [api, sdk, resources, otlp] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/exporter-trace-otlp-http'),
  ]);
  tellOnce(api, log);
  const resource = resources
    .defaultResource()
    .merge(resources.resourceFromAttributes({ 'service.name': 'pilothouse-gateway', 'service.version': serverVersion, 'service.instance.id': instanceId }))
    // What the environment says goes before: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES.
    .merge(resources.detectResources({ detectors: [resources.envDetector] }));
  const processor = new sdk.BatchSpanProcessor({ exporter: new otlp.OTLPTraceExporter(), maxQueueSize: MAX_WAITING_SPANS, scheduledDelayMillis: 1_000 });
  const provider = new sdk.TracerProvider({ resource, sampler: samplerOf(sdk, sampler, ratio), spanProcessors: [processor] });
  const tracer = provider.getTracer('pilothouse-gateway', serverVersion);

  const child = (parent: Span, name: string, from: number, to: number, attributes: Attributes = {}, kind = api.SpanKind.INTERNAL): Span => {
    const span = tracer.startSpan(name, { startTime: from, kind, attributes }, api.trace.setSpan(api.ROOT_CONTEXT, parent));
    span.end(to);
    return span;
  };
  const observe: RequestObserver = (outcome) => {
    const { call, timing } = outcome;
    const arrivedAt = wallTime(call.arrivedAt);
    const remote = parentOf(api, outcome);
    const context = remote ? api.trace.setSpanContext(api.ROOT_CONTEXT, remote) : api.ROOT_CONTEXT;
    const span = tracer.startSpan(nameOf(call.context), { startTime: arrivedAt, kind: api.SpanKind.SERVER }, context);
    if (!span.isRecording()) return;
    span.setAttributes(attributesOf(outcome));
    if (isFault(outcome)) span.setStatus({ code: api.SpanStatusCode.ERROR, message: outcome.failure! });
    if (timing) {
      const [sentAt, answeredAt] = [wallTime(timing.sentAt), wallTime(timing.answeredAt)];
      child(span, 'queue', arrivedAt, sentAt);
      const { computeMs, replicaId, batchRows, batchRequests } = timing;
      const replica = child(span, 'replica', sentAt, answeredAt, { 'pilothouse.replica.id': replicaId }, api.SpanKind.CLIENT);
      // The replica says how long the runtime took, not when: as far from the one end as from the other.
      const margin = Math.max(0, (answeredAt - sentAt - computeMs) / 2);
      const batch = { 'pilothouse.batch.rows': batchRows, 'pilothouse.batch.requests': batchRequests };
      child(replica, 'runtime', sentAt + margin, Math.min(sentAt + margin + computeMs, answeredAt), batch);
    }
    span.end(wallTime(outcome.endedAt));
  };
  return {
    observe,
    close: async () => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, CLOSE_MS)));
      await Promise.race([provider.shutdown().catch((error: unknown) => log.warn({ err: error }, 'the last spans could not be sent')), late]);
      clearTimeout(timer);
    },
  };
}

/** The same trouble comes with every batch of spans. */
function tellOnce(api: typeof import('@opentelemetry/api'), log: Logger): void {
  let last = '';
  const tell = (message: string): void => {
    if (message === last) return;
    last = message;
    log.warn({ reason: message.slice(0, 500) }, 'spans could not be sent');
  };
  const ignore = (): void => undefined;
  api.diag.setLogger({ error: tell, warn: tell, info: ignore, debug: ignore, verbose: ignore }, api.DiagLogLevel.WARN);
}

function samplerOf(sdk: typeof import('@opentelemetry/sdk-trace'), name: TraceSampler, ratio: number): Sampler {
  const root = name.endsWith('always_off')
    ? new sdk.AlwaysOffSampler()
    : name.endsWith('traceidratio')
      ? new sdk.TraceIdRatioBasedSampler(ratio)
      : new sdk.AlwaysOnSampler();
  return name.startsWith('parentbased') ? new sdk.ParentBasedSampler({ root }) : root;
}

function parentOf(api: typeof import('@opentelemetry/api'), { call }: RequestOutcome): SpanContext | undefined {
  const { traceparent, tracestate } = call.context.headers;
  const parent = parseTraceparent(traceparent);
  if (!parent) return undefined;
  return { ...parent, isRemote: true, ...(typeof tracestate === 'string' && { traceState: api.createTraceState(tracestate) }) };
}

const PREDICT = '/v1/models/{model_name}:predict';
const ROUTES: Readonly<Record<Exclude<Protocol, 'oip-grpc'>, string>> = {
  'oip-rest': '/v2/models/{model_name}/infer',
  'tfs-rest': PREDICT,
  'kserve-v1': PREDICT,
  mlflow: '/deployments/{name}/invocations',
};
const RPC_SERVICE = 'inference.GRPCInferenceService';
/** Few: a model's name is an attribute. */
const routeOf = ({ path, protocol }: CallContext): string => path ?? ROUTES[protocol as keyof typeof ROUTES];
const methodOf = ({ method = 'ModelInfer' }: CallContext): string => method;
const nameOf = (context: CallContext): string => (context.protocol === 'oip-grpc' ? `${RPC_SERVICE}/${methodOf(context)}` : `POST ${routeOf(context)}`);

const statusOf = ({ failure }: RequestOutcome): number => (failure === undefined ? 200 : failure === 'INTERNAL' ? 500 : FAILURE_KINDS[failure].httpStatus);

/** By its number. A request on a stream fails alone; this is what it would have got in a call of its own. */
const grpcStatusOf = (failure: RequestOutcome['failure']): number =>
  failure === undefined ? status.OK : failure === 'INTERNAL' ? status.INTERNAL : GRPC_STATUS_OF[failure];

/** A server's span is an error only where the server is at fault. */
const isFault = (outcome: RequestOutcome): boolean => statusOf(outcome) >= 500;

function attributesOf(outcome: RequestOutcome): Attributes {
  const { call, model, version, failure, responseBytes } = outcome;
  const { protocol, requestId, requestBytes } = call.context;
  const door: Attributes =
    protocol === 'oip-grpc'
      ? {
          'rpc.system': 'grpc',
          'rpc.service': RPC_SERVICE,
          'rpc.method': methodOf(call.context),
          'rpc.grpc.status_code': grpcStatusOf(failure),
        }
      : {
          'http.request.method': 'POST',
          'http.route': routeOf(call.context),
          'http.response.status_code': statusOf(outcome),
          'http.request.body.size': requestBytes,
        };
  return {
    ...door,
    ...(failure !== undefined && { 'error.type': failure }),
    'pilothouse.request.id': requestId,
    'pilothouse.protocol': protocol,
    'pilothouse.deployment': model,
    ...(version !== undefined && { 'pilothouse.version': version }),
    'pilothouse.response.tensor_bytes': responseBytes,
  };
}
