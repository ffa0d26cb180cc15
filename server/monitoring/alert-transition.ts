/** Whether the runs of a monitor fire an alert, resolve it, or change nothing. Pure. */
import type { Comparison, MonitorMetric, MonitorRunState } from './monitoring.entities.js';
import { formatDuration, formatValue, metricName, plural } from './wording.js';

export interface RunView {
  readonly state: MonitorRunState;
  readonly value: number | null;
  readonly requests: number;
}

export interface AlertCondition {
  readonly metric: MonitorMetric;
  readonly quantile: number | null;
  readonly windowMs: number;
  readonly comparison: Comparison;
  readonly threshold: number;
  /** Runs with data in a row that must agree, to fire and to resolve. */
  readonly consecutiveRuns: number;
}

export interface Transition {
  readonly action: 'FIRE' | 'RESOLVE' | 'KEEP';
  /** Value of the newest run; null where it has no data. */
  readonly value: number | null;
  /** A sentence for people. */
  readonly reason: string;
}

export const isBreached = ({ comparison, threshold }: Pick<AlertCondition, 'comparison' | 'threshold'>, value: number): boolean =>
  comparison === 'GREATER_THAN' ? value > threshold : value < threshold;

/**
 * @param runs since the rule exists, newest first. Those without data say nothing for or against: they are passed over, and a newest
 *   one without data changes nothing.
 * @param firing whether an alert of this rule is firing
 */
export function alertTransition(condition: AlertCondition, runs: readonly RunView[], firing: boolean): Transition {
  const [newest] = runs;
  if (!newest || newest.value === null) {
    return { action: 'KEEP', value: null, reason: `the newest run has no data, which neither fires nor resolves an alert` };
  }
  const breached = isBreached(condition, newest.value);
  const needed = condition.consecutiveRuns;
  const agreeing = countAgreeing(condition, runs, breached, needed);
  const sentence = describe(condition, newest.value, newest.requests, breached);
  const keep = (why: string): Transition => ({ action: 'KEEP', value: newest.value, reason: `${sentence}; ${why}` });
  if (breached === firing) return keep(firing ? 'the alert is still firing' : 'no alert is firing');
  if (agreeing < needed) return keep(`the value was like this in ${agreeing} of the ${needed} runs in a row that ${breached ? 'fire' : 'resolve'} the alert`);
  const inARow = needed > 1 ? `, in ${plural(needed, 'run')} in a row` : '';
  return { action: breached ? 'FIRE' : 'RESOLVE', value: newest.value, reason: sentence + inARow };
}

function countAgreeing(condition: AlertCondition, runs: readonly RunView[], breached: boolean, needed: number): number {
  let agreeing = 0;
  for (const { value } of runs) {
    if (value === null) continue;
    if (isBreached(condition, value) !== breached) break;
    if (++agreeing === needed) break;
  }
  return agreeing;
}

function describe(condition: AlertCondition, value: number, requests: number, breached: boolean): string {
  const relation = condition.comparison === 'GREATER_THAN' ? 'above' : 'below';
  const against = `${breached ? relation : `not ${relation}`} the threshold of ${formatValue(condition.metric, condition.threshold)}`;
  return `${metricName(condition)} was ${formatValue(condition.metric, value)} over ${formatDuration(condition.windowMs)} with ${plural(requests, 'request')}, ${against}`;
}
