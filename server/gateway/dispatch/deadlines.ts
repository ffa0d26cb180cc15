/**
 * Ends requests whose deadline has passed, with one timer for all of them: a timer for each would be felt at tens of thousands a
 * second. Requests with the same timeout stand in one line, whose order of arrival is that of their deadlines.
 */
import { Line } from './line.js';
import type { Pending } from './pending.js';

/** Empty lines are kept up to here, because the next request most often has the same timeout. */
const KEPT_LINES = 32;
/** The longest that a timer of Node can wait; it is then set again. */
const MAX_TIMER_MS = 2_000_000_000;

export class Deadlines {
  private readonly lines = new Map<number, Line>();
  private timer: NodeJS.Timeout | undefined;
  private wakeAt = Infinity;

  constructor(
    private readonly now: () => number,
    private readonly expire: (pending: Pending) => void,
  ) {}

  watch(pending: Pending): void {
    let line = this.lines.get(pending.timeoutMs);
    if (!line) this.lines.set(pending.timeoutMs, (line = new Line()));
    line.join(pending.byDeadline);
    if (pending.deadline < this.wakeAt) this.wake(pending.deadline);
  }

  forget({ byDeadline, timeoutMs }: Pending): void {
    const { line } = byDeadline;
    if (!line) return;
    line.remove(byDeadline);
    if (line.length === 0 && this.lines.size > KEPT_LINES) this.lines.delete(timeoutMs);
  }

  private wake(at: number): void {
    clearTimeout(this.timer);
    this.wakeAt = at;
    // A timer counts whole milliseconds and must not be early.
    this.timer = setTimeout(() => this.sweep(), Math.min(Math.max(0, Math.ceil(at - this.now())), MAX_TIMER_MS));
  }

  private sweep(): void {
    this.wakeAt = Infinity;
    const now = this.now();
    let next = Infinity;
    const due: Pending[] = [];
    for (const line of [...this.lines.values()]) {
      for (let head = line.head; head && head.deadline <= now; head = line.head) {
        this.forget(head);
        due.push(head);
      }
      if (line.head && line.head.deadline < next) next = line.head.deadline;
    }
    // Those that wait first: a place that another leaves must not go to one whose time is up as well.
    for (const pending of due) if (pending.waits) this.expire(pending);
    for (const pending of due) this.expire(pending);
    // An expiry may have let others in, and set the timer for them.
    if (next < this.wakeAt) this.wake(next);
  }
}
