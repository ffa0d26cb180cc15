/** What the gateway says of its targets in `/metrics`, made from their meters' totals when it is asked: counting costs a request nothing more. */
import { ERROR_KINDS } from '../../metering/error-kinds.js';
import { BATCH_SIZE_BOUNDS, BOUNDS_MS } from '../../metering/histogram.js';
import type { TargetCounters } from '../metering/statistics.js';
import { histogramSamples, labelText, sample, type MetricFamily } from './exposition.js';

/** A target's totals, and how many of its replicas are connected and not ejected. */
export interface TargetState extends TargetCounters {
  readonly replicas: { readonly usable: number; readonly unusable: number };
}

/** Every fourth bound of the meter's: doubling from 50 µs to 105 s. */
const SECONDS_BOUNDS = BOUNDS_MS.flatMap((ms, i): (readonly [number, string])[] => (i % 4 === 0 ? [[i, String(Number((ms / 1000).toPrecision(6)))]] : []));
const ROW_BOUNDS = BATCH_SIZE_BOUNDS.map((rows, i) => [i, String(rows)] as const);

/** @param worker which of the gateway's processes counted this */
export function inferenceFamilies(targets: readonly TargetState[], worker: string): MetricFamily[] {
  const all = targets.map((target) => ({ target, labels: labelText({ deployment: target.model, version: target.version, worker }) }));
  type Of = (target: TargetState, labels: string, name: string) => readonly string[];
  const family = (type: MetricFamily['type'], name: string, help: string, of: Of): MetricFamily => ({
    name: `pilothouse_inference_${name}`,
    type,
    help,
    samples: all.flatMap(({ target, labels }) => of(target, labels, `pilothouse_inference_${name}`)),
  });
  const single =
    (of: (target: TargetState) => number): Of =>
    (target, labels, name) => [sample(name, labels, of(target))];
  const seconds =
    (which: 'latency' | 'queueTime' | 'computeTime'): Of =>
    (target, labels, name) =>
      histogramSamples(name, labels, target[which], SECONDS_BOUNDS, target.seconds[which]);
  return [
    family('counter', 'requests_total', 'Finished inference requests by outcome.', outcomes),
    family(
      'histogram',
      'duration_seconds',
      'Time from the arrival of a request to its answer; invalid, cancelled and rejected requests are left out.',
      seconds('latency'),
    ),
    family('histogram', 'queue_duration_seconds', 'Time from the arrival of an answered request until it was sent to a replica.', seconds('queueTime')),
    family(
      'histogram',
      'compute_duration_seconds',
      'Time that the runtime took for an answered request, or for the batch it was merged into.',
      seconds('computeTime'),
    ),
    family('histogram', 'batch_size', 'Rows of the batches that the runtime executed.', (target, labels, name) =>
      histogramSamples(name, labels, target.batchSizes, ROW_BOUNDS, target.rows),
    ),
    family(
      'counter',
      'request_bytes_total',
      'Bytes of the bodies of answered requests.',
      single((target) => target.requestBytes),
    ),
    family(
      'counter',
      'response_bytes_total',
      'Bytes of the tensors in answers, in binary form.',
      single((target) => target.responseBytes),
    ),
    family(
      'counter',
      'shadow_requests_total',
      'Copies of requests for a shadow, by how its answer compared with the primary one.',
      ({ shadow }, labels, name) =>
        (['agreed', 'disagreed', 'dropped'] as const).map((agreement) => sample(name, `${labels},agreement="${agreement}"`, shadow[agreement])),
    ),
    family(
      'gauge',
      'in_flight',
      'Requests that were accepted and are not answered, waiting ones included.',
      single((target) => target.inFlight),
    ),
    family(
      'gauge',
      'queued',
      'Requests that wait for a replica.',
      single((target) => target.queued),
    ),
    family('gauge', 'replicas', 'Replicas of the route: usable, or unusable (not connected, another version, ejected).', ({ replicas }, labels, name) =>
      (['usable', 'unusable'] as const).map((state) => sample(name, `${labels},state="${state}"`, replicas[state])),
    ),
  ];
}

/** Every outcome from the first scrape on: a counter that appears with its first error is missing from every rate before. */
function outcomes({ requests, errors }: TargetState, labels: string, name: string): string[] {
  const failed = ERROR_KINDS.map((kind) => [kind.toLowerCase(), errors[kind] ?? 0] as const);
  const success = requests - failed.reduce((sum, [, count]) => sum + count, 0);
  return [['success', success] as const, ...failed].map(([outcome, count]) => sample(name, `${labels},outcome="${outcome}"`, count));
}
