import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BATCH_SIZE_BOUNDS, BATCH_SIZE_BUCKETS, batchSizeBucketOf, BUCKETS, bucketOf } from '../../../server/metering/histogram.js';
import { coarsen } from '../../../server/metering/metric-window.js';
import { Meter } from '../../../server/gateway/metering/meter.js';
import { ERROR_KINDS, SERVER_ERROR_KINDS } from '../../../server/metering/error-kinds.js';
import type { MetricWindow } from '../../../server/metering/metric-window.js';

const T = 1_000_000_000_000;
const total = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);
const sum = (windows: readonly MetricWindow[], of: (window: MetricWindow) => number) => windows.reduce((total, window) => total + of(window), 0);

/** Takes what a flush would write, as if it had been written. */
function flush(meter: Meter, now: number): MetricWindow[] {
  const { closed, open } = meter.collect(now);
  const written = [...closed, ...open.map(({ window }) => window)].map((window) => structuredClone(window));
  for (const window of [...closed, ...open.map((each) => each.window)]) window.attempted = true;
  for (const each of open) each.meter.wrote(each);
  meter.written(closed);
  return written;
}

describe('one target', () => {
  test('counts requests, failures and latency, and integrates what is under way over windows', () => {
    const meter = new Meter();
    const target = meter.target('d', 'v', T);
    target.enter(T + 1000);
    target.queue(1, T + 1000);
    target.queue(-1, T + 1500);
    target.enter(T + 4000);
    target.leave(T + 6000, 5000);
    target.leave(T + 7000, 3000, 'RUNTIME_FAILED');
    target.reject(T + 7000, 'INVALID');
    const { closed, open } = meter.collect(T + 8000);
    expect(closed).toMatchObject([
      { windowStart: T, windowMs: 5000, requests: 0, errors: {}, inFlightMs: 3000 + 2000, inFlightMax: 2, queueMs: 500, queueMax: 1 },
    ]);
    expect(open[0]!.window).toMatchObject({
      windowStart: T + 5000,
      windowMs: 3000,
      requests: 3,
      errors: { RUNTIME_FAILED: 1, INVALID: 1 },
      inFlightMs: 1000 * 2 + 1000,
      inFlightMax: 2,
      queueMax: 0,
    });
    expect(sum([open[0]!.window], ({ latency }) => latency.reduce((a, b) => a + b))).toBe(2);
    expect(open[0]!.window.latency[bucketOf(5000)]).toBe(1);
  });

  test('a target that is routed and idle writes each window once when it begins and once when it ends', () => {
    const meter = new Meter();
    meter.target('d', 'v', T);
    const rows = [100, 1100, 2100, 3100, 4100, 5100, 6100].map((ms) => flush(meter, T + ms).map(({ windowStart, windowMs }) => [windowStart - T, windowMs]));
    expect(rows).toEqual([
      [[0, 100]],
      [],
      [],
      [],
      [],
      [
        [0, 5000],
        [5000, 100],
      ],
      [],
    ]);
  });

  test('a change that crosses with a write is written by the next', () => {
    const meter = new Meter();
    const target = meter.target('d', 'v', T);
    const { open } = meter.collect(T + 100);
    target.enter(T + 200);
    target.leave(T + 300, 100);
    open[0]!.meter.wrote(open[0]!);
    expect(flush(meter, T + 1000)[0]).toMatchObject({ requests: 1 });
  });

  test('counts where the time of answered requests went, the batches they were in, and their bytes', () => {
    const target = new Meter().target('d', 'v', T);
    const stages = { queueMs: 3, inputMs: 1, computeMs: 40, outputMs: 0.5 };
    for (const at of [1000, 6000]) {
      for (let i = 0; i < 4; i++) target.enter(T + at);
      target.executed(3, { inputMs: 1, computeMs: 40, outputMs: 0.5 });
      for (let i = 0; i < 3; i++) {
        target.leave(T + at + 44, 44, undefined, stages);
        target.carried(100, 20);
      }
      target.leave(T + at + 50, 50, 'RUNTIME_FAILED');
    }
    const { window } = target.unwritten(T + 6100)!;
    for (const each of [target.closed[0]!, window]) {
      expect(each).toMatchObject({ requests: 4, executions: 1, rows: 3, requestBytes: 300, responseBytes: 60 });
      expect([each.queueTime[bucketOf(3)], each.computeTime[bucketOf(40)], each.batchSizes[batchSizeBucketOf(3)]]).toEqual([3, 3, 1]);
      expect([each.queueTime, each.computeTime, each.batchSizes].map(total)).toEqual([3, 3, 1]);
    }
    // A scrape has both windows, as one.
    const counters = target.counters('m', 7);
    expect(counters).toMatchObject({ model: 'm', version: 7, requests: 8, errors: { RUNTIME_FAILED: 2 }, executions: 2, rows: 6, inFlight: 0, queued: 0 });
    expect(counters).toMatchObject({ requestBytes: 600, responseBytes: 120 });
    expect([counters.latency, counters.queueTime, counters.computeTime, counters.batchSizes].map(total)).toEqual([8, 6, 6, 2]);
    expect(counters.seconds.latency).toBeCloseTo((6 * 44 + 2 * 50) / 1000);
    expect(counters.seconds.queueTime).toBeCloseTo((6 * 3) / 1000);
    expect(counters.seconds.computeTime).toBeCloseTo((6 * 40) / 1000);
    const statistics = target.statistics('m', 7);
    expect(statistics).toMatchObject({ inferenceCount: 6, executionCount: 2, success: { count: 6 }, fail: { count: 2 } });
    const times = (count: number) => ({ input: { count, ns: count * 1e6 }, compute: { count, ns: count * 40e6 }, output: { count, ns: count * 0.5e6 } });
    expect(statistics.execution).toEqual(times(6));
    expect([...statistics.batches]).toEqual([[3, times(2)]]);
  });

  test('what is rejected counts, and is no latency, in totals as in windows', () => {
    const target = new Meter().target('d', 'v', T);
    target.reject(T, 'INVALID');
    target.enter(T);
    target.leave(T + 10, 10, 'CANCELLED');
    const counters = target.counters('m', 1);
    expect(counters).toMatchObject({ requests: 2, errors: { INVALID: 1, CANCELLED: 1 }, seconds: { latency: 0 } });
    expect(total(counters.latency)).toBe(0);
  });

  test('counts as many batch sizes as callers can think of in bounded memory', () => {
    const target = new Meter().target('d', 'v', T);
    for (let rows = 1; rows <= 10_000; rows++) target.executed(rows, { inputMs: 0, computeMs: 1, outputMs: 0 });
    const { batches, inferenceCount, executionCount } = target.statistics('m', 1);
    expect([inferenceCount, executionCount]).toEqual([50_005_000, 10_000]);
    expect(total([...batches.values()].map(({ compute }) => compute.count))).toBe(10_000);
    expect(batches.size).toBeLessThan(300);
    expect(batches.get(100)!.compute.count).toBe(1);
  });

  test('a target without a route is forgotten once its last window is written', () => {
    const meter = new Meter();
    const target = meter.target('d', 'v', T);
    target.enter(T + 1);
    meter.retire('d', 'v');
    flush(meter, T + 6000);
    target.leave(T + 7000, 6999);
    expect(flush(meter, T + 8000)).toMatchObject([{ requests: 1 }]);
    expect(flush(meter, T + 12_000)).toHaveLength(2);
    flush(meter, T + 13_000);
    expect(flush(meter, T + 30_000)).toEqual([]);
  });
});

describe('time that nobody counted', () => {
  const DAY_MS = 86_400_000;
  /** A meter whose machine's clock is `ahead` of the monotonic one. */
  const withClock = () => {
    const clock = { aheadMs: 0 };
    const meter = new Meter(undefined, (at) => at + clock.aheadMs);
    return { clock, meter, target: meter.target('d', 'v', T) };
  };
  const startsOf = (windows: readonly MetricWindow[]) => windows.map(({ windowStart }) => windowStart - T);

  test.each([
    ['idle', false],
    ['busy', true],
  ])('14 days in which the process was stopped leave two windows of an %s target', (_, busy) => {
    const { meter, target } = withClock();
    if (busy) target.enter(T + 1000);
    const { closed, open } = meter.collect(T + 14 * DAY_MS + 1000);
    expect(startsOf(closed)).toEqual([0]);
    expect(closed[0]!.inFlightMs).toBe(busy ? 4000 : 0);
    expect(startsOf(open.map(({ window }) => window))).toEqual([14 * DAY_MS]);
    expect(open[0]!.window).toMatchObject({ windowMs: 1000, inFlightMs: 0, inFlightMax: busy ? 1 : 0 });
    target.reject(T + 14 * DAY_MS + 1500, 'INVALID');
    expect(meter.collect(T + 14 * DAY_MS + 2000).open[0]!.window).toMatchObject({ requests: 1, inFlightMs: busy ? 1000 : 0 });
  });

  test('14 days in which the machine slept are a gap between two windows, and no time of a request', () => {
    const { clock, meter, target } = withClock();
    target.enter(T + 1000);
    clock.aheadMs = 14 * DAY_MS;
    target.leave(T + 6000, 5000);
    const { closed, open } = meter.collect(T + 7000);
    expect(closed).toMatchObject([{ windowStart: T, windowMs: 5000, inFlightMs: 4000 }]);
    expect(open).toMatchObject([{ window: { windowStart: T + 14 * DAY_MS + 5000, windowMs: 2000, inFlightMs: 1000, requests: 1 } }]);
    expect(target.statistics('m', 1).lastInferenceAt).toBe(0);
  });

  test('a clock that is set back moves the windows back, and none has the key of an earlier one', () => {
    const { clock, meter, target } = withClock();
    const rows = new Map<number, number>();
    for (let ms = 0; ms < 120_000; ms += 500) {
      if (ms === 60_000) clock.aheadMs = -42_000;
      target.enter(T + ms);
      target.leave(T + ms + 10, 10);
      for (const { windowStart, requests } of flush(meter, T + ms + 20)) rows.set(windowStart - T, requests);
    }
    expect([...rows.values()].reduce((a, b) => a + b)).toBe(240);
    expect(Math.max(...rows.keys())).toBeGreaterThan(70_000);
    expect(Math.max(...rows.keys())).toBeLessThan(80_000);
    expect(rows.size).toBeGreaterThanOrEqual(24);
  });

  test('windows are not merged over a gap', () => {
    const { clock, meter, target } = withClock();
    for (const ms of [1000, 6000, 11_000]) target.reject(T + ms, 'INVALID');
    clock.aheadMs = 30 * DAY_MS;
    for (const ms of [16_000, 21_000, 26_000, 31_000]) target.reject(T + ms, 'INVALID');
    const coarse = coarsen(coarsen(meter.collect(T + 31_000).closed));
    expect(sum(coarse, ({ requests }) => requests)).toBe(6);
    expect(Math.max(...coarse.map(({ windowMs }) => windowMs))).toBe(15_000);
  });
});

test.each([
  [1, 0],
  [2, 1],
  [3, 2],
  [4, 2],
  [5, 3],
  [4096, 12],
  [4097, 13],
  [2 ** 31, 13],
])('a batch of %i rows is in bucket %i', (rows, bucket) => {
  expect(batchSizeBucketOf(rows)).toBe(bucket);
  expect(bucket).toBeLessThan(BATCH_SIZE_BUCKETS);
  expect(rows <= (BATCH_SIZE_BOUNDS[bucket] ?? Infinity)).toBe(true);
});

test("every server error is a kind of error, and the caller's are none", () => {
  expect(ERROR_KINDS.filter((kind) => !(SERVER_ERROR_KINDS as readonly string[]).includes(kind))).toEqual(['INVALID', 'CANCELLED']);
});

test('while the database is away memory is bounded and no request is lost', () => {
  const meter = new Meter(250 * 1024);
  const targets = [meter.target('d', 'a', T), meter.target('d', 'b', T)];
  let most = 0;
  const windows = 2000;
  for (let i = 0; i < windows; i++) {
    for (const target of targets) {
      target.enter(T + i * 5000);
      target.leave(T + i * 5000 + 10, 10);
    }
    meter.roll(T + i * 5000 + 20);
    most = Math.max(most, meter.backlog);
  }
  const { closed, open } = meter.collect(T + windows * 5000);
  expect(most).toBeLessThanOrEqual(100);
  expect(closed.length).toBeGreaterThan(20);
  const all = [...closed, ...open.map(({ window }) => window)];
  expect(sum(all, ({ requests }) => requests)).toBe(windows * 2);
  expect(sum(all, ({ latency }) => latency[bucketOf(10)]!)).toBe(windows * 2);
  expect(Math.round(sum(all, ({ inFlightMs }) => inFlightMs))).toBe(windows * 2 * 10);
  // No gaps and no overlaps: each window begins where the one before it ends.
  const own = closed.filter(({ versionId }) => versionId === 'a').sort((x, y) => x.windowStart - y.windowStart);
  own.reduce((end, window) => (expect(window.windowStart).toBe(end), window.windowStart + window.windowMs), T);
});

test('merging keeps every count, and never swallows a window that the database may have', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ requests: fc.nat(100), attempted: fc.boolean(), failed: fc.nat(9) }), { maxLength: 30 }), (given) => {
      const windows = given.map(({ requests, attempted, failed }, i): MetricWindow => ({
        deploymentId: 'd',
        versionId: 'v',
        windowStart: T + i * 5000,
        windowMs: 5000,
        requests,
        errors: { UNAVAILABLE: failed },
        latency: [requests],
        queueTime: [failed],
        computeTime: new Array<number>(BUCKETS).fill(1),
        executions: requests,
        rows: 2 * requests,
        batchSizes: [0, requests],
        requestBytes: 3 * requests,
        responseBytes: 4 * requests,
        inFlightMs: 1,
        inFlightMax: i,
        queueMs: 2,
        queueMax: i,
        attempted,
      }));
      const coarse = coarsen(windows);
      expect(sum(coarse, ({ requests }) => requests)).toBe(sum(windows, ({ requests }) => requests));
      expect(sum(coarse, ({ errors }) => errors.UNAVAILABLE ?? 0)).toBe(sum(windows, ({ errors }) => errors.UNAVAILABLE ?? 0));
      for (const of of ['executions', 'rows', 'requestBytes', 'responseBytes'] as const) expect(sum(coarse, (w) => w[of])).toBe(sum(windows, (w) => w[of]));
      for (const of of ['queueTime', 'computeTime', 'batchSizes'] as const) expect(sum(coarse, (w) => total(w[of]))).toBe(sum(windows, (w) => total(w[of])));
      expect(sum(coarse, ({ windowMs }) => windowMs)).toBe(windows.length * 5000);
      const starts = new Set(coarse.map(({ windowStart }) => windowStart));
      for (const window of windows) if (window.attempted) expect(starts.has(window.windowStart)).toBe(true);
    }),
  );
});
