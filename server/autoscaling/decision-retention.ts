/** What the ledger forgets: decisions past an age, a batch a transaction. */
import type { DataSource } from 'typeorm';
import type { Fence } from '../database/leadership.js';

const DAY_MS = 86_400_000;

/**
 * Removes old decisions; the newest 1,000 of each policy stay, whatever their age.
 * @returns how many were removed
 * @throws NotLeaderError when another server leads
 */
export async function pruneDecisions(
  dataSource: DataSource,
  fence: Fence,
  now: Date,
  maxAgeMs = 90 * DAY_MS,
  kept = 1_000,
  batchSize = 5_000,
): Promise<number> {
  for (let removed = 0; ;) {
    const count = await dataSource.transaction(async (manager) => {
      await fence.check(manager);
      const [, affected]: [unknown, number] = await manager.query(
        `DELETE FROM scaling_decision WHERE id = ANY(ARRAY(
           SELECT old.id FROM scaling_policy p
           CROSS JOIN LATERAL (SELECT d.at, d.id FROM scaling_decision d WHERE d.policy_id = p.id ORDER BY d.at DESC, d.id DESC OFFSET $2 LIMIT 1) kept
           CROSS JOIN LATERAL (SELECT d.id FROM scaling_decision d WHERE d.policy_id = p.id AND (d.at, d.id) <= (kept.at, kept.id) AND d.at < $1 LIMIT $3) old
           LIMIT $3))`,
        [new Date(now.getTime() - maxAgeMs), kept, batchSize],
      );
      return affected;
    });
    removed += count;
    if (count < batchSize) return removed;
  }
}
