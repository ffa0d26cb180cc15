import { describe, expect, test } from 'vitest';
import { BUCKETS, bucketOf } from '../../../server/metering/histogram.js';
import { evaluateMonitor, type MonitorRule } from '../../../server/monitoring/evaluate-monitor.js';
import type { WindowSummary } from '../../../server/metering/metric-windows.js';

const SERVER = ['OVERLOADED', 'RUNTIME_FAILED'];
const errorRate: MonitorRule = { metric: 'ERROR_RATE', quantile: null, windowMs: 60_000, minimumRequests: 10 };
const latency: MonitorRule = { metric: 'LATENCY', quantile: 0.95, windowMs: 60_000, minimumRequests: 10 };

function windows(requests: number, more: Partial<WindowSummary> = {}): WindowSummary {
  const histograms = { latency: [], queueTime: [], computeTime: [], batchSizes: [] };
  const counts = { requests, errors: {}, executions: 0, rows: 0, requestBytes: 0, responseBytes: 0 };
  return { ...counts, ...histograms, coveredMs: 60_000, measuredMs: 60_000, inFlight: 0, inFlightMax: 0, queue: 0, queueMax: 0, ...more };
}

function histogram(...durationsMs: number[]): number[] {
  const counts = new Array<number>(BUCKETS).fill(0);
  for (const ms of durationsMs) counts[bucketOf(ms)]!++;
  return counts;
}

describe('a run without data decides nothing', () => {
  test.each([
    [
      'no window at all',
      errorRate,
      windows(0, { coveredMs: 0 }),
      'no gateway reported anything in the last 60 s, so it is not known whether there were requests',
    ],
    ['windows, but no request', errorRate, windows(0), '0 requests in the last 60 s, and the monitor needs at least 10'],
    [
      'too few requests, all of them failed',
      errorRate,
      windows(9, { errors: { RUNTIME_FAILED: 9 } }),
      '9 requests in the last 60 s, and the monitor needs at least 10',
    ],
    ['one request', { ...errorRate, minimumRequests: 2 }, windows(1), '1 request in the last 60 s, and the monitor needs at least 2'],
    ['requests of which none took time', latency, windows(20, { errors: { OVERLOADED: 20 } }), '20 requests in the last 60 s, none of them with a latency'],
  ] as const)('%s', (_name, rule, seen, reason) => {
    expect(evaluateMonitor(rule, seen, SERVER)).toEqual({ state: 'NO_DATA', requests: seen.requests, value: null, reason });
  });
});

describe("the error rate is the fraction of failures that are not the caller's doing", () => {
  test.each([
    [{}, 0, 'the error rate was 0 % over the last 60 s (0 of 200 requests failed)'],
    [{ INVALID: 150, CANCELLED: 20 }, 0, 'the error rate was 0 % over the last 60 s (0 of 200 requests failed)'],
    [{ INVALID: 5, RUNTIME_FAILED: 20, OVERLOADED: 5 }, 0.125, 'the error rate was 12.5 % over the last 60 s (25 of 200 requests failed)'],
    [{ RUNTIME_FAILED: 200 }, 1, 'the error rate was 100 % over the last 60 s (200 of 200 requests failed)'],
  ])('%o', (errors, value, reason) => {
    expect(evaluateMonitor(errorRate, windows(200, { errors }), SERVER)).toEqual({ state: 'SUCCEEDED', requests: 200, value, reason });
  });
});

test('the latency is the quantile of the merged histogram', () => {
  const durations = [...new Array<number>(90).fill(10), ...new Array<number>(10).fill(1000)];
  const at = (quantile: number): number => evaluateMonitor({ ...latency, quantile }, windows(100, { latency: histogram(...durations) }), SERVER).value!;
  expect(at(0.5)).toBeGreaterThan(10 / 1.2);
  expect(at(0.5)).toBeLessThan(10 * 1.2);
  expect(at(0.95)).toBeGreaterThan(1000 / 1.2);
  expect(at(0.95)).toBeLessThan(1000 * 1.2);
  expect(evaluateMonitor({ ...latency, quantile: 0.95 }, windows(100, { latency: histogram(...durations) }), SERVER).reason).toMatch(
    /^the latency at the 0\.95 quantile was \d+ ms over the last 60 s \(100 requests\)$/,
  );
});

test('a window that is missing in part is judged by what there is, and the reason says so', () => {
  const { value, reason } = evaluateMonitor(errorRate, windows(100, { coveredMs: 25_000, measuredMs: 26_000, errors: { OVERLOADED: 10 } }), SERVER);
  expect(value).toBe(0.1);
  expect(reason).toBe('the error rate was 10 % over the last 60 s, measured over 26 s (10 of 100 requests failed); nothing was reported for 35 s of it');
});

test.each([
  [7_400, 119, 'the error rate was 0 % over the last 5 s, measured over 7.4 s (0 of 119 requests failed)'],
  [2_470, 42, '42 requests in the last 5 s, measured over 2.47 s, and the monitor needs at least 50'],
  [5_001, 85, 'the error rate was 0 % over the last 5 s (0 of 85 requests failed)'],
])('windows that are of %i ms instead of 5 s are told of as such', (measuredMs, requests, reason) => {
  const rule = { ...errorRate, windowMs: 5_000, minimumRequests: 50 };
  expect(evaluateMonitor(rule, windows(requests, { coveredMs: Math.min(5_000, measuredMs), measuredMs }), SERVER).reason).toBe(reason);
});
