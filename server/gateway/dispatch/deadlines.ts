/**
 * Ends requests whose deadline has passed, with one timer for all of them: a timer for each would be felt at tens of thousands a
 * second. Requests with the same timeout stand in one queue, whose order of arrival is that of their deadlines.
 */
import { ArrivalQueue } from './arrival-queue.js';
import type { PendingRequest } from './pending-request.js';

/** Empty queues are kept up to here, because the next request most often has the same timeout. */
const KEPT_QUEUES = 32;
/** The longest that a timer of Node can wait; it is then set again. */
const MAX_TIMER_MS = 2_000_000_000;

export class Deadlines {
  private readonly queues = new Map<number, ArrivalQueue>();
  private timer: NodeJS.Timeout | undefined;
  private wakeAt = Infinity;

  constructor(
    private readonly now: () => number,
    private readonly expire: (pending: PendingRequest) => void,
  ) {}

  watch(pending: PendingRequest): void {
    let queue = this.queues.get(pending.timeoutMs);
    if (!queue) this.queues.set(pending.timeoutMs, (queue = new ArrivalQueue()));
    queue.join(pending.byDeadline);
    if (pending.deadline < this.wakeAt) this.wake(pending.deadline);
  }

  forget({ byDeadline, timeoutMs }: PendingRequest): void {
    const { queue } = byDeadline;
    if (!queue) return;
    queue.remove(byDeadline);
    if (queue.length === 0 && this.queues.size > KEPT_QUEUES) this.queues.delete(timeoutMs);
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
    const due: PendingRequest[] = [];
    for (const queue of [...this.queues.values()]) {
      for (let head = queue.head; head && head.deadline <= now; head = queue.head) {
        this.forget(head);
        due.push(head);
      }
      if (queue.head && queue.head.deadline < next) next = queue.head.deadline;
    }
    // Those that wait first: a place that another leaves must not go to one whose time is up as well.
    for (const pending of due) if (pending.waits) this.expire(pending);
    for (const pending of due) this.expire(pending);
    // An expiry may have let others in, and set the timer for them.
    if (next < this.wakeAt) this.wake(next);
  }
}
