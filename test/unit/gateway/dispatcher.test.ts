import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Tensor } from '../../../runtimes/tensor.js';
import { BatchRule } from '../../../server/gateway/dispatch/batch-rule.js';
import { HeldBytes } from '../../../server/gateway/held-bytes.js';
import { QueueBudget } from '../../../server/gateway/dispatch/dispatch-queue.js';
import { Dispatcher } from '../../../server/gateway/dispatch/dispatcher.js';
import { PROBE_MIN_MS } from '../../../server/gateway/limits.js';
import { TargetMeter } from '../../../server/gateway/metering/meter.js';
import type { Answer } from '../../../server/gateway/dispatch/answer.js';
import type { Call } from '../../../server/gateway/dispatch/call.js';
import type { PendingRequest } from '../../../server/gateway/dispatch/pending-request.js';
import { NotExecutedError, ReplicaLostError } from '../../../server/gateway/replicas/transport.js';
import { FakeLink } from '../../support/fake-link.js';
import { callAt } from '../../support/routes.js';

/** Its messages are told apart by the id of the request. */
class NamedLink extends FakeLink {
  get ids(): string[] {
    return this.sent.map(({ request }) => request.id!);
  }

  endOf(id: string, error?: Error): void {
    // Echoes the id in a tensor, because a response's own goes no further than the dispatcher.
    const outputs: Tensor[] = [{ name: 'id', datatype: 'BYTES', shape: [1], data: [Buffer.from(id)] }];
    this.end(this.ids.indexOf(id), error ?? { outputs });
  }
}

/** What `endOf` answers. */
const answered = (id: string) => ({ response: { outputs: [{ name: 'id', data: [Buffer.from(id)] }] } });
const NOTHING_MERGED = new BatchRule({ inputs: [], outputs: [] }, null);
const use = (links: readonly FakeLink[], maxConcurrency: number) => dispatcher.update({ links, maxConcurrency, batching: NOTHING_MERGED, budget });

let budget: QueueBudget;
let meter: TargetMeter;
let rerouted: PendingRequest[];
let dispatcher: Dispatcher;
const now = () => Date.now();
const settle = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  budget = new QueueBudget(new HeldBytes());
  budget.limit = 3;
  meter = new TargetMeter('d', 'v', now());
  rerouted = [];
  dispatcher = new Dispatcher({ version: 7, meter, budget, now, reroute: (pending) => rerouted.push(pending) });
});
afterEach(() => vi.useRealTimers());

interface Sent {
  readonly call: Call;
  readonly outcome: Promise<Answer | { kind: string; message: string; retryAfterSeconds?: number }>;
}

function submit(id: string, timeoutMs = 1_000): Sent {
  const call = callAt(now());
  return { call, outcome: dispatcher.submit(call, { id, inputs: [] }, timeoutMs).catch((error) => error) };
}
const window = () => meter.unwritten(now())!.window;

describe('who goes where', () => {
  test('the replica with the least outstanding work, never above its concurrency, in the order of arrival', async () => {
    const [a, b] = [new NamedLink(), new NamedLink()];
    use([a, b], 2);
    const sent = ['1', '2', '3', '4', '5', '6', '7'].map((id) => submit(id));
    expect([a.inFlight, b.inFlight, budget.waiting]).toEqual([2, 2, 3]);
    const full = (await submit('8').outcome) as { kind: string };
    expect(full).toMatchObject({
      kind: 'OVERLOADED',
      retryAfterSeconds: 1,
      message: 'queue full: 3 requests are waiting (maxQueue 3 per gateway process); retry after 1 s',
    });
    b.endOf(b.ids[0]!);
    await settle();
    expect(b.ids).toContain('5');
    for (let i = 0; i < 7; i++) {
      for (const link of [a, b]) for (const id of link.ids) link.endOf(id);
      await settle();
    }
    expect(await Promise.all(sent.map(({ outcome }) => outcome))).toMatchObject(sent.map((_, i) => ({ version: 7, ...answered(String(i + 1)) })));
    expect([a.busiest, b.busiest, budget.waiting]).toEqual([2, 2, 0]);
    expect(window()).toMatchObject({ requests: 8, errors: { OVERLOADED: 1 }, queueMax: 3, inFlightMax: 7 });
  });

  test('nothing goes to a replica that is not usable; who waits goes when one comes', async () => {
    const link = new NamedLink();
    link.usable = false;
    use([link], 1);
    const { outcome } = submit('1');
    expect(link.inFlight).toBe(0);
    link.usable = true;
    dispatcher.pump();
    link.endOf('1');
    expect(await outcome).toMatchObject(answered('1'));
  });

  test('a caller that leaves frees its place in the line, and is cancelled at the replica', async () => {
    const link = new NamedLink();
    use([link], 1);
    const [first, second, third] = [submit('1'), submit('2'), submit('3')];
    second.call.cancel();
    expect(await second.outcome).toMatchObject({ kind: 'CANCELLED' });
    expect(budget.waiting).toBe(1);
    first.call.cancel();
    expect(link.cancelled.map(({ request }) => request.id)).toEqual(['1']);
    expect(link.ids).toEqual(['3']);
    link.endOf('3');
    expect(await third.outcome).toMatchObject(answered('3'));
  });
});

describe('deadlines run from arrival', () => {
  test('at a replica, in the line, and with no replica there', async () => {
    const link = new NamedLink();
    use([link], 1);
    const atReplica = submit('1', 500);
    const inLine = submit('2', 400);
    await vi.advanceTimersByTimeAsync(400);
    expect(await inLine.outcome).toMatchObject({ kind: 'DEADLINE_EXCEEDED', message: 'the deadline of 400 ms passed while the request waited for a replica' });
    await vi.advanceTimersByTimeAsync(100);
    expect(await atReplica.outcome).toMatchObject({
      kind: 'DEADLINE_EXCEEDED',
      message: 'the deadline of 500 ms passed while a replica worked on the request',
    });
    const [atOnce, behind] = [submit('4', 100), submit('5', 100)];
    await vi.advanceTimersByTimeAsync(100);
    expect(await atOnce.outcome).toMatchObject({ message: 'the deadline of 100 ms passed while a replica worked on the request' });
    expect(await behind.outcome).toMatchObject({ message: 'the deadline of 100 ms passed while the request waited for a replica' });
    expect(link.cancelled.map(({ request }) => request.id)).toEqual(['1', '4']);
    use([], 1);
    const nowhere = submit('3', 300);
    await vi.advanceTimersByTimeAsync(300);
    expect(await nowhere.outcome).toMatchObject({ kind: 'UNAVAILABLE', retryAfterSeconds: 1 });
    const late = callAt(now() - 50);
    await expect(dispatcher.submit(late, { inputs: [] }, 50)).rejects.toMatchObject({ kind: 'DEADLINE_EXCEEDED' });
  });
});

describe('when a replica dies', () => {
  test('what it did not execute goes elsewhere, ahead of those that came later', async () => {
    const [a, b] = [new NamedLink(), new NamedLink()];
    use([a], 1);
    const first = submit('1');
    await vi.advanceTimersByTimeAsync(1);
    submit('2');
    a.usable = false;
    a.endOf('1', new NotExecutedError('draining'));
    await settle();
    use([b], 1);
    expect(b.ids).toEqual(['1']);
    b.endOf('1');
    expect(await first.outcome).toMatchObject(answered('1'));
  });

  test('several under way are tried again alone, once; the poison one hurts nobody else', async () => {
    const [a, b, c, d] = [new NamedLink(), new NamedLink(), new NamedLink(), new NamedLink()];
    use([a], 4);
    const [first, poison, third] = [submit('1'), submit('poison'), submit('3')];
    a.crash();
    await settle();
    use([b], 4);
    const later = submit('later');
    expect(b.ids).toEqual(['1']);
    b.endOf('1');
    await settle();
    expect(b.ids).toEqual(['poison']);
    expect(later.call.cancelled).toBe(false);
    b.crash();
    await settle();
    use([c, d], 4);
    expect(await poison.outcome).toMatchObject({ kind: 'REPLICA_LOST' });
    expect([c.ids, d.ids].flat().sort()).toEqual(['3', 'later']);
    for (const link of [c, d]) for (const id of link.ids) link.endOf(id);
    expect(await first.outcome).toMatchObject(answered('1'));
    expect(await third.outcome).toMatchObject(answered('3'));
    expect(await later.outcome).toMatchObject(answered('later'));
  });

  test('one that was alone is not tried again', async () => {
    const link = new NamedLink();
    use([link], 4);
    const { outcome } = submit('1');
    link.crash();
    expect(await outcome).toMatchObject({ kind: 'REPLICA_LOST', message: expect.stringContaining('and on nothing else') });
    expect(window().errors).toEqual({ REPLICA_LOST: 1 });
  });

  test('one that the replica blames is not tried again though others were under way; they are', async () => {
    const [a, b] = [new NamedLink(), new NamedLink()];
    use([a], 4);
    const [culprit, beside] = [submit('culprit'), submit('beside')];
    a.usable = false;
    a.endOf('culprit', new ReplicaLostError(true, 'the runtime trapped: unreachable'));
    a.endOf('beside', new ReplicaLostError(false));
    expect(await culprit.outcome).toMatchObject({
      kind: 'REPLICA_LOST',
      message: expect.stringContaining('the runtime trapped: unreachable; the request is not sent again'),
    });
    use([b], 4);
    b.endOf('beside');
    expect(await beside.outcome).toMatchObject(answered('beside'));
  });

  test('suspects get a replica for themselves though others never cease to come', async () => {
    const [a, b] = [new NamedLink(), new NamedLink()];
    use([a], 2);
    const suspects = [submit('s1'), submit('s2')];
    a.crash();
    await settle();
    budget.limit = 100;
    use([b], 2);
    expect(b.ids).toEqual(['s1']);
    const others = Array.from({ length: 10 }, (_, i) => submit(`o${i}`));
    for (let i = 0; i < 12; i++) {
      expect(b.ids.some((id) => id.startsWith('s')) && b.inFlight > 1).toBe(false);
      for (const id of b.ids) b.endOf(id);
      await settle();
      others.push(submit(`late${i}`));
      // As when another replica becomes usable.
      dispatcher.pump();
      expect(b.ids.some((id) => id.startsWith('s')) && b.inFlight > 1).toBe(false);
    }
    for (let i = 0; i < 12; i++) {
      for (const id of b.ids) b.endOf(id);
      await settle();
    }
    const all = await Promise.all([...suspects, ...others].map(({ outcome }) => outcome));
    expect(all.every((outcome) => 'response' in outcome)).toBe(true);
  });
});

test('a target that is gone hands over who waits, and later who comes back', async () => {
  const link = new NamedLink();
  use([link], 1);
  submit('1');
  submit('2');
  dispatcher.close();
  expect(rerouted.map(({ request }) => request.id)).toEqual(['2']);
  link.endOf('1', new NotExecutedError('draining'));
  await settle();
  expect(rerouted.map(({ request }) => request.id)).toEqual(['2', '1']);
  expect([budget.waiting, meter.idle]).toEqual([0, true]);
  expect(window().requests).toBe(0);
});

test('whatever happens, everyone is answered once and nothing is left behind', async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('submit' as const), timeoutMs: fc.integer({ min: 1, max: 50 }) }),
    fc.record({ do: fc.constantFrom('answer' as const, 'refuse' as const, 'crash' as const, 'cancel' as const), pick: fc.nat() }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 20 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      budget = new QueueBudget(new HeldBytes());
      budget.limit = 5;
      meter = new TargetMeter('d', 'v', now());
      dispatcher = new Dispatcher({ version: 1, meter, budget, now, reroute: () => undefined });
      let links = [new NamedLink(), new NamedLink()];
      use(links, 2);
      const calls: Call[] = [];
      const ends: number[] = [];
      for (const each of steps) {
        if (each.do === 'submit') {
          const index = calls.length;
          ends.push(0);
          const { call, outcome } = submit(String(index), each.timeoutMs);
          calls.push(call);
          void outcome.then((answer) => {
            ends[index]!++;
            if ('response' in answer) expect(answer).toMatchObject(answered(String(index)));
          });
        } else if (each.do === 'wait') await vi.advanceTimersByTimeAsync(each.ms);
        else if (each.do === 'cancel') calls[each.pick % calls.length]?.cancel();
        else {
          const link = links[each.pick % 2]!;
          if (each.do === 'answer' && link.ids[0] !== undefined) link.endOf(link.ids[0]);
          if (each.do === 'refuse' && link.ids[0] !== undefined) link.endOf(link.ids[0], new NotExecutedError('no'));
          if (each.do === 'crash') {
            link.crash();
            links = links.map((old) => (old === link ? new NamedLink() : old));
            use(links, 2);
          }
        }
        await settle();
      }
      // Until a replica that was ejected has been probed, too.
      await vi.advanceTimersByTimeAsync(4 * PROBE_MIN_MS);
      expect(ends).toEqual(ends.map(() => 1));
      expect([budget.waiting, meter.idle, vi.getTimerCount()]).toEqual([0, true, 0]);
      expect(Math.max(...links.map((link) => link.busiest), 0)).toBeLessThanOrEqual(2);
    }),
    { numRuns: 150 },
  );
});
