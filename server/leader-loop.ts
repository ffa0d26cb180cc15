/**
 * Work that only the leading server does, again and again while it leads, one run at a time. Level-triggered: it is only told that
 * there may be something to do, so a lost wake-up costs no more than the time to the next run.
 */
import type { Logger } from 'pino';
import { NotLeaderError, type Fence } from './database/leadership.js';
import { schedule, type ScheduledTask } from './schedule.js';

export interface LeaderLoopOptions {
  /** Names the work in the log. */
  readonly name: string;
  /** A cron expression. Or milliseconds from the end of a run to the next one; the first run is then at once. */
  readonly every: string | number;
  readonly run: (fence: Fence, signal: AbortSignal) => Promise<unknown>;
  /** What the log says when a run failed. */
  readonly failure: string;
  readonly log: Logger;
}

interface Term {
  readonly fence: Fence;
  readonly signal: AbortSignal;
  readonly task: ScheduledTask | undefined;
}

export class LeaderLoop {
  private term: Term | undefined;
  private timer: NodeJS.Timeout | undefined;
  private underWay: Promise<void> = Promise.resolve();
  private again = false;

  constructor(private readonly options: LeaderLoopOptions) {}

  /** Runs until `signal` aborts, `stop` is called, or a run throws a NotLeaderError. */
  lead(fence: Fence, signal: AbortSignal): void {
    const { every, name, log } = this.options;
    this.stop();
    if (signal.aborted) return;
    const task = typeof every === 'string' ? schedule(every, name, log, () => this.wake()) : undefined;
    const term = (this.term = { fence, signal, task });
    signal.addEventListener('abort', () => this.end(term), { once: true });
    if (!task) void this.wake();
  }

  /** Runs soon: now, or after the run under way. Does nothing where another server leads. @returns when that run has ended; never rejects */
  wake(): Promise<void> {
    if (this.again) return this.underWay;
    this.again = true;
    this.underWay = this.underWay.then(() => this.once());
    return this.underWay;
  }

  /** No run begins any more. */
  stop(): void {
    if (this.term) this.end(this.term);
  }

  /** Waits for the run under way. */
  idle(): Promise<void> {
    return this.underWay;
  }

  private async once(): Promise<void> {
    this.again = false;
    const { term } = this;
    const { every, run, failure, log, name } = this.options;
    if (!term) return;
    clearTimeout(this.timer);
    try {
      await run(term.fence, term.signal);
    } catch (error) {
      if (error instanceof NotLeaderError) this.end(term);
      else log.warn({ err: error, task: name }, failure);
    }
    if (typeof every === 'number' && this.term === term) this.timer = setTimeout(() => void this.wake(), every);
  }

  private end(term: Term): void {
    term.task?.destroy();
    if (this.term !== term) return;
    clearTimeout(this.timer);
    this.term = undefined;
  }
}
