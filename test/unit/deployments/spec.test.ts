import { expect, test } from 'vitest';
import { batchingOf } from '../../../server/deployments/batching.js';
import type { DeploymentSpec } from '../../../server/deployments/deployment.entities.js';
import { routeDocument, routeView } from '../../../server/deployments/route-documents.js';
import { changedSpec, checkNumbersDiffer, sameSpec, type SpecChange } from '../../../server/deployments/spec.js';
import { templateOf, wantedBy } from '../../../server/deployments/template.js';
import { DomainError } from '../../../server/errors.js';
import type { RowIndependence, RowVerdict } from '../../../runtimes/host/row-independence.js';
import type { VersionEntity } from '../../../server/registry/registry.entities.js';

const target = (versionId: string, weight = 100, shadowPercent = 0) => ({ versionId, weight, shadowPercent });
const BASE = changedSpec(undefined, { targets: [target('a')] });
const refusal = (change: SpecChange): DomainError => {
  try {
    changedSpec(BASE, change);
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
  throw new Error('it was taken');
};

test('a new deployment merges by itself, sticks nobody, and shadows nothing', () => {
  expect(BASE).toMatchObject({ batching: 'AUTO', maxBatchSize: 64, maxDelayMs: 2, stickyHeader: null });
});

test.each<[SpecChange, Partial<DeploymentSpec>]>([
  [{ batching: 'OFF' }, { batching: 'OFF' }],
  [
    { maxBatchSize: 4_096, maxDelayMs: 0.25 },
    { maxBatchSize: 4_096, maxDelayMs: 0.25 },
  ],
  [{ stickyHeader: 'X-User-Id' }, { stickyHeader: 'x-user-id' }],
  [{ targets: [target('a'), target('b', 0, 12.5)] }, { targets: [target('a'), target('b', 0, 12.5)] }],
])('%j is another spec, which starts no other replica', (change, expected) => {
  const spec = changedSpec(BASE, change);
  expect(spec).toEqual({ ...BASE, ...expected });
  expect(sameSpec(spec, BASE)).toBe(false);
  expect(templateOf(spec)).toBe(templateOf(BASE));
});

test('what is left out or null keeps its value, but null takes a sticky header back', () => {
  const spec = changedSpec(BASE, { batching: 'ON', maxBatchSize: 8, maxDelayMs: 5, stickyHeader: 'x-user-id' });
  expect(changedSpec(spec, { batching: null, maxBatchSize: undefined, maxDelayMs: null, stickyHeader: undefined })).toEqual(spec);
  expect(changedSpec(spec, { stickyHeader: null })).toEqual({ ...spec, stickyHeader: null });
});

test.each<[SpecChange, string[], string]>([
  [{ batching: 'MAYBE' as never }, ['batching'], 'batching is "MAYBE"; it must be AUTO, ON or OFF'],
  [{ maxBatchSize: 0 }, ['maxBatchSize'], 'maxBatchSize is 0; it must be a whole number from 1 to 4096'],
  [{ maxBatchSize: 4_097 }, ['maxBatchSize'], 'maxBatchSize is 4097; it must be a whole number from 1 to 4096'],
  [{ maxDelayMs: -1 }, ['maxDelayMs'], 'maxDelayMs is -1; it must be a number from 0 to 1000'],
  [{ maxDelayMs: NaN }, ['maxDelayMs'], 'maxDelayMs is NaN; it must be a number from 0 to 1000'],
  [{ stickyHeader: '' }, ['stickyHeader'], 'stickyHeader is ""; it must be the name of a header, at most 64 letters, digits and dashes'],
  [{ stickyHeader: 'x user' }, ['stickyHeader'], 'stickyHeader is "x user"; it must be the name of a header, at most 64 letters, digits and dashes'],
  [
    { stickyHeader: 'x'.repeat(65) },
    ['stickyHeader'],
    `stickyHeader is "${'x'.repeat(64)}"; it must be the name of a header, at most 64 letters, digits and dashes`,
  ],
  [
    { stickyHeader: 'Authorization' },
    ['stickyHeader'],
    'stickyHeader is "authorization", which holds credentials; name a header of your own, such as x-user-id',
  ],
  [{ stickyHeader: 'cookie' }, ['stickyHeader'], 'stickyHeader is "cookie", which holds credentials; name a header of your own, such as x-user-id'],
  [{ stickyHeader: 'TE' }, ['stickyHeader'], 'stickyHeader is "te", which belongs to the connection; name a header of your own, such as x-user-id'],
  [
    { stickyHeader: 'traceparent' },
    ['stickyHeader'],
    'stickyHeader is "traceparent", which describes the message, not its sender; name a header of your own, such as x-user-id',
  ],
  [
    { stickyHeader: 'user-bin' },
    ['stickyHeader'],
    'stickyHeader is "user-bin"; gRPC keeps names that begin with grpc- for itself, and sends those that end with -bin as bytes',
  ],
  [{ targets: [target('a'), target('b', 0, 101)] }, ['targets', '1', 'shadowPercent'], 'shadowPercent is 101; it must be a number from 0 to 100'],
  [
    { targets: [target('a'), target('b', 5, 10)] },
    ['targets', '1', 'weight'],
    'weight is 5 and shadowPercent is 10; a shadow does not answer callers, so give it weight 0, or leave shadowPercent out',
  ],
  [{ targets: [target('a', 0, 10)] }, ['targets'], 'every target has weight 0, so no request could be served; give at least one a weight'],
])('%j is refused', (change, field, message) => {
  const error = refusal(change);
  expect({ code: error.code, field: error.field, message: error.message }).toEqual({ code: 'INVALID', field, message });
});

test('two versions of one number are refused, wherever the caller named them', () => {
  expect(() => checkNumbersDiffer([1, 2, 3])).not.toThrow();
  const refused = (field?: string[]): unknown => {
    try {
      return checkNumbersDiffer([4, 1, 4], field);
    } catch (error) {
      const { code, field: at, message } = error as DomainError;
      return { code, at, message };
    }
  };
  const message =
    'targets 0 and 2 are version 4 of two models, but the versions of a deployment must have different numbers; ' +
    'deploy the other model under its own name, or use a version of it with another number';
  expect(refused()).toEqual({ code: 'INVALID', at: ['targets', '2'], message });
  expect(refused(['toRevision'])).toEqual({ code: 'INVALID', at: ['toRevision'], message });
});

test('a header called like a property of every object is just a header', () => {
  expect(changedSpec(BASE, { stickyHeader: 'constructor' }).stickyHeader).toBe('constructor');
});

const found = (verdict: RowVerdict): RowIndependence => ({ verdict, reason: 'seen so' });

test.each<[DeploymentSpec['batching'], RowVerdict | null, boolean, string]>([
  ['AUTO', 'INDEPENDENT', true, 'INDEPENDENT: seen so'],
  ['AUTO', 'ROUNDING', false, 'ROUNDING: seen so'],
  ['AUTO', 'DEPENDENT', false, 'DEPENDENT: seen so'],
  ['AUTO', 'UNKNOWN', false, 'UNKNOWN: seen so'],
  ['AUTO', 'FIXED', false, 'FIXED: seen so'],
  ['AUTO', null, false, 'UNKNOWN: the version was not checked'],
  ['ON', 'INDEPENDENT', true, 'the spec says ON; INDEPENDENT: seen so'],
  ['ON', 'ROUNDING', true, 'the spec says ON; ROUNDING: seen so'],
  ['ON', 'DEPENDENT', true, 'the spec says ON; DEPENDENT: seen so'],
  ['ON', 'UNKNOWN', true, 'the spec says ON; UNKNOWN: seen so'],
  ['ON', 'FIXED', false, 'FIXED: seen so'],
  ['OFF', 'INDEPENDENT', false, 'the spec says OFF'],
])('batching %s of a version that is %s: %s', (batching, verdict, enabled, reason) => {
  const decision = batchingOf({ batching, maxBatchSize: 16, maxDelayMs: 3 }, { rowIndependence: verdict && found(verdict) });
  expect(decision).toEqual({ batching: enabled ? { maxBatchSize: 16, maxDelayMs: 3 } : null, reason });
});

test('a largest batch of one row merges nothing', () => {
  const decision = batchingOf({ batching: 'ON', maxBatchSize: 1, maxDelayMs: 3 }, { rowIndependence: found('INDEPENDENT') });
  expect(decision).toEqual({ batching: null, reason: 'maxBatchSize is 1' });
});

test('a route says how each target is merged, who is a shadow, and what callers stick by', () => {
  const version = (number: number, verdict: RowVerdict) =>
    ({
      number,
      digest: `d${number}`,
      runtime: 'onnx',
      format: 'onnx',
      signature: { inputs: [], outputs: [] },
      rowIndependence: found(verdict),
    }) as never as VersionEntity;
  const spec = changedSpec(BASE, { targets: [target('a'), target('b', 0, 10)], stickyHeader: 'X-User-Id', maxBatchSize: 32 });
  const wanted = wantedBy(7, spec, 3);
  expect(wanted.targets.map(({ versionId, replicas, shadowPercent }) => ({ versionId, replicas, shadowPercent }))).toEqual([
    { versionId: 'a', replicas: 3, shadowPercent: 0 },
    { versionId: 'b', replicas: 3, shadowPercent: 10 },
  ]);
  const view = {
    generation: 7,
    targets: wanted.targets.map(({ versionId, weight, shadowPercent }) => ({ versionId, weight, shadowPercent, replicaIds: [`r-${versionId}`] })),
  };
  const document = routeDocument(view, {
    deploymentId: 'd',
    project: 'default',
    name: 'digits',
    spec,
    versions: new Map([
      ['a', version(1, 'INDEPENDENT')],
      ['b', version(2, 'DEPENDENT')],
    ]),
    replicas: new Map([
      ['r-a', { address: 'unix:/a' }],
      ['r-b', { address: 'unix:/b' }],
    ]),
  });
  expect(document).toMatchObject({
    stickyHeader: 'x-user-id',
    targets: [
      { versionNumber: 1, weight: 100, shadowPercent: 0, batching: { maxBatchSize: 32, maxDelayMs: 2 } },
      { versionNumber: 2, weight: 0, shadowPercent: 10, batching: null },
    ],
  });
  // What is read back must compare equal, or the reconciler would write it anew for ever.
  expect(JSON.stringify(routeView(JSON.parse(JSON.stringify(document)) as typeof document))).toBe(JSON.stringify(view));
});
