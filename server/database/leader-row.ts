/**
 * The statements of leadership: an advisory lock, which is free at once when its holder's connection ends, and the row `leadership`
 * with the epoch and the heartbeat. Only the holder of the lock changes the row. See docs/decisions/0031-leadership.md.
 */
import type { EntityManager } from 'typeorm';
import type { LimitedClient } from './limited-client.js';

/** Key of the session-level advisory lock. */
const LEADER_LOCK = 0x50494c01;
/** The server's side of the limits on this connection, for when its client is gone without a word. */
const SESSION = `
  SET statement_timeout = '3s'; SET lock_timeout = '1s';
  SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3`;
const LOCK_NOT_AVAILABLE = '55P03';

export interface LeaderRow {
  readonly epoch: number;
  /** Changes with every heartbeat and every new leader. */
  readonly beat: string;
  readonly holder: string | null;
  readonly host: string | null;
  readonly home: string | null;
}

export interface Holder {
  readonly holder: string;
  readonly host: string;
  readonly home: string;
}

export async function prepareSession(client: LimitedClient): Promise<void> {
  await client.query(SESSION);
}

export async function tryLock(client: LimitedClient): Promise<boolean> {
  const { rows } = await client.query<{ led: boolean }>('SELECT pg_try_advisory_lock($1) AS led', [LEADER_LOCK]);
  return rows[0]!.led;
}

export async function unlock(client: LimitedClient): Promise<void> {
  await client.query('SELECT pg_advisory_unlock($1)', [LEADER_LOCK]);
}

export async function readRow(client: LimitedClient): Promise<LeaderRow> {
  const { rows } = await client.query<Omit<LeaderRow, 'epoch'> & { epoch: string }>(
    `SELECT epoch, concat_ws(' ', epoch, extract(epoch FROM heartbeat_at), holder) AS beat, holder, host, home FROM leadership WHERE id = 1`,
  );
  const row = rows[0]!;
  return { ...row, epoch: Number(row.epoch) };
}

/** @returns false when another epoch has begun */
export async function writeBeat(client: LimitedClient, epoch: number): Promise<boolean> {
  const { rowCount } = await client.query('UPDATE leadership SET heartbeat_at = now() WHERE id = 1 AND epoch = $1', [epoch]);
  return rowCount === 1;
}

/** Begins the next epoch. Writes of the one before that are still under way are waited for, and then ended. @returns the new epoch */
export async function raiseEpoch(client: LimitedClient, holder: Holder): Promise<number> {
  try {
    return await raise(client, holder);
  } catch (error) {
    if ((error as { code?: unknown }).code !== LOCK_NOT_AVAILABLE) throw error;
    await endWrites(client);
    return raise(client, holder);
  }
}

async function raise(client: LimitedClient, { holder, host, home }: Holder): Promise<number> {
  const { rows } = await client.query<{ epoch: string }>(
    'UPDATE leadership SET epoch = epoch + 1, holder = $1, heartbeat_at = now(), host = $2, home = $3 WHERE id = 1 RETURNING epoch',
    [holder, host, home],
  );
  return Number(rows[0]!.epoch);
}

/** Ends the connection that holds the lock, unless the leader's heart beats again, and the leader's writes that are under way. */
export async function endHolder(client: LimitedClient, stale: LeaderRow): Promise<void> {
  await client.query(
    `SELECT pg_terminate_backend(l.pid) FROM pg_locks l, leadership r
     WHERE l.locktype = 'advisory' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND l.classid = 0 AND l.objid = $1 AND l.objsubid = 1 AND l.granted
       AND r.id = 1 AND concat_ws(' ', r.epoch, extract(epoch FROM r.heartbeat_at), r.holder) = $2`,
    [LEADER_LOCK, stale.beat],
  );
}

/** Every write of a leader holds a lock on the epoch's row until its transaction ends. A reader of the table holds none. */
async function endWrites(client: LimitedClient): Promise<void> {
  await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_locks
     WHERE locktype = 'relation' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND relation = 'leadership'::regclass AND mode IN ('RowShareLock', 'RowExclusiveLock') AND granted AND pid <> pg_backend_pid()`,
  );
}

/**
 * Locks the epoch against a new one until the transaction ends, and blocks nothing else: FOR KEY SHARE conflicts with a change of `epoch`, which
 * has a unique index, and not with the heartbeat. FOR SHARE would make the heartbeat wait for the leader's own writes.
 * @returns the epoch that has begun last
 */
export async function lockEpoch(manager: EntityManager): Promise<number> {
  const rows: { epoch: string }[] = await manager.query('SELECT epoch FROM leadership WHERE id = 1 FOR KEY SHARE');
  return Number(rows[0]?.epoch);
}
