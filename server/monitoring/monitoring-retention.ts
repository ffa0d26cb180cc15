/** What monitoring forgets, oldest first, a batch a transaction, so that no lock is held for long. */
import type { DataSource } from 'typeorm';
import type { Fence } from '../database/leadership.js';

export interface MonitoringRetention {
  /** Metric windows. Default: two days, twice the longest window of a monitor. */
  readonly windowsMs?: number;
  /** Runs of monitors. Default: 30 days. The newest of each monitor stay, whatever their age, for alert rules read them. */
  readonly runsMs?: number;
  readonly runsKept?: number;
  readonly batchSize?: number;
}

const DAY_MS = 86_400_000;

/** Finds the old rows by the index that begins with the parent. */
const WINDOWS = `
  DELETE FROM metric_window WHERE ctid = ANY(ARRAY(
    SELECT old.ctid FROM deployment d CROSS JOIN LATERAL (SELECT w.ctid FROM metric_window w WHERE w.deployment_id = d.id AND w.window_start < $1 LIMIT $2) old LIMIT $2))`;
const RUNS = `
  DELETE FROM monitor_run WHERE id = ANY(ARRAY(
    SELECT old.id FROM monitor m
    CROSS JOIN LATERAL (SELECT r.started_at, r.id FROM monitor_run r WHERE r.monitor_id = m.id ORDER BY r.started_at DESC, r.id DESC OFFSET $3 LIMIT 1) kept
    CROSS JOIN LATERAL (SELECT r.id FROM monitor_run r WHERE r.monitor_id = m.id AND (r.started_at, r.id) <= (kept.started_at, kept.id) AND r.started_at < $1 LIMIT $2) old
    LIMIT $2))`;

/**
 * @returns how many rows were removed
 * @throws NotLeaderError when another server leads
 */
export async function pruneMonitoring(
  dataSource: DataSource,
  fence: Fence,
  now: Date,
  retention: MonitoringRetention = {},
): Promise<{ windows: number; runs: number }> {
  const { windowsMs = 2 * DAY_MS, runsMs = 30 * DAY_MS, runsKept = 1_000, batchSize = 5_000 } = retention;
  const before = (ms: number): Date => new Date(now.getTime() - ms);
  return {
    windows: await inBatches(dataSource, fence, batchSize, WINDOWS, [before(windowsMs), batchSize]),
    runs: await inBatches(dataSource, fence, batchSize, RUNS, [before(runsMs), batchSize, runsKept]),
  };
}

async function inBatches(dataSource: DataSource, fence: Fence, batchSize: number, sql: string, parameters: unknown[]): Promise<number> {
  for (let removed = 0; ;) {
    const count = await dataSource.transaction(async (manager) => {
      await fence.check(manager);
      const [, affected]: [unknown, number] = await manager.query(sql, parameters);
      return affected;
    });
    removed += count;
    if (count < batchSize) return removed;
  }
}
