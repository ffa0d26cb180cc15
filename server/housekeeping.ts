/** Removes what is past its time, every hour, in the leader: each feature its own. */
import type { Logger } from 'pino';
import type { Fence } from './database/leadership.js';
import type { RunningFeature } from './feature.js';
import { LeaderLoop } from './leader-loop.js';

const HOURLY = '23 7 * * * *';

export function housekeeping(features: readonly Pick<RunningFeature, 'tidy'>[], log: Logger): LeaderLoop {
  const run = async (fence: Fence): Promise<void> => {
    for (const { tidy } of features) await tidy?.(fence, new Date());
  };
  return new LeaderLoop({ name: 'housekeeping', every: HOURLY, run, failure: 'old rows could not be removed; the next try is in an hour', log });
}
