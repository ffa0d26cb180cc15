import { describe, expect, test } from 'vitest';
import { DomainError } from '../../../server/errors.js';
import { checkAlertRule, checkCron, checkMonitor, type AlertRuleSpec, type MonitorSpec } from '../../../server/monitoring/monitor-input.js';

const monitor: MonitorSpec = { name: 'errors', cron: '*/5 * * * *', metric: 'ERROR_RATE', windowMs: 60_000, minimumRequests: 10 };
const rule: AlertRuleSpec = { name: 'too-many', comparison: 'GREATER_THAN', threshold: 0.05, consecutiveRuns: 1, severity: 'WARNING' };

function refusal(work: () => unknown): { code: string; message: string; field: readonly string[] } {
  try {
    work();
  } catch (error) {
    if (error instanceof DomainError) return { code: error.code, message: error.message, field: error.field };
    throw error;
  }
  throw new Error('nothing was refused');
}

const RIGHT = '"*/5 * * * *" runs every five minutes, "*/30 * * * * *" every thirty seconds (a sixth field, in front, is seconds), in UTC';

test.each(['*/5 * * * *', '*/10 * * * * *', '0 9 * * 1-5', '0 0 1 jan *'])('%s is a cron expression', (cron) => {
  expect(() => checkCron(cron)).not.toThrow();
});

test.each([
  ['every minute', '"every minute" is not a cron expression: expected 5 or 6 fields but got 2'],
  ['* * * *', '"* * * *" is not a cron expression: expected 5 or 6 fields but got 4'],
  ['99 * * * *', '"99 * * * *" is not a cron expression: "99" is no minute (0 to 59)'],
  ['* 25 * * *', '"* 25 * * *" is not a cron expression: "25" is no hour (0 to 23)'],
  ['0 0 31 2 *', '"0 0 31 2 *" is not a cron expression: "31" is no day of the month (1 to 31, and one that the month has)'],
])('%s is refused, with a right one beside it', (cron, message) => {
  expect(refusal(() => checkCron(cron))).toEqual({ code: 'INVALID', message: `${message}. ${RIGHT}`, field: ['cron'] });
});

describe('a monitor is refused', () => {
  test.each<[Partial<MonitorSpec>, string, string]>([
    [
      { name: 'Too Many' },
      'name',
      '"Too Many" is not a valid name; it must have 1 to 63 characters of a-z, 0-9 and "-", and begin and end with a letter or digit',
    ],
    [{ windowMs: 4_999 }, 'windowMs', 'windowMs is 4999; it must be a whole number from 5000 to 86400000'],
    [{ windowMs: 86_400_001 }, 'windowMs', 'windowMs is 86400001; it must be a whole number from 5000 to 86400000'],
    [{ minimumRequests: 0 }, 'minimumRequests', 'minimumRequests is 0; it must be a whole number from 1 to 1000000000'],
    [{ quantile: 0.5 }, 'quantile', 'quantile was given, but ERROR_RATE has none; leave it out, or use LATENCY'],
    [{ metric: 'LATENCY', quantile: 95 }, 'quantile', 'quantile is 95; it must lie between 0 and 1, such as 0.95'],
    [{ metric: 'LATENCY', quantile: 1 }, 'quantile', 'quantile is 1; it must lie between 0 and 1, such as 0.95'],
    [{ cron: 'x'.repeat(201) }, 'cron', `cron has 201 characters; at most 200 are allowed. ${RIGHT}`],
  ])('%o', (change, field, message) => {
    expect(refusal(() => checkMonitor({ ...monitor, ...change }))).toEqual({ code: 'INVALID', message, field: [field] });
  });

  test('and otherwise gets its quantile', () => {
    expect(checkMonitor(monitor).quantile).toBeNull();
    expect(checkMonitor({ ...monitor, metric: 'LATENCY' }).quantile).toBe(0.95);
  });
});

test.each<[Partial<AlertRuleSpec>, 'ERROR_RATE' | 'LATENCY', string, string]>([
  [{ threshold: 5 }, 'ERROR_RATE', 'threshold', 'threshold is 5; an error rate is a fraction from 0 to 1: 0.05 is 5 %'],
  [{ threshold: -0.1 }, 'ERROR_RATE', 'threshold', 'threshold is -0.1; an error rate is a fraction from 0 to 1: 0.05 is 5 %'],
  [{ threshold: Number.NaN }, 'ERROR_RATE', 'threshold', 'threshold is NaN; an error rate is a fraction from 0 to 1: 0.05 is 5 %'],
  [{ threshold: -1 }, 'LATENCY', 'threshold', 'threshold is -1; a latency is in milliseconds, from 0 to 86400000: 250 is a quarter of a second'],
  [{ consecutiveRuns: 0 }, 'LATENCY', 'consecutiveRuns', 'consecutiveRuns is 0; it must be a whole number from 1 to 100'],
  [{ consecutiveRuns: 101 }, 'LATENCY', 'consecutiveRuns', 'consecutiveRuns is 101; it must be a whole number from 1 to 100'],
])('an alert rule with %o is refused for %s', (change, metric, field, message) => {
  expect(refusal(() => checkAlertRule({ ...rule, ...change }, metric))).toEqual({ code: 'INVALID', message, field: [field] });
});
