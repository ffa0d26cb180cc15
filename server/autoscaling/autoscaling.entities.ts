import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { timestampColumn } from '../database/columns.js';
import { DeploymentEntity } from '../deployments/deployment.entities.js';

/** How a deployment's replicas follow its load. At most one a deployment that is not deleted; the ledger keeps the deleted ones. */
@Entity('scaling_policy')
@Index('scaling_policy_deployment', ['deploymentId'], { unique: true, where: 'deleted_at IS NULL' })
export class ScalingPolicyEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') deploymentId!: string;
  @ManyToOne(() => DeploymentEntity) @JoinColumn({ name: 'deployment_id' }) deployment?: Relation<DeploymentEntity>;
  @Column('int') generation!: number;
  @Column('int') minReplicas!: number;
  @Column('int') maxReplicas!: number;
  /** Requests in flight (waiting ones included) that one replica should carry. */
  @Column('double precision') targetInFlight!: number;
  /** Load is averaged over this window. */
  @Column('int') windowMs!: number;
  /** Scale-down takes the highest recommendation of this window. */
  @Column('int') scaleDownWindowMs!: number;
  @Column('text') createdBy!: string;
  @Column(timestampColumn) createdAt!: Date;
  @Column(timestampColumn) updatedAt!: Date;
  @Column({ ...timestampColumn, nullable: true }) deletedAt!: Date | null;
}

export type ScalingAction = 'SCALE_UP' | 'SCALE_DOWN' | 'HOLD';

/** One decision of the autoscaler, with what it saw and why. A HOLD is written when its reason changes, not each time. */
@Entity('scaling_decision')
@Index(['deploymentId', 'at'])
@Index('scaling_decision_policy', ['policyId', 'at'])
export class ScalingDecisionEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') deploymentId!: string;
  @Column('uuid') policyId!: string;
  @ManyToOne(() => ScalingPolicyEntity) @JoinColumn({ name: 'policy_id' }) policy?: Relation<ScalingPolicyEntity>;
  @Column(timestampColumn) at!: Date;
  @Column('text') action!: ScalingAction;
  @Column('int') fromReplicas!: number;
  @Column('int') toReplicas!: number;
  @Column('text') reason!: string;
  @Column('jsonb') inputs!: Readonly<Record<string, unknown>>;
}
