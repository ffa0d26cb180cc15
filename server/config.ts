/** The only reader of process.env. */
import { resolve } from 'node:path';
import * as z from 'zod';
import { DomainError } from './errors.js';

/** Each says what would be right; `readConfig` puts the variable and its value before it. */
const number = (from: number, to = Infinity, { whole = true } = {}) => {
  const right = `must be a ${whole ? 'whole ' : ''}number ${to === Infinity ? `of at least ${from}` : `from ${from} to ${to}`}`;
  const isRight = (value: number): boolean => value >= from && value <= to && (!whole || Number.isSafeInteger(value));
  // As text first: blanks are 0 to JavaScript.
  return z
    .string()
    .refine((text) => text.trim() !== '' && isRight(Number(text)), right)
    .transform(Number);
};
const port = (fallback: number) => number(0, 65535).default(fallback);
const oneOf = <const Values extends readonly string[]>(values: Values) => z.enum(values, `must be one of ${values.map((value) => `"${value}"`).join(', ')}`);
const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL, such as http://127.0.0.1:4318' });
const postgresUrl = z
  .string()
  .refine((url) => /^postgres(ql)?:\/\//.test(url), {
    error: 'must be a postgres:// or postgresql:// URL, such as postgres://user@host:5432/pilothouse',
    abort: true,
  })
  // A user without a host is how a socket's folder is given: `pg` reads it, and URL alone does not.
  .refine(
    (url) => URL.canParse(url) || URL.canParse(url.replace('@/', '@localhost/')),
    'must be a valid URL; write characters such as "/", "#" and "@" in a user or password as %2F, %23 and %40',
  );
/** As browsers write an origin: no path, no default port, lower case. */
function originOf(text: string): string | undefined {
  if (text === '*') return text;
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s]+\/?$/i.test(text) || !URL.canParse(text)) return undefined;
  const { origin } = new URL(text);
  // Of schemes that it does not know, such as those of apps, URL knows no origin.
  return origin === 'null' ? text.toLowerCase().replace(/\/$/, '') : origin;
}
const origins = z
  .string()
  .transform((text) => list(text).map(originOf))
  .refine(
    (all): all is string[] => !all.includes(undefined),
    'must be "*", or origins separated by commas, each a scheme and a host without a path, such as https://app.example.com',
  );
const list = (text: string): string[] =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
const hostNames = z
  .string()
  .transform(list)
  .refine(
    (names) => names.every((name) => /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(name)),
    'must be host names separated by commas, each without a scheme and a port, such as models.example.com',
  );
/** A URL may hold a password, and is not shown. */
const UNSHOWN = /_(URL|ENDPOINT)$/;

const SAMPLERS = ['always_on', 'always_off', 'traceidratio', 'parentbased_always_on', 'parentbased_always_off', 'parentbased_traceidratio'] as const;
/** OpenTelemetry's names for who decides whether a trace is kept. */
export type TraceSampler = (typeof SAMPLERS)[number];

const environment = z.object({
  PILOTHOUSE_HOME: z.string().min(1).default('.pilothouse'),
  DATABASE_URL: postgresUrl.optional(),
  PILOTHOUSE_HOST: z.string().min(1).default('127.0.0.1'),
  PILOTHOUSE_GATEWAY_AUTH: oneOf(['off', 'required']).optional(),
  PILOTHOUSE_PORT: port(4000),
  PILOTHOUSE_HTTP_PORT: port(8000),
  PILOTHOUSE_GRPC_PORT: port(8001),
  PILOTHOUSE_HTTP_PARSER: oneOf(['auto', 'node-http']).default('auto'),
  PILOTHOUSE_HTTP_FD: number(3).optional(),
  PILOTHOUSE_MLFLOW_DEPLOYMENT: z.string().min(1).optional(),
  PILOTHOUSE_WORKER: number(0).default(0),
  PILOTHOUSE_WORKER_SOCKETS: z.string().min(1).optional(),
  PILOTHOUSE_WORKER_CONNECTIONS: number(1).default(3),
  PILOTHOUSE_GRPC_FD: number(3).optional(),
  PILOTHOUSE_GATEWAYS: number(1, 64).default(1),
  PILOTHOUSE_RUNTIMES: z.string().default(''),
  PILOTHOUSE_TFJS_NODE_CACHE: z.string().min(1).optional(),
  PILOTHOUSE_PYTHON: z.string().min(1).default('python3'),
  PILOTHOUSE_VALIDATION_TIMEOUT_MS: number(100).default(60_000),
  PILOTHOUSE_VALIDATION_MEMORY_BYTES: number(1024 ** 2).default(2 * 1024 ** 3),
  PILOTHOUSE_MAX_ARTIFACT_BYTES: number(1).default(20 * 1024 ** 3),
  PILOTHOUSE_LOG_LEVEL: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  PILOTHOUSE_CORS_ORIGINS: origins.default([]),
  PILOTHOUSE_ALLOWED_HOSTS: hostNames.default([]),
  PILOTHOUSE_SAMPLES: oneOf(['on', 'off']).default('on'),
  PILOTHOUSE_ACCESS_LOG_SAMPLE: number(0, 1, { whole: false }).default(0.01),
  // OpenTelemetry's own variables, as far as they are ours to obey; its exporter reads the others (headers, timeout, compression) itself.
  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl.optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: httpUrl.optional(),
  OTEL_SDK_DISABLED: z.string().optional(),
  OTEL_TRACES_EXPORTER: z.string().optional(),
  OTEL_TRACES_SAMPLER: oneOf(SAMPLERS).default('parentbased_always_on'),
  OTEL_TRACES_SAMPLER_ARG: number(0, 1, { whole: false }).default(1),
});

/** How traces are sampled. */
export interface TracingConfig {
  readonly sampler: TraceSampler;
  /** Of traces, 0 to 1; for the samplers that draw. */
  readonly ratio: number;
}

export interface Config {
  /** Absolute path of the state folder. */
  readonly home: string;
  /** undefined: the embedded PostgreSQL. */
  readonly databaseUrl: string | undefined;
  readonly host: string;
  readonly gatewayAuth: 'off' | 'required';
  readonly port: number;
  readonly httpPort: number;
  readonly grpcPort: number;
  /** For a gateway worker: descriptors of the listening sockets it was started with; undefined to bind one. */
  readonly httpFd: number | undefined;
  /** For gateways: how HTTP requests are read; `auto` is Node's internal parser where it can be had. */
  readonly httpParser: 'auto' | 'node-http';
  /** For gateways: the deployment that answers MLflow's `/invocations` at the root; undefined for none. */
  readonly mlflowDeployment: string | undefined;
  /** For a gateway worker: which one it is, from 0 on, and where all of them have the sockets by which they ask one another. */
  readonly worker: number;
  readonly workerSockets: string | undefined;
  /** For a gateway worker: connections to PostgreSQL in its pool. */
  readonly workerConnections: number;
  readonly grpcFd: number | undefined;
  readonly gateways: number;
  /** Origins whose web pages may call the control plane and the gateway, as browsers write them; `*` for every one, empty for none. */
  readonly corsOrigins: readonly string[];
  /** Names by which this machine is called, beside those of loopback. */
  readonly allowedHosts: readonly string[];
  /** Module names or paths of further runtime plugins. */
  readonly runtimes: readonly string[];
  /** Absolute path of the folder of native TensorFlow builds; undefined: what `npm run build:tfjs-node` of this installation made, if it did. */
  readonly tfjsNodeCache: string | undefined;
  /** Interpreter of Python models: a path, or a name on the PATH. */
  readonly python: string;
  readonly validationTimeoutMs: number;
  readonly validationMemoryBytes: number;
  readonly maxArtifactBytes: number;
  readonly logLevel: string;
  /** Whether an empty database gets the sample models. */
  readonly samples: boolean;
  /** Fraction of the requests that the gateway's access log has, 0 to 1. */
  readonly accessLogSample: number;
  /** undefined: no traces, because no collector is set, or because they are switched off. */
  readonly tracing: TracingConfig | undefined;
}

export const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);

/** @throws DomainError INVALID that names each variable, its value and what would be right. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const known = Object.keys(environment.shape);
  // An empty value is how compose files and shells say "unset".
  const given = Object.fromEntries(known.filter((name) => env[name] !== undefined && env[name] !== '').map((name) => [name, env[name]]));
  const parsed = environment.safeParse(given);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => describeProblem(path.join('.'), given, message));
    throw new DomainError('INVALID', `configuration: ${problems.join('; ')}`);
  }
  const e = parsed.data;
  const loopback = isLoopback(e.PILOTHOUSE_HOST);
  const gatewayAuth = e.PILOTHOUSE_GATEWAY_AUTH ?? (loopback ? 'off' : 'required');
  if (!loopback && gatewayAuth === 'off') {
    throw new DomainError(
      'INVALID',
      `configuration: PILOTHOUSE_HOST=${e.PILOTHOUSE_HOST} is not a loopback address, so PILOTHOUSE_GATEWAY_AUTH must be "required", not "off"`,
    );
  }
  return {
    home: resolve(e.PILOTHOUSE_HOME),
    databaseUrl: e.DATABASE_URL,
    host: e.PILOTHOUSE_HOST,
    gatewayAuth,
    port: e.PILOTHOUSE_PORT,
    httpPort: e.PILOTHOUSE_HTTP_PORT,
    grpcPort: e.PILOTHOUSE_GRPC_PORT,
    httpFd: e.PILOTHOUSE_HTTP_FD,
    httpParser: e.PILOTHOUSE_HTTP_PARSER,
    mlflowDeployment: e.PILOTHOUSE_MLFLOW_DEPLOYMENT,
    worker: e.PILOTHOUSE_WORKER,
    workerSockets: e.PILOTHOUSE_WORKER_SOCKETS,
    workerConnections: e.PILOTHOUSE_WORKER_CONNECTIONS,
    grpcFd: e.PILOTHOUSE_GRPC_FD,
    gateways: e.PILOTHOUSE_GATEWAYS,
    corsOrigins: e.PILOTHOUSE_CORS_ORIGINS,
    allowedHosts: e.PILOTHOUSE_ALLOWED_HOSTS,
    runtimes: list(e.PILOTHOUSE_RUNTIMES),
    tfjsNodeCache: e.PILOTHOUSE_TFJS_NODE_CACHE === undefined ? undefined : resolve(e.PILOTHOUSE_TFJS_NODE_CACHE),
    python: e.PILOTHOUSE_PYTHON,
    validationTimeoutMs: e.PILOTHOUSE_VALIDATION_TIMEOUT_MS,
    validationMemoryBytes: e.PILOTHOUSE_VALIDATION_MEMORY_BYTES,
    maxArtifactBytes: e.PILOTHOUSE_MAX_ARTIFACT_BYTES,
    logLevel: e.PILOTHOUSE_LOG_LEVEL,
    samples: e.PILOTHOUSE_SAMPLES === 'on',
    accessLogSample: e.PILOTHOUSE_ACCESS_LOG_SAMPLE,
    tracing: tracingOf(e),
  };
}

/** What processes of Pilothouse tell one another. */
const INTERNAL = /^PILOTHOUSE_((HTTP|GRPC)_FD|WORKER|WORKER_SOCKETS|WORKER_CONNECTIONS|BUILD)$/;
/** What the repository's own scripts and tests read. */
const OF_SCRIPTS = /^PILOTHOUSE_(TEST_\w+|BENCH_CACHE|(HTTP|GRPC)_ADDRESS)$/;

/** The variables of ours that are set and that nothing reads, and those that there are: a name that was mistyped changes nothing, silently. */
export function unknownVariables(env: NodeJS.ProcessEnv = process.env): { unknown: string[]; known: string[] } {
  const known = Object.keys(environment.shape).filter((name) => name.startsWith('PILOTHOUSE_') && !INTERNAL.test(name));
  const unknown = Object.keys(env).filter((name) => /^PILOTHOUSE_/.test(name) && !known.includes(name) && !INTERNAL.test(name) && !OF_SCRIPTS.test(name));
  return { unknown, known };
}

const describeProblem = (name: string, given: Readonly<Record<string, string | undefined>>, right: string): string =>
  UNSHOWN.test(name) ? `${name} ${right}` : `${name} is ${JSON.stringify(given[name]?.slice(0, 80))}; it ${right}`;

function tracingOf(e: z.infer<typeof environment>): TracingConfig | undefined {
  const off = e.OTEL_SDK_DISABLED?.toLowerCase() === 'true' || e.OTEL_TRACES_EXPORTER === 'none';
  const endpoint = e.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? e.OTEL_EXPORTER_OTLP_ENDPOINT;
  return off || endpoint === undefined ? undefined : { sampler: e.OTEL_TRACES_SAMPLER, ratio: e.OTEL_TRACES_SAMPLER_ARG };
}

/** OpenTelemetry's variables of this process: its libraries read them themselves, in the process that sends. */
export function telemetryEnvironment(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => /^OTEL_[A-Z0-9_]+$/.test(entry[0]) && !!entry[1]));
}

/** The environment of this process with `changes`; undefined removes a variable. */
export function childEnvironment(changes: Readonly<Record<string, string | undefined>> = {}): NodeJS.ProcessEnv {
  const merged = Object.entries({ ...process.env, ...changes });
  return Object.fromEntries(merged.filter(([, value]) => value !== undefined));
}
