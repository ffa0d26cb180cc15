/**
 * Requests that wait for a replica of one target. Callers take turns by deficit round-robin (Shreedhar and Varghese 1995), counted in
 * rows; within a caller the oldest decides what goes next, and those with its key go along. With one caller it is a plain queue.
 */
import { MAX_BATCH_BYTES } from '../limits.js';
import { ArrivalQueue } from './arrival-queue.js';
import type { PendingRequest } from './pending-request.js';

/** Rows that a caller may send before it is another's turn. */
const QUANTUM_ROWS = 16;
/** What the largest request is counted as, so that its caller needs only a few rounds to save for it. */
const MAX_COST_ROWS = 256;

/** What one caller has waiting here. */
export interface CallerQueue {
  readonly caller: string;
  readonly order: ArrivalQueue;
  readonly bytes: number;
}

interface Queue extends CallerQueue {
  bytes: number;
  readonly byKey: Map<string, ArrivalQueue>;
  /** Rows that it may still send in this turn. */
  deficit: number;
}

export class WaitingRoom {
  length = 0;
  private readonly queues = new Map<string, Queue>();
  /** Of callers that have somebody waiting, in their turn. */
  private ring: Queue[] = [];
  private turn = 0;
  /** Rows that wait under each key, over all callers. */
  private readonly rows = new Map<string, number>();

  join(pending: PendingRequest): void {
    const { caller } = pending.call.context;
    let queue = this.queues.get(caller);
    if (!queue) this.queues.set(caller, (queue = { caller, order: new ArrivalQueue(), bytes: 0, byKey: new Map(), deficit: 0 }));
    if (queue.order.length === 0) this.ring.push(queue);
    queue.order.join(pending.byArrival);
    queue.bytes += pending.bytes;
    this.length++;
    const { key } = pending;
    if (key === undefined) return;
    let sameKey = queue.byKey.get(key);
    if (!sameKey) queue.byKey.set(key, (sameKey = new ArrivalQueue()));
    sameKey.join(pending.byKey);
    this.rows.set(key, (this.rows.get(key) ?? 0) + pending.rows);
  }

  leave(pending: PendingRequest): void {
    const queue = this.queues.get(pending.call.context.caller);
    if (!queue || pending.byArrival.queue !== queue.order) return;
    queue.order.remove(pending.byArrival);
    queue.bytes -= pending.bytes;
    this.length--;
    if (pending.key !== undefined) this.leaveKey(queue, pending, pending.key);
    if (queue.order.length === 0) this.rest(queue);
  }

  /** Callers that have a request waiting. */
  get callers(): readonly CallerQueue[] {
    return this.ring;
  }

  /** The request that has waited longest. */
  get oldest(): PendingRequest | undefined {
    let oldest: PendingRequest | undefined;
    for (const { order } of this.ring) if (!oldest || order.head!.call.arrivedAt < oldest.call.arrivedAt) oldest = order.head!;
    return oldest;
  }

  /** Rows that could go with a request in one message. */
  rowsBeside({ key, rows }: PendingRequest): number {
    return key === undefined ? rows : this.rows.get(key)!;
  }

  /** Takes who goes next, and with it as many as fit into one message of `maxRows`; the room must not be empty. */
  take(maxRows: number): PendingRequest[] {
    const lead = this.ring.length === 1 ? this.ring[0]! : this.next();
    const first = lead.order.head!;
    const { key } = first;
    this.charge(lead, first);
    this.leave(first);
    const message = new Message(first, maxRows);
    if (key === undefined) return message.members;
    if (this.ring.length > 1) this.fillInTurn(message, key);
    else if (this.ring.length === 1) this.fill(message, this.ring[0]!, key);
    return message.members;
  }

  private fill(message: Message, queue: Queue, key: string): void {
    const sameKey = queue.byKey.get(key);
    for (let next = sameKey?.head; next && message.take(next); next = sameKey!.head) this.leave(next);
  }

  private fillInTurn(message: Message, key: string): void {
    for (let passed = 0, i = this.turn; passed < this.ring.length; i++) {
      const queue = this.ring[i % this.ring.length]!;
      const sameKey = queue.byKey.get(key);
      let next = sameKey?.head;
      if (!next || !message.fits(next)) {
        passed++;
        continue;
      }
      passed = 0;
      if (queue.deficit < costOf(next)) queue.deficit += QUANTUM_ROWS;
      for (; next && queue.deficit >= costOf(next) && message.take(next); next = sameKey!.head) {
        this.charge(queue, next);
        this.leave(next);
      }
    }
  }

  private next(): Queue {
    for (;;) {
      const queue = this.ring[this.turn % this.ring.length]!;
      this.turn = (this.turn + 1) % this.ring.length;
      if (queue.deficit >= costOf(queue.order.head!)) return queue;
      queue.deficit += QUANTUM_ROWS;
      if (queue.deficit >= costOf(queue.order.head!)) return queue;
    }
  }

  private charge(queue: Queue, pending: PendingRequest): void {
    queue.deficit = Math.max(0, queue.deficit - costOf(pending));
  }

  private leaveKey(queue: Queue, pending: PendingRequest, key: string): void {
    const sameKey = queue.byKey.get(key)!;
    sameKey.remove(pending.byKey);
    if (sameKey.length === 0) queue.byKey.delete(key);
    const rows = this.rows.get(key)! - pending.rows;
    if (rows > 0) this.rows.set(key, rows);
    else this.rows.delete(key);
  }

  /** A caller without waiting requests has no turn, and saves nothing for its next one. */
  private rest(queue: Queue): void {
    const index = this.ring.indexOf(queue);
    this.ring.splice(index, 1);
    if (index < this.turn) this.turn--;
    this.queues.delete(queue.caller);
  }
}

/** What goes to a replica together. */
class Message {
  readonly members: PendingRequest[];
  private bytes: number;
  private room: number;

  constructor(first: PendingRequest, maxRows: number) {
    this.members = [first];
    this.bytes = first.bytes;
    this.room = maxRows - first.rows;
  }

  fits({ rows, bytes }: PendingRequest): boolean {
    return rows <= this.room && this.bytes + bytes <= MAX_BATCH_BYTES;
  }

  take(pending: PendingRequest): boolean {
    if (!this.fits(pending)) return false;
    this.members.push(pending);
    this.room -= pending.rows;
    this.bytes += pending.bytes;
    return true;
  }
}

const costOf = ({ rows }: PendingRequest): number => Math.min(Math.max(rows, 1), MAX_COST_ROWS);
