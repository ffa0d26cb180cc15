/** What the feed reads from the database. Only events that have their position are seen here. */
import type { DataSource } from 'typeorm';
import type { Topic } from './topics.js';

/** An event as subscribers see it. */
export interface FeedEvent {
  /** Place in the feed: dense, from 1. */
  readonly position: number;
  readonly topic: Topic;
  /** Row id of the aggregate. */
  readonly subjectId: string;
  readonly projectId: string | null;
  readonly type: string;
  readonly actor: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly at: Date;
}

/** Which events are meant. Nothing set: all of them. */
export interface FeedFilter {
  readonly topic?: Topic | undefined;
  readonly subjectId?: string | undefined;
  readonly projectId?: string | undefined;
}

export interface FeedState {
  readonly epoch: string;
  readonly lastPosition: number;
  /** Events up to here were removed by retention. */
  readonly expiredPosition: number;
}

interface Row extends Omit<FeedEvent, 'position'> {
  readonly position: string;
}

const COLUMNS = 'position, topic, subject_id AS "subjectId", project_id AS "projectId", type, actor, payload, at';

/** Positions that one statement may walk over when no index leads to the subject, so that a rare topic cannot hold a connection for long. */
const STRIDE = 20_000;

const toEvent = (row: Row): FeedEvent => ({ ...row, position: Number(row.position) });

export const matches = (filter: FeedFilter, event: FeedEvent): boolean =>
  (filter.subjectId === undefined || filter.subjectId === event.subjectId) &&
  (filter.topic === undefined || filter.topic === event.topic) &&
  (filter.projectId === undefined || filter.projectId === event.projectId);

export class EventStore {
  constructor(private readonly dataSource: DataSource) {}

  async state(): Promise<FeedState> {
    const rows: { epoch: string; last: string; expired: string }[] = await this.dataSource.query(
      'SELECT epoch, last_position AS last, expired_position AS expired FROM event_feed WHERE id = 1',
    );
    const row = rows[0]!;
    return { epoch: row.epoch, lastPosition: Number(row.last), expiredPosition: Number(row.expired) };
  }

  /** Where the event of a type is whose payload says so; undefined while it has no position. */
  async find(topic: Topic, subjectId: string, type: string, payload: Readonly<Record<string, unknown>>): Promise<number | undefined> {
    const rows: { position: string }[] = await this.dataSource.query(
      `SELECT position FROM event WHERE subject_id = $1 AND topic = $2 AND type = $3 AND payload @> $4 AND position IS NOT NULL LIMIT 1`,
      [subjectId, topic, type, payload],
    );
    return rows[0] && Number(rows[0].position);
  }

  /** Every event after `position`, in order, at most `limit`. */
  async everything(position: number, limit: number): Promise<FeedEvent[]> {
    const rows: Row[] = await this.dataSource.query(`SELECT ${COLUMNS} FROM event WHERE position > $1 ORDER BY position LIMIT $2`, [position, limit]);
    return rows.map(toEvent);
  }

  /**
   * The matching events after `position` and up to `through`, at most `limit`.
   * @returns `scanned`: everything up to this position was looked at
   */
  async page(filter: FeedFilter, position: number, through: number, limit: number): Promise<{ events: FeedEvent[]; scanned: number }> {
    const end = filter.subjectId === undefined ? Math.min(through, position + STRIDE) : through;
    const values: unknown[] = [position, end];
    const conditions = ['position > $1', 'position <= $2', ...conditionsOf(filter, values)];
    values.push(limit);
    const rows: Row[] = await this.dataSource.query(
      `SELECT ${COLUMNS} FROM event WHERE ${conditions.join(' AND ')} ORDER BY position LIMIT $${values.length}`,
      values,
    );
    const events = rows.map(toEvent);
    return { events, scanned: events.length === limit ? events.at(-1)!.position : end };
  }

  /** The first `limit` events of each subject after `position`, in one statement, in the order of `subjectIds`. */
  async ofSubjects(topic: Topic | undefined, subjectIds: readonly string[], position: number, limit: number): Promise<FeedEvent[][]> {
    const rows: Row[] = await this.dataSource.query(
      `SELECT e.* FROM unnest($1::uuid[]) AS subject(id) CROSS JOIN LATERAL (
         SELECT ${COLUMNS} FROM event WHERE subject_id = subject.id AND position > $2 AND ($3::text IS NULL OR topic = $3) ORDER BY position LIMIT $4) e
       ORDER BY e.position`,
      [[...new Set(subjectIds)], position, topic ?? null, limit],
    );
    const bySubject = new Map<string, FeedEvent[]>();
    for (const row of rows) bySubject.set(row.subjectId, [...(bySubject.get(row.subjectId) ?? []), toEvent(row)]);
    return subjectIds.map((id) => bySubject.get(id) ?? []);
  }
}

function conditionsOf(filter: FeedFilter, values: unknown[]): string[] {
  const columns = { topic: filter.topic, subject_id: filter.subjectId, project_id: filter.projectId };
  return Object.entries(columns).flatMap(([column, value]) => (value === undefined ? [] : [`${column} = $${values.push(value)}`]));
}
