import { Check, Column, Entity, PrimaryColumn } from 'typeorm';
import { bigintColumn } from '../database/columns.js';

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
