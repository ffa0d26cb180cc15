/** A queue of waiting requests in the order of their arrival: a doubly linked list. */
import type { PendingRequest } from './pending-request.js';

/** A request's node in one queue. */
export class QueueNode {
  queue: ArrivalQueue | undefined;
  before: QueueNode | undefined;
  after: QueueNode | undefined;

  constructor(readonly pending: PendingRequest) {}
}

/** A request can leave from the middle in constant time. */
export class ArrivalQueue {
  length = 0;
  private first: QueueNode | undefined;
  private last: QueueNode | undefined;

  get head(): PendingRequest | undefined {
    return this.first?.pending;
  }

  get tail(): PendingRequest | undefined {
    return this.last?.pending;
  }

  /** Adds a request by its time of arrival: at the end, unless it comes back from a replica or another queue. */
  join(node: QueueNode): void {
    const { arrivedAt } = node.pending.call;
    let before = this.last;
    // Those that come back are older than nearly all who wait: they are looked for from the front.
    if (before && before.pending.call.arrivedAt > arrivedAt) {
      before = undefined;
      for (let next = this.first; next && next.pending.call.arrivedAt <= arrivedAt; next = next.after) before = next;
    }
    this.insert(node, before);
  }

  remove(node: QueueNode): void {
    if (node.queue !== this) return;
    if (node.before) node.before.after = node.after;
    else this.first = node.after;
    if (node.after) node.after.before = node.before;
    else this.last = node.before;
    node.queue = node.before = node.after = undefined;
    this.length--;
  }

  private insert(node: QueueNode, before: QueueNode | undefined): void {
    const after = before ? before.after : this.first;
    node.queue = this;
    node.before = before;
    node.after = after;
    if (before) before.after = node;
    else this.first = node;
    if (after) after.before = node;
    else this.last = node;
    this.length++;
  }
}
