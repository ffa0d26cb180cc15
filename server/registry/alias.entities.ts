import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, Unique, type Relation } from 'typeorm';
import { timestampColumn } from '../database/columns.js';
import { ModelEntity, VersionEntity } from './registry.entities.js';

/** A name of a version that can be moved to another version of its model. */
@Entity('alias')
@Unique(['modelId', 'name'])
export class AliasEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') modelId!: string;
  @ManyToOne(() => ModelEntity) @JoinColumn({ name: 'model_id' }) model?: Relation<ModelEntity>;
  @Column('text') name!: string;
  @Index() @Column('uuid') versionId!: string;
  @ManyToOne(() => VersionEntity) @JoinColumn({ name: 'version_id' }) version?: Relation<VersionEntity>;
  /** How often it was moved, its creation included. */
  @Column('int') moveCount!: number;
  @Column('text') movedBy!: string;
  @Column(timestampColumn) movedAt!: Date;
}

/** One move of an alias. Its moves are its history, and are kept. */
@Entity('alias_move')
@Unique(['aliasId', 'number'])
export class AliasMoveEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') aliasId!: string;
  @ManyToOne(() => AliasEntity) @JoinColumn({ name: 'alias_id' }) alias?: Relation<AliasEntity>;
  /** From 1 on, without a gap. */
  @Column('int') number!: number;
  /** null for the first move. */
  @Column('uuid', { nullable: true }) fromVersionId!: string | null;
  @Column('uuid') toVersionId!: string;
  @Column('text') actor!: string;
  @Column('text', { default: '' }) reason!: string;
  @Column(timestampColumn) at!: Date;
}
