/** What one run of a monitor finds in the windows. Pure. */
import { quantile } from '../metering/histogram.js';
import type { MonitorMetric, MonitorRunState } from './monitoring.entities.js';
import type { WindowSummary } from '../metering/metric-windows.js';
import { formatDuration, formatValue, metricName, plural } from './wording.js';

export interface MonitorRule {
  readonly metric: MonitorMetric;
  /** For LATENCY. */
  readonly quantile: number | null;
  readonly windowMs: number;
  readonly minimumRequests: number;
}

export interface Evaluation {
  readonly state: Exclude<MonitorRunState, 'FAILED'>;
  readonly requests: number;
  /** Error rate as a fraction 0..1, or latency in milliseconds; null without data. */
  readonly value: number | null;
  /** A sentence for people. */
  readonly reason: string;
}

/** @param serverErrorKinds the failures that are not the caller's own mistake */
export function evaluateMonitor(rule: MonitorRule, windows: WindowSummary, serverErrorKinds: readonly string[]): Evaluation {
  const { requests } = windows;
  const noData = (reason: string): Evaluation => ({ state: 'NO_DATA', requests, value: null, reason });
  const asked = formatDuration(rule.windowMs);
  if (windows.coveredMs <= 0) return noData(`no gateway reported anything in the last ${asked}, so it is not known whether there were requests`);
  // Windows count as a whole or not at all, so that the time that they are of is seldom the time that was asked for.
  const measured = formatDuration(windows.measuredMs);
  const span = measured === asked ? asked : `${asked}, measured over ${measured}`;
  const missing = missingPart(rule.windowMs, windows.coveredMs);
  if (requests < Math.max(1, rule.minimumRequests)) {
    return noData(`${plural(requests, 'request')} in the last ${span}, and the monitor needs at least ${rule.minimumRequests}${missing}`);
  }
  const value = rule.metric === 'ERROR_RATE' ? serverErrors(windows, serverErrorKinds) / requests : quantile(windows.latency, rule.quantile ?? 0.95);
  if (value === null) return noData(`${plural(requests, 'request')} in the last ${span}, none of them with a latency${missing}`);
  const failed =
    rule.metric === 'ERROR_RATE' ? `${serverErrors(windows, serverErrorKinds)} of ${plural(requests, 'request')} failed` : plural(requests, 'request');
  return {
    state: 'SUCCEEDED',
    requests,
    value,
    reason: `${metricName(rule)} was ${formatValue(rule.metric, value)} over the last ${span} (${failed})${missing}`,
  };
}

/** Failures that are not the caller's own mistake. */
export function serverErrors({ errors }: Pick<WindowSummary, 'errors'>, serverErrorKinds: readonly string[]): number {
  return serverErrorKinds.reduce((sum, kind) => sum + (errors[kind] ?? 0), 0);
}

/** A gateway writes an idle target's window when it ends, so the end of every range is a little short: only more than that is worth a word. */
const NOTABLE_GAP_MS = 10_000;

function missingPart(windowMs: number, coveredMs: number): string {
  const missingMs = windowMs - coveredMs;
  return missingMs > NOTABLE_GAP_MS ? `; nothing was reported for ${formatDuration(missingMs)} of it` : '';
}
