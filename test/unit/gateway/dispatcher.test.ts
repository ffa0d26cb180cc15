import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { InferRequest, InferResponse } from '../../../runtimes/open-inference/message.js';
import { Dispatcher, type Link, type QueueBudget } from '../../../server/gateway/dispatcher.js';
import { TargetMeter } from '../../../server/gateway/meter.js';
import type { Answer, Call, Pending } from '../../../server/gateway/pending.js';
import { NotExecutedError, ReplicaLostError } from '../../../server/gateway/transport.js';
import { callAt } from '../../support/gateway.js';

/** A replica whose answers, refusals and deaths the test decides: a real one cannot be made to die between two given messages. */
class FakeLink implements Link {
  readonly identity = { replicaId: 'r', address: 'unix:/r', versionDigest: 'd' };
  usable = true;
  inFlight = 0;
  exclusive = false;
  readonly sent: { id: string; signal: AbortSignal; resolve: (response: InferResponse) => void; reject: (error: Error) => void }[] = [];
  busiest = 0;

  send(request: InferRequest, signal: AbortSignal): Promise<InferResponse> {
    this.busiest = Math.max(this.busiest, ++this.inFlight);
    return new Promise<InferResponse>((resolve, reject) => {
      this.sent.push({ id: request.id!, signal, resolve, reject });
      signal.addEventListener('abort', () => this.end(request.id!, new Error('aborted')));
    });
  }

  get ids(): string[] {
    return this.sent.map(({ id }) => id);
  }

  end(id: string, outcome: InferResponse | Error = { id, outputs: [] }): void {
    const index = this.sent.findIndex((each) => each.id === id);
    if (index < 0) return;
    const [{ resolve, reject }] = this.sent.splice(index, 1) as [FakeLink['sent'][number]];
    this.inFlight--;
    if (outcome instanceof Error) reject(outcome);
    else resolve(outcome);
  }

  /** Dies with all it has. */
  crash(): void {
    const alone = this.inFlight === 1;
    this.usable = false;
    for (const id of this.ids) this.end(id, new ReplicaLostError(alone));
  }
}

let budget: QueueBudget;
let meter: TargetMeter;
let rerouted: Pending[];
let dispatcher: Dispatcher;
const now = () => Date.now();
const settle = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  budget = { waiting: 0, limit: 3 };
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
    const [a, b] = [new FakeLink(), new FakeLink()];
    dispatcher.update([a, b], 2);
    const sent = ['1', '2', '3', '4', '5', '6', '7'].map((id) => submit(id));
    expect([a.inFlight, b.inFlight, budget.waiting]).toEqual([2, 2, 3]);
    const full = (await submit('8').outcome) as { kind: string };
    expect(full).toMatchObject({ kind: 'OVERLOADED', retryAfterSeconds: 1, message: '3 requests wait already, the limit of the deployment is 3' });
    b.end(b.ids[0]!);
    await settle();
    expect(b.ids).toContain('5');
    for (let i = 0; i < 7; i++) {
      for (const link of [a, b]) for (const id of link.ids) link.end(id);
      await settle();
    }
    expect(await Promise.all(sent.map(({ outcome }) => outcome))).toMatchObject(sent.map((_, i) => ({ version: 7, response: { id: String(i + 1) } })));
    expect([a.busiest, b.busiest, budget.waiting]).toEqual([2, 2, 0]);
    expect(window()).toMatchObject({ requests: 8, errors: { OVERLOADED: 1 }, queueMax: 3, inFlightMax: 7 });
  });

  test('nothing goes to a replica that is not usable; who waits goes when one comes', async () => {
    const link = new FakeLink();
    link.usable = false;
    dispatcher.update([link], 1);
    const { outcome } = submit('1');
    expect(link.inFlight).toBe(0);
    link.usable = true;
    dispatcher.pump();
    link.end('1');
    expect(await outcome).toMatchObject({ response: { id: '1' } });
  });

  test('a caller that leaves frees its place in the line, and is cancelled at the replica', async () => {
    const link = new FakeLink();
    dispatcher.update([link], 1);
    const [first, second, third] = [submit('1'), submit('2'), submit('3')];
    second.call.cancel();
    expect(await second.outcome).toMatchObject({ kind: 'CANCELLED' });
    expect(budget.waiting).toBe(1);
    const { signal } = link.sent[0]!;
    first.call.cancel();
    expect(signal.aborted).toBe(true);
    await settle();
    expect(link.ids).toEqual(['3']);
    link.end('3');
    expect(await third.outcome).toMatchObject({ response: { id: '3' } });
  });
});

describe('deadlines run from arrival', () => {
  test('at a replica, in the line, and with no replica there', async () => {
    const link = new FakeLink();
    dispatcher.update([link], 1);
    const atReplica = submit('1', 500);
    const inLine = submit('2', 400);
    await vi.advanceTimersByTimeAsync(400);
    expect(await inLine.outcome).toMatchObject({ kind: 'DEADLINE_EXCEEDED', message: 'the deadline of 400 ms passed while the request waited for a replica' });
    await vi.advanceTimersByTimeAsync(100);
    expect(await atReplica.outcome).toMatchObject({
      kind: 'DEADLINE_EXCEEDED',
      message: 'the deadline of 500 ms passed while a replica worked on the request',
    });
    dispatcher.update([], 1);
    const nowhere = submit('3', 300);
    await vi.advanceTimersByTimeAsync(300);
    expect(await nowhere.outcome).toMatchObject({ kind: 'UNAVAILABLE', retryAfterSeconds: 1 });
    const late = callAt(now() - 50);
    await expect(dispatcher.submit(late, { inputs: [] }, 50)).rejects.toMatchObject({ kind: 'DEADLINE_EXCEEDED' });
  });
});

describe('when a replica dies', () => {
  test('what it did not execute goes elsewhere, ahead of those that came later', async () => {
    const [a, b] = [new FakeLink(), new FakeLink()];
    dispatcher.update([a], 1);
    const first = submit('1');
    await vi.advanceTimersByTimeAsync(1);
    submit('2');
    a.usable = false;
    a.end('1', new NotExecutedError('draining'));
    await settle();
    dispatcher.update([b], 1);
    expect(b.ids).toEqual(['1']);
    b.end('1');
    expect(await first.outcome).toMatchObject({ response: { id: '1' } });
  });

  test('several under way are tried again alone, once; the poison one hurts nobody else', async () => {
    const [a, b, c, d] = [new FakeLink(), new FakeLink(), new FakeLink(), new FakeLink()];
    dispatcher.update([a], 4);
    const [first, poison, third] = [submit('1'), submit('poison'), submit('3')];
    a.crash();
    await settle();
    dispatcher.update([b], 4);
    const later = submit('later');
    expect(b.ids).toEqual(['1']);
    b.end('1');
    await settle();
    expect(b.ids).toEqual(['poison']);
    expect(later.call.cancelled).toBe(false);
    b.crash();
    await settle();
    dispatcher.update([c, d], 4);
    expect(await poison.outcome).toMatchObject({ kind: 'REPLICA_LOST' });
    expect([c.ids, d.ids].flat().sort()).toEqual(['3', 'later']);
    for (const link of [c, d]) for (const id of link.ids) link.end(id);
    expect(await first.outcome).toMatchObject({ response: { id: '1' } });
    expect(await third.outcome).toMatchObject({ response: { id: '3' } });
    expect(await later.outcome).toMatchObject({ response: { id: 'later' } });
  });

  test('one that was alone is not tried again', async () => {
    const link = new FakeLink();
    dispatcher.update([link], 4);
    const { outcome } = submit('1');
    link.crash();
    expect(await outcome).toMatchObject({ kind: 'REPLICA_LOST', message: expect.stringContaining('with nothing else under way there') });
    expect(window().errors).toEqual({ REPLICA_LOST: 1 });
  });

  test('suspects get a replica for themselves though others never cease to come', async () => {
    const [a, b] = [new FakeLink(), new FakeLink()];
    dispatcher.update([a], 2);
    const suspects = [submit('s1'), submit('s2')];
    a.crash();
    await settle();
    budget.limit = 100;
    dispatcher.update([b], 2);
    expect(b.ids).toEqual(['s1']);
    const others = Array.from({ length: 10 }, (_, i) => submit(`o${i}`));
    for (let i = 0; i < 12; i++) {
      expect(b.ids.some((id) => id.startsWith('s')) && b.inFlight > 1).toBe(false);
      for (const id of b.ids) b.end(id);
      await settle();
      others.push(submit(`late${i}`));
      // As when another replica becomes usable.
      dispatcher.pump();
      expect(b.ids.some((id) => id.startsWith('s')) && b.inFlight > 1).toBe(false);
    }
    for (let i = 0; i < 12; i++) {
      for (const id of b.ids) b.end(id);
      await settle();
    }
    const all = await Promise.all([...suspects, ...others].map(({ outcome }) => outcome));
    expect(all.every((outcome) => 'response' in outcome)).toBe(true);
  });
});

test('a target that is gone hands over who waits, and later who comes back', async () => {
  const link = new FakeLink();
  dispatcher.update([link], 1);
  submit('1');
  submit('2');
  dispatcher.close();
  expect(rerouted.map(({ request }) => request.id)).toEqual(['2']);
  link.end('1', new NotExecutedError('draining'));
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
      budget = { waiting: 0, limit: 5 };
      meter = new TargetMeter('d', 'v', now());
      dispatcher = new Dispatcher({ version: 1, meter, budget, now, reroute: () => undefined });
      let links = [new FakeLink(), new FakeLink()];
      dispatcher.update(links, 2);
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
            if ('response' in answer) expect(answer.response.id).toBe(String(index));
          });
        } else if (each.do === 'wait') await vi.advanceTimersByTimeAsync(each.ms);
        else if (each.do === 'cancel') calls[each.pick % calls.length]?.cancel();
        else {
          const link = links[each.pick % 2]!;
          if (each.do === 'answer' && link.ids[0] !== undefined) link.end(link.ids[0]);
          if (each.do === 'refuse' && link.ids[0] !== undefined) link.end(link.ids[0], new NotExecutedError('no'));
          if (each.do === 'crash') {
            link.crash();
            links = links.map((old) => (old === link ? new FakeLink() : old));
            dispatcher.update(links, 2);
          }
        }
        await settle();
      }
      await vi.advanceTimersByTimeAsync(60);
      expect(ends).toEqual(ends.map(() => 1));
      expect([budget.waiting, meter.idle, vi.getTimerCount()]).toEqual([0, true, 0]);
      expect(Math.max(...links.map((link) => link.busiest), 0)).toBeLessThanOrEqual(2);
    }),
    { numRuns: 150 },
  );
});
