/** Forgets what is past its time, in the leader, now and then. */
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import { pruneIdempotencyRecords } from './access/idempotency.js';
import { NotLeaderError, type Fence } from './database/leadership.js';
import { pruneEvents } from './events/retention.js';
import { schedule } from './schedule.js';

const DAY_MS = 86_400_000;
const IDEMPOTENCY_DAYS = 7;
/** Ended replicas are kept this long for whoever asks why. */
const REPLICA_DAYS = 30;
const HOURLY = '23 7 * * * *';

export class Housekeeping {
  constructor(
    private readonly dataSource: DataSource,
    private readonly log: Logger,
  ) {}

  lead(fence: Fence, signal: AbortSignal): void {
    const task = schedule(HOURLY, 'housekeeping', this.log, () => this.tidy(fence));
    signal.addEventListener('abort', () => task.destroy());
  }

  async tidy(fence: Fence, now: Date = new Date()): Promise<void> {
    try {
      await pruneEvents(this.dataSource, fence, now);
      await this.dataSource.transaction(async (manager) => {
        await fence.check(manager);
        await pruneIdempotencyRecords(manager, new Date(now.getTime() - IDEMPOTENCY_DAYS * DAY_MS));
        await manager.query(`DELETE FROM replica WHERE state IN ('STOPPED', 'FAILED') AND stopped_at < $1`, [new Date(now.getTime() - REPLICA_DAYS * DAY_MS)]);
        // A gateway that ended without saying so.
        await manager.query(`DELETE FROM gateway WHERE heartbeat_at < $1`, [new Date(now.getTime() - DAY_MS)]);
      });
    } catch (error) {
      if (!(error instanceof NotLeaderError)) this.log.warn({ err: error }, 'old rows could not be removed; the next try is in an hour');
    }
  }
}
