/** Who leads, among servers that die, stop, hang and lose their connections. Real PostgreSQL; the times are shorter than the program's. */
import { pino } from 'pino';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Leadership, NotLeaderError, type Fence, type LeadershipOptions } from '../../server/database/leadership.js';
import { Notifier } from '../../server/database/notifications.js';
import { UnitOfWork } from '../../server/database/unit-of-work.js';
import type { Snapshot } from '../../server/deployments/deployment-store.js';
import { park } from '../../server/deployments/park.js';
import type { Pass } from '../../server/deployments/pass.js';
import { PassWriter } from '../../server/deployments/pass-writer.js';
import { pruneEvents } from '../../server/events/retention.js';
import { pruneIdempotencyRecords } from '../../server/access/idempotency.js';
import { pruneDeployments } from '../../server/deployments/deployment-retention.js';
import { Sequencer } from '../../server/events/sequencer.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { startFreezablePostgres, type FreezablePostgres } from '../support/freezable-postgres.js';

let database: TestDatabase;
const open: { close(): Promise<unknown> }[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
  await database.dataSource.query('UPDATE leadership SET host = NULL, home = NULL');
  await database.dataSource.query('DELETE FROM gateway');
});
afterAll(() => database.drop());

/** A candidate that takes over soon. Elsewhere nobody must, however slow this machine is. */
const IMPATIENT = { staleMs: 1_500 };

interface Server {
  readonly leadership: Leadership;
  /** Of every term that it had. */
  readonly fences: Fence[];
  readonly errors: string[];
  /** Whether its last term goes on. */
  leads(): boolean;
}

function server(holder: string, options: Partial<LeadershipOptions> = {}): Server {
  const fences: Fence[] = [];
  const errors: string[] = [];
  let signal: AbortSignal | undefined;
  const leadership = new Leadership({
    ...{ url: database.url, holder, host: 'host', home: '/home', heartbeatMs: 100, staleMs: 20_000 },
    onError: (error) => void errors.push(error.message),
    lead: (fence, term) => {
      fences.push(fence);
      signal = term;
    },
    ...options,
  });
  open.push(leadership);
  return { leadership, fences, errors, leads: () => leadership.leads && signal?.aborted === false };
}

async function frozen(): Promise<FreezablePostgres> {
  const postgres = await startFreezablePostgres(database.url);
  open.push({
    close: () => {
      postgres.thaw();
      return postgres.close();
    },
  });
  return postgres;
}

const check = (fence: Fence): Promise<void> => database.dataSource.transaction((manager) => fence.check(manager));
const heartbeat = async (): Promise<number> => {
  const [row] = (await database.dataSource.query('SELECT extract(epoch FROM heartbeat_at) AS at FROM leadership')) as [{ at: string }];
  return Number(row.at);
};

test('one leads, its heart beats, and another takes over when it goes', async () => {
  const [first, second] = [server('first'), server('second')];
  await first.leadership.start();
  await second.leadership.start();
  expect([first.leads(), second.leads()]).toEqual([true, false]);
  const before = await heartbeat();
  await eventually(async () => (await heartbeat()) > before, 'a heartbeat');
  await first.leadership.close();
  await eventually(() => second.leads(), 'the second leads');
  expect(second.fences[0]!.epoch).toBe(first.fences[0]!.epoch + 1);
  await expect(check(first.fences[0]!)).rejects.toThrow(NotLeaderError);
  await check(second.fences[0]!);
});

test('a leader that hangs with its connection open is replaced, and may write nothing when it wakes', async () => {
  const postgres = await frozen();
  // Its own limits would end its term: here it is as a process that was stopped, which has none.
  const stopped = server('stopped', { url: postgres.url });
  await stopped.leadership.start();
  postgres.freeze();
  const second = server('second', IMPATIENT);
  await second.leadership.start();
  expect(second.leads()).toBe(false);
  await eventually(() => second.leads(), 'the second leads', 25_000);
  expect(second.errors.join()).toContain('the leader stopped does not answer');
  await expect(check(stopped.fences[0]!)).rejects.toThrow(NotLeaderError);
  postgres.thaw();
  await eventually(() => !stopped.leads(), 'the old one knows');
  const { epoch } = second.fences[0]!;
  // It stands again, and waits as the second did.
  await eventually(async () => stopped.errors.length > 0, 'its connection has ended');
  expect(second.leads()).toBe(true);
  const [row] = (await database.dataSource.query('SELECT epoch, holder FROM leadership')) as [{ epoch: string; holder: string }];
  expect(row).toEqual({ epoch: String(epoch), holder: 'second' });
});

test('a write that the stopped leader has begun holds nobody up for long, and is undone', async () => {
  const postgres = await frozen();
  const stopped = server('stopped', { url: postgres.url });
  await stopped.leadership.start();
  // As its pool has it: checked, written, and stopped before COMMIT.
  const write = new pg.Client({ connectionString: database.url });
  write.on('error', () => undefined);
  await write.connect();
  try {
    await write.query('BEGIN');
    await write.query('SELECT epoch FROM leadership WHERE id = 1 FOR KEY SHARE');
    await write.query(`INSERT INTO project (id, name, created_by, created_at) VALUES (gen_random_uuid(), 'half-written', 't', now())`);
    postgres.freeze();
    const second = server('second', IMPATIENT);
    await second.leadership.start();
    await eventually(() => second.leads(), 'the second leads', 25_000);
    await expect(write.query('COMMIT')).rejects.toThrow();
    expect(await database.dataSource.query(`SELECT 1 FROM project WHERE name = 'half-written'`)).toEqual([]);
  } finally {
    await write.end().catch(() => undefined);
  }
});

test('a write that a dead connection has left half-way does not keep the next leader from beginning', async () => {
  const [first, second] = [server('first'), server('second')];
  await first.leadership.start();
  await second.leadership.start();
  const write = new pg.Client({ connectionString: database.url });
  write.on('error', () => undefined);
  await write.connect();
  try {
    await write.query('BEGIN');
    await write.query('SELECT epoch FROM leadership WHERE id = 1 FOR KEY SHARE');
    await first.leadership.close();
    // PostgreSQL itself would end it too, but only after as long as a transaction may be idle.
    await write.query('SET idle_in_transaction_session_timeout = 0');
    await eventually(() => second.leads(), 'the second leads');
    await expect(write.query('COMMIT')).rejects.toThrow();
  } finally {
    await write.end().catch(() => undefined);
  }
});

test('no write of a leader passes once another has begun', async () => {
  const leader = server('leader');
  await leader.leadership.start();
  const { dataSource } = database;
  const work = new UnitOfWork(dataSource, new Notifier(async () => undefined));
  const old = leader.fences[0]!;
  const silent = pino({ level: 'silent' });
  // Another server takes the lead: what the old one has in hand carries its old fence.
  await dataSource.query('UPDATE leadership SET epoch = epoch + 1');
  await dataSource.query(
    `INSERT INTO idempotency_record (actor, key, operation, input_digest, object_id, created_at) VALUES ('t', 'old', 'o', '', gen_random_uuid(), '2000-01-01')`,
  );
  await work.run('t', (change) =>
    change.emit({ topic: 'version', subjectId: crypto.randomUUID(), projectId: null, type: 'T', payload: { state: 'READY', message: '' } }),
  );
  await expect(new Sequencer(dataSource, new Notifier(async () => undefined), silent).sequence(old)).rejects.toThrow(NotLeaderError);
  await expect(pruneEvents(dataSource, old, new Date())).rejects.toThrow(NotLeaderError);
  await expect(park(work, old)).rejects.toThrow(NotLeaderError);
  await expect(new PassWriter(work).write({} as Snapshot, {} as Pass, old, new Map(), new Map())).rejects.toThrow(NotLeaderError);
  await expect(pruneIdempotencyRecords(dataSource, old, new Date())).rejects.toThrow(NotLeaderError);
  await expect(pruneDeployments(dataSource, old, new Date())).rejects.toThrow(NotLeaderError);
  expect(await dataSource.query(`SELECT key FROM idempotency_record WHERE key = 'old'`)).toHaveLength(1);
  expect(await dataSource.query('SELECT 1 FROM event WHERE position IS NOT NULL')).toEqual([]);
});

test("a leader's heart beats while its own writes are under way", async () => {
  const leader = server('leader');
  await leader.leadership.start();
  await database.dataSource.transaction(async (manager) => {
    await leader.fences[0]!.check(manager);
    const before = await heartbeat();
    await eventually(async () => (await heartbeat()) > before, 'a heartbeat in the midst of a write');
  });
  expect(leader.leads()).toBe(true);
});

test('a leader whose connection hangs gives up by itself, and leads again once the database answers', async () => {
  const postgres = await frozen();
  const leader = server('leader', { url: postgres.url, ...IMPATIENT });
  await leader.leadership.start();
  postgres.freeze();
  await eventually(() => !leader.leads(), 'the end of its term', 20_000);
  expect(leader.errors.join()).toContain('the database has not answered');
  postgres.thaw();
  await eventually(() => leader.leads(), 'another term', 25_000);
  expect(leader.fences).toHaveLength(2);
  await check(leader.fences[1]!);
});

test.each([1, 2, 3])('a lock whose connection is cut is taken up again at once (%i)', async () => {
  const [first, second] = [server('first'), server('second')];
  await first.leadership.start();
  await second.leadership.start();
  const leader = (): Server | undefined => [first, second].find((each) => each.leads());
  const { epoch } = leader()!.fences.at(-1)!;
  await database.dataSource.query(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = ${0x50494c01}`);
  await eventually(() => (leader()?.fences.at(-1)?.epoch ?? 0) > epoch, 'the next epoch');
  await check(leader()!.fences.at(-1)!);
});

test('a server of another home is refused while one leads, or while its gateways live', async () => {
  const leader = server('leader');
  await leader.leadership.start();
  const elsewhere = server('elsewhere', { home: '/other' });
  const refusal = /in use by a Pilothouse on host host with PILOTHOUSE_HOME=\/home; servers that share a database must share host and home/;
  await expect(elsewhere.leadership.join()).rejects.toThrow(refusal);
  await leader.leadership.close();
  await database.dataSource.query(`INSERT INTO gateway (id, pid, host, started_at, heartbeat_at) VALUES (gen_random_uuid(), 1, 'host', now(), now())`);
  await expect(elsewhere.leadership.join()).rejects.toThrow(refusal);
  await expect(server('other host', { host: 'host2' }).leadership.join()).rejects.toThrow(refusal);
  await database.dataSource.query('DELETE FROM gateway');
  await elsewhere.leadership.join();
  await elsewhere.leadership.start();
  expect(elsewhere.leads()).toBe(true);
});

test('whoever has joined keeps the lock while its start takes its time', async () => {
  const slow = server('slow');
  await slow.leadership.join();
  const second = server('second', { staleMs: 4_000 });
  await second.leadership.start();
  const before = await heartbeat();
  await eventually(async () => (await heartbeat()) > before + 5, 'heartbeats for longer than a stopped one has');
  expect(second.leads()).toBe(false);
  await slow.leadership.start();
  expect(slow.leads()).toBe(true);
});
