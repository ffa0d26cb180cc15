/**
 * Holds a message that is not full back from a replica that has work already, so that others may join it: to the end of this turn of
 * the event loop at least, because requests that came together are read in the same turn.
 */
import type { BatchRule } from './batch-rule.js';
import type { Pending } from './pending.js';

export class Hold {
  private timer: NodeJS.Immediate | NodeJS.Timeout | undefined;

  /** @param release called when the time of those that are held is over */
  constructor(
    private readonly now: () => number,
    private readonly release: () => void,
  ) {}

  get active(): boolean {
    return this.timer !== undefined;
  }

  /** @param next who would go. @returns whether it is held */
  keeps(next: Pending, { maxDelayMs }: BatchRule): boolean {
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
