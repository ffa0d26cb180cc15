/**
 * Requests that wait at all targets of a gateway process. Callers share the places and the bytes for them: where there is no room for one more,
 * the caller that has the most waiting gives up its newest requests, as long as it has more than the newcomer's caller would have.
 */
import { GatewayError } from '../gateway-error.js';
import type { DispatchQueue } from './dispatch-queue.js';
import type { PendingRequest } from './pending-request.js';
import type { CallerQueue } from './waiting-room.js';

interface Share {
  readonly held: number;
  /** Where the caller has the most waiting. */
  readonly queue: DispatchQueue;
  readonly own: CallerQueue;
}

export class WaitingRequests {
  private readonly queues = new Set<DispatchQueue>();

  add(queue: DispatchQueue): void {
    this.queues.add(queue);
  }

  remove(queue: DispatchQueue): void {
    this.queues.delete(queue);
  }

  /** @returns why there is no room for a request that is about to join a queue; undefined where there is, or was made */
  makeRoom({ budget }: DispatchQueue, { bytes, call: { context } }: PendingRequest): string | undefined {
    let full = budget.fullBecause(bytes);
    while (full !== undefined && budget.shared) {
      const { outOfPlaces } = budget;
      const shares = this.shares((queue) => (outOfPlaces ? queue.budget === budget : queue.budget.shared), outOfPlaces ? places : bytesOf);
      const most = greediest(shares.values());
      const wanted = (shares.get(context.caller)?.held ?? 0) + (outOfPlaces ? 1 : bytes);
      if (!most || most.held <= wanted) break;
      const message = `the request gave up its place to a caller with less waiting: ${full}`;
      most.queue.giveUp(most.own.order.tail!, new GatewayError('OVERLOADED', message, 1));
      full = budget.fullBecause(bytes);
    }
    return full;
  }

  /** What each caller has waiting in some of the queues. */
  private shares(counts: (queue: DispatchQueue) => boolean, held: (own: CallerQueue) => number): Map<string, Share> {
    const shares = new Map<string, Share>();
    for (const queue of this.queues) {
      if (!counts(queue)) continue;
      for (const own of queue.room.callers) {
        const share = shares.get(own.caller);
        const here = held(own);
        if (share) shares.set(own.caller, { ...(here > held(share.own) ? { queue, own } : share), held: share.held + here });
        else shares.set(own.caller, { held: here, queue, own });
      }
    }
    return shares;
  }
}

const places = ({ order }: CallerQueue): number => order.length;
const bytesOf = ({ bytes }: CallerQueue): number => bytes;

function greediest(shares: Iterable<Share>): Share | undefined {
  let most: Share | undefined;
  for (const share of shares) if (!most || share.held > most.held) most = share;
  return most;
}
