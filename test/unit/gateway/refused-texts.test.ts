/** How a request is counted that does not get as far as a target's line, whatever kept it. */
import { expect, test } from 'vitest';
import { DataPlane } from '../../../server/gateway/dispatch/data-plane.js';
import { HeldBytes } from '../../../server/gateway/held-bytes.js';
import { GatewayError, type FailureKind } from '../../../server/gateway/gateway-error.js';
import { Meter } from '../../../server/gateway/metering/meter.js';
import { Router } from '../../../server/gateway/dispatch/router.js';
import { TensorError } from '../../../runtimes/tensor.js';
import { FakeLink } from '../../support/fake-link.js';
import { callAt, routeOf, targetOf } from '../../support/routes.js';

const ARRIVED = 1_000_000;
const NOW = ARRIVED + 700;

function refusedWith(error: Error) {
  const router = new Router({ held: new HeldBytes(), meter: new Meter(), now: () => NOW, linkTo: () => new FakeLink() });
  router.apply([routeOf([targetOf([], { signature: { inputs: [], outputs: [] } })])]);
  const dataPlane = new DataPlane({ router, now: () => NOW, serverVersion: '0' });
  const answer = dataPlane.infer(callAt(ARRIVED), 'm', undefined, () => {
    throw error;
  });
  const [deployment] = [...router.deployments];
  return { answer, counters: () => deployment!.targets[0]!.meter.counters('m', 1) };
}

test.each<[FailureKind, string]>([
  ['OVERLOADED', 'OVERLOADED'],
  ['CANCELLED', 'CANCELLED'],
  ['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED'],
  ['INVALID', 'INVALID'],
  ['UNSUPPORTED_TYPE', 'INVALID'],
])('%s counts as %s', async (kind, counted) => {
  const { answer, counters } = refusedWith(new GatewayError(kind, 'why'));
  await expect(answer).rejects.toMatchObject({ kind });
  expect(counters()).toMatchObject({ requests: 1, errors: { [counted]: 1 } });
});

test('what is wrong with the request is the caller’s mistake', async () => {
  const { answer, counters } = refusedWith(new TensorError('why'));
  await expect(answer).rejects.toMatchObject({ kind: 'INVALID', message: 'why' });
  expect(counters()).toMatchObject({ errors: { INVALID: 1 } });
});

test('a deadline that passed took its time, and is not counted as if it had taken none', async () => {
  const { answer, counters } = refusedWith(new GatewayError('DEADLINE_EXCEEDED', 'why'));
  await expect(answer).rejects.toMatchObject({ kind: 'DEADLINE_EXCEEDED' });
  expect(counters()).toMatchObject({ seconds: { latency: 0.7 } });
});
