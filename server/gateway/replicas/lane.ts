/** One replica as a dispatcher sees it: what is under way there, and how it stands. */
import type { Batch } from '../dispatch/batch.js';
import { PROBE_MIN_MS } from '../limits.js';
import type { ReplicaLink } from './transport.js';

/** What a dispatcher needs of a link; `transport.ts` has the real one. */
export type Link = Pick<ReplicaLink, 'identity' | 'usable' | 'congested' | 'send' | 'probe'>;

export class Lane {
  readonly batches = new Set<Batch>();
  /** Rows under way: the outstanding work, as the load balancer counts it. */
  rows = 0;
  /** A suspect has the replica for itself. */
  exclusive = false;
  /** OUT: ejected, nothing is sent. TRIAL: a probe was answered, and one request may show whether it serves again. */
  standing: 'IN' | 'OUT' | 'TRIAL' = 'IN';
  /** In a row, up to now. */
  failures = 0;
  /** Of the last sign of life. */
  answeredAt = -Infinity;
  /** From the next ejection to its first probe. */
  probeMs = PROBE_MIN_MS;
  /** When it was last let in again. */
  backAt = -Infinity;
  probe: NodeJS.Timeout | undefined;

  constructor(readonly link: Link) {}

  get idle(): boolean {
    return this.batches.size === 0;
  }

  /** Whether it may be sent one more message. */
  open(maxConcurrency: number): boolean {
    const { link, batches } = this;
    return link.usable && !link.congested && !this.exclusive && batches.size < (this.standing === 'IN' ? maxConcurrency : 1);
  }

  begin(batch: Batch): void {
    this.batches.add(batch);
    this.rows += workOf(batch);
  }

  /** @returns whether the batch was under way here */
  end(batch: Batch): boolean {
    if (!this.batches.delete(batch)) return false;
    this.rows -= workOf(batch);
    this.exclusive = false;
    return true;
  }

  /** Since when the replica owes an answer without a sign of life; undefined while it owes none. */
  get silentSince(): number | undefined {
    // In the order of sending.
    for (const batch of this.batches) return Math.max(batch.sentAt, this.answeredAt);
    return undefined;
  }
}

/** A request without rows is work too: a replica that has only such is not idle. */
const workOf = ({ rows }: Batch): number => Math.max(rows, 1);
