/** Reading the durable feed: following it live, and listing it in pages. Both give the same cursors. */
import type { DataSource } from 'typeorm';
import { MAX_PAGE, type Page, type PageArgs } from '../database/pagination.js';
import { DomainError } from '../errors.js';
import { cursorExpired, decodeCursor, encodeCursor } from './cursor.js';
import { EventStore, type FeedEvent, type FeedFilter } from './event-store.js';
import { EventTail, type TailOptions } from './event-tail.js';
import { FeedFollower } from './feed-follower.js';

/** An event together with the cursor that resumes after it. */
export interface FeedItem {
  readonly cursor: string;
  readonly event: FeedEvent;
}

export interface FollowOptions extends FeedFilter {
  /** Cursor of the last event the subscriber has seen. Without one it gets what happens from now on. */
  readonly after?: string | null | undefined;
}

const TOO_FAR_BACK = 'the feed no longer holds events that far back';
const PAGE = 500;
/** Subscribers that may read pages at one time, so that a crowd that reconnects leaves connections for everybody else. */
const READERS = 4;

export class EventFeed {
  private readonly store: EventStore;
  private readonly tail: EventTail;
  private readers = 0;
  private readonly queue: (() => void)[] = [];

  constructor(dataSource: DataSource, options: TailOptions = {}) {
    this.store = new EventStore(dataSource);
    this.tail = new EventTail(this.store, options);
  }

  /** Reads the feed's state and its newest events. Call it once before the first subscriber. */
  start(): Promise<void> {
    return this.tail.start();
  }

  /** Call it when NOTIFICATION.EVENTS wakes. Resolves when everything committed before the call was handed to the waiting subscribers. */
  wake(): Promise<void> {
    return this.tail.wake();
  }

  /** Subscribers that are caught up and wait. */
  get waiting(): number {
    return this.tail.waiting;
  }

  /** Position of the newest event that was read. */
  get position(): number {
    return this.tail.position;
  }

  /** The cursor of the newest event. A caller that reads it before a change, and follows after it, gets every event of the change. */
  async head(): Promise<string> {
    const { epoch, lastPosition } = await this.store.state();
    return encodeCursor(epoch, lastPosition);
  }

  /** The cursor from before an event, where it comes before `head` already; else `head`. */
  async before(head: string, { topic, subjectId, type, payload }: Pick<FeedEvent, 'topic' | 'subjectId' | 'type' | 'payload'>): Promise<string> {
    const { epoch, position } = decodeCursor(head);
    const found = await this.store.find(topic, subjectId, type, payload);
    return found === undefined || found > position ? head : encodeCursor(epoch, found - 1);
  }

  /**
   * The matching events after a cursor, or from now on: each once, in order, for ever, until `signal` aborts or the iterator is returned.
   * @throws DomainError INVALID for a malformed cursor, CURSOR_EXPIRED for one of another feed or older than the retention
   */
  async open({ after, ...filter }: FollowOptions, signal?: AbortSignal): Promise<AsyncIterableIterator<FeedItem>> {
    await this.tail.start();
    const position = after == null ? this.tail.position : await this.positionOf(after);
    const { epoch } = this.tail;
    const follower = new FeedFollower({ tail: this.tail, page: (f, p) => this.page(f, p) }, filter, epoch, position, signal);
    return mapIterator(follower, (event) => ({ cursor: encodeCursor(epoch, event.position), event }));
  }

  /** As `open`, with errors of the cursor thrown by the first step. */
  follow(options: FollowOptions, signal?: AbortSignal): AsyncIterableIterator<FeedItem> {
    let opened: Promise<AsyncIterableIterator<FeedItem>> | undefined;
    const open = (): Promise<AsyncIterableIterator<FeedItem>> => (opened ??= this.open(options, signal));
    // What happens from now on is meant, not from the first step on.
    if (options.after == null) void open().catch(() => undefined);
    return {
      next: async () => (await open()).next(),
      return: async () => (opened ? (await opened).return!() : { done: true, value: undefined }),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /** A page of the feed, oldest first, as a connection lists it. */
  async list(filter: FeedFilter, args: PageArgs): Promise<Page<FeedEvent>> {
    const first = pageSize(args);
    const state = await this.store.state();
    const found: FeedEvent[] = [];
    let position = args.after == null ? state.expiredPosition : await this.positionOf(args.after);
    // What is read from the database must still be there, whatever this process remembers.
    if (position < state.expiredPosition) throw cursorExpired(TOO_FAR_BACK);
    while (found.length <= first && position < state.lastPosition) {
      const { events, scanned } = await this.store.page(filter, position, state.lastPosition, first + 1 - found.length);
      found.push(...events);
      position = scanned;
    }
    return toPage(found, first, state.epoch);
  }

  /** The page of each subject, in the order of `subjectIds`, in a constant number of statements. */
  async listOfSubjects(topic: FeedFilter['topic'], subjectIds: readonly string[], args: PageArgs): Promise<Page<FeedEvent>[]> {
    const first = pageSize(args);
    const position = args.after == null ? 0 : await this.positionOf(args.after);
    const { epoch, expiredPosition } = await this.store.state();
    if (args.after != null && position < expiredPosition) throw cursorExpired(TOO_FAR_BACK);
    const lists = await this.store.ofSubjects(topic, subjectIds, position, first + 1);
    return lists.map((events) => toPage(events, first, epoch));
  }

  private async positionOf(cursor: string): Promise<number> {
    const { epoch, position } = decodeCursor(cursor);
    if (epoch === this.tail.epoch && this.tail.covers(position)) return position;
    const state = await this.store.state();
    if (epoch !== state.epoch) throw cursorExpired('the cursor belongs to another feed');
    if (position > state.lastPosition) throw cursorExpired('the cursor is ahead of the feed');
    if (position < state.expiredPosition) throw cursorExpired(TOO_FAR_BACK);
    // The cursor came from a server that read further than this one.
    if (position > this.tail.position) await this.tail.wake();
    return position;
  }

  private async page(filter: FeedFilter, position: number): Promise<{ events: FeedEvent[]; scanned: number }> {
    while (this.readers >= READERS) await new Promise<void>((resolve) => this.queue.push(resolve));
    this.readers++;
    try {
      const page = await this.store.page(filter, position, this.tail.position, PAGE);
      // Asked after the page: what retention removed before it shows here.
      const { expiredPosition } = await this.store.state();
      if (position < expiredPosition) throw cursorExpired(TOO_FAR_BACK);
      return page;
    } finally {
      this.readers--;
      this.queue.shift()?.();
    }
  }
}

function pageSize({ first }: PageArgs): number {
  if (!Number.isInteger(first) || first < 1 || first > MAX_PAGE)
    throw new DomainError('INVALID', `first is ${first}; it must be from 1 to ${MAX_PAGE}`, ['first']);
  return first;
}

function toPage(events: readonly FeedEvent[], first: number, epoch: string): Page<FeedEvent> {
  const rows = events.slice(0, first);
  return { rows, cursors: rows.map((event) => encodeCursor(epoch, event.position)), hasNextPage: events.length > first };
}

function mapIterator<A, B>(source: AsyncIterableIterator<A>, map: (value: A) => B): AsyncIterableIterator<B> {
  const convert = ({ done, value }: IteratorResult<A>): IteratorResult<B> =>
    done ? { done: true, value: undefined } : { done: false, value: map(value as A) };
  return {
    next: async () => convert(await source.next()),
    return: async () => convert(await source.return!()),
    throw: async (error) => convert(await source.throw!(error)),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
