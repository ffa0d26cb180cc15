/**
 * The newest events, read once per process and shared by all its subscribers: ten thousand of them cost one query an event,
 * and the ones that wait for another subject are not even woken.
 */
import { cursorExpired } from './cursor.js';
import { type EventStore, type FeedEvent, type FeedFilter, type FeedState, matches } from './event-store.js';

interface Waiter {
  readonly filter: FeedFilter;
  /** The first event that may concern the waiter comes after this position. */
  readonly resume: (position: number) => void;
  readonly fail: (error: Error) => void;
}

export interface TailOptions {
  /** Events kept in memory. A subscriber further behind reads from the database. */
  readonly bufferSize?: number;
  readonly pageSize?: number;
  /** A read failed; the next wake-up tries again. */
  readonly onError?: (error: unknown) => void;
}

export class EventTail {
  private readonly bufferSize: number;
  private readonly pageSize: number;
  private readonly waiters = new Map<string, Set<Waiter>>();
  private events: FeedEvent[] = [];
  private feed: FeedState | undefined;
  private reading: Promise<void> | undefined;
  private again = false;
  private read = 0;

  constructor(
    private readonly store: EventStore,
    private readonly options: TailOptions = {},
  ) {
    this.bufferSize = options.bufferSize ?? 10_000;
    this.pageSize = options.pageSize ?? 1_000;
  }

  /** Every event up to here was read. */
  get position(): number {
    return this.read;
  }

  /** Name of the feed, as of the last read. */
  get epoch(): string {
    return this.feed?.epoch ?? '';
  }

  /** Subscribers that wait for something to happen. */
  get waiting(): number {
    let count = 0;
    for (const set of this.waiters.values()) count += set.size;
    return count;
  }

  /** Reads the newest events, so that subscribers who come back after a restart of the server are served from memory. */
  async start(): Promise<void> {
    if (this.feed) return;
    const feed = await this.store.state();
    if (this.feed) return;
    this.reset(feed, Math.max(feed.expiredPosition, feed.lastPosition - Math.floor(this.bufferSize / 2)));
    await this.wake();
  }

  /** Call it when NOTIFICATION.EVENTS wakes. Never rejects. */
  wake(): Promise<void> {
    this.again = true;
    this.reading ??= this.readAll().finally(() => {
      this.reading = undefined;
    });
    return this.reading;
  }

  /** Whether everything after `position` is in memory. */
  covers(position: number): boolean {
    return position >= this.read - this.events.length && position <= this.read;
  }

  /** The matching events after a covered position, at most `limit`, and how far that looked. */
  take(filter: FeedFilter, position: number, limit: number): { events: FeedEvent[]; scanned: number } {
    const found: FeedEvent[] = [];
    for (let i = this.events.length - (this.read - position); i < this.events.length; i++) {
      const event = this.events[i]!;
      if (matches(filter, event) && found.push(event) === limit) return { events: found, scanned: event.position };
    }
    return { events: found, scanned: this.read };
  }

  /** Waits for an event that matches. Call it only when there is none up to `this.position`. `cancel` ends the wait with that position. */
  wait(filter: FeedFilter): { woken: Promise<number>; cancel: () => void } {
    const key = filter.subjectId ?? '';
    const set = this.waiters.get(key) ?? new Set<Waiter>();
    this.waiters.set(key, set);
    let cancel = (): void => undefined;
    const woken = new Promise<number>((resume, fail) => {
      const waiter: Waiter = { filter, resume, fail };
      set.add(waiter);
      cancel = () => {
        set.delete(waiter);
        if (set.size === 0 && this.waiters.get(key) === set) this.waiters.delete(key);
        resume(this.read);
      };
    });
    return { woken, cancel };
  }

  private async readAll(): Promise<void> {
    try {
      while (this.again) {
        this.again = false;
        const feed = await this.store.state();
        if (!this.feed) return;
        if (feed.epoch !== this.feed.epoch || feed.lastPosition < this.read) {
          this.failAll(cursorExpired('the feed was replaced by another one'));
          this.reset(feed, feed.lastPosition);
          continue;
        }
        this.feed = feed;
        if (feed.lastPosition - this.read > 2 * this.bufferSize) this.skipTo(feed.lastPosition - this.bufferSize);
        while (this.read < feed.lastPosition) this.push(await this.store.everything(this.read, this.pageSize));
      }
    } catch (error) {
      this.options.onError?.(error);
    }
  }

  private push(batch: readonly FeedEvent[]): void {
    // An empty page below the last position: retention removed it meanwhile.
    if (batch.length === 0 || batch[0]!.position !== this.read + 1) this.skipTo((batch[0]?.position ?? this.feed!.lastPosition + 1) - 1);
    this.events.push(...batch);
    this.read += batch.length;
    // Cut seldom, by half of it at once, so that a push stays cheap.
    if (this.events.length > 1.5 * this.bufferSize) this.events = this.events.slice(-this.bufferSize);
    for (const event of batch) {
      this.resume(event.subjectId, event);
      this.resume('', event);
    }
  }

  private resume(key: string, event: FeedEvent): void {
    const set = this.waiters.get(key);
    if (!set) return;
    for (const waiter of set) {
      if (!matches(waiter.filter, event)) continue;
      set.delete(waiter);
      waiter.resume(event.position - 1);
    }
    if (set.size === 0) this.waiters.delete(key);
  }

  /** Too far behind to catch up through memory: every subscriber reads on from the database. */
  private skipTo(position: number): void {
    const from = this.read;
    this.events = [];
    this.read = position;
    const all = [...this.waiters.values()].flatMap((set) => [...set]);
    this.waiters.clear();
    for (const waiter of all) waiter.resume(from);
  }

  private reset(feed: FeedState, position: number): void {
    this.feed = feed;
    this.events = [];
    this.read = position;
  }

  private failAll(error: Error): void {
    const all = [...this.waiters.values()].flatMap((set) => [...set]);
    this.waiters.clear();
    for (const waiter of all) waiter.fail(error);
  }
}
