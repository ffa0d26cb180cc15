/**
 * Gives events their positions. Transactions insert events without one, so that they never wait for each other; the leader
 * numbers what was committed, densely, in batches. See docs/decisions/0002-event-feed.md.
 */
import type { DataSource } from 'typeorm';
import { type Fence, NotLeaderError } from '../database/leadership.js';
import type { Notifier } from '../database/notifications.js';
import { NOTIFICATION } from '../database/notification-names.js';

export interface SequencerOptions {
  readonly batchSize?: number;
  /** It looks this often without being woken, too: a wake-up may be lost. */
  readonly pollMs?: number;
  /** A batch failed (the database is away, say) and is tried again at the next poll. */
  readonly onError?: (error: unknown) => void;
}

export class Sequencer {
  private readonly batchSize: number;
  private readonly pollMs: number;
  private woken = false;
  private interrupt: () => void = () => undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly notifier: Notifier,
    private readonly options: SequencerOptions = {},
  ) {
    this.batchSize = options.batchSize ?? 1000;
    this.pollMs = options.pollMs ?? 1000;
  }

  /** Call it when NOTIFICATION.UNSEQUENCED wakes. */
  wake(): void {
    this.woken = true;
    this.interrupt();
  }

  /**
   * Works until `signal` aborts.
   * @throws NotLeaderError when another server leads: start again with that leader's fence, or not at all
   */
  async run(fence: Fence, signal: AbortSignal): Promise<void> {
    const stop = (): void => this.interrupt();
    signal.addEventListener('abort', stop);
    try {
      while (!signal.aborted) {
        this.woken = false;
        try {
          // A full batch means that more may be waiting.
          while (!signal.aborted && (await this.sequence(fence)) === this.batchSize);
        } catch (error) {
          if (error instanceof NotLeaderError) throw error;
          this.options.onError?.(error);
          this.woken = false;
        }
        if (!this.woken && !signal.aborted) await this.pause();
      }
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** One batch. Events of one aggregate were inserted under its row's lock, so the order of `sequence` is their order. @returns how many got a position */
  async sequence(fence: Fence): Promise<number> {
    const numbered = await this.dataSource.transaction(async (manager) => {
      await fence.check(manager);
      // The row's lock makes positions visible in their order: whoever sees one sees all before it. The batch is read in a statement after the lock.
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

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.pollMs);
      this.interrupt = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
