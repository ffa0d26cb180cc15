import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Fence, NotLeaderError } from '../../server/database/leadership.js';
import { Listener, Notifier } from '../../server/database/notifications.js';
import { UnitOfWork } from '../../server/database/unit-of-work.js';
import { decodeCursor, encodeCursor } from '../../server/events/cursor.js';
import { EventFeed, type FeedItem, type FollowOptions } from '../../server/events/event-feed.js';
import { pruneEvents } from '../../server/events/retention.js';
import { Sequencer } from '../../server/events/sequencer.js';
import { NOTIFICATION } from '../../server/database/notification-names.js';
import { openFence } from '../support/api.js';
import { countStatements } from '../support/count-statements.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';

const logged: Record<string, unknown>[] = [];
const log = pino({ level: 'warn' }, { write: (line: string) => void logged.push(JSON.parse(line) as Record<string, unknown>) });

let db: TestDatabase;
let notifier: Notifier;
let work: UnitOfWork;
let sequencer: Sequencer;
beforeEach(async () => {
  db = await createTestDatabase();
  notifier = new Notifier((sql, parameters) => db.dataSource.query(sql, parameters));
  work = new UnitOfWork(db.dataSource, notifier);
  sequencer = new Sequencer(db.dataSource, notifier, log, { pollMs: 100 });
});
afterEach(async () => {
  await notifier.close();
  await db.drop();
});

const [A, B] = ['00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-00000000000b'];

const emit = (subjectId: string, message: string, projectId: string | null = null, topic: 'deployment' | 'version' = 'deployment'): Promise<void> =>
  work.run('token:test', (change) =>
    change.emit({ topic, subjectId, projectId, type: 'X', payload: { phase: 'PENDING', state: 'X', generation: 1, message } as never }),
  );

async function emitted(count: number, subjectId = A): Promise<void> {
  for (let i = 1; i <= count; i++) await emit(subjectId, `${i}`);
  await sequencer.sequence(openFence);
}

async function take(items: AsyncIterator<FeedItem>, count: number): Promise<FeedItem[]> {
  const taken: FeedItem[] = [];
  while (taken.length < count) {
    const step = await items.next();
    if (step.done) break;
    taken.push(step.value);
  }
  return taken;
}
const messages = (items: readonly FeedItem[]): unknown[] => items.map((item) => item.event.payload['message']);

/** A feed, and the sequencer beside it, woken as in the app: by a listener of their own connection. */
async function live(options: { bufferSize?: number } = {}): Promise<{ feed: EventFeed; stop: () => Promise<void> }> {
  const feed = new EventFeed(db.dataSource, options);
  await feed.start();
  const stopped = new AbortController();
  sequencer.lead(openFence, stopped.signal);
  const listener = new Listener([NOTIFICATION.EVENTS, NOTIFICATION.UNSEQUENCED], {
    url: db.url,
    applicationName: 'test',
    onWake: (channel) => (channel === NOTIFICATION.EVENTS ? void feed.wake() : sequencer.wake()),
  });
  await listener.start(false);
  return {
    feed,
    stop: async () => {
      stopped.abort();
      await sequencer.idle();
      await listener.close();
    },
  };
}

test('sixteen writers at once: positions without a gap, every aggregate in its order, and a subscriber that keeps reconnecting misses and repeats nothing', async () => {
  const { feed, stop } = await live({ bufferSize: 64 });
  const [writers, each] = [16, 40];
  const subjects = Array.from({ length: 4 }, () => randomUUID());
  for (const id of subjects) await db.dataSource.query('INSERT INTO project (id, name, created_by, created_at) VALUES ($1, $2, $3, now())', [id, id, 'test']);
  const options: FollowOptions = { after: await feed.head() };
  const steady = take(await feed.open(options), writers * each);
  const counters = new Map(subjects.map((id) => [id, 0]));
  const write = async (writer: number): Promise<void> => {
    for (let i = 0; i < each; i++) {
      const subjectId = subjects[(writer + i) % subjects.length]!;
      await work.run(`token:${writer}`, async (change) => {
        // The aggregate's lock, as every feature takes it; the number is drawn under it.
        await change.manager.query('SELECT 1 FROM project WHERE id = $1 FOR UPDATE', [subjectId]);
        const number = counters.get(subjectId)! + 1;
        counters.set(subjectId, number);
        await change.emit({
          topic: 'deployment',
          subjectId,
          projectId: null,
          type: 'X',
          payload: { phase: '', generation: number, message: `${writer}.${i}` },
        });
        // Commits come in another order than inserts.
        if (i % 7 === 0) await change.manager.query('SELECT pg_sleep(0.01)');
      });
    }
  };
  const writing = Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
  const restless: FeedItem[] = [];
  while (restless.length < writers * each) {
    const after = restless.at(-1)?.cursor ?? options.after;
    const items = await feed.open({ after });
    restless.push(...(await take(items, Math.min(37, writers * each - restless.length))));
    await items.return!();
  }
  await writing;
  for (const seen of [await steady, restless]) {
    expect(seen.map((item) => item.event.position)).toEqual(Array.from({ length: writers * each }, (_, i) => i + 1));
    for (const subject of subjects) {
      const numbers = seen.filter((item) => item.event.subjectId === subject).map((item) => item.event.payload['generation']);
      expect(numbers).toEqual(numbers.map((_, i) => i + 1));
    }
    expect(new Set(messages(seen)).size).toBe(writers * each);
  }
  await stop();
}, 120_000);

test('a sequencer that is killed between the commit and the positions leaves nothing behind that the next one does not number', async () => {
  await emit(A, '1');
  await emit(A, '2');
  const other = await createConnectionKillingFence();
  await expect(sequencer.sequence(other)).rejects.toThrow();
  const half: { position: string | null }[] = await db.dataSource.query('SELECT position FROM event');
  expect(half.map((row) => row.position)).toEqual([null, null]);
  await emit(B, '3');
  expect(await new Sequencer(db.dataSource, notifier, log).sequence(openFence)).toBe(3);
  const rows: { position: string; message: string }[] = await db.dataSource.query(
    `SELECT position, payload->>'message' AS message FROM event ORDER BY position`,
  );
  expect(rows).toEqual([
    { position: '1', message: '1' },
    { position: '2', message: '2' },
    { position: '3', message: '3' },
  ]);
});

/** A fence after which the positions are given, but whose connection dies before their commit. */
async function createConnectionKillingFence(): Promise<Fence> {
  const [{ target }] = (await db.dataSource.query('SELECT current_database() AS target')) as [{ target: string }];
  return {
    epoch: 1,
    check: async (manager) => {
      const [{ pid }] = (await manager.query('SELECT pg_backend_pid() AS pid')) as [{ pid: number }];
      const original = manager.query.bind(manager);
      manager.query = (async (...args: Parameters<typeof original>) => {
        const result = await original(...args);
        if (args[0].includes('WITH batch')) {
          expect(target).toMatch(/^test_/);
          await db.dataSource.query('SELECT pg_terminate_backend($1)', [pid]);
        }
        return result;
      }) as typeof manager.query;
    },
  };
}

test('a sequencer that leads no more numbers nothing and ends', async () => {
  await emit(A, '1');
  const lost: Fence = {
    epoch: 1,
    check: async () => {
      throw new NotLeaderError('epoch 1 is over');
    },
  };
  await expect(sequencer.sequence(lost)).rejects.toThrow(NotLeaderError);
  sequencer.lead(lost, new AbortController().signal);
  await sequencer.idle();
  // It has ended: what wakes it begins nothing.
  sequencer.wake();
  await sequencer.idle();
  expect(await db.dataSource.query('SELECT 1 FROM event WHERE position IS NOT NULL')).toEqual([]);
});

test('two sequencers at once, as when a leader does not know yet that it is none, give no position twice and leave none out', async () => {
  for (let i = 0; i < 60; i++) await emit(A, `${i}`);
  const two = [new Sequencer(db.dataSource, notifier, log, { batchSize: 7 }), new Sequencer(db.dataSource, notifier, log, { batchSize: 7 })];
  await Promise.all(
    two.map(async (one) => {
      while ((await one.sequence(openFence)) > 0);
    }),
  );
  const rows: { position: string; message: string }[] = await db.dataSource.query(
    `SELECT position, payload->>'message' AS message FROM event ORDER BY position`,
  );
  expect(rows).toEqual(Array.from({ length: 60 }, (_, i) => ({ position: `${i + 1}`, message: `${i}` })));
});

test('a sequencer survives a database that fails for a while', async () => {
  await emit(A, '1');
  logged.length = 0;
  let failing = true;
  const flaky: Fence = {
    epoch: 1,
    check: async () => {
      if (failing) throw new Error('the database is away');
    },
  };
  const patient = new Sequencer(db.dataSource, notifier, log, { pollMs: 10 });
  const stopped = new AbortController();
  patient.lead(flaky, stopped.signal);
  await eventually(() => logged.length > 1, 'failures');
  expect(logged[0]).toMatchObject({ msg: 'events wait for their positions', err: { message: 'the database is away' } });
  failing = false;
  await eventually(async () => ((await db.dataSource.query('SELECT 1 FROM event WHERE position = 1')) as unknown[]).length === 1, 'the position');
  stopped.abort();
  await patient.idle();
});

test('batches larger than one page are numbered whole', async () => {
  for (let i = 0; i < 7; i++) await emit(A, `${i}`);
  const small = new Sequencer(db.dataSource, notifier, log, { batchSize: 3, pollMs: 60_000 });
  const stopped = new AbortController();
  small.lead(openFence, stopped.signal);
  await eventually(async () => ((await db.dataSource.query('SELECT 1 FROM event WHERE position = 7')) as unknown[]).length === 1, 'the last position');
  stopped.abort();
  await small.idle();
});

test('without a cursor a subscriber gets what happens from now on; with one, what came after it', async () => {
  await emitted(3);
  const feed = new EventFeed(db.dataSource);
  await feed.start();
  const now = await feed.open({ topic: 'deployment' });
  const pending = take(now, 2);
  await emitted(2);
  await feed.wake();
  const fresh = await pending;
  expect(fresh.map((item) => item.event.position)).toEqual([4, 5]);
  expect(messages(await take(feed.follow({ after: fresh[0]!.cursor }), 1))).toEqual(['2']);
  expect((await take(feed.follow({ after: encodeCursor(decodeCursor(fresh[0]!.cursor).epoch, 0) }), 5)).map((item) => item.event.position)).toEqual([
    1, 2, 3, 4, 5,
  ]);
});

test('filters by topic, subject and project, live and from the past', async () => {
  const project = randomUUID();
  const feed = new EventFeed(db.dataSource, { bufferSize: 4 });
  await feed.start();
  const after = await feed.head();
  const follow = (filter: FollowOptions): Promise<unknown[]> => take(feed.follow(filter), 2).then(messages);
  const liveOnes = [follow({ topic: 'version', after }), follow({ subjectId: B, after }), follow({ projectId: project, after }), follow({ after })];
  await eventually(() => feed.waiting === 4, 'four waiting subscribers');
  await emit(A, 'a');
  await emit(A, 'av', null, 'version');
  await emit(B, 'b');
  await emit(A, 'ap', project);
  await emit(B, 'bp', project, 'version');
  for (let i = 0; i < 10; i++) await emit(A, 'noise');
  await sequencer.sequence(openFence);
  await feed.wake();
  const expected = [
    ['av', 'bp'],
    ['b', 'bp'],
    ['ap', 'bp'],
    ['a', 'av'],
  ];
  expect(await Promise.all(liveOnes)).toEqual(expected);
  expect(
    await Promise.all([follow({ topic: 'version', after }), follow({ subjectId: B, after }), follow({ projectId: project, after }), follow({ after })]),
  ).toEqual(expected);
});

test('a slow subscriber falls behind the memory, reads on from the database, and comes back to it', async () => {
  const feed = new EventFeed(db.dataSource, { bufferSize: 8, pageSize: 5 });
  await feed.start();
  const slow = await feed.open({ subjectId: A });
  for (let round = 0; round < 10; round++) {
    await emitted(10, round % 2 ? A : B);
    await feed.wake();
  }
  const seen = await take(slow, 50);
  expect(seen.map((item) => item.event.position)).toEqual(
    Array.from({ length: 100 }, (_, i) => i + 1).filter((position) => Math.floor((position - 1) / 10) % 2 === 1),
  );
  const next = take(slow, 1);
  await eventually(() => feed.waiting === 1, 'the subscriber waiting');
  await emitted(1);
  await feed.wake();
  expect((await next)[0]!.event.position).toBe(101);
});

test('a thousand subscribers cost no more statements than one, and those of other subjects are not woken', async () => {
  const feed = new EventFeed(db.dataSource);
  await feed.start();
  const all = await Promise.all(Array.from({ length: 1000 }, () => feed.open({ topic: 'deployment' })));
  const first = all.map((items) => items.next());
  const deaf = await feed.open({ subjectId: B });
  void deaf.next();
  await eventually(() => feed.waiting === 1001, 'all waiting');
  await emitted(3);
  const { statements } = await countStatements(
    db.dataSource,
    async () => {
      await feed.wake();
      await Promise.all(first);
      await Promise.all(all.map((items) => take(items, 2)));
    },
    true,
  );
  // The feed's state, and the events: the NOTIFY of the sequencer may fall into the same moment.
  expect(statements.filter((statement) => !statement.includes('pg_notify'))).toHaveLength(2);
  expect(feed.waiting).toBe(1);
  await Promise.all(all.map((items) => items.return!()));
  await deaf.return!();
  expect(feed.waiting).toBe(0);
});

test('ending a subscription ends the step that waits, by return and by signal', async () => {
  const feed = new EventFeed(db.dataSource);
  await feed.start();
  const items = await feed.open({});
  const step = items.next();
  await eventually(() => feed.waiting === 1, 'the wait');
  await items.return!();
  expect(await step).toEqual({ done: true, value: undefined });
  expect(await items.next()).toEqual({ done: true, value: undefined });
  const stop = new AbortController();
  const other = (await feed.open({}, stop.signal)).next();
  await eventually(() => feed.waiting === 1, 'the wait');
  stop.abort();
  expect(await other).toEqual({ done: true, value: undefined });
  expect(feed.waiting).toBe(0);
});

test('cursors that cannot be resumed are refused: malformed, of another feed, ahead, older than the retention', async () => {
  await emitted(10);
  const feed = new EventFeed(db.dataSource, { bufferSize: 2 });
  await feed.start();
  const { epoch } = decodeCursor(await feed.head());
  const refusal = (after: string): Promise<unknown> =>
    feed.open({ after }).then(
      () => 'accepted',
      (error: unknown) => error,
    );
  for (const cursor of ['', 'x', encodeCursor(epoch, 1).slice(0, 20), Buffer.from(`${epoch}:-1`).toString('base64url')]) {
    expect(await refusal(cursor)).toMatchObject({ code: 'INVALID', field: ['after'], message: expect.stringContaining('not a cursor of the event feed') });
  }
  expect(await refusal(encodeCursor(randomUUID(), 1))).toMatchObject({ code: 'CURSOR_EXPIRED', message: expect.stringContaining('another feed') });
  expect(await refusal(encodeCursor(epoch, 11))).toMatchObject({ code: 'CURSOR_EXPIRED', message: expect.stringContaining('ahead') });
  const late = await feed.open({ after: encodeCursor(epoch, 3) });
  expect(await pruneEvents(db.dataSource, openFence, new Date(), { maxRows: 4, batchSize: 5 })).toBe(6);
  expect(await refusal(encodeCursor(epoch, 5))).toMatchObject({ code: 'CURSOR_EXPIRED', field: ['after'] });
  // It was opened in time, but what it still needs went meanwhile.
  await expect(late.next()).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' });
  expect((await take(feed.follow({ after: encodeCursor(epoch, 6) }), 4)).map((item) => item.event.position)).toEqual([7, 8, 9, 10]);
  await expect(feed.follow({ after: encodeCursor(epoch, 1) }).next()).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' });
});

test('a list does not begin after what is gone, though this process remembers it', async () => {
  await emitted(10);
  const feed = new EventFeed(db.dataSource);
  await feed.start();
  const { epoch } = decodeCursor(await feed.head());
  expect(await pruneEvents(db.dataSource, openFence, new Date(), { maxRows: 4, batchSize: 5 })).toBe(6);
  const args = { first: 2, after: encodeCursor(epoch, 3) };
  await expect(feed.list({}, args)).rejects.toMatchObject({ code: 'CURSOR_EXPIRED', field: ['after'] });
  await expect(feed.listOfSubjects('deployment', [A], args)).rejects.toMatchObject({ code: 'CURSOR_EXPIRED', field: ['after'] });
  expect((await feed.list({}, { first: 2 })).rows.map((event) => event.position)).toEqual([7, 8]);
});

test('the cursor from before an event is its own, where it comes before the head', async () => {
  await emitted(3, A);
  const feed = new EventFeed(db.dataSource);
  const head = await feed.head();
  const { epoch } = decodeCursor(head);
  const [second] = (await feed.list({}, { first: 1, after: encodeCursor(epoch, 1) })).rows;
  expect(await feed.before(head, second!)).toBe(encodeCursor(epoch, 1));
  expect(await feed.before(encodeCursor(epoch, 0), second!)).toBe(encodeCursor(epoch, 0));
  expect(await feed.before(head, { ...second!, type: 'NEVER' })).toBe(head);
});

test('retention by age keeps what is young and never leaves a hole', async () => {
  await emitted(6);
  await db.dataSource.query(`UPDATE event SET at = now() - interval '40 days' WHERE position IN (1, 2, 4)`);
  expect(await pruneEvents(db.dataSource, openFence, new Date())).toBe(2);
  const left: { position: string }[] = await db.dataSource.query('SELECT position FROM event ORDER BY position');
  expect(left.map((row) => Number(row.position))).toEqual([3, 4, 5, 6]);
  expect(await pruneEvents(db.dataSource, openFence, new Date(Date.now() + 31 * 86_400_000), { batchSize: 2 })).toBe(4);
  expect(await pruneEvents(db.dataSource, openFence, new Date())).toBe(0);
  await emitted(1);
  const state: unknown[] = await db.dataSource.query('SELECT last_position, expired_position FROM event_feed');
  expect(state).toEqual([{ last_position: '7', expired_position: '6' }]);
});

test('when the feed is replaced, subscribers are told to start again', async () => {
  await emitted(2);
  const feed = new EventFeed(db.dataSource);
  await feed.start();
  const step = (await feed.open({})).next();
  await eventually(() => feed.waiting === 1, 'the wait');
  const busy = await feed.open({});
  await db.dataSource.query('UPDATE event_feed SET epoch = gen_random_uuid(), last_position = 0');
  await feed.wake();
  await expect(step).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' });
  // One that was not waiting at that moment learns it at its next step, and then it is over.
  await expect(busy.next()).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' });
  expect(await busy.next()).toEqual({ done: true, value: undefined });
});

test('lists are pages with the cursors that subscriptions resume from, for many subjects in a constant number of statements', async () => {
  await emitted(5, A);
  await emitted(2, B);
  const feed = new EventFeed(db.dataSource);
  await feed.start();
  const page = await feed.list({ subjectId: A }, { first: 3 });
  expect(page.rows.map((event) => event.position)).toEqual([1, 2, 3]);
  expect(page.hasNextPage).toBe(true);
  const rest = await feed.list({ subjectId: A }, { first: 3, after: page.cursors[2] });
  expect(rest.rows.map((event) => event.position)).toEqual([4, 5]);
  expect(rest.hasNextPage).toBe(false);
  expect((await take(feed.follow({ subjectId: A, after: page.cursors[2] }), 2)).map((item) => item.cursor)).toEqual(rest.cursors);
  const none = randomUUID();
  const { result, count } = await countStatements(db.dataSource, () => feed.listOfSubjects('deployment', [B, none, A], { first: 2 }));
  expect(result.map((p) => [p.rows.map((event) => event.position), p.hasNextPage])).toEqual([
    [[6, 7], false],
    [[], false],
    [[1, 2], true],
  ]);
  expect(count).toBe(1);
  await expect(feed.list({}, { first: 0 })).rejects.toMatchObject({ code: 'INVALID', field: ['first'] });
});
