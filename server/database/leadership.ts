/** One server of those on a database leads: it alone reconciles, sequences events, runs monitors and scales. */
import type { EntityManager } from 'typeorm';

/** Thrown when a write comes from a server that no longer leads; the work is given up, the new leader does it. */
export class NotLeaderError extends Error {
  override readonly name = 'NotLeaderError';
}

/** What a leader's work carries. */
export interface Fence {
  readonly epoch: number;
  /**
   * Call it in the transaction of every write of the leader: it locks the epoch's row FOR SHARE, so that no later leader can
   * begin before this transaction ends.
   * @throws NotLeaderError when another server has taken over.
   */
  check(manager: EntityManager): Promise<void>;
}
