/** Forgets what is past its time, in the leader, now and then. */
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import { pruneIdempotencyRecords } from './access/idempotency.js';
import type { Fence } from './database/leadership.js';
import { pruneEvents } from './events/retention.js';
import { LeaderLoop } from './leader-loop.js';

const DAY_MS = 86_400_000;
const IDEMPOTENCY_DAYS = 7;
/** Ended replicas are kept this long for whoever asks why. */
const REPLICA_DAYS = 30;
const HOURLY = '23 7 * * * *';

export class Housekeeping {
  private readonly loop: LeaderLoop;

  constructor(
    private readonly dataSource: DataSource,
    log: Logger,
  ) {
    const failure = 'old rows could not be removed; the next try is in an hour';
    this.loop = new LeaderLoop({ name: 'housekeeping', every: HOURLY, run: (fence) => this.tidy(fence), failure, log });
  }

  lead(fence: Fence, signal: AbortSignal): void {
    this.loop.lead(fence, signal);
  }

  /** Waits for what is under way. */
  idle(): Promise<void> {
    return this.loop.idle();
  }

  /** @throws NotLeaderError when another server leads */
  async tidy(fence: Fence, now: Date = new Date()): Promise<void> {
    await pruneEvents(this.dataSource, fence, now);
    await this.dataSource.transaction(async (manager) => {
      await fence.check(manager);
      await pruneIdempotencyRecords(manager, new Date(now.getTime() - IDEMPOTENCY_DAYS * DAY_MS));
      await manager.query(`DELETE FROM replica WHERE state IN ('STOPPED', 'FAILED') AND stopped_at < $1`, [new Date(now.getTime() - REPLICA_DAYS * DAY_MS)]);
      // A gateway that ended without saying so.
      await manager.query(`DELETE FROM gateway WHERE heartbeat_at < $1`, [new Date(now.getTime() - DAY_MS)]);
    });
  }
}
