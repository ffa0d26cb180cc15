import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { readConfig, unknownVariables } from '../../server/config.js';
import { DomainError } from '../../server/errors.js';
import { gatewayEnvironment } from '../../server/gateway-environment.js';
import { describeUnknown } from '../../server/lifecycle/mistyped.js';
import { checkPortsDiffer } from '../../server/lifecycle/ports.js';

function refusal(env: NodeJS.ProcessEnv): DomainError {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
  throw new Error('it was taken');
}

const PORT = 'must be a whole number from 0 to 65535';
const POSTGRES = 'DATABASE_URL must be a postgres:// or postgresql:// URL, such as postgres://user@host:5432/pilothouse';
const READABLE = 'DATABASE_URL must be a valid URL; write characters such as "/", "#" and "@" in a user or password as %2F, %23 and %40';
const COLLECTOR = 'must be an http:// or https:// URL, such as http://127.0.0.1:4318';

const ORIGINS = 'must be "*", or origins separated by commas, each a scheme and a host without a path, such as https://app.example.com';

test.each<[NodeJS.ProcessEnv, string]>([
  [{ PILOTHOUSE_PORT: 'abc' }, `PILOTHOUSE_PORT is "abc"; it ${PORT}`],
  [{ PILOTHOUSE_PORT: '70000' }, `PILOTHOUSE_PORT is "70000"; it ${PORT}`],
  [{ PILOTHOUSE_HTTP_PORT: '-1' }, `PILOTHOUSE_HTTP_PORT is "-1"; it ${PORT}`],
  [{ PILOTHOUSE_GRPC_PORT: '80.5' }, `PILOTHOUSE_GRPC_PORT is "80.5"; it ${PORT}`],
  [{ PILOTHOUSE_PORT: '  ' }, `PILOTHOUSE_PORT is "  "; it ${PORT}`],
  [{ PILOTHOUSE_GATEWAYS: '0' }, 'PILOTHOUSE_GATEWAYS is "0"; it must be a whole number from 1 to 64'],
  [{ PILOTHOUSE_HTTP_FD: '2' }, 'PILOTHOUSE_HTTP_FD is "2"; it must be a whole number of at least 3'],
  [{ PILOTHOUSE_GRPC_FD: 'x' }, 'PILOTHOUSE_GRPC_FD is "x"; it must be a whole number of at least 3'],
  [{ PILOTHOUSE_WORKER: '-1' }, 'PILOTHOUSE_WORKER is "-1"; it must be a whole number of at least 0'],
  [{ PILOTHOUSE_VALIDATION_TIMEOUT_MS: '60s' }, 'PILOTHOUSE_VALIDATION_TIMEOUT_MS is "60s"; it must be a whole number of at least 100'],
  [{ PILOTHOUSE_VALIDATION_MEMORY_BYTES: '2GB' }, 'PILOTHOUSE_VALIDATION_MEMORY_BYTES is "2GB"; it must be a whole number of at least 1048576'],
  [{ PILOTHOUSE_MAX_ARTIFACT_BYTES: 'Infinity' }, 'PILOTHOUSE_MAX_ARTIFACT_BYTES is "Infinity"; it must be a whole number of at least 1'],
  [{ PILOTHOUSE_ACCESS_LOG_SAMPLE: '1.5' }, 'PILOTHOUSE_ACCESS_LOG_SAMPLE is "1.5"; it must be a number from 0 to 1'],
  [{ OTEL_TRACES_SAMPLER_ARG: '2' }, 'OTEL_TRACES_SAMPLER_ARG is "2"; it must be a number from 0 to 1'],
  [{ PILOTHOUSE_GATEWAY_AUTH: 'on' }, 'PILOTHOUSE_GATEWAY_AUTH is "on"; it must be one of "off", "required"'],
  [{ PILOTHOUSE_CORS_ORIGINS: 'https://app.example.com/page' }, `PILOTHOUSE_CORS_ORIGINS is "https://app.example.com/page"; it ${ORIGINS}`],
  [{ PILOTHOUSE_CORS_ORIGINS: 'https://a.example, b.example' }, `PILOTHOUSE_CORS_ORIGINS is "https://a.example, b.example"; it ${ORIGINS}`],
  [{ PILOTHOUSE_HTTP_PARSER: 'fast' }, 'PILOTHOUSE_HTTP_PARSER is "fast"; it must be one of "auto", "node-http"'],
  [{ PILOTHOUSE_SAMPLES: 'no' }, 'PILOTHOUSE_SAMPLES is "no"; it must be one of "on", "off"'],
  [{ PILOTHOUSE_LOG_LEVEL: 'loud' }, 'PILOTHOUSE_LOG_LEVEL is "loud"; it must be one of "trace", "debug", "info", "warn", "error", "fatal", "silent"'],
  [
    { OTEL_TRACES_SAMPLER: 'sometimes' },
    'OTEL_TRACES_SAMPLER is "sometimes"; it must be one of "always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"',
  ],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'me:hush@somewhere' }, `OTEL_EXPORTER_OTLP_ENDPOINT ${COLLECTOR}`],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: '/hush' }, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ${COLLECTOR}`],
  [{ DATABASE_URL: 'nonsense' }, POSTGRES],
  [{ DATABASE_URL: 'http://me:hush@x/y' }, POSTGRES],
  [{ DATABASE_URL: 'me:hush@host/postgres://' }, POSTGRES],
  [{ DATABASE_URL: 'postgres://me:hu#sh/@host:5432/x' }, READABLE],
  [{ DATABASE_URL: 'postgres://me:hush@host:port/x' }, READABLE],
  [{ PILOTHOUSE_PORT: 'a', PILOTHOUSE_SAMPLES: 'b' }, `PILOTHOUSE_PORT is "a"; it ${PORT}; PILOTHOUSE_SAMPLES is "b"; it must be one of "on", "off"`],
])('%j is refused by name, with what would be right', (env, message) => {
  expect(refusal(env)).toMatchObject({ code: 'INVALID', message: `configuration: ${message}` });
});

test('of a long value only the beginning is shown', () => {
  expect(refusal({ PILOTHOUSE_PORT: 'x'.repeat(1_000) }).message).toBe(`configuration: PILOTHOUSE_PORT is "${'x'.repeat(80)}"; it ${PORT}`);
});

test.each([
  'postgres://host/x',
  'postgresql://me:pa%23ss@host:5432/x?sslmode=require',
  'postgres://me@/x?host=/run/postgresql',
  'postgres:///x?host=%2Frun%2Fpostgresql',
])('%s is taken for a database', (url) => {
  expect(readConfig({ DATABASE_URL: url }).databaseUrl).toBe(url);
});

test('origins are kept as browsers write them, and gateways are told', () => {
  expect(readConfig({}).corsOrigins).toEqual([]);
  const given = ' https://App.Example.com:443/, http://localhost:5173,capacitor://Localhost,http://[::1]:80 ';
  const config = readConfig({ PILOTHOUSE_CORS_ORIGINS: given });
  expect(config.corsOrigins).toEqual(['https://app.example.com', 'http://localhost:5173', 'capacitor://localhost', 'http://[::1]']);
  const { PILOTHOUSE_CORS_ORIGINS } = gatewayEnvironment(config, 'postgres:///x', 2);
  expect(readConfig({ PILOTHOUSE_CORS_ORIGINS }).corsOrigins).toEqual(config.corsOrigins);
  expect(readConfig({ PILOTHOUSE_CORS_ORIGINS: '*' }).corsOrigins).toEqual(['*']);
  expect(gatewayEnvironment(readConfig({}), 'postgres:///x', 2)).not.toHaveProperty('PILOTHOUSE_CORS_ORIGINS');
});

test('numbers are read as numbers, and what is empty as not set', () => {
  const env = { PILOTHOUSE_PORT: '0', PILOTHOUSE_HTTP_PORT: '', PILOTHOUSE_GATEWAYS: '64', PILOTHOUSE_ACCESS_LOG_SAMPLE: '0.25', DATABASE_URL: '' };
  expect(readConfig(env)).toMatchObject({
    port: 0,
    httpPort: 8000,
    grpcPort: 8001,
    gateways: 64,
    accessLogSample: 0.25,
    httpFd: undefined,
    databaseUrl: undefined,
    validationMemoryBytes: 2 * 1024 ** 3,
  });
});

test.each<[NodeJS.ProcessEnv, string]>([
  [{ PILOTHOUSE_PORT: '8000' }, 'PILOTHOUSE_PORT and PILOTHOUSE_HTTP_PORT are both 8000'],
  [{ PILOTHOUSE_HTTP_PORT: '14401', PILOTHOUSE_GRPC_PORT: '14401' }, 'PILOTHOUSE_HTTP_PORT and PILOTHOUSE_GRPC_PORT are both 14401'],
  [{ PILOTHOUSE_PORT: '5', PILOTHOUSE_GRPC_PORT: '5' }, 'PILOTHOUSE_PORT and PILOTHOUSE_GRPC_PORT are both 5'],
])('two ports of one number are refused: %j', (env, message) => {
  const right = 'set one of them to another port, or to 0 for any free one';
  expect(() => checkPortsDiffer(readConfig(env))).toThrow(new DomainError('INVALID', `configuration: ${message}; ${right}`));
});

test('ports that differ, and any number of free ones, are taken', () => {
  for (const port of ['', '0']) checkPortsDiffer(readConfig({ PILOTHOUSE_PORT: port, PILOTHOUSE_HTTP_PORT: port, PILOTHOUSE_GRPC_PORT: port }));
});

test('a folder is relative to where the server runs, and replicas run elsewhere', () => {
  expect(readConfig({ PILOTHOUSE_TFJS_NODE_CACHE: 'builds' }).tfjsNodeCache).toBe(resolve('builds'));
  expect(readConfig({}).tfjsNodeCache).toBeUndefined();
});

test('variables that nothing reads are told of, with the one that was meant', () => {
  const told = (...names: string[]): string[] => describeUnknown(unknownVariables(Object.fromEntries(names.map((name) => [name, '1']))));
  expect(told('PILOTHOUSE_SAMPELS', 'PILOTHOUSE_PROT', 'PILOTHOUSE_GATEWAY', 'PILOTHOUSE_COFFEE')).toEqual([
    'unknown variable PILOTHOUSE_SAMPELS: did you mean PILOTHOUSE_SAMPLES?',
    'unknown variable PILOTHOUSE_PROT: did you mean PILOTHOUSE_PORT?',
    'unknown variable PILOTHOUSE_GATEWAY: did you mean PILOTHOUSE_GATEWAYS?',
    'unknown variable PILOTHOUSE_COFFEE: "pilothouse help" lists the variables.',
  ]);
  // What we set ourselves, what tests and scripts read, and what is not ours.
  const ours = ['PILOTHOUSE_WORKER_SOCKETS', 'PILOTHOUSE_HTTP_FD', 'PILOTHOUSE_BUILD', 'PILOTHOUSE_TEST_POSTGRES', 'PILOTHOUSE_TFJS_NODE_CACHE'];
  expect(told('PILOTHOUSE_HOME', 'DATABASE_URL', 'PATH', 'OTEL_SERVICE_NAME', ...ours)).toEqual([]);
});

test('names of hosts are separated by commas, and have neither scheme nor port', () => {
  expect(readConfig({ PILOTHOUSE_ALLOWED_HOSTS: 'models.example.com, box' }).allowedHosts).toEqual(['models.example.com', 'box']);
  expect(readConfig({}).allowedHosts).toEqual([]);
  expect(() => readConfig({ PILOTHOUSE_ALLOWED_HOSTS: 'http://box:8000' })).toThrow(
    'PILOTHOUSE_ALLOWED_HOSTS is "http://box:8000"; it must be host names separated by commas',
  );
});
