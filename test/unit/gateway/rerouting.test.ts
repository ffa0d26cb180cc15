/**
 * Requests that wait for a version while another takes its place: each is read again by the other's signature, merged only with its like
 * and by name, and answered with its own numbers, or told what does not fit.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { InferRequest } from '../../../runtimes/open-inference/message.js';
import { elementCount, type Signature, type Tensor, type TensorSpec } from '../../../runtimes/tensor.js';
import { DataPlane } from '../../../server/gateway/dispatch/data-plane.js';
import { HeldBytes } from '../../../server/gateway/held-bytes.js';
import { GatewayError } from '../../../server/gateway/gateway-error.js';
import { Meter } from '../../../server/gateway/metering/meter.js';
import type { Answer } from '../../../server/gateway/dispatch/answer.js';
import type { Decode } from '../../../server/gateway/dispatch/reading.js';
import { Router } from '../../../server/gateway/dispatch/router.js';
import { FakeLink } from '../../support/fake-link.js';
import { callAt, routeOf, targetOf } from '../../support/routes.js';

type Datatype = 'FP32' | 'INT32';
const make = (datatype: Datatype, values: number[]) => (datatype === 'FP32' ? Float32Array.from(values) : Int32Array.from(values));

const version = (number: number, inputs: readonly TensorSpec[], batched = true) =>
  targetOf([], {
    versionId: `v${number}`,
    versionNumber: number,
    // What a model makes of its inputs does not matter here: it says which tensor came under which name.
    signature: { inputs, outputs: inputs.map((spec) => ({ ...spec, name: `of ${spec.name}` })) },
    batching: batched ? { maxBatchSize: 16, maxDelayMs: 0 } : null,
    replicas: [{ replicaId: `r${number}`, address: '' }],
  });

/** Answers each input under a name that says which it was. @throws Error for a message that does not fit the version's signature */
function echo(link: FakeLink, { inputs }: Signature): void {
  while (link.inFlight > 0) {
    const { request } = link.sent[0]!;
    expect(
      request.inputs.map(({ name, datatype, shape }) => ({ name, datatype, shape: [inputs[0]!.shape![0] === -1 ? -1 : shape[0], ...shape.slice(1)] })),
    ).toEqual(inputs);
    link.end(0, { outputs: request.inputs.map((tensor) => ({ ...tensor, name: `of ${tensor.name}` })) });
  }
}

interface World {
  readonly old: FakeLink;
  readonly next: FakeLink;
  send(decode: Decode): Promise<Answer | GatewayError>;
  /** The second version takes the first one's place. */
  move(): void;
  /** Pumps until nothing is under way at the second version. */
  finish(): void;
  readonly statistics: () => { success: number; fail: number; rejected: number };
}

function world(before: readonly TensorSpec[], after: readonly TensorSpec[], batched = true): World {
  const [old, next] = [new FakeLink('r1'), new FakeLink('r2')];
  next.usable = false;
  const meter = new Meter();
  const router = new Router({ held: new HeldBytes(), meter, now: () => 0, linkTo: ({ replicaId }) => (replicaId === 'r1' ? old : next) });
  const route = routeOf([version(1, before)], { deploymentId: 'd', maxConcurrency: 1 });
  router.apply([route]);
  const plane = new DataPlane({ router, now: () => 0, serverVersion: '0' });
  const second = version(2, after, batched);
  return {
    old,
    next,
    send: (decode) => {
      const call = plane.call(callAt(0).context);
      return plane.infer(call, 'm', undefined, decode).then(
        (answer) => (call.end(), answer),
        (error: GatewayError) => (call.end(error), error),
      );
    },
    move: () => router.apply([{ ...route, targets: [second] }]),
    finish: () => {
      next.usable = true;
      for (const { dispatcher } of [...router.deployments][0]!.targets) {
        dispatcher.pump(false);
        while (next.inFlight > 0) {
          echo(next, second.signature);
          dispatcher.pump(false);
        }
      }
    },
    statistics: () => {
      const { requests, errors } = meter.target('d', 'v2', 0).counters('m', 2);
      const { success, fail } = plane.statistics('m', 2)[0]!;
      return { success: success.count, fail: fail.count, rejected: errors.INVALID ?? 0, requests };
    },
  };
}

const spec = (name: string, datatype: Datatype = 'FP32', width = 1): TensorSpec => ({ name, datatype, shape: [-1, width] });
const named = (values: Record<string, number>): InferRequest => ({
  inputs: Object.entries(values).map(([name, value]) => ({ name, datatype: 'FP32', shape: [1, 1], data: Float32Array.of(value) })),
});
const numbersOf = (answer: Answer | GatewayError) =>
  answer instanceof GatewayError
    ? answer.message
    : Object.fromEntries(answer.response.outputs.map(({ name, data }) => [name, [...(data as Float32Array)]] as const));

test('versions that list their inputs in another order do not swap them', async () => {
  const { old, move, send, finish } = world([spec('a'), spec('b')], [spec('b'), spec('a')]);
  const first = send(() => named({ a: 0, b: 0 }));
  const waiting = [1, 2, 3].map((i) => send(() => named({ a: i, b: 10 * i })));
  move();
  // Merged with those that were read for the new version from the first.
  waiting.push(send(() => named({ a: 4, b: 40 })));
  finish();
  echo(old, { inputs: [spec('a'), spec('b')], outputs: [] });
  expect((await Promise.all(waiting)).map(numbersOf)).toEqual([1, 2, 3, 4].map((i) => ({ 'of a': [i], 'of b': [10 * i] })));
  expect(numbersOf(await first)).toEqual({ 'of a': [0], 'of b': [0] });
});

test('what does not fit the new version is refused, says which versions, and is counted there', async () => {
  const { move, send, finish, statistics } = world([spec('a')], [spec('x')]);
  void send(() => named({ a: 0 }));
  const waiting = send(() => named({ a: 1 }));
  move();
  finish();
  expect(await waiting).toMatchObject({
    kind: 'INVALID',
    message: 'version 2 replaced version 1 while the request waited, and the request does not fit version 2: input "a" is unknown; the model takes "x"',
  });
  expect(statistics()).toMatchObject({ success: 0, rejected: 1, requests: 1 });
});

test('members of a merged message that failed stay apart when they are handed over', async () => {
  const { old, move, send, finish, next } = world([spec('a')], [spec('a')]);
  void send(() => named({ a: 0 }));
  const waiting = [1, 2].map((i) => send(() => named({ a: i })));
  old.end(0, { outputs: [{ name: 'of a', datatype: 'FP32', shape: [1, 1], data: Float32Array.of(0) }] });
  expect(old.inFlight).toBe(1);
  move();
  old.end(0, new GatewayError('INVALID', 'one of them is bad'));
  next.usable = true;
  finish();
  expect((await Promise.all(waiting)).map(numbersOf)).toEqual([{ 'of a': [1] }, { 'of a': [2] }]);
  expect(next.rowsSent).toEqual([1, 1]);
});

const NAMES = ['a', 'b', 'c', 'd', 'e'];
const inputs = fc.uniqueArray(
  fc.record({ name: fc.constantFrom(...NAMES), datatype: fc.constantFrom<Datatype>('FP32', 'INT32'), width: fc.integer({ min: 1, max: 2 }) }),
  {
    minLength: 1,
    maxLength: 4,
    selector: ({ name }) => name,
  },
);
/** A caller: how many rows, in which order it lists its inputs, and whether it names them and says what they are. */
const caller = fc.record({ rows: fc.integer({ min: 1, max: 3 }), order: fc.array(fc.nat(), { minLength: 4, maxLength: 4 }), explicit: fc.boolean() });
const change = fc.record({
  order: fc.array(fc.nat(), { minLength: 4, maxLength: 4 }),
  renamed: fc.option(fc.nat({ max: 3 }), { freq: 2 }),
  retyped: fc.option(fc.nat({ max: 3 }), { freq: 2 }),
  batched: fc.boolean(),
  fixedRows: fc.boolean(),
});
const permuted = <T>(items: readonly T[], order: readonly number[]): T[] =>
  items
    .map((item, i) => [order[i]!, i, item] as const)
    .sort((x, y) => x[0] - y[0] || x[1] - y[1])
    .map(([, , item]) => item);

test('whatever the other version lists, every caller gets its own numbers under their names, or is told what does not fit', async () => {
  await fc.assert(
    fc.asyncProperty(
      inputs,
      change,
      fc.array(caller, { minLength: 1, maxLength: 8 }),
      fc.nat({ max: 8 }),
      async (list, { order, renamed, retyped, batched, fixedRows }, callers, early) => {
        const before = list.map(({ name, datatype, width }) => spec(name, datatype, width));
        const after = permuted(
          before.map((each, i): TensorSpec => {
            const shape = fixedRows ? [1, ...each.shape!.slice(1)] : each.shape;
            return { name: i === renamed ? 'z' : each.name, datatype: i === retyped ? (each.datatype === 'FP32' ? 'INT32' : 'FP32') : each.datatype, shape };
          }),
          order,
        );
        const { old, move, send, finish } = world(before, after, batched);
        const valueOf = (who: number, position: number, row: number, column: number) => 1000 * who + 100 * position + 10 * row + column;
        /** The tensor that a caller means by the input at a position of its own list. */
        const tensor = (who: number, position: number, as: TensorSpec): Tensor => {
          const shape = [callers[who]!.rows, as.shape![1]!];
          const values = Array.from({ length: elementCount(shape) }, (_, at) => valueOf(who, position, Math.floor(at / shape[1]!), at % shape[1]!));
          return { name: as.name, datatype: as.datatype, shape, data: make(as.datatype as Datatype, values) };
        };
        const decodeOf = (who: number): Decode => {
          const { explicit, order: own } = callers[who]!;
          // One that is explicit names what it knows of the first version; another is read by whatever signature it gets, in its order.
          if (explicit)
            return () => ({
              inputs: permuted(
                before.map((each, i) => tensor(who, i, each)),
                own,
              ),
            });
          return ({ signature }) => ({ inputs: signature.inputs.map((each, i) => tensor(who, i, each)) });
        };
        const fits = (who: number) => {
          const { explicit, rows } = callers[who]!;
          if (fixedRows && rows !== 1) return false;
          return !explicit || ((renamed === null || renamed >= before.length) && (retyped === null || retyped >= before.length));
        };
        // It holds the first version's replica until all the others wait, or have come after the move.
        const holder = send(({ signature }) => ({ inputs: signature.inputs.map((each) => ({ ...tensor(0, 0, each) })) }));
        const outcomes = callers
          .map((_, who) => ({ who, waited: who < early }))
          .filter(({ waited }) => waited)
          .map(({ who }) => ({ who, outcome: send(decodeOf(who)) }));
        move();
        for (let who = Math.min(early, callers.length); who < callers.length; who++) outcomes.push({ who, outcome: send(decodeOf(who)) });
        finish();
        echo(old, { inputs: before, outputs: [] });
        await holder;
        for (const { who, outcome } of outcomes) {
          const answer = await outcome;
          if (!fits(who)) {
            expect(answer).toMatchObject({ kind: 'INVALID', message: expect.stringMatching(/input "\w"/) as string });
            continue;
          }
          const { explicit } = callers[who]!;
          const expected = after.map((each, i) => ({
            ...tensor(who, explicit ? before.findIndex(({ name }) => name === each.name) : i, each),
            name: `of ${each.name}`,
          }));
          expect((answer as Answer).response?.outputs).toEqual(expected);
        }
      },
    ),
    { numRuns: 300 },
  );
});
