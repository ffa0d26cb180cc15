/** All requests that wait at one target: in the waiting room, or as a suspect. Keeps the deployment's budget and the meter right. */
import type { HeldBytes } from '../held-bytes.js';
import type { TargetMeter } from '../metering/meter.js';
import { ArrivalQueue } from './arrival-queue.js';
import type { PendingRequest } from './pending-request.js';
import { WaitingRoom } from './waiting-room.js';

/** After how long a caller may send a request again that was refused. */
export const RETRY_AFTER_SECONDS = 1;

/** How many requests wait over all targets of a deployment, and how many may. Their tensors count as bytes that the gateway holds. */
export class QueueBudget {
  waiting = 0;
  /** Requests. */
  limit = 0;

  /** @param kind shadow copies have a budget of their own: they must not take the place of a caller's request */
  constructor(
    readonly held: HeldBytes,
    private readonly kind: 'requests' | 'shadowCopies' = 'requests',
  ) {}

  /** Whether callers share it. */
  get shared(): boolean {
    return this.kind === 'requests';
  }

  /** As many wait as may, whatever their bytes. */
  get outOfPlaces(): boolean {
    return this.waiting >= this.limit;
  }

  /** Why no other request may wait; undefined while there is room. */
  fullBecause(bytes: number): string | undefined {
    const { waiting, limit, held, kind } = this;
    if (this.outOfPlaces) return `queue full: ${waiting} requests are waiting (maxQueue ${limit} per gateway process); retry after ${RETRY_AFTER_SECONDS} s`;
    return held.hasRoom(kind, bytes) ? undefined : held.fullBecause(kind);
  }

  count(requests: number, bytes: number): void {
    this.waiting += requests;
    this.held.count(this.kind, requests, bytes);
  }
}

export class DispatchQueue {
  readonly room = new WaitingRoom();
  /** Those that were under way at a replica that crashed. One at a time, with a replica for itself: one of them may be poison. */
  readonly suspects = new ArrivalQueue();
  private bytes = 0;

  constructor(
    public budget: QueueBudget,
    private readonly meter: TargetMeter,
    private readonly now: () => number,
    /** Ends a request that waits here. */
    readonly giveUp: (pending: PendingRequest, error: Error) => void,
  ) {}

  /** Why no other request may wait; undefined while there is room. */
  fullBecause(bytes: number): string | undefined {
    return this.budget.fullBecause(bytes);
  }

  join(pending: PendingRequest): void {
    if (pending.suspect) this.suspects.join(pending.byArrival);
    else this.room.join(pending);
    this.count(1, pending.bytes);
    this.meter.queue(1, this.now());
  }

  leave(pending: PendingRequest): void {
    if (!pending.waits) return;
    if (pending.byArrival.queue === this.suspects) this.suspects.remove(pending.byArrival);
    else this.room.leave(pending);
    this.left(1, pending.bytes);
  }

  /** Takes the next message's worth out of the room. */
  take(maxRows: number): PendingRequest[] {
    const taken = this.room.take(maxRows);
    let bytes = 0;
    for (const pending of taken) bytes += pending.bytes;
    this.left(taken.length, bytes);
    return taken;
  }

  /** Suspects first, then the others, each in the order of arrival. */
  get first(): PendingRequest | undefined {
    return this.suspects.head ?? this.room.oldest;
  }

  /** Who waits counts against another budget from now on. */
  moveTo(budget: QueueBudget): void {
    if (budget === this.budget) return;
    const waiting = this.room.length + this.suspects.length;
    const { bytes } = this;
    this.count(-waiting, -bytes);
    this.budget = budget;
    this.count(waiting, bytes);
  }

  private left(requests: number, bytes: number): void {
    this.count(-requests, -bytes);
    this.meter.queue(-requests, this.now());
  }

  private count(requests: number, bytes: number): void {
    this.budget.count(requests, bytes);
    this.bytes += bytes;
  }
}
