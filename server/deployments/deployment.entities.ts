import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, Unique, type Relation } from 'typeorm';
import { bigintColumn, timestampColumn } from '../database/columns.js';
import { ProjectEntity, VersionEntity } from '../registry/registry.entities.js';

/** One version that a deployment sends traffic to. */
export interface TargetSpec {
  readonly versionId: string;
  /** Share of the traffic, relative to the sum of the weights. A shadow has none. */
  readonly weight: number;
  /** Percentage of the requests that it gets a copy of, its answers unseen by callers; above 0 the target is a shadow. */
  readonly shadowPercent: number;
}

/** AUTO merges requests where the version's rows were shown to be independent; ON wherever there is a batch dimension. */
export type BatchingMode = 'AUTO' | 'ON' | 'OFF';

/** What is wanted of a deployment. Changing it makes a new generation and a new revision. */
export interface DeploymentSpec {
  readonly targets: readonly TargetSpec[];
  /** Replicas of each target; a scaling policy, where there is one, moves them instead. */
  readonly replicas: number;
  /** How long a request may take from its arrival, waiting included, unless it says so itself. */
  readonly timeoutMs: number;
  /** Inferences one replica works on at a time. */
  readonly maxConcurrency: number;
  /** Requests that may wait; beyond it the gateway answers "overloaded" at once. */
  readonly maxQueue: number;
  /** Whether waiting requests of one target are merged into one inference. */
  readonly batching: BatchingMode;
  /** Rows of one merged inference; 1 merges nothing. */
  readonly maxBatchSize: number;
  /** How long a request may be held back for others to be merged with. */
  readonly maxDelayMs: number;
  /** Header, in lower case, whose value keeps its callers on one target; null where every request is routed on its own. */
  readonly stickyHeader: string | null;
  /** Threads of one replica. */
  readonly threads: number;
  /** Memory a replica may use on top of what its runtime needs idle; null for the default. */
  readonly memoryLimitBytes: number | null;
}

export type ConditionStatus = 'TRUE' | 'FALSE' | 'UNKNOWN';

export interface Condition {
  /** `Available`: the gateway can serve it. `Progressing`: a rollout is under way. `Degraded`: it serves, but not what is wanted. */
  readonly type: 'Available' | 'Progressing' | 'Degraded';
  readonly status: ConditionStatus;
  readonly reason: string;
  readonly message: string;
  /** ISO 8601. */
  readonly lastTransitionAt: string;
}

export type DeploymentPhase = 'PENDING' | 'STARTING' | 'LOADING' | 'READY' | 'FAILED' | 'DELETING' | 'DELETED';

/** A named endpoint: a spec (what is wanted, with a generation) and a status (what is). */
@Entity('deployment')
@Index('deployment_name', ['projectId', 'name'], { unique: true, where: "phase <> 'DELETED'" })
export class DeploymentEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') projectId!: string;
  @ManyToOne(() => ProjectEntity) @JoinColumn({ name: 'project_id' }) project?: Relation<ProjectEntity>;
  @Column('text') name!: string;
  @Column('int') generation!: number;
  @Column('jsonb') spec!: DeploymentSpec;
  /** Replicas the scaling policy asks for; null where there is none, and then `spec.replicas` holds. */
  @Column('int', { nullable: true }) scaledReplicas!: number | null;
  @Column('text') createdBy!: string;
  @Column(timestampColumn) createdAt!: Date;
  @Column(timestampColumn) updatedAt!: Date;
  @Column({ ...timestampColumn, nullable: true }) deletionRequestedAt!: Date | null;
  // Status: written by the reconciler alone.
  @Column('int', { default: 0 }) observedGeneration!: number;
  @Column('text') phase!: DeploymentPhase;
  @Column('jsonb', { default: [] }) conditions!: readonly Condition[];
}

/** An immutable snapshot of a deployment's spec. Its number is the generation it made. */
@Entity('revision')
@Unique(['deploymentId', 'number'])
export class RevisionEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') deploymentId!: string;
  @ManyToOne(() => DeploymentEntity) @JoinColumn({ name: 'deployment_id' }) deployment?: Relation<DeploymentEntity>;
  @Column('int') number!: number;
  @Column('jsonb') spec!: DeploymentSpec;
  @Column('text') actor!: string;
  @Column('text', { default: '' }) reason!: string;
  /** Number of the revision whose spec this one took back. */
  @Column('int', { nullable: true }) rollbackTo!: number | null;
  @Column(timestampColumn) createdAt!: Date;
}

export type RolloutState = 'PROGRESSING' | 'SUCCEEDED' | 'FAILED' | 'SUPERSEDED';

export interface RolloutStep {
  readonly name: string;
  readonly message: string;
  /** ISO 8601. */
  readonly at: string;
}

/** The carrying out of one revision. */
@Entity('rollout')
@Index(['deploymentId', 'startedAt'])
export class RolloutEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') deploymentId!: string;
  @Column('uuid', { unique: true }) revisionId!: string;
  @ManyToOne(() => RevisionEntity) @JoinColumn({ name: 'revision_id' }) revision?: Relation<RevisionEntity>;
  @Column('text') state!: RolloutState;
  @Column('text', { nullable: true }) reason!: string | null;
  @Column('jsonb', { default: [] }) steps!: readonly RolloutStep[];
  @Column(timestampColumn) startedAt!: Date;
  @Column({ ...timestampColumn, nullable: true }) finishedAt!: Date | null;
}

export type ReplicaState = 'PENDING' | 'STARTING' | 'LOADING' | 'READY' | 'DRAINING' | 'STOPPED' | 'FAILED';

/** One running runtime process of one target. A restart is a new replica in the same `slot`. */
@Entity('replica')
@Index(['deploymentId', 'state'])
export class ReplicaEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') deploymentId!: string;
  @ManyToOne(() => DeploymentEntity) @JoinColumn({ name: 'deployment_id' }) deployment?: Relation<DeploymentEntity>;
  @Column('uuid') versionId!: string;
  @ManyToOne(() => VersionEntity) @JoinColumn({ name: 'version_id' }) version?: Relation<VersionEntity>;
  /** SHA-256 of everything that makes two replicas of a version different: threads, limits. Another template means another replica. */
  @Column('text') template!: string;
  /** Generation of the spec it was started for. */
  @Column('int') generation!: number;
  @Column('text') state!: ReplicaState;
  /** How many replicas of this target failed in a row before this one; the backoff grows with it. */
  @Column('int', { default: 0 }) attempt!: number;
  /** Not started before this time. */
  @Column({ ...timestampColumn, nullable: true }) startAfter!: Date | null;
  @Column('int', { nullable: true }) pid!: number | null;
  /** Where the gateway reaches it: `unix:<path>` or `tcp:<host>:<port>`. */
  @Column('text', { nullable: true }) address!: string | null;
  @Column('text', { nullable: true }) backend!: string | null;
  /** Why it FAILED or was stopped: the runtime's own message, or how the process ended. */
  @Column('text', { nullable: true }) reason!: string | null;
  @Column('int', { nullable: true }) exitCode!: number | null;
  @Column('text', { nullable: true }) exitSignal!: string | null;
  @Column('text', { nullable: true }) logTail!: string | null;
  @Column({ ...bigintColumn, nullable: true }) memoryBytes!: number | null;
  @Column(timestampColumn) createdAt!: Date;
  @Column({ ...timestampColumn, nullable: true }) readyAt!: Date | null;
  @Column({ ...timestampColumn, nullable: true }) stoppedAt!: Date | null;
}
