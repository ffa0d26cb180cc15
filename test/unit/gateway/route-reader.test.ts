import { expect, test } from 'vitest';
import { readRoutes } from '../../../server/routing/route-reader.js';
import { routeOf, targetOf } from '../../support/routes.js';

const signature = { inputs: [{ name: 'x', datatype: 'FP32' as const, shape: [-1, 4] }], outputs: [] };
const target = { ...targetOf([], { signature }), replicas: [{ replicaId: 'r', address: 'unix:/r.sock' }] };
const good = routeOf([target]);
const other = routeOf([target], { name: 'other' });
const id = good.deploymentId;

test.each([
  ['no document at all', null, 'Invalid input: expected object, received null'],
  ['no targets', { ...good, targets: undefined }, 'targets: Invalid input: expected array, received undefined'],
  [
    'a target without a signature',
    { ...good, targets: [{ ...target, signature: null }] },
    'targets.0.signature: Invalid input: expected object, received null',
  ],
  [
    'an address that is none',
    { ...good, targets: [{ ...target, replicas: [{ replicaId: 'r', address: 'r.sock' }] }] },
    'targets.0.replicas.0.address: must be unix:<path> or tcp:<host>:<port>',
  ],
  ['text for a number', { ...good, maxQueue: '100' }, 'maxQueue: Invalid input: expected number, received string'],
  ['the document of another deployment', other, `it names deployment ${other.deploymentId}`],
])('%s is refused alone', (_what, document, reason) => {
  const documents = [[id, document] as const, [other.deploymentId, other] as const];
  expect(readRoutes(documents, [])).toEqual({ routes: [other], refused: [{ deploymentId: id, reason, serving: undefined }] });
});

test('of a document that is refused, the one before is served on', () => {
  const { routes, refused } = readRoutes([[id, { ...good, generation: 2, targets: 7 }]], [other, good]);
  expect(routes).toEqual([good]);
  expect(refused).toMatchObject([{ deploymentId: id, serving: 1 }]);
});

test('what a later release adds to a document is no reason to refuse it', () => {
  const later = { ...good, colour: 'blue', targets: [{ ...target, colour: 'blue' }] };
  expect(readRoutes([[id, later]], [])).toEqual({ routes: [later], refused: [] });
});
