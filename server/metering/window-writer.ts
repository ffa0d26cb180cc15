/** Writes windows to PostgreSQL: upserts by (gateway, window, target) with the whole of each window, so that a repeat adds nothing. */
import type pg from 'pg';
import type { MetricWindow } from './metric-window.js';

/** A window that is still being counted, as it was at one moment. */
export interface OpenWindow {
  readonly window: MetricWindow;
  /** Counts the changes of the window: tells whether more was added since. */
  readonly edits: number;
  /** Whose window it is: told what of it is in the database. */
  readonly meter: { wrote(written: OpenWindow): void };
}

/** Whose windows are written: the gateway's meter. */
export interface WindowSource {
  /** Closes the windows that have ended. */
  roll(now: number): void;
  /** Every window that holds something unwritten. Closed ones are final. */
  collect(now: number): { readonly closed: readonly MetricWindow[]; readonly open: readonly OpenWindow[] };
  /** These closed windows are in the database now. */
  written(windows: readonly MetricWindow[]): void;
}

const BATCH = 500;

const UPSERT = `
  INSERT INTO metric_window (gateway_id, window_start, deployment_id, version_id, window_ms, requests, errors, latency, queue_time, compute_time, executions, rows,
    batch_sizes, request_bytes, response_bytes, in_flight_ms, in_flight_max, queue_ms, queue_max)
  SELECT $1, to_timestamp(w.window_start / 1000.0), w.deployment_id, w.version_id, w.window_ms, w.requests, w.errors, w.latency, w.queue_time, w.compute_time,
    w.executions, w.rows, w.batch_sizes, w.request_bytes, w.response_bytes, w.in_flight_ms, w.in_flight_max, w.queue_ms, w.queue_max
  FROM json_to_recordset($2) AS w(window_start bigint, deployment_id uuid, version_id uuid, window_ms integer, requests bigint, errors jsonb, latency bigint[],
    queue_time bigint[], compute_time bigint[], executions bigint, rows bigint, batch_sizes bigint[], request_bytes bigint, response_bytes bigint,
    in_flight_ms double precision, in_flight_max integer, queue_ms double precision, queue_max integer)
  ON CONFLICT (gateway_id, window_start, deployment_id, version_id) DO UPDATE SET
    window_ms = excluded.window_ms, requests = excluded.requests, errors = excluded.errors, latency = excluded.latency, queue_time = excluded.queue_time,
    compute_time = excluded.compute_time, executions = excluded.executions, rows = excluded.rows, batch_sizes = excluded.batch_sizes,
    request_bytes = excluded.request_bytes, response_bytes = excluded.response_bytes, in_flight_ms = excluded.in_flight_ms,
    in_flight_max = excluded.in_flight_max, queue_ms = excluded.queue_ms, queue_max = excluded.queue_max`;

/** Writes what is unwritten; one call at a time. @throws what pg throws; the windows are then kept, and written with the next call. */
export async function writeWindows(pool: pg.Pool, gatewayId: string, source: WindowSource, now: number): Promise<void> {
  // Also where PostgreSQL does not answer: that is when windows pile up.
  source.roll(now);
  const client = await pool.connect();
  try {
    const { closed, open } = source.collect(now);
    // The open ones first: while a long backlog is written, what happens now must not look like missing data.
    for (const batch of batches(open)) {
      await upsert(
        client,
        gatewayId,
        batch.map(({ window }) => window),
      );
      for (const each of batch) each.meter.wrote(each);
    }
    for (const batch of batches(closed)) {
      await upsert(client, gatewayId, batch);
      source.written(batch);
    }
    source.written([]);
    client.release();
  } catch (error) {
    client.release(true);
    throw error;
  }
}

async function upsert(client: pg.PoolClient, gatewayId: string, windows: readonly MetricWindow[]): Promise<void> {
  // From here on they may be in the database, whatever comes back.
  for (const window of windows) window.attempted = true;
  await client.query(UPSERT, [gatewayId, JSON.stringify(windows.map(row))]);
}

function batches<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / BATCH) }, (_, i) => items.slice(i * BATCH, (i + 1) * BATCH));
}

function row(window: MetricWindow): Record<string, unknown> {
  return {
    window_start: window.windowStart,
    deployment_id: window.deploymentId,
    version_id: window.versionId,
    window_ms: window.windowMs,
    requests: window.requests,
    errors: window.errors,
    latency: filled(window.latency),
    queue_time: filled(window.queueTime),
    compute_time: filled(window.computeTime),
    executions: window.executions,
    rows: window.rows,
    batch_sizes: filled(window.batchSizes),
    request_bytes: window.requestBytes,
    response_bytes: window.responseBytes,
    in_flight_ms: window.inFlightMs,
    in_flight_max: window.inFlightMax,
    queue_ms: window.queueMs,
    queue_max: window.queueMax,
  };
}

/** Without the empty buckets at the end: most are, and there is a row for every target every few seconds. */
function filled(counts: readonly number[]): readonly number[] {
  let end = counts.length;
  while (end > 0 && counts[end - 1] === 0) end--;
  return counts.slice(0, end);
}
