/** Copies for shadows, the sticky header, and what counts as agreement. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { InferRequest } from '../../../runtimes/open-inference/message.js';
import type { Tensor } from '../../../runtimes/tensor.js';
import { agrees } from '../../../server/metering/agreement.js';
import { DataPlane } from '../../../server/gateway/dispatch/data-plane.js';
import { HeldBytes } from '../../../server/gateway/held-bytes.js';
import { Meter } from '../../../server/gateway/metering/meter.js';
import type { Answer } from '../../../server/gateway/dispatch/answer.js';
import type { Call } from '../../../server/gateway/dispatch/call.js';
import type { RouteDocument, TargetRoute } from '../../../server/routing/route-document.js';
import { Router } from '../../../server/gateway/dispatch/router.js';
import { pickByKey } from '../../../server/gateway/dispatch/weighted.js';
import { FakeLink } from '../../support/fake-link.js';

const signature = { inputs: [{ name: 'x', datatype: 'FP32', shape: [-1] }], outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }] } as const;
const target = (number: number, more: Partial<TargetRoute>): TargetRoute => ({
  versionId: `v${number}`,
  versionNumber: number,
  versionDigest: `digest${number}`,
  runtime: 'onnx',
  format: 'onnx',
  signature,
  weight: 0,
  shadowPercent: 0,
  batching: null,
  replicas: [{ replicaId: `r${number}`, address: `unix:/r${number}` }],
  ...more,
});
const request: InferRequest = { inputs: [{ name: 'x', datatype: 'FP32', shape: [1], data: new Float32Array(1) }] };
const y = (...values: number[]): Tensor => ({ name: 'y', datatype: 'FP32', shape: [values.length], data: Float32Array.from(values) });

function world(targets: TargetRoute[], more: Partial<RouteDocument> = {}, held = new HeldBytes()) {
  const links = new Map(targets.map(({ versionNumber }) => [versionNumber, new FakeLink(`r${versionNumber}`)]));
  const router = new Router({ held, meter: new Meter(), now: () => Date.now(), linkTo: ({ replicaId }) => links.get(Number(replicaId.slice(1)))! });
  const route: RouteDocument = {
    deploymentId: 'd',
    name: 'm',
    project: 'default',
    generation: 1,
    timeoutMs: 60_000,
    maxConcurrency: 1,
    maxQueue: 2,
    stickyHeader: null,
    targets,
    ...more,
  };
  router.apply([route]);
  const plane = new DataPlane({ router, now: () => Date.now(), serverVersion: '0' });
  const infer = (headers: Record<string, string> = {}, version?: number): { call: Call; answer: Promise<Answer> } => {
    const call = plane.call({ requestId: 'r', protocol: 'oip-rest', caller: '', headers, requestBytes: 0 });
    const answer = plane.infer(call, 'm', version, () => request);
    answer.then(
      () => call.end(),
      (error: unknown) => call.end(error),
    );
    return { call, answer };
  };
  const statistics = (version: number) => plane.statistics('m', version)[0]!;
  return { links, infer, statistics };
}
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('a shadow', () => {
  test('gets exactly its percentage, evenly, and its agreement is counted apart from the primary', async () => {
    const { links, infer, statistics } = world([target(1, { weight: 1 }), target(2, { shadowPercent: 30 })]);
    const [primary, shadow] = [links.get(1)!, links.get(2)!];
    const copies: number[] = [];
    for (let i = 0; i < 100; i++) {
      const { answer } = infer();
      await turn();
      if (shadow.inFlight > 0) copies.push(i);
      shadow.end(0, { outputs: [y(i % 2)] });
      primary.end(0, { outputs: [y(0)] });
      expect((await answer).version).toBe(1);
    }
    await turn();
    expect(copies).toHaveLength(30);
    expect(Math.max(...copies.slice(1).map((each, i) => each - copies[i]!))).toBe(4);
    const { shadowAgreed, shadowDisagreed, shadowDropped, success } = statistics(2);
    expect([shadowAgreed + shadowDisagreed, shadowDropped, success.count]).toEqual([30, 0, 30]);
    expect(shadowAgreed).toBe(copies.filter((i) => i % 2 === 0).length);
    expect(statistics(1)).toMatchObject({ success: { count: 100 }, shadowAgreed: 0 });
  });

  test('that hangs or fails is nothing to the caller, and a caller that leaves is nothing to it', async () => {
    const { links, infer, statistics } = world([target(1, { weight: 1 }), target(2, { shadowPercent: 100 })]);
    const [primary, shadow] = [links.get(1)!, links.get(2)!];
    for (let i = 0; i < 10; i++) {
      const { answer } = infer();
      await turn();
      primary.end(0, { outputs: [y(0)] });
      await answer;
    }
    // One is under way, two wait, and the callers' own queue is untouched by them.
    expect(statistics(2)).toMatchObject({ shadowDropped: 7, fail: { count: 0 } });
    shadow.end(0, new Error('broken'));
    shadow.end(0, { outputs: [] });
    shadow.end(0, { outputs: [y(0)] });
    await turn();
    expect(statistics(2)).toMatchObject({ shadowAgreed: 1, shadowDisagreed: 1, success: { count: 2 }, fail: { count: 1 } });
    const { call, answer } = infer();
    await turn();
    call.cancel();
    await expect(answer).rejects.toMatchObject({ kind: 'CANCELLED' });
    expect(shadow.inFlight).toBe(1);
    shadow.usable = false;
    const again = infer();
    await turn();
    primary.end(0, { outputs: [y(0)] });
    await again.answer;
    expect(statistics(2).shadowDropped).toBe(8);
  });

  test('is not compared where there is no room for the first answer until the second comes', async () => {
    const held = new HeldBytes(30);
    const { links, infer, statistics } = world([target(1, { weight: 1 }), target(2, { shadowPercent: 100 })], {}, held);
    const [primary, shadow] = [links.get(1)!, links.get(2)!];
    const calls = [infer(), infer()];
    await turn();
    // One copy is under way, the other waits with its 4 bytes; the limit is 10.
    primary.end(0, { outputs: [y(0, 0, 0)] });
    await calls[0]!.answer;
    await turn();
    expect([shadow.cancelled.length, shadow.inFlight, statistics(2).shadowDropped]).toEqual([1, 1, 1]);
    // Nothing else waits now.
    primary.end(0, { outputs: [y(0, 0, 0)] });
    await calls[1]!.answer;
    await turn();
    expect(held.bytes).toBe(12);
    shadow.end(0, { outputs: [y(0, 0, 0)] });
    await turn();
    expect([held.bytes, statistics(2).shadowAgreed]).toEqual([0, 1]);
  });

  test('gets no copy of what was refused, or of what was sent to it by number', async () => {
    const { links, infer } = world([target(1, { weight: 1 }), target(2, { shadowPercent: 100 })], { maxQueue: 0 });
    const shadow = links.get(2)!;
    const first = infer({}, 2);
    await turn();
    expect(shadow.inFlight).toBe(1);
    shadow.end(0, { outputs: [y(0)] });
    expect((await first.answer).version).toBe(2);
    void infer();
    await turn();
    await expect(infer().answer).rejects.toMatchObject({ kind: 'OVERLOADED' });
    expect(shadow.inFlight).toBe(0);
  });

  test('alone serves nobody', async () => {
    const { infer } = world([target(2, { shadowPercent: 100 })]);
    await expect(infer().answer).rejects.toMatchObject({ kind: 'UNAVAILABLE' });
  });
});

describe('agreement', () => {
  const fp = (shape: number[], ...values: number[]): Tensor[] => [{ name: 'y', datatype: 'FP32', shape, data: Float32Array.from(values) }];
  const of = (datatype: 'INT64' | 'BYTES' | 'FP16', shape: number[], data: Tensor['data']): Tensor[] => [{ name: 'y', datatype, shape, data }];
  test.each<[string, boolean, Tensor[], Tensor[]]>([
    ['the same numbers', true, fp([2], 1, 2), fp([2], 1, 2)],
    ['within the tolerance', true, fp([1], 1000), fp([1], 1000.9)],
    ['beyond it', false, fp([1], 1000), fp([1], 1001.1)],
    ['numbers whose order is the same', false, fp([1, 4], 1, 2, 3, 4), fp([1, 4], 2, 4, 6, 8)],
    ['what is small beside its row', true, fp([1, 2], 1000, 0.1), fp([1, 2], 1000, 0.2)],
    ['what is small, in a row of its own', false, fp([2], 1000, 0.1), fp([2], 1000, 0.2)],
    ['what is small, in another row', false, fp([2, 2], 1000, 900, 0.1, 0.1), fp([2, 2], 1000, 900, 0.2, 0.1)],
    ['infinity beside what differs', false, fp([1, 2], Infinity, 1), fp([1, 2], Infinity, 2)],
    ['a scalar', true, fp([], 1), fp([], 1.0005)],
    ['no rows', true, fp([0, 3]), fp([0, 3])],
    ['NaN and infinity', true, fp([3], NaN, Infinity, -Infinity), fp([3], NaN, Infinity, -Infinity)],
    ['one infinity and the other', false, fp([1], Infinity), fp([1], -Infinity)],
    ['NaN and a number', false, fp([1], NaN), fp([1], 0)],
    ['scores that say the same labels', true, fp([2, 2], 0.9, 0.1, 0.2, 0.8), fp([2, 2], 0.6, 0.4, 0.4, 0.6)],
    ['scores that say another', false, fp([2, 2], 0.9, 0.1, 0.2, 0.8), fp([2, 2], 0.6, 0.4, 0.6, 0.4)],
    ['scores against what are none', false, fp([1, 2], 0.9, 0.1), fp([1, 2], 9, 1)],
    ['what sums up to 1 with a negative', false, fp([1, 2], 1.5, -0.5), fp([1, 2], 1.2, -0.2)],
    ['one column is no score', false, fp([2, 1], 0.9, 0.1), fp([2, 1], 0.8, 0.1)],
    ['another shape', false, fp([1, 2], 1, 2), fp([2], 1, 2)],
    ['another name', false, fp([1], 1), [{ ...fp([1], 1)[0]!, name: 'z' }]],
    ['an output too few', false, [...fp([1], 1), { ...fp([1], 1)[0]!, name: 'z' }], fp([1], 1)],
    ['integers', true, of('INT64', [1], BigInt64Array.of(2n ** 60n)), of('INT64', [1], BigInt64Array.of(2n ** 60n))],
    ['other integers', false, of('INT64', [1], BigInt64Array.of(2n ** 60n)), of('INT64', [1], BigInt64Array.of(2n ** 60n + 1n))],
    ['bytes', true, of('BYTES', [1], [Buffer.from('a')]), of('BYTES', [1], [Uint8Array.of(97)])],
    ['other bytes', false, of('BYTES', [1], [Buffer.from('a')]), of('BYTES', [1], [Buffer.from('ab')])],
    ['half precision by value', true, of('FP16', [1], Uint16Array.of(0x8000)), of('FP16', [1], Uint16Array.of(0))],
  ])('%s: %s', (_, expected, primary, shadow) => {
    expect(agrees(primary, shadow)).toBe(expected);
  });
});

describe('a sticky header', () => {
  const items = (weights: readonly number[]) => weights.map((weight, i) => ({ weight, id: `version-${i}` }));
  const pick = (weights: readonly number[], key: string) => pickByKey(items(weights), ({ id }) => id, key)?.id;
  const keys = Array.from({ length: 4_000 }, (_, i) => `caller-${i}`);

  test('spreads callers by the weights, and a change of weights moves as few as it can', () => {
    const before = keys.map((key) => pick([90, 10], key));
    expect(Math.abs(before.filter((id) => id === 'version-1').length - 400)).toBeLessThan(80);
    const after = keys.map((key) => pick([70, 30], key));
    expect(Math.abs(after.filter((id) => id === 'version-1').length - 1_200)).toBeLessThan(120);
    // Nobody leaves the one that grows.
    expect(keys.filter((_, i) => before[i] === 'version-1' && after[i] !== 'version-1')).toEqual([]);
  });

  test('never leads to a target without weight', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 5 }), fc.string(), (weights, key) => {
        const picked = pickByKey(items(weights), ({ id }) => id, key);
        expect(picked?.weight ?? 0).toSatisfy((weight: number) => (weights.some((each) => each > 0) ? weight > 0 : weight === 0));
      }),
    );
  });

  test('keeps its callers on one version; who sends none is routed by weight', async () => {
    const { links, infer } = world([target(1, { weight: 1 }), target(2, { weight: 1 })], { stickyHeader: 'x-user', maxQueue: 100 });
    const versions = async (headers: () => Record<string, string>) => {
      const seen: number[] = [];
      for (let i = 0; i < 20; i++) {
        const { answer } = infer(headers());
        for (const link of links.values()) link.end(0, { outputs: [y(0)] });
        seen.push((await answer).version);
      }
      return seen;
    };
    for (const user of ['ada', 'grace', 'alan']) expect(new Set(await versions(() => ({ 'x-user': user }))).size).toBe(1);
    const spread = await versions(() => ({ 'x-user': '' }));
    expect(spread.filter((version) => version === 1)).toHaveLength(10);
  });
});
