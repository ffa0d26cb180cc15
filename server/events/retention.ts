/** What the feed forgets: events past an age or a number, oldest first, without a hole. */
import type { DataSource } from 'typeorm';
import type { Fence } from '../database/leadership.js';

export interface Retention {
  /** Default: 30 days. */
  readonly maxAgeMs?: number;
  /** Default: a million. */
  readonly maxRows?: number;
  /** Rows removed in one transaction. */
  readonly batchSize?: number;
}

const DAY_MS = 86_400_000;

/**
 * Removes what is past the retention; the leader runs it now and then.
 * @returns how many events were removed
 * @throws NotLeaderError when another server leads
 */
export async function pruneEvents(dataSource: DataSource, fence: Fence, now: Date, retention: Retention = {}): Promise<number> {
  const { maxAgeMs = 30 * DAY_MS, maxRows = 1_000_000, batchSize = 5_000 } = retention;
  const keepFrom = new Date(now.getTime() - maxAgeMs);
  for (let removed = 0; ;) {
    const count = await dataSource.transaction(async (manager) => {
      await fence.check(manager);
      const feeds: { last: string; expired: string }[] = await manager.query(
        'SELECT last_position AS last, expired_position AS expired FROM event_feed WHERE id = 1 FOR UPDATE',
      );
      const [last, expired] = [Number(feeds[0]!.last), Number(feeds[0]!.expired)];
      // Walks over the expired rows only: the first young one in the feed's order ends it.
      const young: { position: string }[] = await manager.query(
        'SELECT position FROM event WHERE position > $1 AND position <= $2 AND at >= $3 ORDER BY position LIMIT 1',
        [expired, expired + batchSize, keepFrom],
      );
      const byAge = young[0] ? Number(young[0].position) - 1 : expired + batchSize;
      const through = Math.min(Math.max(byAge, last - maxRows), expired + batchSize, last);
      if (through <= expired) return 0;
      // First the mark, then the rows, in one transaction: a reader that finds a row missing also finds the mark.
      await manager.query('UPDATE event_feed SET expired_position = $1 WHERE id = 1', [through]);
      await manager.query('DELETE FROM event WHERE position <= $1', [through]);
      return through - expired;
    });
    if (count === 0) return removed;
    removed += count;
  }
}
