import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, Unique, type Relation } from 'typeorm';
import type { RowIndependence } from '../../runtimes/host/row-independence.js';
import type { SampleTensor } from '../../runtimes/sample.js';
import type { RuntimeOptions } from '../../runtimes/contract.js';
import type { Signature } from '../../runtimes/tensor.js';
import { bigintColumn, timestampColumn } from '../database/columns.js';

/** The tenancy boundary: everything below belongs to one project. */
@Entity('project')
export class ProjectEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('text', { unique: true }) name!: string;
  @Column('text', { default: '' }) description!: string;
  /** Raised by every change; `expectedGeneration` is compared with it. */
  @Column('int', { default: 1 }) generation!: number;
  @Column('text') createdBy!: string;
  @Column(timestampColumn) createdAt!: Date;
}

/** A named line of versions in a project. */
@Entity('model')
@Unique(['projectId', 'name'])
export class ModelEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') projectId!: string;
  @ManyToOne(() => ProjectEntity) @JoinColumn({ name: 'project_id' }) project?: Relation<ProjectEntity>;
  @Column('text') name!: string;
  @Column('text', { default: '' }) description!: string;
  /** Raised by every change; `expectedGeneration` is compared with it. */
  @Column('int', { default: 1 }) generation!: number;
  /** Number of the newest version; the next one is this plus one, taken under the row's lock. */
  @Column('int', { default: 0 }) lastVersionNumber!: number;
  @Column('text') createdBy!: string;
  @Column(timestampColumn) createdAt!: Date;
}

/** A file stored once under its SHA-256. */
@Entity('artifact')
export class ArtifactEntity {
  /** SHA-256 in lower-case hexadecimal. */
  @PrimaryColumn('text') digest!: string;
  @Column(bigintColumn) sizeBytes!: number;
  @Column('text') createdBy!: string;
  @Column(timestampColumn) createdAt!: Date;
}

export type { SampleTensor };

export type VersionState = 'VALIDATING' | 'READY' | 'REJECTED';

/** Where a version comes from: as its author gave it, never interpreted. */
export interface Lineage {
  readonly dataset?: { readonly name: string; readonly uri?: string; readonly digest?: string; readonly rows?: number };
  readonly hyperparameters?: Readonly<Record<string, unknown>>;
  readonly metrics?: Readonly<Record<string, number>>;
  readonly libraries?: Readonly<Record<string, string>>;
  readonly source?: { readonly uri: string; readonly revision?: string };
}

/** What a model computes with. */
export interface VersionBackend {
  /** As the runtime plugin calls it. */
  readonly name: string;
  /** Name and version of the library behind it; null where the plugin does not say. */
  readonly library: string | null;
}

/** An immutable version of a model. Only the columns that validation fills are ever written again, once. */
@Entity('version')
@Unique(['modelId', 'number'])
@Index(['parentId'])
@Index('version_validating', ['createdAt'], { where: "state = 'VALIDATING'" })
export class VersionEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') modelId!: string;
  @ManyToOne(() => ModelEntity) @JoinColumn({ name: 'model_id' }) model?: Relation<ModelEntity>;
  @Column('int') number!: number;
  @Column('uuid', { nullable: true }) parentId!: string | null;
  @ManyToOne(() => VersionEntity) @JoinColumn({ name: 'parent_id' }) parent?: Relation<VersionEntity> | null;
  @Column('text', { default: '' }) description!: string;
  @Column('text') format!: string;
  /** Name of the plugin that claims the format. */
  @Column('text') runtime!: string;
  /** Options for the runtime, as its schema gave them. */
  @Column('jsonb', { default: {} }) runtimeOptions!: RuntimeOptions;
  /** What its author said of inputs and outputs, where the files do not; null where nothing was said. */
  @Column('jsonb', { nullable: true }) declaredSignature!: Signature | null;
  /** SHA-256 over the format, the sorted list of paths and file digests, options and declared signature: what a replica proves to have loaded. */
  @Column('text') digest!: string;
  @Column('jsonb') lineage!: Lineage;
  /** The request that validation and readiness probes send; null where it is made from the signature. */
  @Column('jsonb', { nullable: true }) sample!: readonly SampleTensor[] | null;
  @Column('text') state!: VersionState;
  /** Why it was REJECTED: the runtime's own message. While VALIDATING: why validation could not run yet, where it could not. */
  @Column('text', { nullable: true }) reason!: string | null;
  @Column('text', { nullable: true }) logTail!: string | null;
  @Column('jsonb', { nullable: true }) signature!: Signature | null;
  /** Whether a row's answer depends on the rows beside it, as validation found; null unless READY. */
  @Column('jsonb', { nullable: true }) rowIndependence!: RowIndependence | null;
  /** What computed in validation, and alone may compute from then on; null unless READY, and where it was validated before this was recorded. */
  @Column('jsonb', { nullable: true }) backend!: VersionBackend | null;
  /** Resident memory of the validating process after its inference. */
  @Column({ ...bigintColumn, nullable: true }) memoryBytes!: number | null;
  @Column('double precision', { nullable: true }) loadMs!: number | null;
  @Column('text') createdBy!: string;
  @Column(timestampColumn) createdAt!: Date;
  @Column({ ...timestampColumn, nullable: true }) validatedAt!: Date | null;
}

/** A file of a version, by the digest of its bytes. */
@Entity('version_file')
export class VersionFileEntity {
  @PrimaryColumn('uuid') versionId!: string;
  @ManyToOne(() => VersionEntity, { onDelete: 'CASCADE' }) @JoinColumn({ name: 'version_id' }) version?: Relation<VersionEntity>;
  /** Relative, with forward slashes, no `.` or `..`. */
  @PrimaryColumn('text') path!: string;
  @Index() @Column('text') digest!: string;
  @ManyToOne(() => ArtifactEntity) @JoinColumn({ name: 'digest' }) artifact?: Relation<ArtifactEntity>;
}
