import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AccessLog, accessLogPath, FAILURES_PER_SECOND } from '../../../server/gateway/observe/access-log.js';
import type { RequestOutcome } from '../../../server/gateway/observe/observer.js';
import { Call } from '../../../server/gateway/dispatch/call.js';

const T = 1_000_000_000_000;
let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'ph-access-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function outcome(requestId: string, more: Partial<RequestOutcome> = {}): RequestOutcome {
  const call = new Call(T, { requestId, protocol: 'oip-rest', caller: 'abcdef0123456789', headers: { authorization: 'Bearer secret' }, requestBytes: 120 });
  const timing = { sentAt: T + 2, answeredAt: T + 9, inputMs: 0.5, computeMs: 5.25, outputMs: 0.25, batchRows: 8, batchRequests: 4, replicaId: 'r1' };
  return { call, model: 'digits', version: 3, endedAt: T + 10, failure: undefined, timing, responseBytes: 40, ...more };
}
const failed = (requestId: string, failure: RequestOutcome['failure'], endedAt = T + 10): RequestOutcome =>
  outcome(requestId, { failure, version: undefined, timing: undefined, responseBytes: 0, endedAt });

/** What is written of these requests. @param draws how chance falls, one for each */
async function written(sample: number, outcomes: readonly RequestOutcome[], draws: readonly number[] = []): Promise<Record<string, unknown>[]> {
  let at = 0;
  const log = new AccessLog({ home, worker: 1, sample, log: pino({ level: 'silent' }), random: () => draws[at++] ?? 0.999 });
  for (const each of outcomes) log.observe(each);
  await log.close();
  const text = readFileSync(accessLogPath(home), 'utf8');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('a line says what was asked, how it ended, and where the time went; no token, no header', async () => {
  const [line] = await written(1, [outcome('r-1')]);
  expect(line).toEqual({
    level: 30,
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    worker: 1,
    requestId: 'r-1',
    protocol: 'oip-rest',
    model: 'digits',
    version: 3,
    outcome: 'SUCCESS',
    totalMs: 10,
    queueMs: 2,
    computeMs: 5.25,
    batchRows: 8,
    batchRequests: 4,
    replica: 'r1',
    requestBytes: 120,
    responseBytes: 40,
    caller: 'abcdef01',
    drawn: true,
  });
  expect(statSync(accessLogPath(home)).mode & 0o077).toBe(0);
});

test('requests are drawn, and failures that are ours get a line without being drawn', async () => {
  const outcomes = [outcome('lucky'), outcome('unlucky'), failed('theirs', 'INVALID'), failed('ours', 'REPLICA_LOST'), failed('fault', 'INTERNAL')];
  const lines = await written(0.5, outcomes, [0.4, 0.5, 0.9, 0.9, 0.9]);
  expect(lines.map(({ requestId, outcome: how, drawn }) => [requestId, how, drawn])).toEqual([
    ['lucky', 'SUCCESS', true],
    ['ours', 'REPLICA_LOST', false],
    ['fault', 'INTERNAL', false],
  ]);
});

test('when everything fails, a second has so many lines and no more; the next line says how many were left out', async () => {
  const storm = Array.from({ length: 100 }, (_, i) => failed(`s${i}`, 'UNAVAILABLE', T + i));
  const lines = await written(0.5, [...storm, failed('later', 'UNAVAILABLE', T + 1_000)]);
  expect(lines).toHaveLength(FAILURES_PER_SECOND + 1);
  expect(lines.at(-1)).toMatchObject({ requestId: 'later', dropped: 100 - FAILURES_PER_SECOND });
});

test('a disk that takes nothing costs lines, not memory and not a request', async () => {
  // Far more than may wait, in one turn, in which nothing can be written.
  const many = Array.from({ length: 60_000 }, (_, i) => outcome(`${i}-${'x'.repeat(100)}`));
  const lines = await written(1, many);
  expect(lines.length).toBeGreaterThan(1_000);
  expect(lines.length).toBeLessThan(many.length);
});
