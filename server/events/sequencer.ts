/**
 * Gives events their positions. Transactions insert events without one, so that they never wait for each other; the leader
 * numbers what was committed, densely, in batches. See docs/decisions/0002-event-feed.md.
 */
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import type { Fence } from '../database/leadership.js';
import type { Notifier } from '../database/notifications.js';
import { NOTIFICATION } from '../database/notification-names.js';
import { LeaderLoop } from '../leader-loop.js';

export interface SequencerOptions {
  readonly batchSize?: number;
  /** It looks this often without being woken, too: a wake-up may be lost. */
  readonly pollMs?: number;
}

export class Sequencer {
  private readonly batchSize: number;
  private readonly loop: LeaderLoop;

  constructor(
    private readonly dataSource: DataSource,
    private readonly notifier: Notifier,
    log: Logger,
    { batchSize = 1000, pollMs = 1000 }: SequencerOptions = {},
  ) {
    this.batchSize = batchSize;
    const run = async (fence: Fence, signal: AbortSignal): Promise<void> => {
      // A full batch means that more may be waiting.
      while (!signal.aborted && (await this.sequence(fence)) === this.batchSize);
    };
    this.loop = new LeaderLoop({ name: 'sequencer', every: pollMs, run, failure: 'events wait for their positions', log });
  }

  /** Call it when NOTIFICATION.UNSEQUENCED wakes. */
  wake(): void {
    void this.loop.wake();
  }

  /** Works until `signal` aborts. */
  lead(fence: Fence, signal: AbortSignal): void {
    this.loop.lead(fence, signal);
  }

  /** Waits for the batch under way. */
  idle(): Promise<void> {
    return this.loop.idle();
  }

  /** One batch. Events of one aggregate were inserted under its row's lock, so the order of `sequence` is their order. @returns how many got a position */
  async sequence(fence: Fence): Promise<number> {
    const numbered = await this.dataSource.transaction(async (manager) => {
      await fence.check(manager);
      // The row's lock makes positions visible in their order: a reader that sees one sees all before it. The batch is read in a statement after the lock.
      await manager.query('SELECT 1 FROM event_feed WHERE id = 1 FOR UPDATE');
      const rows: { numbered: number }[] = await manager.query(
        `WITH batch AS (SELECT sequence FROM event WHERE position IS NULL ORDER BY sequence LIMIT $1),
              placed AS (SELECT sequence, (SELECT last_position FROM event_feed WHERE id = 1) + row_number() OVER (ORDER BY sequence) AS position FROM batch),
              moved AS (UPDATE event SET position = placed.position FROM placed WHERE event.sequence = placed.sequence RETURNING 1),
              total AS (SELECT count(*)::int AS numbered FROM moved),
              feed AS (UPDATE event_feed SET last_position = last_position + total.numbered FROM total WHERE id = 1 AND total.numbered > 0)
         SELECT numbered FROM total`,
        [this.batchSize],
      );
      return rows[0]!.numbered;
    });
    if (numbered > 0) this.notifier.wake(NOTIFICATION.EVENTS);
    return numbered;
  }
}
