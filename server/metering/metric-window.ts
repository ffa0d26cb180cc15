/** One window of one target, and how two become one. */
import { BATCH_SIZE_BUCKETS, BUCKETS } from './histogram.js';
import { ERROR_KINDS, type ErrorKind } from './error-kinds.js';

/** How long a window is, unless its gateway had to merge it with its neighbours. */
export const WINDOW_MS = 5_000;

/** One window of one target as it is written: it covers `windowMs` from `windowStart` on. */
export interface MetricWindow {
  readonly deploymentId: string;
  readonly versionId: string;
  readonly windowStart: number;
  windowMs: number;
  /** Finished requests, failed ones included. */
  requests: number;
  readonly errors: Partial<Record<ErrorKind, number>>;
  /** Of answered requests and of failures that took time, from arrival to answer. */
  readonly latency: number[];
  /** Of answered requests, from arrival to the replica they were sent to. */
  readonly queueTime: number[];
  /** Of answered requests, in the runtime: of the batch, where they were merged. */
  readonly computeTime: number[];
  /** Batches that the runtime executed, their rows in all, and how many batches had how many rows (`histogram.ts`). */
  executions: number;
  rows: number;
  readonly batchSizes: number[];
  /** Of answered requests: what came in, and the tensors that went out. */
  requestBytes: number;
  responseBytes: number;
  /** Requests accepted and not yet answered, waiting ones included, integrated over the window. */
  inFlightMs: number;
  inFlightMax: number;
  /** Those of them that wait for a replica. */
  queueMs: number;
  queueMax: number;
  /** A write of it may have reached the database, so that its key is taken there. */
  attempted: boolean;
}

/** An empty window from `windowStart` on, with what is under way already. */
export function openWindow(deploymentId: string, versionId: string, windowStart: number, inFlight: number, queued: number): MetricWindow {
  return {
    deploymentId,
    versionId,
    windowStart,
    windowMs: 1,
    requests: 0,
    errors: {},
    latency: zeros(BUCKETS),
    queueTime: zeros(BUCKETS),
    computeTime: zeros(BUCKETS),
    executions: 0,
    rows: 0,
    batchSizes: zeros(BATCH_SIZE_BUCKETS),
    requestBytes: 0,
    responseBytes: 0,
    inFlightMs: 0,
    inFlightMax: inFlight,
    queueMs: 0,
    queueMax: queued,
    attempted: false,
  };
}

const zeros = (length: number): number[] => new Array<number>(length).fill(0);

/**
 * Merges neighbours two by two, but not over a gap or a jump of the clock between them: one window would claim the time that was not
 * counted. A window whose key may stand in the database already is never the later of a pair: its row would
 * stay there beside the merged one and count twice.
 */
export function coarsen(windows: readonly MetricWindow[]): MetricWindow[] {
  const out: MetricWindow[] = [];
  for (let i = 0; i < windows.length; i++) {
    const first = windows[i]!;
    const second = windows[i + 1];
    if (!second || second.attempted || second.windowStart !== first.windowStart + first.windowMs) {
      out.push(first);
      continue;
    }
    out.push(merge(first, second));
    i++;
  }
  return out;
}

/** Both in one: the second follows the first. */
export function merge(first: MetricWindow, second: MetricWindow): MetricWindow {
  const errors: Partial<Record<ErrorKind, number>> = { ...first.errors };
  for (const kind of ERROR_KINDS) if (second.errors[kind]) errors[kind] = (errors[kind] ?? 0) + second.errors[kind];
  return {
    ...first,
    windowMs: second.windowStart + second.windowMs - first.windowStart,
    requests: first.requests + second.requests,
    errors,
    latency: sums(first.latency, second.latency),
    queueTime: sums(first.queueTime, second.queueTime),
    computeTime: sums(first.computeTime, second.computeTime),
    executions: first.executions + second.executions,
    rows: first.rows + second.rows,
    batchSizes: sums(first.batchSizes, second.batchSizes),
    requestBytes: first.requestBytes + second.requestBytes,
    responseBytes: first.responseBytes + second.responseBytes,
    inFlightMs: first.inFlightMs + second.inFlightMs,
    inFlightMax: Math.max(first.inFlightMax, second.inFlightMax),
    queueMs: first.queueMs + second.queueMs,
    queueMax: Math.max(first.queueMax, second.queueMax),
  };
}

const sums = (first: readonly number[], second: readonly number[]): number[] => first.map((count, i) => count + second[i]!);
