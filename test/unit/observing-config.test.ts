import { expect, test } from 'vitest';
import { readConfig, telemetryEnvironment } from '../../server/config.js';

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };
const DEFAULT = { sampler: 'parentbased_always_on', ratio: 1 };

test.each([
  ['nobody is named to send traces to', {}, undefined],
  ['a collector is named', ENDPOINT, DEFAULT],
  ['one for traces alone', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:4318/v1/traces' }, DEFAULT],
  ['an empty one', { OTEL_EXPORTER_OTLP_ENDPOINT: '' }, undefined],
  ['the SDK is disabled', { ...ENDPOINT, OTEL_SDK_DISABLED: 'TRUE' }, undefined],
  ['the SDK is not disabled', { ...ENDPOINT, OTEL_SDK_DISABLED: 'false' }, DEFAULT],
  ['no exporter is wanted', { ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }, undefined],
  [
    'a sampler that draws',
    { ...ENDPOINT, OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' },
    { sampler: 'parentbased_traceidratio', ratio: 0.25 },
  ],
])('traces when %s', (_when, env, tracing) => {
  expect(readConfig(env).tracing).toEqual(tracing);
});

test("what gateways are handed on of OpenTelemetry's variables is all that is set, and nothing else", () => {
  const env = { ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: 'k=v', OTEL_RESOURCE_ATTRIBUTES: '', PATH: '/bin', HOTEL_X: '1' };
  expect(telemetryEnvironment(env)).toEqual({ ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: 'k=v' });
});
