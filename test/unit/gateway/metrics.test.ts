import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ERROR_KINDS } from '../../../server/metering/error-kinds.js';
import { exposition, histogramSamples, labelText, type MetricFamily } from '../../../server/gateway/observe/exposition.js';
import { inferenceFamilies } from '../../../server/gateway/observe/inference-families.js';
import { WorkerMetrics } from '../../../server/gateway/observe/worker-metrics.js';
import { Meter } from '../../../server/gateway/metering/meter.js';
import { hasPromtool, promtoolObjections, samplesOf } from '../../support/promtool.js';

const T = 1_000_000_000_000;

/** A target that answered ten requests in batches of two and failed once. */
function usedTarget() {
  const meter = new Meter().target('d', 'v', T);
  for (let i = 0; i < 11; i++) meter.enter(T + 1);
  for (let i = 0; i < 5; i++) meter.executed(2, { inputMs: 1, computeMs: 30, outputMs: 1 });
  for (let i = 0; i < 10; i++) {
    meter.leave(T + 50, 49, undefined, { queueMs: 10, inputMs: 4, computeMs: 30, outputMs: 5 });
    meter.carried(100, 7);
  }
  meter.leave(T + 60, 59, 'RUNTIME_FAILED');
  meter.reject(T + 60, 'OVERLOADED');
  meter.shadowAgreed(3);
  meter.shadowDisagreed(1);
  meter.shadowDropped(2);
  meter.enter(T + 70);
  meter.queue(1, T + 70);
  return { ...meter.counters('vision.digits', 3), replicas: { usable: 1, unusable: 2 } };
}

describe("a target's metrics", () => {
  const text = exposition([inferenceFamilies([usedTarget()], '0')]);
  const value = (name: string, labels: Record<string, string> = {}) =>
    samplesOf(text, `pilothouse_inference_${name}`).find((sample) => Object.entries(labels).every(([label, is]) => sample.labels[label] === is))?.value;

  test('are its totals, in base units', () => {
    expect(value('requests_total', { outcome: 'success' })).toBe(10);
    expect(value('requests_total', { outcome: 'runtime_failed' })).toBe(1);
    expect(value('requests_total', { outcome: 'overloaded' })).toBe(1);
    expect(value('requests_total', { outcome: 'replica_lost' })).toBe(0);
    expect([value('in_flight'), value('queued'), value('request_bytes_total'), value('response_bytes_total')]).toEqual([1, 1, 1000, 70]);
    expect([value('replicas', { state: 'usable' }), value('replicas', { state: 'unusable' })]).toEqual([1, 2]);
    expect([value('duration_seconds_count'), value('queue_duration_seconds_count'), value('compute_duration_seconds_count')]).toEqual([11, 10, 10]);
    expect(value('duration_seconds_sum')).toBeCloseTo(0.549);
    expect(value('queue_duration_seconds_sum')).toBeCloseTo(0.1);
    expect(value('compute_duration_seconds_sum')).toBeCloseTo(0.3);
    expect([value('batch_size_count'), value('batch_size_sum')]).toEqual([5, 10]);
    expect(['agreed', 'disagreed', 'dropped'].map((agreement) => value('shadow_requests_total', { agreement }))).toEqual([3, 1, 2]);
  });

  test('have histograms whose buckets are cumulative, and hold what was measured', () => {
    const buckets = samplesOf(text, 'pilothouse_inference_duration_seconds_bucket').map(({ labels, value: count }) => [labels['le'], count] as const);
    expect(buckets.at(-1)).toEqual(['+Inf', 11]);
    const counts = buckets.map(([, count]) => count);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    // 49 and 59 ms: between 25.6 and 51.2, between 51.2 and 102.4.
    expect(Object.fromEntries(buckets)).toMatchObject({ '0.00005': 0, '0.0256': 0, '0.0512': 10, '0.1024': 11, '104.858': 11 });
    expect(Object.fromEntries(samplesOf(text, 'pilothouse_inference_batch_size_bucket').map((s) => [s.labels['le'], s.value]))).toMatchObject({
      '1': 0,
      '2': 5,
    });
  });

  test('carry the labels of the target and of the worker, and no others', () => {
    const labels = new Set([...text.matchAll(/(\w+)="/g)].map(([, label]) => label));
    expect([...labels].sort()).toEqual(['agreement', 'deployment', 'le', 'outcome', 'state', 'version', 'worker']);
    expect(samplesOf(text, 'pilothouse_inference_queued')[0]!.labels).toEqual({ deployment: 'vision.digits', version: '3', worker: '0' });
    expect(samplesOf(text, 'pilothouse_inference_requests_total')).toHaveLength(1 + ERROR_KINDS.length);
  });

  test.skipIf(!hasPromtool)('are what Prometheus expects (skipped where promtool is not installed)', () => {
    expect(promtoolObjections(text)).toBe('');
    // It would have said so.
    expect(promtoolObjections(text.replaceAll('queued', 'queued_total'))).not.toBe('');
  });
});

test('many targets, gathered in parts, stand under one head for each metric', () => {
  const targets = Array.from({ length: 3 }, (_, i) => ({ ...usedTarget(), model: `m${i}` }));
  const whole = exposition([inferenceFamilies(targets, '0')]);
  expect(exposition([targets.flatMap((target) => inferenceFamilies([target], '0'))])).toBe(whole);
  expect(whole.match(/^# TYPE/gm)).toHaveLength(inferenceFamilies([], '0').length);
});

test('what a label may hold is escaped, and a metric without samples is left out', () => {
  expect(labelText({ a: 'x"y\\z\nw', b: 1 })).toBe('a="x\\"y\\\\z\\nw",b="1"');
  expect(exposition([[{ name: 'n', help: 'h', type: 'gauge', samples: [] }]])).toBe('');
  expect(histogramSamples('n', 'a="1"', [1, 2, 3, 4], [[1, '2']], 9)).toEqual([
    'n_bucket{a="1",le="2"} 3',
    'n_bucket{a="1",le="+Inf"} 10',
    'n_sum{a="1"} 9',
    'n_count{a="1"} 10',
  ]);
});

describe('workers that share a port', () => {
  let folder: string;
  const made: WorkerMetrics[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ph-metrics-'));
  });
  afterEach(() => {
    for (const each of made.splice(0)) each.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const familyOf = (worker: string, value: number): MetricFamily => ({
    name: 'n_total',
    help: 'h',
    type: 'counter',
    samples: [`n_total{worker="${worker}"} ${value}`],
  });
  /** Siblings that answer are waited for, however busy the machine is. */
  const worker = (name: string, value = 1, siblingMs = 20_000): WorkerMetrics => {
    const metrics = new WorkerMetrics({ worker: name, folder, gather: async () => [familyOf(name, value)], log: pino({ level: 'silent' }), siblingMs });
    made.push(metrics);
    return metrics;
  };
  /** As a worker of another process answers. */
  const sibling = async (pid: number, answer: (write: (text: string) => void) => void) => {
    const server = createServer((socket) => answer((text) => socket.end(text)));
    await new Promise<void>((resolve) => server.listen(join(folder, `gateway-${pid}.sock`), resolve));
    return server;
  };
  const report = (name: string, value: number, startedAt = 1) => JSON.stringify({ worker: name, startedAt, families: [familyOf(name, value)] });

  test('a scrape of one has all, each metric under one head', async () => {
    const one = worker('0', 5);
    await one.start();
    const two = await sibling(1_000_001, (write) => write(report('1', 7)));
    expect(await one.text()).toBe('# HELP n_total h\n# TYPE n_total counter\nn_total{worker="0"} 5\nn_total{worker="1"} 7\n');
    two.close();
  });

  test('one that is dead, mute, or talks nonsense is left out, and what a killed one left is removed', async () => {
    const one = worker('0', 5, 300);
    await one.start();
    const killed = await sibling(1_000_002, () => undefined);
    // A file of its name, with nobody behind it.
    killed.close();
    writeFileSync(join(folder, 'gateway-1000003.sock'), '');
    writeFileSync(join(folder, 'something-else.sock'), '');
    const mute = await sibling(1_000_004, () => undefined);
    const fool = await sibling(1_000_005, (write) => write('<html>'));
    expect(samplesOf(await one.text(), 'n_total')).toEqual([{ labels: { worker: '0' }, value: 5 }]);
    // It is removed behind the scrape that found it so, and one that had no time to find it leaves it to the next.
    const left = async (): Promise<string[]> => (await one.text(), readdirSync(folder).sort());
    const living = [`gateway-${process.pid}.sock`, 'gateway-1000004.sock', 'gateway-1000005.sock', 'something-else.sock'];
    await expect.poll(left, { timeout: 20_000 }).toEqual(living.sort());
    mute.close();
    fool.close();
  });

  test('of two of one name, for the moment that one replaces the other, the newer counts', async () => {
    const one = worker('0', 5);
    await one.start();
    const [before, after] = [await sibling(1_000_006, (write) => write(report('1', 100, 1))), await sibling(1_000_007, (write) => write(report('1', 2, 2)))];
    expect(samplesOf(await one.text(), 'n_total').map(({ value }) => value)).toEqual([5, 2]);
    before.close();
    after.close();
  });

  test('one that leaves is nobody’s sibling any more', async () => {
    const one = worker('0');
    await one.start();
    expect(readdirSync(folder)).toHaveLength(1);
    one.close();
    await expect.poll(() => readdirSync(folder), { timeout: 20_000 }).toEqual([]);
  });
});
