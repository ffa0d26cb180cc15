/** Merging and splitting, as a property over everything that may happen to requests that wait for replicas. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { InferRequest } from '../../../runtimes/open-inference/message.js';
import { elementCount, type Signature, type Tensor } from '../../../runtimes/tensor.js';
import { splitRows } from '../../../server/gateway/dispatch/batch.js';
import { HeldBytes } from '../../../server/gateway/held-bytes.js';
import { BatchRule } from '../../../server/gateway/dispatch/batch-rule.js';
import { QueueBudget } from '../../../server/gateway/dispatch/dispatch-queue.js';
import { Dispatcher } from '../../../server/gateway/dispatch/dispatcher.js';
import { GatewayError } from '../../../server/gateway/gateway-error.js';
import { TargetMeter } from '../../../server/gateway/metering/meter.js';
import type { Answer } from '../../../server/gateway/dispatch/answer.js';
import { Call } from '../../../server/gateway/dispatch/call.js';
import { NotExecutedError } from '../../../server/gateway/replicas/transport.js';
import { FakeLink, type FakeMessage } from '../../support/fake-link.js';

const signature: Signature = {
  inputs: [
    { name: 'x', datatype: 'FP32', shape: [-1, -1] },
    { name: 'word', datatype: 'BYTES', shape: [-1] },
  ],
  outputs: [
    { name: 'sum', datatype: 'FP32', shape: [-1, 1] },
    { name: 'echo', datatype: 'BYTES', shape: [-1] },
  ],
};

/** A model whose every answer depends on its own row alone: the sum of `x`, and `word` with the width of `x`. */
function model({ inputs, outputs: wanted }: InferRequest): Tensor[] {
  const x = inputs.find(({ name }) => name === 'x')!;
  const word = inputs.find(({ name }) => name === 'word')!;
  const [rows, width] = x.shape as [number, number];
  const sums = Float32Array.from({ length: rows }, (_, i) => (x.data as Float32Array).subarray(i * width, (i + 1) * width).reduce((a, b) => a + b, 0));
  const echo = (word.data as Uint8Array[]).map((bytes) => Buffer.concat([bytes, Buffer.from(`/${width}`)]));
  const outputs: Tensor[] = [
    { name: 'sum', datatype: 'FP32', shape: [rows, 1], data: sums },
    { name: 'echo', datatype: 'BYTES', shape: [rows], data: echo },
  ];
  return wanted ? wanted.map((name) => outputs.find((output) => output.name === name)!) : outputs;
}

let made = 0;
/** No two rows are alike, so that a mixed-up answer cannot pass for the right one. */
function request(rows: number, width: number, more: Partial<InferRequest> = {}, mark = ''): InferRequest {
  const id = ++made;
  const x: Tensor = { name: 'x', datatype: 'FP32', shape: [rows, width], data: Float32Array.from({ length: rows * width }, (_, i) => id * 64 + i) };
  const word: Tensor = { name: 'word', datatype: 'BYTES', shape: [rows], data: Array.from({ length: rows }, (_, i) => Buffer.from(`${mark}${id}.${i}`)) };
  return { inputs: [x, word], ...more };
}

const wordsOf = ({ inputs }: InferRequest): string[] => (inputs.find(({ name }) => name === 'word')!.data as Uint8Array[]).map(String);
const rowsOf = ({ inputs }: InferRequest): number => inputs[0]!.shape[0]!;
const plain = (tensors: readonly Tensor[]) => tensors.map(({ name, shape, data }) => ({ name, shape, data: Array.from(data as ArrayLike<unknown>, String) }));

let budget: QueueBudget;
let meter: TargetMeter;
let dispatcher: Dispatcher;
const now = () => Date.now();
/** Lets a whole turn of the event loop pass. */
const turn = () => vi.advanceTimersByTimeAsync(0);

/** How often the dispatcher said that it merges no more. */
let unmergeable = 0;

function start(links: readonly FakeLink[], maxBatchSize: number, maxDelayMs = 0, maxConcurrency = 1): void {
  budget = new QueueBudget(new HeldBytes());
  budget.limit = 1_000;
  meter = new TargetMeter('d', 'v', now());
  unmergeable = 0;
  dispatcher = new Dispatcher({ version: 1, meter, budget, now, reroute: () => undefined, onUnmergeable: () => unmergeable++ });
  dispatcher.update({ links, maxConcurrency, batching: new BatchRule(signature, { maxBatchSize, maxDelayMs }), budget });
}

function submit(sent: InferRequest, { caller = '', timeoutMs = 60_000 } = {}) {
  const call = new Call(now(), { requestId: 'r', protocol: 'oip-rest', caller, headers: {}, requestBytes: 0 });
  let outcome: Answer | GatewayError | undefined;
  let ends = 0;
  const settle = (value: Answer | GatewayError) => {
    outcome = value;
    ends++;
  };
  dispatcher.submit(call, sent, timeoutMs).then(settle, settle);
  return {
    call,
    request: sent,
    get outcome() {
      return outcome;
    },
    get ends() {
      return ends;
    },
  };
}

const answer = (link: FakeLink, at = 0) =>
  link.end(at, { parameters: { input_ns: 3e5, compute_ns: 2e6, output_ns: 1e5 }, outputs: model(link.sent[at]!.request) });
/** What each message under way holds, by the marks of its rows. */
const shown = (link: FakeLink) =>
  link.sent.map(({ request: each }) =>
    wordsOf(each)
      .map((word) => word.replace(/\d.*/, ''))
      .join(''),
  );

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
});
afterEach(() => vi.useRealTimers());

describe('what is merged', () => {
  test('a lone request is sent in the same turn; those that come while the replica is busy go together, up to the maximum', async () => {
    const link = new FakeLink();
    start([link], 4);
    submit(request(1, 2, {}, 'a'));
    expect(shown(link)).toEqual(['a']);
    const waiting = ['b', 'c', 'd', 'e', 'f'].map((mark) => submit(request(1, 2, {}, mark)));
    answer(link);
    expect(shown(link)).toEqual(['bcde']);
    answer(link);
    expect(shown(link)).toEqual(['f']);
    answer(link);
    await turn();
    expect(waiting.map(({ outcome }) => (outcome as Answer).timing)).toMatchObject([
      ...Array(4).fill({ batchRows: 4, batchRequests: 4, inputMs: 0.3, computeMs: 2, outputMs: 0.1 }),
      { batchRows: 1, batchRequests: 1 },
    ]);
    expect(meter.statistics('m', 1)).toMatchObject({ inferenceCount: 6, executionCount: 3, success: { count: 6 }, queue: { count: 6 } });
    // The clock stands still: what is counted is what the replica measured.
    const times = { input: { count: 6, ns: 6 * 3e5 }, compute: { count: 6, ns: 6 * 2e6 }, output: { count: 6, ns: 6 * 1e5 } };
    expect(meter.statistics('m', 1).execution).toEqual(times);
    expect([...meter.statistics('m', 1).batches].map(([rows, { compute }]) => [rows, compute.count])).toEqual([
      [1, 2],
      [4, 1],
    ]);
  });

  test('only requests with the same widths, outputs and parameters; the oldest says what goes next', () => {
    const link = new FakeLink();
    start([link], 8);
    submit(request(1, 2, {}, '-'));
    submit(request(1, 3, {}, 'w'));
    submit(request(1, 2, {}, 'p'));
    submit(request(1, 2, { outputs: ['sum'] }, 'o'));
    submit(request(1, 3, {}, 'w'));
    submit(request(1, 2, { parameters: { a: 1, b: 2 } }, 'q'));
    submit(request(1, 2, { outputs: ['sum'] }, 'o'));
    submit(request(1, 2, { parameters: { b: 2, a: 1 } }, 'q'));
    submit(request(1, 2, {}, 'p'));
    const order: string[] = [];
    for (; link.inFlight > 0; answer(link)) order.push(...shown(link));
    expect(order).toEqual(['-', 'ww', 'pp', 'oo', 'qq']);
  });

  test.each([
    ['more rows than fit', () => request(5, 2, {}, 'x'), 'xxxxx'],
    ['no rows', () => request(0, 2, {}, 'x'), ''],
  ])('a request with %s goes alone', (_, make, alone) => {
    const link = new FakeLink();
    start([link], 4);
    submit(request(1, 2, {}, '-'));
    submit(request(1, 2, {}, 'a'));
    submit(make());
    submit(request(1, 2, {}, 'b'));
    answer(link);
    expect(shown(link)).toEqual(['ab']);
    answer(link);
    expect(shown(link)).toEqual([alone]);
    expect(link.sent[0]!.request.inputs.map(({ shape, data }) => [elementCount(shape), data.length])).toSatisfy((counts: number[][]) =>
      counts.every(([a, b]) => a === b),
    );
  });

  test('inputs that disagree on the rows go alone, and so does everything where the route says so or a dimension is fixed', () => {
    const uneven = request(2, 2);
    const odd: InferRequest = { inputs: [uneven.inputs[0]!, { ...uneven.inputs[1]!, shape: [1], data: [Buffer.from('z')] }] };
    const rule = (more: Partial<Signature>, batching: { maxBatchSize: number; maxDelayMs: number } | null = { maxBatchSize: 8, maxDelayMs: 0 }) =>
      new BatchRule({ ...signature, ...more }, batching);
    const keyOf = (each: BatchRule, what: InferRequest) => each.keyOf(what, each.rowsOf(what));
    expect(keyOf(rule({}), odd)).toBeUndefined();
    expect(keyOf(rule({}, null), uneven)).toBeUndefined();
    expect(keyOf(rule({ inputs: [signature.inputs[0]!, { name: 'word', datatype: 'BYTES', shape: [2] }] }), uneven)).toBeUndefined();
    expect(keyOf(rule({ inputs: [{ name: 'x', datatype: 'FP32', shape: [] }] }), { inputs: [{ ...uneven.inputs[0]!, shape: [] }] })).toBeUndefined();
    expect(keyOf(rule({}), uneven)).toBe(keyOf(rule({}), request(3, 2)));
    const swapped = { inputs: [...uneven.inputs].reverse() };
    expect(keyOf(rule({}), swapped)).not.toBe(keyOf(rule({}), uneven));
  });

  test('beside other work a message that is not full waits for company: to the end of the turn, or for the time the route gives', async () => {
    const link = new FakeLink();
    start([link], 3, 0, 2);
    for (const mark of ['a', 'b', 'c']) submit(request(1, 2, {}, mark));
    expect(shown(link)).toEqual(['a']);
    await turn();
    expect(shown(link)).toEqual(['a', 'bc']);

    const other = new FakeLink();
    start([other], 3, 5, 2);
    submit(request(1, 2, {}, 'a'));
    submit(request(1, 2, {}, 'b'));
    await vi.advanceTimersByTimeAsync(4);
    expect(shown(other)).toEqual(['a']);
    await vi.advanceTimersByTimeAsync(1);
    expect(shown(other)).toEqual(['a', 'b']);
    for (const mark of ['c', 'd', 'e']) submit(request(1, 2, {}, mark));
    answer(other);
    // A full one does not wait, and neither does anything for an idle replica.
    expect(shown(other)).toEqual(['b', 'cde']);
    answer(other);
    submit(request(1, 2, {}, 'f'));
    expect(shown(other)).toEqual(['cde']);
    answer(other);
    expect(shown(other)).toEqual(['f']);
  });

  test('callers take turns, however much one of them sends', () => {
    const link = new FakeLink();
    start([link], 8);
    submit(request(1, 2, {}, '-'));
    for (let i = 0; i < 200; i++) submit(request(8, 2, {}, 'a'), { caller: 'greedy' });
    submit(request(8, 3, {}, 'b'), { caller: 'modest' });
    submit(request(1, 2, {}, 'c'), { caller: 'third' });
    const order: string[] = [];
    for (let i = 0; i < 8 && link.inFlight > 0; i++, answer(link)) order.push(shown(link)[0]!);
    expect(order.filter((message) => message.includes('b'))).toHaveLength(1);
    expect(order.filter((message) => message.includes('c'))).toHaveLength(1);
  });

  test('what waits is limited in bytes too', () => {
    const link = new FakeLink();
    start([link], 4);
    const big = (): InferRequest => request(1, 2, {});
    submit(big());
    submit(big());
    budget.held.count('answers', 1, budget.held.limitOf('requests'));
    const refused = submit(big());
    return turn().then(() =>
      expect(refused.outcome).toMatchObject({ kind: 'OVERLOADED', message: expect.stringMatching(/holds \d+ bytes: 1 waiting requests/) }),
    );
  });
});

describe('when a message fails', () => {
  const three = () => ['a', 'b', 'c'].map((mark) => submit(request(1, 2, {}, mark)));

  test('for a reason of one member, only that one fails', async () => {
    const link = new FakeLink();
    start([link], 8);
    submit(request(1, 2));
    const waiting = three();
    answer(link);
    expect(shown(link)).toEqual(['abc']);
    link.end(0, new GatewayError('RUNTIME_FAILED', 'b is bad'));
    for (const mark of ['a', 'b', 'c']) {
      expect(shown(link)).toEqual([mark]);
      if (mark === 'b') link.end(0, new GatewayError('RUNTIME_FAILED', 'b is bad'));
      else answer(link);
    }
    await turn();
    expect(waiting.map(({ outcome }) => ('message' in outcome! ? outcome.message : plain(outcome!.response.outputs)))).toEqual([
      plain(model(waiting[0]!.request)),
      'b is bad',
      plain(model(waiting[2]!.request)),
    ]);
  });

  test('by the death of the replica, its members are tried alone, each with a replica for itself', async () => {
    const [link, other] = [new FakeLink(), new FakeLink()];
    start([link], 8);
    submit(request(1, 2));
    const waiting = three();
    answer(link);
    link.crash();
    dispatcher.update({ links: [other], maxConcurrency: 2, batching: new BatchRule(signature, { maxBatchSize: 8, maxDelayMs: 0 }), budget });
    for (const mark of ['a', 'b', 'c']) {
      expect(shown(other)).toEqual([mark]);
      answer(other);
    }
    await turn();
    expect(waiting.every(({ outcome }) => outcome !== undefined && 'response' in outcome)).toBe(true);
  });

  test('with outputs that have not its rows, its members are tried alone, and nothing is merged any more', async () => {
    const link = new FakeLink();
    start([link], 8);
    submit(request(1, 2));
    const waiting = three();
    answer(link);
    link.end(0, { outputs: [{ name: 'sum', datatype: 'FP32', shape: [1, 1], data: new Float32Array(1) }] });
    for (const mark of ['a', 'b', 'c']) {
      expect(shown(link)).toEqual([mark]);
      answer(link);
    }
    await turn();
    expect(waiting.map(({ outcome }) => plain((outcome as Answer).response.outputs))).toEqual(waiting.map(({ request: sent }) => plain(model(sent))));
    for (const mark of ['d', 'e', 'f']) submit(request(1, 2, {}, mark));
    answer(link);
    expect(shown(link)).toEqual(['e']);
    expect(unmergeable).toBe(1);
  });

  test('a member that leaves takes nobody along; when all have left, the message is cancelled', async () => {
    const link = new FakeLink();
    start([link], 8);
    submit(request(1, 2));
    const waiting = three();
    answer(link);
    waiting[1]!.call.cancel();
    expect(link.cancelled).toEqual([]);
    answer(link);
    await turn();
    expect(waiting.map(({ outcome }) => ('kind' in outcome! ? outcome.kind : 'answered'))).toEqual(['answered', 'CANCELLED', 'answered']);
    const [busy, ...more] = three();
    for (const { call } of more) call.cancel();
    expect([link.inFlight, budget.waiting]).toEqual([1, 0]);
    busy!.call.cancel();
    expect([link.inFlight, link.cancelled.length]).toEqual([0, 1]);
  });
});

test('rows are cut where they belong, for every datatype of outputs', () => {
  const outputs: Tensor[] = [
    { name: 'a', datatype: 'INT64', shape: [3, 2], data: BigInt64Array.from([1n, 2n, 3n, 4n, 5n, 6n]) },
    { name: 'b', datatype: 'BYTES', shape: [3], data: ['x', 'y', 'z'].map((text) => Buffer.from(text)) },
    { name: 'c', datatype: 'FP32', shape: [3, 0], data: new Float32Array(0) },
    { name: 'd', datatype: 'BOOL', shape: [3, 1, 1], data: Uint8Array.of(1, 0, 1) },
  ];
  const parts = splitRows(outputs, [{ rows: 2 }, { rows: 1 }])!;
  expect(parts.map((part) => plain(part))).toEqual([
    [
      { name: 'a', shape: [2, 2], data: ['1', '2', '3', '4'] },
      { name: 'b', shape: [2], data: ['x', 'y'] },
      { name: 'c', shape: [2, 0], data: [] },
      { name: 'd', shape: [2, 1, 1], data: ['1', '0'] },
    ],
    [
      { name: 'a', shape: [1, 2], data: ['5', '6'] },
      { name: 'b', shape: [1], data: ['z'] },
      { name: 'c', shape: [1, 0], data: [] },
      { name: 'd', shape: [1, 1, 1], data: ['1'] },
    ],
  ]);
  expect(splitRows(outputs, [{ rows: 2 }])).toBeUndefined();
  expect(splitRows([{ name: 's', datatype: 'FP32', shape: [], data: new Float32Array(1) }], [{ rows: 1 }])).toBeUndefined();
});

const POISON = 'poison';
const BAD = 'bad';

test('whatever happens, every caller gets its own answer, once; nothing is mixed, overfilled or left behind', async () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('submit' as const),
        rows: fc.integer({ min: 0, max: 5 }),
        width: fc.integer({ min: 1, max: 2 }),
        outputs: fc.constantFrom(undefined, ['sum'], ['echo', 'sum']),
        parameter: fc.constantFrom(undefined, 'p'),
        mark: fc.oneof({ weight: 12, arbitrary: fc.constant('') }, { weight: 1, arbitrary: fc.constant(POISON) }, { weight: 1, arbitrary: fc.constant(BAD) }),
        caller: fc.constantFrom('', 'a', 'b'),
        timeoutMs: fc.integer({ min: 5, max: 200 }),
      }),
    },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('serve' as const), pick: fc.nat(), at: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('refuse' as const, 'crash' as const, 'cancel' as const), pick: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 20 }) }) },
  );
  const world = fc.record({
    steps: fc.array(step, { maxLength: 80 }),
    maxBatchSize: fc.integer({ min: 2, max: 6 }),
    maxDelayMs: fc.integer({ min: 0, max: 10 }),
    replicas: fc.integer({ min: 1, max: 3 }),
    maxConcurrency: fc.integer({ min: 1, max: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(world, async ({ steps, maxBatchSize, maxDelayMs, replicas, maxConcurrency }) => {
      const batching = new BatchRule(signature, { maxBatchSize, maxDelayMs });
      let links = Array.from({ length: replicas }, () => new FakeLink());
      const everyLink = [...links];
      start(links, maxBatchSize, maxDelayMs, maxConcurrency);
      budget.limit = 12;
      const sent: ReturnType<typeof submit>[] = [];
      const served = new Map<string, number>();
      const replace = (dead: FakeLink) => {
        dead.crash();
        const fresh = new FakeLink();
        everyLink.push(fresh);
        links = links.map((link) => (link === dead ? fresh : link));
        dispatcher.update({ links, maxConcurrency, batching, budget });
      };
      const assertWhole = ({ request: { inputs, outputs, parameters } }: FakeMessage) => {
        const words = wordsOf({ inputs });
        const members = new Set(words.map((word) => word.split('.')[0]));
        const rows = rowsOf({ inputs });
        expect(inputs.map(({ shape }) => shape[0])).toEqual([rows, rows]);
        // Only one that is too large by itself exceeds the maximum.
        if (rows > maxBatchSize) expect(members.size).toBe(1);
        for (const { request: own } of sent) {
          const [word] = wordsOf(own);
          if (word === undefined || !words.includes(word)) continue;
          expect([own.inputs[0]!.shape[1], own.outputs, own.parameters]).toEqual([inputs[0]!.shape[1], outputs, parameters]);
        }
      };
      const serve = (link: FakeLink, at: number) => {
        const message = link.sent[at % Math.max(1, link.inFlight)];
        if (!message) return;
        assertWhole(message);
        const words = wordsOf(message.request);
        if (words.some((word) => word.startsWith(POISON))) return replace(link);
        const index = link.sent.indexOf(message);
        if (words.some((word) => word.startsWith(BAD))) return link.end(index, new GatewayError('RUNTIME_FAILED', 'bad'));
        for (const word of words) served.set(word, (served.get(word) ?? 0) + 1);
        link.end(index, { outputs: model(message.request) });
      };
      for (const each of steps) {
        const idle = links.find((link) => link.inFlight === 0);
        if (each.do === 'submit') {
          const { rows, width, outputs, parameter, mark, caller, timeoutMs } = each;
          const lone = budget.waiting === 0 && idle;
          const inFlight = links.reduce((sum, link) => sum + link.inFlight, 0);
          sent.push(
            submit(request(rows, width, { ...(outputs && { outputs }), ...(parameter && { parameters: { parameter } }) }, mark), { caller, timeoutMs }),
          );
          if (lone) expect(links.reduce((sum, link) => sum + link.inFlight, 0)).toBe(inFlight + 1);
        } else if (each.do === 'wait') await vi.advanceTimersByTimeAsync(each.ms);
        else if (each.do === 'cancel') sent[each.pick % Math.max(1, sent.length)]?.call.cancel();
        else {
          const link = links[each.pick % links.length]!;
          if (each.do === 'serve') serve(link, each.at);
          else if (each.do === 'refuse') link.end(0, new NotExecutedError('no'));
          else replace(link);
        }
        for (const link of links) for (const message of link.sent) assertWhole(message);
      }
      for (let i = 0; i < 400 && links.some((link) => link.inFlight > 0); i++) {
        for (const link of links) serve(link, 0);
        await turn();
      }
      await vi.advanceTimersByTimeAsync(1_000);
      for (const { ends, outcome, request: own } of sent) {
        expect(ends).toBe(1);
        if (outcome && 'response' in outcome) expect(plain(outcome.response.outputs)).toEqual(plain(model(own)));
        const marked = wordsOf(own)[0]?.match(/^(poison|bad)/)?.[0];
        if (marked) expect(outcome).toBeInstanceOf(GatewayError);
        else expect([undefined, 'CANCELLED', 'OVERLOADED', 'DEADLINE_EXCEEDED', 'REPLICA_LOST']).toContain((outcome as GatewayError).kind);
      }
      expect([...served.values()].every((times) => times === 1)).toBe(true);
      expect(Math.max(...everyLink.map(({ busiest }) => busiest))).toBeLessThanOrEqual(maxConcurrency);
      expect([budget.waiting, budget.held.bytes, meter.idle, links.every((link) => link.inFlight === 0)]).toEqual([0, 0, true, true]);
    }),
    { numRuns: 300 },
  );
});
