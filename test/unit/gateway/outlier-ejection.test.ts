import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { BatchRule } from '../../../server/gateway/dispatch/batch-rule.js';
import { HeldBytes } from '../../../server/gateway/held-bytes.js';
import { QueueBudget } from '../../../server/gateway/dispatch/dispatch-queue.js';
import { Dispatcher } from '../../../server/gateway/dispatch/dispatcher.js';
import { GatewayError } from '../../../server/gateway/gateway-error.js';
import { TargetMeter } from '../../../server/gateway/metering/meter.js';
import { FakeLink } from '../../support/fake-link.js';
import { callAt } from '../../support/routes.js';

const now = () => Date.now();
const budget = Object.assign(new QueueBudget(new HeldBytes()), { limit: 100 });
let dispatcher: Dispatcher;
let standings: (string | undefined)[];

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  standings = [];
  dispatcher = new Dispatcher({
    version: 1,
    meter: new TargetMeter('d', 'v', now()),
    budget,
    now,
    reroute: () => undefined,
    onStanding: (_, reason) => standings.push(reason),
  });
});
afterEach(() => vi.useRealTimers());

const use = (...links: FakeLink[]) => dispatcher.update({ links, maxConcurrency: 2, batching: new BatchRule({ inputs: [], outputs: [] }, null), budget });
const submit = (timeoutMs = 100_000) => dispatcher.submit(callAt(now()), { inputs: [] }, timeoutMs).catch((error: Error) => error);
const answer = (link: FakeLink) => link.end(0, { outputs: [] });
const failure = () => new GatewayError('RUNTIME_FAILED', 'out of order');

/** One request to each of two, which are both idle. */
function toBoth(): void {
  void submit();
  void submit();
}

test('a replica that fails again and again gets nothing until a probe and one real request succeed, with a growing pause', async () => {
  const [bad, good] = [new FakeLink('bad'), new FakeLink('good')];
  use(bad, good);
  for (let i = 0; i < 5; i++) {
    toBoth();
    expect([bad.inFlight, good.inFlight]).toEqual([1, 1]);
    bad.end(0, failure());
    answer(good);
  }
  expect(standings).toEqual(['5 requests in a row failed there, the last one because out of order']);
  for (let i = 0; i < 4; i++) void submit();
  expect([bad.inFlight, good.inFlight]).toEqual([0, 2]);
  // Another result than a failure of the replica's own is none of its failures.
  answer(good);
  answer(good);

  bad.alive = false;
  await vi.advanceTimersByTimeAsync(1_000);
  expect([bad.probes, bad.inFlight]).toEqual([1, 0]);
  bad.alive = true;
  await vi.advanceTimersByTimeAsync(1_999);
  expect(bad.probes).toBe(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(bad.probes).toBe(2);
  while (good.inFlight > 0) answer(good);
  toBoth();
  toBoth();
  // One request is its trial.
  expect(bad.inFlight).toBe(1);
  bad.end(0, failure());
  toBoth();
  expect(bad.inFlight).toBe(0);
  while (good.inFlight > 0) answer(good);
  await vi.advanceTimersByTimeAsync(4_000);
  expect(bad.probes).toBe(3);
  toBoth();
  answer(bad);
  expect(standings).toHaveLength(2);
  expect(standings[1]).toBeUndefined();
  while (good.inFlight > 0) answer(good);
  toBoth();
  toBoth();
  expect([bad.inFlight, good.inFlight]).toEqual([2, 2]);
});

test("a caller's mistake is no failure of the replica", () => {
  const [a, b] = [new FakeLink('a'), new FakeLink('b')];
  use(a, b);
  for (let i = 0; i < 10; i++) {
    toBoth();
    for (const link of [a, b]) link.end(0, new GatewayError('INVALID', 'no such row'));
  }
  expect(standings).toEqual([]);
});

test('the last replica in use stays in use, however bad it is; an ejected one is used when the other is gone', () => {
  const [a, b] = [new FakeLink('a'), new FakeLink('b')];
  use(a, b);
  for (let i = 0; i < 10; i++) {
    toBoth();
    for (const link of [a, b]) while (link.inFlight > 0) link.end(0, failure());
  }
  expect(standings).toHaveLength(1);
  b.usable = false;
  void submit();
  expect(a.inFlight + b.inFlight).toBe(1);
  a.usable = false;
  b.usable = true;
  void submit();
  expect(b.inFlight).toBeGreaterThan(0);
});

test('silence ejects where others answer, and not where the whole target is slow', async () => {
  const [hung, other] = [new FakeLink('hung'), new FakeLink('other')];
  use(hung, other);
  toBoth();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(standings).toEqual([]);
  answer(other);
  await vi.advanceTimersByTimeAsync(1_000);
  // Ten seconds have become what may happen: ten times as long is waited.
  expect(standings).toEqual([]);
  answer(hung);
  for (let i = 0; i < 300; i++) {
    toBoth();
    await vi.advanceTimersByTimeAsync(1);
    answer(hung);
    answer(other);
  }
  toBoth();
  await vi.advanceTimersByTimeAsync(20);
  answer(other);
  await vi.advanceTimersByTimeAsync(1_900);
  expect(standings).toEqual([]);
  await vi.advanceTimersByTimeAsync(500);
  expect(standings).toEqual([expect.stringMatching(/^it has not answered for 2\d{3} ms, while other replicas have$/)]);
  // Its answer comes after all.
  answer(hung);
  expect(standings[1]).toBeUndefined();
  expect(standings).toHaveLength(2);
});

test('a process that was held up reads the answers that have come meanwhile before it calls anybody silent', async () => {
  vi.useFakeTimers({ now: 1_000_000, toFake: ['Date', 'setTimeout', 'clearTimeout'] });
  const [one, other] = [new FakeLink('one'), new FakeLink('other')];
  use(one, other);
  toBoth();
  vi.advanceTimersByTime(1);
  answer(other);
  vi.setSystemTime(1_010_000);
  vi.advanceTimersByTime(250);
  answer(one);
  await new Promise(setImmediate);
  expect(standings).toEqual([]);
  vi.advanceTimersByTime(10_000);
  await new Promise(setImmediate);
  expect(standings).toEqual([]);
  // One that is silent still is.
  toBoth();
  vi.advanceTimersByTime(1);
  answer(other);
  for (let waited = 0; waited < 3_000_000 && standings.length === 0; waited += 250) {
    vi.advanceTimersByTime(250);
    await new Promise(setImmediate);
  }
  expect(standings).toEqual([expect.stringMatching(/^it has not answered for \d+ ms, while other replicas have$/)]);
});

test('deadlines that pass at a hung replica eject it, those of requests that had hardly begun do not', async () => {
  const [hung, other] = [new FakeLink('hung'), new FakeLink('other')];
  use(hung, other);
  for (let i = 0; i < 20; i++) {
    toBoth();
    await vi.advanceTimersByTimeAsync(10);
    answer(hung);
    answer(other);
  }
  for (let i = 0; i < 10; i++) {
    void submit(12);
    void submit(12);
    await vi.advanceTimersByTimeAsync(10);
    answer(other);
    await vi.advanceTimersByTimeAsync(2);
  }
  expect(standings).toEqual([]);
  for (let i = 0; i < 6; i++) {
    void submit(1_500);
    void submit(1_500);
    await vi.advanceTimersByTimeAsync(10);
    answer(other);
    await vi.advanceTimersByTimeAsync(1_490);
    expect(hung.inFlight).toBe(0);
  }
  expect(standings).toEqual([expect.stringContaining('no answer came before the deadline')]);
});
