import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { bigintColumn, timestampColumn } from '../database/columns.js';
import { DeploymentEntity } from '../deployments/deployment.entities.js';

export type MonitorMetric = 'ERROR_RATE' | 'LATENCY';

/** A cron-scheduled check of a deployment over a window. */
@Entity('monitor')
@Index('monitor_name', ['deploymentId', 'name'], { unique: true, where: 'deleted_at IS NULL' })
export class MonitorEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') deploymentId!: string;
  @ManyToOne(() => DeploymentEntity) @JoinColumn({ name: 'deployment_id' }) deployment?: Relation<DeploymentEntity>;
  @Column('text') name!: string;
  /** node-cron expression, seconds allowed, in UTC. */
  @Column('text') cron!: string;
  @Column('text') metric!: MonitorMetric;
  /** For LATENCY: which quantile, 0 < q < 1. */
  @Column('double precision', { nullable: true }) quantile!: number | null;
  @Column('int') windowMs!: number;
  /** A run over fewer requests has NO_DATA and decides nothing. */
  @Column('int') minimumRequests!: number;
  @Column('text') createdBy!: string;
  @Column(timestampColumn) createdAt!: Date;
  @Column({ ...timestampColumn, nullable: true }) deletedAt!: Date | null;
}

export type MonitorRunState = 'SUCCEEDED' | 'NO_DATA' | 'FAILED';

/** One execution of a monitor. */
@Entity('monitor_run')
@Index(['monitorId', 'startedAt'])
export class MonitorRunEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') monitorId!: string;
  @ManyToOne(() => MonitorEntity) @JoinColumn({ name: 'monitor_id' }) monitor?: Relation<MonitorEntity>;
  @Column('text') state!: MonitorRunState;
  @Column(timestampColumn) startedAt!: Date;
  @Column(timestampColumn) finishedAt!: Date;
  @Column(timestampColumn) windowFrom!: Date;
  @Column(timestampColumn) windowTo!: Date;
  @Column(bigintColumn) requests!: number;
  /** Error rate as a fraction, or latency in milliseconds; null without data. */
  @Column('double precision', { nullable: true }) value!: number | null;
  @Column('text') reason!: string;
}

export type Comparison = 'GREATER_THAN' | 'LESS_THAN';
export type Severity = 'INFO' | 'WARNING' | 'CRITICAL';

/** A condition on a monitor's value. */
@Entity('alert_rule')
@Index('alert_rule_name', ['monitorId', 'name'], { unique: true, where: 'deleted_at IS NULL' })
export class AlertRuleEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') monitorId!: string;
  @ManyToOne(() => MonitorEntity) @JoinColumn({ name: 'monitor_id' }) monitor?: Relation<MonitorEntity>;
  @Column('text') name!: string;
  @Column('text') comparison!: Comparison;
  @Column('double precision') threshold!: number;
  /** Runs in a row that must agree before the alert fires, and before it resolves. */
  @Column('int') consecutiveRuns!: number;
  @Column('text') severity!: Severity;
  @Column('text') createdBy!: string;
  @Column(timestampColumn) createdAt!: Date;
  @Column({ ...timestampColumn, nullable: true }) deletedAt!: Date | null;
}

export type AlertState = 'FIRING' | 'RESOLVED';

/** One firing of a rule, from its first run over the threshold to its resolution. */
@Entity('alert')
@Index('alert_rule_fired', ['ruleId', 'firedAt'])
@Index('alert_firing', ['ruleId'], { unique: true, where: "state = 'FIRING'" })
export class AlertEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') ruleId!: string;
  @ManyToOne(() => AlertRuleEntity) @JoinColumn({ name: 'rule_id' }) rule?: Relation<AlertRuleEntity>;
  @Index() @Column('uuid') deploymentId!: string;
  @Column('text') state!: AlertState;
  /** The value of the run that fired it. */
  @Column('double precision') value!: number;
  /** Why it fired, in a sentence with its numbers. */
  @Column('text') reason!: string;
  @Column(timestampColumn) firedAt!: Date;
  @Column({ ...timestampColumn, nullable: true }) resolvedAt!: Date | null;
  @Column('text', { nullable: true }) resolvedReason!: string | null;
}
