/** What `/metrics` says of a route's replicas, while they come, are ejected and go. */
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { DataPlane } from '../../../server/gateway/dispatch/data-plane.js';
import { HeldBytes } from '../../../server/gateway/held-bytes.js';
import { GatewayError } from '../../../server/gateway/gateway-error.js';
import { Meter } from '../../../server/gateway/metering/meter.js';
import { ErrorAnswers } from '../../../server/gateway/observe/error-answers.js';
import { createGatewayMetrics } from '../../../server/gateway/observe/gateway-metrics.js';
import { Router } from '../../../server/gateway/dispatch/router.js';
import { FakeLink } from '../../support/fake-link.js';
import { callAt, routeOf, targetOf } from '../../support/routes.js';
import { samplesOf } from '../../support/promtool.js';

const links = new Map(['a', 'b', 'c'].map((id) => [id, new FakeLink(id)]));
const router = new Router({ held: new HeldBytes(), meter: new Meter(), now: () => Date.now(), linkTo: ({ replicaId }) => links.get(replicaId)! });
const plane = new DataPlane({ router, now: () => Date.now(), serverVersion: '0' });
const replicas = [...links.keys()].map((replicaId) => ({ replicaId, address: `unix:/${replicaId}` }));
router.apply([routeOf([targetOf([], { signature: { inputs: [], outputs: [] }, replicas })], { maxConcurrency: 1 })]);
const metrics = createGatewayMetrics({
  router,
  refusedRoutes: () => 0,
  errors: new ErrorAnswers(),
  serverVersion: '0',
  worker: '0',
  folder: undefined,
  log: pino({ level: 'silent' }),
});

const gauge = async (): Promise<Record<string, number>> =>
  Object.fromEntries(samplesOf(await metrics.text(), 'pilothouse_inference_replicas').map(({ labels, value }) => [labels['state'], value]));

test('an ejected replica is unusable until it serves again, and so is one that is not connected', async () => {
  const [a, b, c] = [...links.values()];
  expect(await gauge()).toEqual({ usable: 3, unusable: 0 });
  for (let i = 0; i < 5; i++) {
    const asked = [1, 2, 3].map(() => plane.infer(callAt(Date.now()), 'm', undefined, () => ({ inputs: [] })));
    a!.end(0, new GatewayError('RUNTIME_FAILED', 'out of order'));
    for (const link of [b!, c!]) link.end(0, { outputs: [] });
    await Promise.allSettled(asked);
  }
  expect(await gauge()).toEqual({ usable: 2, unusable: 1 });
  b!.usable = false;
  expect(await gauge()).toEqual({ usable: 1, unusable: 2 });
  c!.usable = false;
  // The ejected one is used where there is no other, and is no better for it.
  expect(await gauge()).toEqual({ usable: 0, unusable: 3 });
  const back = plane.infer(callAt(Date.now()), 'm', undefined, () => ({ inputs: [] }));
  a!.end(0, { outputs: [] });
  await back;
  expect(await gauge()).toEqual({ usable: 1, unusable: 2 });
});
