/** Finds out what became of a transaction whose COMMIT was not answered: PostgreSQL may have carried it out all the same. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource, EntityManager } from 'typeorm';

/** A row that a transaction wrote, with what tells it from every other. */
export interface WrittenRow {
  readonly table: 'event' | 'audit_entry';
  readonly sequence: string;
  readonly at: Date;
  readonly actor: string;
}

/** A transaction that is about to commit. */
export interface Commit {
  /** Its 64-bit id; null where it has changed nothing. */
  readonly xid: string | null;
  /** PostgreSQL's process of its connection. */
  readonly backend: number;
  readonly written: WrittenRow | undefined;
}

export type Outcome = 'COMMITTED' | 'ABORTED' | 'UNKNOWN';

const RETRY_MS = 100;
/** What `pg_xact_status` says of an id that was never used: PostgreSQL crashed, and has forgotten the transaction. */
const IN_THE_FUTURE = '22023';

/** Call it last in the transaction. */
export async function aboutToCommit(manager: EntityManager, written: WrittenRow | undefined): Promise<Commit> {
  const rows: { xid: string | null; backend: number }[] = await manager.query(
    'SELECT pg_current_xact_id_if_assigned()::text AS xid, pg_backend_pid() AS backend',
  );
  return { ...rows[0]!, written };
}

/**
 * Looks the transaction up until it is over, or `patienceMs` have passed: a database that restarts after a crash takes some seconds.
 * @returns UNKNOWN where the database did not answer, or has forgotten the transaction
 */
export async function outcomeOf(dataSource: DataSource, commit: Commit, patienceMs: number): Promise<Outcome> {
  // Nothing was to be kept, and so nothing was lost.
  if (commit.xid === null) return 'COMMITTED';
  const end = performance.now() + patienceMs;
  const late = new AbortController();
  const timeout = sleep(patienceMs, 'UNKNOWN' as const, { signal: late.signal }).catch(() => 'UNKNOWN' as const);
  try {
    while (performance.now() < end) {
      const outcome = await Promise.race([look(dataSource, commit.xid, commit).catch(() => undefined), timeout]);
      if (outcome) return outcome;
      await sleep(RETRY_MS);
    }
    return 'UNKNOWN';
  } finally {
    late.abort();
  }
}

/** @returns undefined while it is under way */
async function look(dataSource: DataSource, xid: string, { backend, written }: Commit): Promise<Outcome | undefined> {
  const status = await statusOf(dataSource, xid);
  if (status === 'aborted') return 'ABORTED';
  if (status === null) return 'UNKNOWN';
  if (status === 'committed') {
    // After a crash PostgreSQL gives the id of a transaction that it has forgotten to another one. The row is that of this one alone.
    return written === undefined || (await isThere(dataSource, written)) ? 'COMMITTED' : 'ABORTED';
  }
  // Its connection hangs: ended, it commits no more. Where it is committing just now, it does so first.
  await dataSource.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_xid = $2::text::xid8::xid', [backend, xid]);
  return undefined;
}

async function statusOf(dataSource: DataSource, xid: string): Promise<'committed' | 'aborted' | 'in progress' | null> {
  try {
    const rows: { status: 'committed' | 'aborted' | 'in progress' | null }[] = await dataSource.query('SELECT pg_xact_status($1::text::xid8) AS status', [xid]);
    return rows[0]!.status;
  } catch (error) {
    if ((error as { driverError?: { code?: unknown } }).driverError?.code === IN_THE_FUTURE) return 'aborted';
    throw error;
  }
}

async function isThere(dataSource: DataSource, { table, sequence, at, actor }: WrittenRow): Promise<boolean> {
  const rows: unknown[] = await dataSource.query(`SELECT 1 FROM ${table} WHERE sequence = $1 AND at = $2 AND actor = $3`, [sequence, at, actor]);
  return rows.length > 0;
}
