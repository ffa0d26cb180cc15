import { Check, Column, Entity, Index, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm';
import { bigintColumn, timestampColumn } from '../database/columns.js';

/**
 * One entry of the durable feed. It is inserted without a position, in the transaction of the change it tells of; the
 * sequencer gives positions later, densely and in order (docs/decisions/0002-event-feed.md).
 */
@Entity('event')
@Index('event_unsequenced', ['sequence'], { where: '"position" IS NULL' })
@Index(['subjectId', 'position'])
export class EventEntity {
  @PrimaryGeneratedColumn({ type: 'bigint' }) sequence!: string;
  /** Place in the feed: dense, from 1. Null until the sequencer has seen the event. */
  @Column({ ...bigintColumn, nullable: true, unique: true }) position!: number | null;
  @Column('text') topic!: string;
  /** The aggregate the event belongs to: its row was locked when the event was inserted, so its events are in order. */
  @Column('uuid') subjectId!: string;
  @Column('uuid', { nullable: true }) projectId!: string | null;
  @Column('text') type!: string;
  @Column('text') actor!: string;
  @Column('jsonb') payload!: Record<string, unknown>;
  @Column(timestampColumn) at!: Date;
}

/** The feed's one row of state. */
@Entity('event_feed')
@Check('event_feed_one_row', 'id = 1')
export class EventFeedEntity {
  @PrimaryColumn('int') id!: number;
  /** Names this feed: a cursor of another feed (a restored backup, another database) is refused. */
  @Column('uuid') epoch!: string;
  @Column({ ...bigintColumn, default: 0 }) lastPosition!: number;
  /** Events up to here were removed by retention. */
  @Column({ ...bigintColumn, default: 0 }) expiredPosition!: number;
}
