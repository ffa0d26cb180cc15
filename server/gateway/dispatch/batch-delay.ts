/**
 * Delays a batch that is not full while the replica has other work, so that more requests can join it: at least to the end of this turn
 * of the event loop, because requests that arrived together are read in the same turn.
 */
import type { BatchRule } from './batch-rule.js';
import type { PendingRequest } from './pending-request.js';

export class BatchDelay {
  private timer: NodeJS.Immediate | NodeJS.Timeout | undefined;

  /** @param release called when the delay is over */
  constructor(
    private readonly now: () => number,
    private readonly release: () => void,
  ) {}

  get active(): boolean {
    return this.timer !== undefined;
  }

  /** @param next the first request of the batch. @returns whether the batch is delayed */
  applies(next: PendingRequest, { maxDelayMs }: BatchRule): boolean {
    if (this.timer) return true;
    const leftMs = next.call.arrivedAt + maxDelayMs - this.now();
    if (maxDelayMs > 0 && leftMs <= 0) return false;
    this.timer = maxDelayMs > 0 ? setTimeout(() => this.over(), Math.ceil(leftMs)) : setImmediate(() => this.over());
    return true;
  }

  private over(): void {
    this.timer = undefined;
    this.release();
  }
}
