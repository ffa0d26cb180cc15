/** What a monitor and an alert rule may say. */
import nodeCron from 'node-cron';
import { DomainError } from '../errors.js';
import { checkName } from '../registry/names.js';
import type { Comparison, MonitorMetric, Severity } from './monitoring.entities.js';

export const MIN_WINDOW_MS = 5_000;
/** Windows are kept for two days (`monitoring-retention.ts`). */
export const MAX_WINDOW_MS = 86_400_000;
export const MAX_CONSECUTIVE_RUNS = 100;
export const DEFAULT_QUANTILE = 0.95;
const MAX_MINIMUM_REQUESTS = 1_000_000_000;
const MAX_CRON_LENGTH = 200;
const RIGHT_CRON = '"*/5 * * * *" runs every five minutes, "*/30 * * * * *" every thirty seconds (a sixth field, in front, is seconds), in UTC';

export interface MonitorSpec {
  readonly name: string;
  readonly cron: string;
  readonly metric: MonitorMetric;
  /** Of LATENCY; the default where it is left out. */
  readonly quantile?: number | null | undefined;
  readonly windowMs: number;
  readonly minimumRequests: number;
}

export interface AlertRuleSpec {
  readonly name: string;
  readonly comparison: Comparison;
  readonly threshold: number;
  readonly consecutiveRuns: number;
  readonly severity: Severity;
}

/** The spec with its quantile filled in. @throws DomainError INVALID */
export function checkMonitor(spec: MonitorSpec): MonitorSpec & { readonly quantile: number | null } {
  checkName(spec.name);
  checkCron(spec.cron);
  checkWholeNumber('windowMs', spec.windowMs, MIN_WINDOW_MS, MAX_WINDOW_MS);
  checkWholeNumber('minimumRequests', spec.minimumRequests, 1, MAX_MINIMUM_REQUESTS);
  const { quantile } = spec;
  if (spec.metric === 'ERROR_RATE') {
    if (quantile != null) throw new DomainError('INVALID', 'quantile was given, but ERROR_RATE has none; leave it out, or use LATENCY', ['quantile']);
    return { ...spec, quantile: null };
  }
  if (quantile != null && !(quantile > 0 && quantile < 1))
    throw new DomainError('INVALID', `quantile is ${quantile}; it must lie between 0 and 1, such as 0.95`, ['quantile']);
  return { ...spec, quantile: quantile ?? DEFAULT_QUANTILE };
}

/** @throws DomainError INVALID that says which field is wrong and shows a right expression */
export function checkCron(cron: string): void {
  const shown = cron.slice(0, 80);
  if (cron.length > MAX_CRON_LENGTH)
    throw new DomainError('INVALID', `cron has ${cron.length} characters; at most ${MAX_CRON_LENGTH} are allowed. ${RIGHT_CRON}`, ['cron']);
  const [error] = nodeCron.validateDetailed(cron).errors;
  if (!error && nodeCron.validate(cron)) return;
  const where =
    !error || error.field === 'expression'
      ? (error?.message ?? 'not a cron expression')
      : `"${error.value ?? ''}" is no ${FIELD_NAMES[error.field] ?? error.field}`;
  throw new DomainError('INVALID', `"${shown}" is not a cron expression: ${where}. ${RIGHT_CRON}`, ['cron']);
}

const FIELD_NAMES: Readonly<Record<string, string>> = {
  second: 'second (0 to 59)',
  minute: 'minute (0 to 59)',
  hour: 'hour (0 to 23)',
  dayOfMonth: 'day of the month (1 to 31, and one that the month has)',
  month: 'month (1 to 12)',
  dayOfWeek: 'day of the week (0 to 7, Sunday is 0)',
};

/** @throws DomainError INVALID */
export function checkAlertRule(spec: AlertRuleSpec, metric: MonitorMetric): void {
  checkName(spec.name);
  const { threshold } = spec;
  if (metric === 'ERROR_RATE' && !(threshold >= 0 && threshold <= 1)) {
    throw new DomainError('INVALID', `threshold is ${threshold}; an error rate is a fraction from 0 to 1: 0.05 is 5 %`, ['threshold']);
  }
  if (metric === 'LATENCY' && !(threshold >= 0 && threshold <= 86_400_000)) {
    throw new DomainError('INVALID', `threshold is ${threshold}; a latency is in milliseconds, from 0 to 86400000: 250 is a quarter of a second`, [
      'threshold',
    ]);
  }
  checkWholeNumber('consecutiveRuns', spec.consecutiveRuns, 1, MAX_CONSECUTIVE_RUNS);
}

/** @throws DomainError INVALID */
export function checkWholeNumber(name: string, value: number, low: number, high: number): void {
  if (!Number.isInteger(value) || value < low || value > high)
    throw new DomainError('INVALID', `${name} is ${value}; it must be a whole number from ${low} to ${high}`, [name]);
}
