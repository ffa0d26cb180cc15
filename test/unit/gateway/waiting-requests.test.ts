/** Which requests give up their place where there is no room for one more. */
import { beforeEach, expect, test } from 'vitest';
import { BatchRule } from '../../../server/gateway/dispatch/batch-rule.js';
import { Call } from '../../../server/gateway/dispatch/call.js';
import { QueueBudget } from '../../../server/gateway/dispatch/dispatch-queue.js';
import { Dispatcher } from '../../../server/gateway/dispatch/dispatcher.js';
import { WaitingRequests } from '../../../server/gateway/dispatch/waiting-requests.js';
import { HeldBytes } from '../../../server/gateway/held-bytes.js';
import { TargetMeter } from '../../../server/gateway/metering/meter.js';
import { FakeLink } from '../../support/fake-link.js';

const NOTHING_MERGED = new BatchRule({ inputs: [], outputs: [] }, null);

let held: HeldBytes;
let waiting: WaitingRequests;
let refused: string[];
let messages: Map<string, string>;
let meter: TargetMeter;
let arrivals: number;
beforeEach(() => {
  // Requests may take 100 bytes of it.
  held = new HeldBytes(150);
  waiting = new WaitingRequests();
  refused = [];
  messages = new Map();
  meter = new TargetMeter('d', 'v', 0);
  arrivals = 0;
});

interface Target {
  readonly dispatcher: Dispatcher;
  readonly link: FakeLink;
  readonly budget: QueueBudget;
}

/** A deployment whose only replica is busy, so that everyone waits. */
function busyTarget(limit = 100, kind?: 'shadowCopies'): Target {
  const budget = Object.assign(new QueueBudget(held, kind), { limit });
  const dispatcher = new Dispatcher({ version: 1, meter, budget, waiting, now: () => 0, reroute: () => undefined });
  const link = new FakeLink();
  dispatcher.update({ links: [link], maxConcurrency: 1, batching: NOTHING_MERGED, budget });
  send({ dispatcher, link, budget }, 'first', 0);
  return { dispatcher, link, budget };
}

/** @param name the caller's, and a number where it sends several */
function send({ dispatcher }: Target, name: string, bytes: number): void {
  const caller = name.replace(/\d+$/, '');
  const call = new Call(arrivals++ / 1e6, { requestId: name, protocol: 'oip-rest', caller, headers: {}, requestBytes: 0 });
  const inputs = [{ name: 'x', datatype: 'UINT8', shape: [bytes], data: new Uint8Array(bytes) }] as const;
  dispatcher.submit(call, { id: name, inputs }, 60_000).catch((error: Error & { kind: string }) => {
    refused.push(`${name} ${error.kind}`);
    messages.set(name, error.message);
  });
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('bytes: a caller that has more waiting, at any deployment, gives up its newest requests', async () => {
  const [one, other] = [busyTarget(), busyTarget()];
  for (const name of ['a1', 'a2', 'a3']) send(one, name, 30);
  send(other, 'b', 35);
  await settled();
  expect([refused, held.bytes]).toEqual([['a3 OVERLOADED'], 95]);
  expect(messages.get('a3')).toMatch(/^the request gave up its place to a caller with less waiting: this gateway process holds 90 bytes/);
  // 60 and 35 bytes: with 30 more the newcomer's caller would have the most.
  send(other, 'b2', 30);
  await settled();
  expect(refused).toEqual(['a3 OVERLOADED', 'b2 OVERLOADED']);
  expect(messages.get('b2')).toMatch(/^this gateway process holds 95 bytes/);
});

test('places of a deployment: whoever has most of them gives one up, and nobody at another deployment', async () => {
  const [one, other] = [busyTarget(3), busyTarget(3)];
  for (const name of ['c1', 'c2', 'c3']) send(other, name, 1);
  for (const name of ['a1', 'a2', 'a3', 'b1', 'b2']) send(one, name, 1);
  await settled();
  // Two of three for the one who was there first.
  expect(refused).toEqual(['a3 OVERLOADED', 'b2 OVERLOADED'].sort());
  expect([one.budget.waiting, other.budget.waiting]).toEqual([3, 3]);
});

test('a lone caller is refused, and what waits for it stays', async () => {
  const one = busyTarget(3);
  for (const name of ['a1', 'a2', 'a3', 'a4']) send(one, name, 1);
  await settled();
  expect(refused).toEqual(['a4 OVERLOADED']);
  expect(messages.get('a4')).toBe('queue full: 3 requests are waiting (maxQueue 3 per gateway process); retry after 1 s');
});

test('copies for shadows take no place of a request, and give none up', async () => {
  const [one, shadow] = [busyTarget(), busyTarget(100, 'shadowCopies')];
  for (const name of ['a1', 'a2', 'a3']) send(one, name, 30);
  send(shadow, 's1', 1);
  send(shadow, 's2', 1);
  await settled();
  expect(refused).toEqual(['s2 OVERLOADED']);
});

test('what a target that is gone had waiting counts no more', async () => {
  const [one, other] = [busyTarget(), busyTarget()];
  for (const name of ['a1', 'a2', 'a3']) send(one, name, 30);
  one.dispatcher.close();
  for (const name of ['b1', 'b2', 'b3', 'b4']) send(other, name, 30);
  await settled();
  expect([refused, held.bytes]).toEqual([['b4 OVERLOADED'], 90]);
});
