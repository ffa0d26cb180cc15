import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Reply } from '../../../runtimes/open-inference/connection.js';
import type { EncodedMessage, InferRequest } from '../../../runtimes/open-inference/message.js';
import { Meter } from '../../../server/gateway/metering/meter.js';
import { HeldBytes } from '../../../server/gateway/held-bytes.js';
import type { RouteDocument, TargetRoute } from '../../../server/routing/route-document.js';
import { Router } from '../../../server/gateway/dispatch/router.js';
import { pickWeighted } from '../../../server/gateway/dispatch/weighted.js';
import type { Sent } from '../../../server/gateway/replicas/transport.js';
import { FakeLink } from '../../support/fake-link.js';
import { callAt } from '../../support/routes.js';

const signature = { inputs: [{ name: 'x', datatype: 'FP32', shape: [-1] }], outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }] } as const;
const target = (number: number, weight: number, replicas: string[] = [`r${number}`]): TargetRoute => ({
  versionId: `v${number}`,
  versionNumber: number,
  versionDigest: `digest${number}`,
  runtime: 'onnx',
  format: 'onnx',
  signature,
  weight,
  shadowPercent: 0,
  batching: null,
  replicas: replicas.map((replicaId) => ({ replicaId, address: `unix:/${replicaId}` })),
});
const route = (targets: TargetRoute[], more: Partial<RouteDocument> = {}): RouteDocument => ({
  deploymentId: 'd',
  name: 'digits',
  project: 'default',
  generation: 1,
  timeoutMs: 1000,
  maxConcurrency: 1,
  maxQueue: 10,
  stickyHeader: null,
  targets,
  ...more,
});

/** Answers with its replica's id in the turn after. */
class EchoLink extends FakeLink {
  override send(message: EncodedMessage, reply: Reply): Sent {
    const sent = super.send(message, reply);
    queueMicrotask(() => this.end(0, { outputs: [{ name: 'id', datatype: 'BYTES', shape: [1], data: [Buffer.from(this.identity.replicaId)] }] }));
    return sent;
  }
}

/** What an `EchoLink` answers. */
const echoed = (replicaId: string) => ({ response: { outputs: [{ data: [Buffer.from(replicaId)] }] } });

const dead = new Set<string>();
const makeRouter = () => {
  dead.clear();
  const links = new Map<string, EchoLink>();
  const linkTo = ({ replicaId }: { replicaId: string }) => {
    if (!links.has(replicaId)) links.set(replicaId, Object.assign(new EchoLink(replicaId), { usable: !dead.has(replicaId) }));
    return links.get(replicaId)!;
  };
  return new Router({ held: new HeldBytes(), meter: new Meter(), now: () => Date.now(), linkTo });
};
const request: InferRequest = { inputs: [{ name: 'x', datatype: 'FP32', shape: [1], data: new Float32Array(1) }] };

describe('weights', () => {
  test('over the sum of the weights, each target is picked exactly its weight, whatever the weights', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 5 }), (weights, rounds) => {
        const items = weights.map((weight) => ({ weight, credit: 0, picked: 0 }));
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        for (let i = 0; i < total * rounds; i++) pickWeighted(items)!.picked++;
        expect(items.map(({ picked }) => picked)).toEqual(weights.map((weight) => weight * rounds));
      }),
    );
    expect(pickWeighted([{ weight: 0, credit: 0 }])).toBeUndefined();
    expect(
      pickWeighted([
        { weight: 0, credit: 0 },
        { weight: 0, credit: 0 },
      ]),
    ).toBeUndefined();
  });

  test('are spread evenly, and go on over a table that changes nothing of them', () => {
    const router = makeRouter();
    const picks: number[] = [];
    for (let i = 0; i < 20; i++) {
      router.apply([route([target(1, 9), target(2, 1)])]);
      picks.push(router.pick(router.find('digits')).route.versionNumber);
    }
    expect(picks.filter((n) => n === 2)).toHaveLength(2);
    expect(picks.indexOf(2)).not.toBe(picks.lastIndexOf(2) - 1);
  });
});

describe('which deployment and version', () => {
  test('unknown names, unknown versions, no table yet, nowhere to send', () => {
    const router = makeRouter();
    expect(() => router.find('digits')).toThrow(expect.objectContaining({ kind: 'UNAVAILABLE' }));
    router.apply([route([target(1, 1), target(2, 0)]), route([target(3, 0)], { deploymentId: 'e', name: 'vision.digits' })]);
    expect(() => router.find('digit')).toThrow(
      expect.objectContaining({ kind: 'NOT_FOUND', message: 'model "digit" is unknown: no deployment of that name is routed' }),
    );
    expect(() => router.pick(router.find('digits'), 9)).toThrow('model "digits" does not serve version 9; it serves 1, 2');
    expect(router.pick(router.find('digits'), 2).route.versionId).toBe('v2');
    expect(() => router.pick(router.find('vision.digits'))).toThrow(expect.objectContaining({ kind: 'UNAVAILABLE' }));
    expect(router.representative(router.find('vision.digits')).route.versionId).toBe('v3');
  });
});

describe('a new table', () => {
  test('sends who waited for a version that is gone to the one that serves now', async () => {
    const router = makeRouter();
    dead.add('r1');
    router.apply([route([target(1, 1)])]);
    const waiting = router.pick(router.find('digits')).dispatcher.submit(callAt(Date.now()), request, 60_000);
    router.apply([route([target(2, 1)])]);
    expect(await waiting).toMatchObject({ version: 2, ...echoed('r2') });
  });

  test('refuses who waited where the version asked for, the inputs or the deployment are gone', async () => {
    const router = makeRouter();
    dead.add('r1');
    router.apply([route([target(1, 1)])]);
    const wait = (version?: number) =>
      router
        .pick(router.find('digits'), version)
        .dispatcher.submit(callAt(Date.now()), request, 60_000, version)
        .catch((error) => error);
    const pinned = wait(1);
    router.apply([route([target(2, 1)])]);
    expect(await pinned).toMatchObject({ kind: 'NOT_FOUND' });

    dead.add('r3');
    router.apply([route([target(3, 1)])]);
    const misfit = wait();
    const other = { ...target(4, 1), signature: { ...signature, inputs: [{ name: 'z', datatype: 'FP32', shape: [-1] }] } as const };
    router.apply([route([other])]);
    expect(await misfit).toMatchObject({ kind: 'INVALID', message: expect.stringContaining('input "x" is unknown') });

    dead.add('r5');
    router.apply([route([target(5, 1)])]);
    const orphan = wait();
    router.apply([]);
    expect(await orphan).toMatchObject({ kind: 'NOT_FOUND', message: 'the deployment was deleted while the request waited' });
  });
});
