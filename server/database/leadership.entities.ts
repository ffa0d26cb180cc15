import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { bigintColumn, timestampColumn } from './columns.js';

/** Who leads: one row. Every write of the leader checks the epoch in its own transaction. */
@Entity('leadership')
@Check('leadership_one_row', 'id = 1')
export class LeadershipEntity {
  @PrimaryColumn('int') id!: number;
  /** The index makes it a key: FOR KEY SHARE, which the leader's writes take, then conflicts with a new epoch and not with a heartbeat. */
  @Index({ unique: true }) @Column(bigintColumn) epoch!: number;
  @Column('text', { nullable: true }) holder!: string | null;
  @Column({ ...timestampColumn, nullable: true }) heartbeatAt!: Date | null;
  /** Host and home of the local engine: a server elsewhere would see no replica and start doubles. */
  @Column('text', { nullable: true }) host!: string | null;
  @Column('text', { nullable: true }) home!: string | null;
}
