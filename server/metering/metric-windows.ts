/**
 * Reads the windows that gateways write. No row means "no gateway reported", never "nothing happened": an idle target has rows with
 * zeros, so every answer says how much of the asked range was reported at all.
 */
import type { EntityManager } from 'typeorm';
import { GATEWAY_ALIVE_MS } from '../database/leadership.js';
import { addCounts } from './histogram.js';

/** What was reported of one target, or of all targets of a deployment, over a range of time. */
export interface WindowSummary {
  readonly requests: number;
  /** Failed requests by kind. */
  readonly errors: Readonly<Record<string, number>>;
  /** Counts by latency bucket (`histogram.ts`). */
  readonly latency: readonly number[];
  /** Of answered requests by the same buckets: from arrival to the replica, and in the runtime. */
  readonly queueTime: readonly number[];
  readonly computeTime: readonly number[];
  /** Batches that runtimes executed, their rows in all, and how many batches had how many rows (`histogram.ts`). */
  readonly executions: number;
  readonly rows: number;
  readonly batchSizes: readonly number[];
  /** Of answered requests: what came in, and the tensors that went out. */
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** How much of the range at least one gateway reported on; 0 when nothing is known. */
  readonly coveredMs: number;
  /** Over how much time all of this was counted: the windows as they are, also where they reach beyond the range. Rates and means are of this. */
  readonly measuredMs: number;
  /** Mean of the requests accepted and not yet answered, waiting ones included, over all gateways; null when nothing is known. */
  readonly inFlight: number | null;
  /** The most that one gateway had under way at one time for one target. */
  readonly inFlightMax: number | null;
  /** Mean of those of them that wait for a replica. */
  readonly queue: number | null;
  readonly queueMax: number | null;
}

export interface DeploymentWindows {
  readonly from: Date;
  readonly to: Date;
  readonly total: WindowSummary;
  readonly byVersion: ReadonlyMap<string, WindowSummary>;
}

/** Load of one target at one gateway in one window. */
export interface LoadWindow {
  readonly gatewayId: string;
  readonly deploymentId: string;
  readonly versionId: string;
  readonly startMs: number;
  readonly windowMs: number;
  /** Requests accepted and not yet answered, in request-milliseconds. Those that wait are among them: the queue is not added. */
  readonly loadMs: number;
}

/** A gateway that was heard of lately. */
export interface LiveGateway {
  readonly id: string;
  readonly startedMs: number;
}

/** After an outage of the database a gateway may hand in one long window for many short ones: rows are looked for this far before a range. */
const LONGEST_WINDOW_MS = 3_600_000;

const NO_HISTOGRAMS = { latency: [], queueTime: [], computeTime: [], batchSizes: [] };
const NO_COUNTS = { requests: 0, executions: 0, rows: 0, requestBytes: 0, responseBytes: 0, errors: {} };
const NOTHING: WindowSummary = { ...NO_COUNTS, ...NO_HISTOGRAMS, coveredMs: 0, measuredMs: 0, inFlight: null, inFlightMax: null, queue: null, queueMax: null };

interface SummaryRow {
  readonly deployment_id: string;
  /** null in the row of the whole deployment. */
  readonly version_id: string | null;
  readonly requests: string;
  readonly executions: string;
  readonly rows: string;
  readonly request_bytes: string;
  readonly response_bytes: string;
  readonly in_flight_ms: number;
  readonly in_flight_max: number;
  readonly queue_ms: number;
  readonly queue_max: number;
  readonly covered_ms: number;
  readonly measured_ms: number;
  readonly errors: Readonly<Record<string, number>> | null;
  readonly latency: readonly string[] | null;
  readonly queue_time: readonly string[] | null;
  readonly compute_time: readonly string[] | null;
  readonly batch_sizes: readonly string[] | null;
}

/**
 * A window belongs to the range that its middle lies in, so that neighbouring ranges count every window once. One that is still open
 * is written with the length that it has so far: its middle is in the past.
 */
const IN_RANGE = `deployment_id = ANY($1) AND window_start >= $2::timestamptz - $4 * interval '1 ms' AND window_start < $3
  AND window_start + window_ms * interval '0.5 ms' >= $2 AND window_start + window_ms * interval '0.5 ms' < $3`;

const lengthOf = (ranges: string): string => `(SELECT coalesce(sum(extract(epoch FROM upper(r) - lower(r))), 0)::float8 * 1000 FROM unnest(${ranges}) AS r)`;

const SUMMARY = `
  WITH w AS (SELECT * FROM metric_window WHERE ${IN_RANGE}),
  base AS (
    SELECT deployment_id, version_id, sum(requests) AS requests, sum(executions) AS executions, sum(rows) AS rows,
           sum(request_bytes) AS request_bytes, sum(response_bytes) AS response_bytes, sum(in_flight_ms) AS in_flight_ms, max(in_flight_max) AS in_flight_max,
           sum(queue_ms) AS queue_ms, max(queue_max) AS queue_max,
           range_agg(tstzrange(window_start, window_start + window_ms * interval '1 ms')) AS measured
    FROM w GROUP BY GROUPING SETS ((deployment_id), (deployment_id, version_id))),
  errors AS (
    SELECT deployment_id, version_id, jsonb_object_agg(kind, count) AS errors
    FROM (SELECT deployment_id, version_id, kind, sum(count::bigint) AS count FROM w, jsonb_each_text(w.errors) AS e(kind, count) GROUP BY 1, 2, 3) kinds
    GROUP BY 1, 2),
  buckets AS (
    SELECT deployment_id, version_id, histogram, bucket, sum(count)::bigint AS count
    FROM w, LATERAL (SELECT 'latency', * FROM unnest(w.latency) WITH ORDINALITY UNION ALL SELECT 'queue', * FROM unnest(w.queue_time) WITH ORDINALITY
      UNION ALL SELECT 'compute', * FROM unnest(w.compute_time) WITH ORDINALITY UNION ALL SELECT 'batch', * FROM unnest(w.batch_sizes) WITH ORDINALITY
    ) AS h(histogram, count, bucket)
    WHERE w.requests > 0 OR w.executions > 0 GROUP BY 1, 2, 3, 4),
  histograms AS (
    SELECT deployment_id, version_id, ${['latency', 'queue', 'compute', 'batch'].map((name) => `array_agg(count ORDER BY bucket) FILTER (WHERE histogram = '${name}') AS ${name}`).join(', ')}
    FROM buckets GROUP BY 1, 2)
  SELECT base.deployment_id, base.version_id, requests, executions, rows, request_bytes, response_bytes, in_flight_ms, in_flight_max, queue_ms, queue_max, errors,
         latency, queue AS queue_time, compute AS compute_time, batch AS batch_sizes,
         ${lengthOf('measured')} AS measured_ms, ${lengthOf('measured * tstzmultirange(tstzrange($2, $3))')} AS covered_ms
  FROM base LEFT JOIN errors USING (deployment_id, version_id) LEFT JOIN histograms USING (deployment_id, version_id)`;

export class MetricWindows {
  /** The windows of each deployment in [from, to), added up. One statement, however many deployments. */
  async summarise(manager: EntityManager, deploymentIds: readonly string[], from: Date, to: Date): Promise<Map<string, DeploymentWindows>> {
    const rows: SummaryRow[] = await manager.query(SUMMARY, [deploymentIds, from, to, LONGEST_WINDOW_MS]);
    return new Map(
      deploymentIds.map((id) => [
        id,
        toDeploymentWindows(
          rows.filter((row) => row.deployment_id === id),
          from,
          to,
        ),
      ]),
    );
  }

  /** What the scaler looks at: every window that ends in (from, to], oldest first, without its histogram. */
  async load(manager: EntityManager, deploymentId: string, from: Date, to: Date): Promise<LoadWindow[]> {
    const rows: { gateway_id: string; version_id: string; start_ms: number; window_ms: number; load_ms: number }[] = await manager.query(
      `SELECT gateway_id, version_id, extract(epoch FROM window_start)::float8 * 1000 AS start_ms, window_ms, in_flight_ms AS load_ms
       FROM metric_window
       WHERE deployment_id = $1 AND window_start >= $2::timestamptz - $4 * interval '1 ms' AND window_start < $3
         AND window_start + window_ms * interval '1 ms' > $2 AND window_start + window_ms * interval '1 ms' <= $3
       ORDER BY window_start`,
      [deploymentId, from, to, LONGEST_WINDOW_MS],
    );
    return rows.map((row) => ({
      gatewayId: row.gateway_id,
      deploymentId,
      versionId: row.version_id,
      startMs: Math.round(row.start_ms),
      windowMs: row.window_ms,
      loadMs: row.load_ms,
    }));
  }

  /** Gateways whose last heartbeat is recent; each of them should be reporting. */
  async liveGateways(manager: EntityManager, now: Date): Promise<LiveGateway[]> {
    const rows: { id: string; started_at: Date }[] = await manager.query('SELECT id, started_at FROM gateway WHERE heartbeat_at > $1 ORDER BY started_at, id', [
      new Date(now.getTime() - GATEWAY_ALIVE_MS),
    ]);
    return rows.map((row) => ({ id: row.id, startedMs: row.started_at.getTime() }));
  }
}

const HISTOGRAMS = ['latency', 'queueTime', 'computeTime', 'batchSizes'] as const;
type Histograms = Pick<WindowSummary, (typeof HISTOGRAMS)[number]>;

function toDeploymentWindows(rows: readonly SummaryRow[], from: Date, to: Date): DeploymentWindows {
  const byVersion = new Map<string, WindowSummary>();
  const errors: Record<string, number> = {};
  const histograms = { latency: [] as number[], queueTime: [] as number[], computeTime: [] as number[], batchSizes: [] as number[] };
  for (const row of rows) {
    if (row.version_id === null) continue;
    const summary = toSummary(row, row.errors ?? {}, {
      latency: (row.latency ?? []).map(Number),
      queueTime: (row.queue_time ?? []).map(Number),
      computeTime: (row.compute_time ?? []).map(Number),
      batchSizes: (row.batch_sizes ?? []).map(Number),
    });
    byVersion.set(row.version_id, summary);
    for (const [kind, count] of Object.entries(summary.errors)) errors[kind] = (errors[kind] ?? 0) + count;
    for (const name of HISTOGRAMS) addCounts(histograms[name], summary[name]);
  }
  const whole = rows.find((row) => row.version_id === null);
  return { from, to, byVersion, total: whole ? toSummary(whole, errors, histograms) : NOTHING };
}

function toSummary(row: SummaryRow, errors: Readonly<Record<string, number>>, histograms: Histograms): WindowSummary {
  const measuredMs = Math.round(row.measured_ms);
  const mean = (sum: number): number | null => (measuredMs > 0 ? sum / measuredMs : null);
  return {
    requests: Number(row.requests),
    executions: Number(row.executions),
    rows: Number(row.rows),
    requestBytes: Number(row.request_bytes),
    responseBytes: Number(row.response_bytes),
    errors,
    ...histograms,
    coveredMs: Math.round(row.covered_ms),
    measuredMs,
    inFlight: mean(row.in_flight_ms),
    inFlightMax: row.in_flight_max,
    queue: mean(row.queue_ms),
    queueMax: row.queue_max,
  };
}
