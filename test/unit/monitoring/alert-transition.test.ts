import { describe, expect, test } from 'vitest';
import { alertTransition, type AlertCondition, type RunView } from '../../../server/monitoring/alert-transition.js';

const above: AlertCondition = { metric: 'ERROR_RATE', quantile: null, windowMs: 300_000, comparison: 'GREATER_THAN', threshold: 0.05, consecutiveRuns: 3 };
const once = { ...above, consecutiveRuns: 1 };
const slow: AlertCondition = { metric: 'LATENCY', quantile: 0.99, windowMs: 60_000, comparison: 'GREATER_THAN', threshold: 250, consecutiveRuns: 1 };

/** Runs newest first: a number is a value, null a run without data. */
const runs = (...values: (number | null)[]): RunView[] => values.map((value) => ({ state: value === null ? 'NO_DATA' : 'SUCCEEDED', value, requests: 200 }));

describe('fires after as many runs in a row as the rule says', () => {
  test.each<[string, AlertCondition, RunView[], boolean, 'FIRE' | 'RESOLVE' | 'KEEP']>([
    ['one run, rule of one', once, runs(0.1), false, 'FIRE'],
    ['at the threshold is not above it', once, runs(0.05), false, 'KEEP'],
    ['nothing wrong', once, runs(0.01), false, 'KEEP'],
    ['one of three', above, runs(0.1), false, 'KEEP'],
    ['two of three', above, runs(0.1, 0.1), false, 'KEEP'],
    ['three of three', above, runs(0.1, 0.2, 0.3), false, 'FIRE'],
    ['three, but one good between', above, runs(0.1, 0.01, 0.2, 0.3), false, 'KEEP'],
    ['three with a gap without data', above, runs(0.1, null, 0.2, null, null, 0.3), false, 'FIRE'],
    ['the newest has no data', above, runs(null, 0.1, 0.2, 0.3), false, 'KEEP'],
    ['no run yet', above, [], false, 'KEEP'],
    ['a spike while firing stays', above, runs(0.01, 0.2, 0.3), true, 'KEEP'],
    ['still above stays', above, runs(0.2, 0.2, 0.2), true, 'KEEP'],
    ['two good of three stay', above, runs(0.01, 0.01, 0.2), true, 'KEEP'],
    ['three good resolve', above, runs(0.01, 0.02, 0.05), true, 'RESOLVE'],
    ['three good with gaps resolve', above, runs(0.01, null, 0.02, 0.05), true, 'RESOLVE'],
    ['no data does not resolve', above, runs(null, null, null), true, 'KEEP'],
    ['no data after good ones does not resolve', above, runs(null, 0.01, 0.01, 0.01), true, 'KEEP'],
    ['below, alarming', { ...once, comparison: 'LESS_THAN' }, runs(0.01), false, 'FIRE'],
    ['below, not alarming', { ...once, comparison: 'LESS_THAN' }, runs(0.05), true, 'RESOLVE'],
  ])('%s', (_name, condition, seen, firing, action) => {
    expect(alertTransition(condition, seen, firing).action).toBe(action);
  });
});

test('a value that flaps around the threshold neither fires nor resolves', () => {
  const seen: RunView[] = [];
  for (let i = 0; i < 20; i++) {
    seen.unshift(...runs(i % 2 === 0 ? 0.2 : 0.01));
    expect(alertTransition(above, seen, false).action).toBe('KEEP');
    expect(alertTransition(above, seen, true).action).toBe('KEEP');
  }
});

test.each<[AlertCondition, RunView[], boolean, string]>([
  [once, runs(0.125), false, 'the error rate was 12.5 % over 5 min with 200 requests, above the threshold of 5 %'],
  [above, runs(0.1, 0.1, 0.1), false, 'the error rate was 10 % over 5 min with 200 requests, above the threshold of 5 %, in 3 runs in a row'],
  [above, runs(0.01, 0, 0), true, 'the error rate was 1 % over 5 min with 200 requests, not above the threshold of 5 %, in 3 runs in a row'],
  [slow, runs(812.4), false, 'the latency at the 0.99 quantile was 812 ms over 60 s with 200 requests, above the threshold of 250 ms'],
  [
    above,
    runs(0.1),
    false,
    'the error rate was 10 % over 5 min with 200 requests, above the threshold of 5 %; the value was like this in 1 of the 3 runs in a row that fire the alert',
  ],
  [above, runs(0.1), true, 'the error rate was 10 % over 5 min with 200 requests, above the threshold of 5 %; the alert is still firing'],
  [above, runs(null, 0.1), true, 'the newest run has no data, which neither fires nor resolves an alert'],
])('says why in a sentence with its numbers', (condition, seen, firing, reason) => {
  expect(alertTransition(condition, seen, firing).reason).toBe(reason);
});
