/** Numbers as people read them, for the reasons of runs and alerts. Pure. */
import type { MonitorMetric } from './monitoring.entities.js';

const digits = (value: number): string => String(Number(value.toPrecision(3)));

/** `45 s`, `5 min`, `1.5 h`, `250 ms`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${digits(ms)} ms`;
  if (ms < 120_000) return `${digits(ms / 1_000)} s`;
  if (ms < 7_200_000) return `${digits(ms / 60_000)} min`;
  return `${digits(ms / 3_600_000)} h`;
}

/** An error rate as `12.5 %`, a latency as `340 ms`. */
export const formatValue = (metric: MonitorMetric, value: number): string => (metric === 'ERROR_RATE' ? `${digits(value * 100)} %` : `${digits(value)} ms`);

/** `the error rate`, `the latency at the 0.95 quantile`. */
export const metricName = ({ metric, quantile }: { metric: MonitorMetric; quantile: number | null }): string =>
  metric === 'ERROR_RATE' ? 'the error rate' : `the latency at the ${quantile} quantile`;

/** `1 request`, `3 requests`. */
export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
