/** Monitors, their runs, alert rules and alerts as GraphQL shows them. */
import { Field, Float, GraphQLISODateTime, Int, ObjectType, registerEnumType } from 'type-graphql';
import { connectionType, NodeType } from '../api/conventions.types.js';

export const MonitorMetricEnum = { ERROR_RATE: 'ERROR_RATE', LATENCY: 'LATENCY' } as const;
registerEnumType(MonitorMetricEnum, {
  name: 'MonitorMetric',
  description: 'The value that a monitor computes.',
  valuesConfig: {
    ERROR_RATE: {
      description: "The error rate: failed requests as a fraction of all, 0 to 1. The caller's own mistakes and cancellations do not count as failed.",
    },
    LATENCY: { description: 'A quantile of the time from arrival to answer, in milliseconds.' },
  },
});

export const MonitorRunStateEnum = { SUCCEEDED: 'SUCCEEDED', NO_DATA: 'NO_DATA', FAILED: 'FAILED' } as const;
registerEnumType(MonitorRunStateEnum, {
  name: 'MonitorRunState',
  description: 'The outcome of a run.',
  valuesConfig: {
    SUCCEEDED: { description: 'The run has a value, and the alert rules were checked with it.' },
    NO_DATA: { description: 'There were too few requests, or no reports at all. The run neither fires nor resolves an alert.' },
    FAILED: { description: 'The run failed inside Pilothouse. `reason` says where to look.' },
  },
});

export const ComparisonEnum = { GREATER_THAN: 'GREATER_THAN', LESS_THAN: 'LESS_THAN' } as const;
registerEnumType(ComparisonEnum, {
  name: 'Comparison',
  description: 'Whether a value above or below the threshold raises an alert.',
  valuesConfig: {
    GREATER_THAN: { description: 'A value above the threshold raises an alert.' },
    LESS_THAN: { description: 'A value below the threshold raises an alert.' },
  },
});

export const SeverityEnum = { INFO: 'INFO', WARNING: 'WARNING', CRITICAL: 'CRITICAL' } as const;
registerEnumType(SeverityEnum, {
  name: 'Severity',
  description: 'How urgent an alert is.',
  valuesConfig: {
    INFO: { description: 'For information.' },
    WARNING: { description: 'Someone should look at it soon.' },
    CRITICAL: { description: 'Someone must act now.' },
  },
});

export const AlertStateEnum = { FIRING: 'FIRING', RESOLVED: 'RESOLVED' } as const;
registerEnumType(AlertStateEnum, {
  name: 'AlertState',
  description: 'State of an alert.',
  valuesConfig: {
    FIRING: { description: 'The condition holds: no later run has ended it.' },
    RESOLVED: { description: 'The condition ended, or its rule, monitor or deployment was deleted. `resolvedReason` says which.' },
  },
});

@ObjectType('Monitor', { implements: NodeType, description: 'A cron-scheduled check of a deployment over a window.' })
export class MonitorType extends NodeType {
  @Field(() => String, { description: "Unique among the deployment's monitors." }) name!: string;
  @Field(() => String, { description: 'When it runs, as a cron expression in UTC; with six fields the first is seconds.' }) cron!: string;
  @Field(() => MonitorMetricEnum, { description: 'The value that it computes.' }) metric!: keyof typeof MonitorMetricEnum;
  @Field(() => Float, { nullable: true, description: 'For LATENCY: the quantile, between 0 and 1. Null for other metrics.' }) quantile!: number | null;
  @Field(() => Int, { description: 'How far back a run looks. It uses the 5 s windows whose middle lies in that time.' }) windowMs!: number;
  @Field(() => Int, { description: 'Fewest requests that a run needs. A run over fewer has NO_DATA.' }) minimumRequests!: number;
  @Field(() => String, { description: 'Who created it.' }) createdBy!: string;
  @Field(() => GraphQLISODateTime, { description: 'When it was created.' }) createdAt!: Date;
  @Field(() => GraphQLISODateTime, { nullable: true, description: 'When it was deleted. Null while it exists. Its runs and alerts remain.' })
  deletedAt!: Date | null;
  rowId!: string;
  deploymentRowId!: string;
}
export const MonitorConnection = connectionType('Monitor', () => MonitorType);

@ObjectType('MonitorRun', { implements: NodeType, description: 'One execution of a monitor.' })
export class MonitorRunType extends NodeType {
  @Field(() => MonitorRunStateEnum, { description: 'The outcome of the run.' }) state!: keyof typeof MonitorRunStateEnum;
  @Field(() => GraphQLISODateTime, { description: 'When it started.' }) startedAt!: Date;
  @Field(() => GraphQLISODateTime, { description: 'When it ended.' }) finishedAt!: Date;
  @Field(() => GraphQLISODateTime, { description: 'Start of the window that was checked.' }) windowFrom!: Date;
  @Field(() => GraphQLISODateTime, { description: 'End of the window that was checked.' }) windowTo!: Date;
  @Field(() => Float, { description: 'Number of requests in the window, a whole number.' }) requests!: number;
  @Field(() => Float, { nullable: true, description: 'The error rate, 0 to 1, or the latency in milliseconds. Null without data.' }) value!: number | null;
  @Field(() => String, { description: 'The result, in a sentence.' }) reason!: string;
  rowId!: string;
  monitorRowId!: string;
}
export const MonitorRunConnection = connectionType('MonitorRun', () => MonitorRunType);

@ObjectType('AlertRule', { implements: NodeType, description: "A condition on a monitor's value. Alerts fire when it holds." })
export class AlertRuleType extends NodeType {
  @Field(() => String, { description: "Unique among the monitor's rules." }) name!: string;
  @Field(() => ComparisonEnum, { description: 'Whether a value above or below the threshold raises an alert.' }) comparison!: keyof typeof ComparisonEnum;
  @Field(() => Float, { description: 'An error rate, 0 to 1, or a latency in milliseconds.' }) threshold!: number;
  @Field(() => Int, { description: 'How many runs in a row must agree before an alert fires, and before it is resolved. Runs without data do not count.' })
  consecutiveRuns!: number;
  @Field(() => SeverityEnum, { description: 'How urgent its alerts are.' }) severity!: keyof typeof SeverityEnum;
  @Field(() => String, { description: 'Who created it.' }) createdBy!: string;
  @Field(() => GraphQLISODateTime, { description: 'When it was created. Earlier runs do not count.' }) createdAt!: Date;
  @Field(() => GraphQLISODateTime, { nullable: true, description: 'When it was deleted. Null while it exists. Its alerts remain.' }) deletedAt!: Date | null;
  rowId!: string;
  monitorRowId!: string;
}
export const AlertRuleConnection = connectionType('AlertRule', () => AlertRuleType);

@ObjectType('Alert', { implements: NodeType, description: 'One firing of a rule, to its resolution.' })
export class AlertType extends NodeType {
  @Field(() => AlertStateEnum, { description: 'Whether it is still FIRING.' }) state!: keyof typeof AlertStateEnum;
  @Field(() => Float, { description: "The value of the run that fired it, in the unit of the monitor's metric." }) value!: number;
  @Field(() => String, { description: 'Why it fired, in a sentence with its numbers.' }) reason!: string;
  @Field(() => GraphQLISODateTime, { description: 'When it fired.' }) firedAt!: Date;
  @Field(() => GraphQLISODateTime, { nullable: true, description: 'When it was resolved. Null while it is FIRING.' }) resolvedAt!: Date | null;
  @Field(() => String, { nullable: true, description: 'Why it was resolved. Null while it is FIRING.' }) resolvedReason!: string | null;
  rowId!: string;
  ruleRowId!: string;
  deploymentRowId!: string;
}
export const AlertConnection = connectionType('Alert', () => AlertType);
