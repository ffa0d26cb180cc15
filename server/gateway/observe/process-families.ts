/** What prom-client knows of this process: CPU, memory, event loop, garbage collection, open files. */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { MetricFamily } from './exposition.js';

/** Gauges of prom-client whose names end as only a counter's may. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];
/** How often the event loop's delay is sampled: finer costs more wake-ups than it tells. */
const EVENT_LOOP_PRECISION_MS = 20;

/** Begins to observe this process. Call it once. @returns what to call at a scrape */
export function observeProcess(version: string, worker: string): () => Promise<MetricFamily[]> {
  const registry = new Registry();
  registry.setDefaultLabels({ worker });
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: EVENT_LOOP_PRECISION_MS });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  new Gauge({
    name: 'pilothouse_build_info',
    help: 'Always 1; the label says which version runs.',
    labelNames: ['version'],
    registers: [registry],
  }).set({ version }, 1);
  return async () => {
    const texts = await Promise.all(
      registry.getMetricsAsArray().map(async ({ name, help }) => ({ name, help, text: await registry.getSingleMetricAsString(name) })),
    );
    return texts.map(({ name, help, text }) => {
      const [, type, ...samples] = text.split('\n');
      return { name, help, type: type!.split(' ')[3] as MetricFamily['type'], samples };
    });
  };
}
