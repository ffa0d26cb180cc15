/** One subscriber of the feed: first what it missed, from the database in pages, then what happens, from memory. */
import { cursorExpired } from './cursor.js';
import type { FeedEvent, FeedFilter } from './event-store.js';
import type { EventTail } from './event-tail.js';

const TAKE = 100;

export interface FollowerSource {
  readonly tail: EventTail;
  /** A page from the database. @throws DomainError CURSOR_EXPIRED when retention removed something after `position` */
  page(filter: FeedFilter, position: number): Promise<{ events: FeedEvent[]; scanned: number }>;
}

/**
 * It pulls: nothing is queued for a subscriber that is slow, it only falls behind the memory and then reads pages. Written as an
 * iterator by hand because `return()` of an async generator waits for the `await` it stands in, here for the next event.
 */
export class FeedFollower implements AsyncIterableIterator<FeedEvent> {
  private found: FeedEvent[] = [];
  private ended = false;
  private turn: Promise<unknown> = Promise.resolve();
  private interrupt: () => void = () => undefined;
  private readonly onAbort = (): void => this.end();

  /**
   * @param position everything up to it is known to the subscriber
   * @param epoch the feed that `position` is of
   */
  constructor(
    private readonly source: FollowerSource,
    private readonly filter: FeedFilter,
    private readonly epoch: string,
    private position: number,
    private readonly signal?: AbortSignal,
  ) {
    if (signal?.aborted) this.ended = true;
    else signal?.addEventListener('abort', this.onAbort, { once: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<FeedEvent, undefined>> {
    const step = this.turn.then(() => this.step());
    this.turn = step.catch(() => undefined);
    return step;
  }

  return(): Promise<IteratorResult<FeedEvent, undefined>> {
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  throw(error: unknown): Promise<IteratorResult<FeedEvent, undefined>> {
    this.end();
    return Promise.reject(error instanceof Error ? error : new Error(String(error)));
  }

  private end(): void {
    this.ended = true;
    this.found = [];
    this.signal?.removeEventListener('abort', this.onAbort);
    this.interrupt();
  }

  private async step(): Promise<IteratorResult<FeedEvent, undefined>> {
    try {
      while (!this.ended) {
        const event = this.found.shift();
        if (event) return { done: false, value: event };
        await this.look();
      }
    } catch (error) {
      this.end();
      throw error;
    }
    return { done: true, value: undefined };
  }

  /** Looks for more, and waits where there is none. */
  private async look(): Promise<void> {
    const { tail } = this.source;
    if (tail.epoch !== this.epoch) throw cursorExpired('the feed was replaced by another one');
    if (!tail.covers(this.position)) {
      const { events, scanned } = await this.source.page(this.filter, this.position);
      if (this.ended) return;
      this.found = events;
      this.position = scanned;
      return;
    }
    const { events, scanned } = tail.take(this.filter, this.position, TAKE);
    this.found = events;
    this.position = scanned;
    if (events.length > 0 || scanned < tail.position) return;
    // Nothing is awaited between the look and the wait, so no event can come in between.
    const { woken, cancel } = tail.wait(this.filter);
    this.interrupt = cancel;
    this.position = await woken;
    this.interrupt = () => undefined;
  }
}
