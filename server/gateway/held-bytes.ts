/**
 * The bytes that a gateway process holds for its callers while they wait: queued requests, waiting texts, shadow copies and unread
 * answers. They share one limit. Requests that are still being received have a limit of their own (`receptions.ts`).
 */
import { MAX_HELD_BYTES } from './limits.js';

/** How much of the limit all kinds together may use when one more of a kind is accepted. Answers come last, so room is left for them. */
const SHARES = { requests: 2 / 3, texts: 2 / 3, shadowCopies: 1 / 3, answers: 1 };

export type HeldKind = keyof typeof SHARES;

export class HeldBytes {
  private total = 0;
  private readonly items: Record<HeldKind, number> = { requests: 0, texts: 0, shadowCopies: 0, answers: 0 };

  constructor(private readonly maxBytes = MAX_HELD_BYTES) {}

  get bytes(): number {
    return this.total;
  }

  /** How many bytes all kinds together may be after one of this kind is accepted. */
  limitOf(kind: HeldKind): number {
    return Math.floor(this.maxBytes * SHARES[kind]);
  }

  /** Whether one more of a kind may be held. The only one of its kind is always accepted, however large it is. */
  hasRoom(kind: HeldKind, bytes: number): boolean {
    return this.items[kind] === 0 || this.total + bytes <= this.limitOf(kind);
  }

  /** Why there is no room, for the caller. */
  fullBecause(kind: HeldKind): string {
    const { requests, texts, shadowCopies, answers } = this.items;
    const what = `${requests} waiting requests, ${texts} waiting texts, ${shadowCopies} shadow copies and ${answers} unread answers`;
    return `this gateway process holds ${this.total} bytes: ${what}; the limit is ${this.limitOf(kind)} bytes`;
  }

  /** Counts items that were accepted, or (as negative numbers) items that are not held any more. */
  count(kind: HeldKind, items: number, bytes: number): void {
    this.items[kind] += items;
    this.total += bytes;
  }

  /** Counts one item. @returns a function that is called when it is not held any more; only its first call counts */
  hold(kind: HeldKind, bytes: number): () => void {
    this.count(kind, 1, bytes);
    let held = true;
    return () => {
      if (held) this.count(kind, -1, -bytes);
      held = false;
    };
  }
}
