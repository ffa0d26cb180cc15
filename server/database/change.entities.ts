/** What the unit of work writes beside a change's own rows: its events and its audit entries. Features read them. */
import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';
import { bigintColumn, timestampColumn } from './columns.js';

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

/** Who did what to what. Appended in the transaction of the change itself, never changed. */
@Entity('audit_entry')
@Index(['objectType', 'objectId'])
export class AuditEntryEntity {
  @PrimaryGeneratedColumn({ type: 'bigint' }) sequence!: string;
  @Column(timestampColumn) at!: Date;
  /** `token:<name>` for a caller, `system:<part>` for what Pilothouse decides itself. */
  @Column('text') actor!: string;
  /** The mutation's name, or the automatic action's. */
  @Column('text') action!: string;
  @Column('text') objectType!: string;
  @Column('uuid') objectId!: string;
  @Column('uuid', { nullable: true }) projectId!: string | null;
  /** What the change was; never a secret. */
  @Column('jsonb') detail!: Record<string, unknown>;
}
