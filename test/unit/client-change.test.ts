/** When `ready` of the client is done, by an event or by the state of a deployment. */
import { expect, test } from 'vitest';
import { isCarriedOut } from '../../clients/typescript/src/is-carried-out.js';

type Wanted = Parameters<typeof isCarriedOut>[2];
const wanted = (phase: string) => ({ generation: 3, phase }) as Wanted;

test.each([
  ['an earlier generation is READY', 'PENDING', { generation: 2, phase: 'READY' }, false],
  ['its own is on the way', 'PENDING', { generation: 3, phase: 'LOADING' }, false],
  ['its own is READY', 'PENDING', { generation: 3, phase: 'READY' }, true],
  ['READY, where deletion was asked for', 'DELETING', { generation: 3, phase: 'READY' }, false],
  ['DELETED, whatever was asked for', 'PENDING', { generation: 3, phase: 'DELETED' }, true],
] as const)('%s', (_what, asked, now, done) => {
  expect(isCarriedOut(now as never, 'why', wanted(asked))).toBe(done);
});

test.each([
  ['FAILED', { generation: 3, phase: 'FAILED' }, { code: 'FAILED_PRECONDITION', message: 'why' }],
  ['another replaced it', { generation: 4, phase: 'READY' }, { code: 'CONFLICT', message: 'generation 4 took the place of generation 3' }],
] as const)('%s', (_what, now, error) => {
  expect(() => isCarriedOut(now as never, 'why', wanted('PENDING'))).toThrow(expect.objectContaining(error));
});
