/** Monitors, their runs, alert rules and alerts as GraphQL shows them. */
import { Field, Float, GraphQLISODateTime, Int, ObjectType, registerEnumType } from 'type-graphql';
import { connectionType, NodeType } from '../api/conventions.types.js';

export const MonitorMetricEnum = { ERROR_RATE: 'ERROR_RATE', LATENCY: 'LATENCY' } as const;
registerEnumType(MonitorMetricEnum, {
  name: 'MonitorMetric',
  description: 'What a monitor looks at.',
  valuesConfig: {
    ERROR_RATE: { description: "Failed requests as a fraction of all, 0 to 1. The caller's own mistakes and cancellations do not count as failed." },
    LATENCY: { description: 'A quantile of the time from arrival to answer, in milliseconds.' },
  },
});

export const MonitorRunStateEnum = { SUCCEEDED: 'SUCCEEDED', NO_DATA: 'NO_DATA', FAILED: 'FAILED' } as const;
registerEnumType(MonitorRunStateEnum, {
  name: 'MonitorRunState',
  description: 'What came of a run.',
  valuesConfig: {
    SUCCEEDED: { description: 'It has a value, which the alert rules judged.' },
    NO_DATA: { description: 'Too few requests, or no reports at all: it neither fires nor resolves an alert.' },
    FAILED: { description: 'It could not be carried out; `reason` says where to look.' },
  },
});

export const ComparisonEnum = { GREATER_THAN: 'GREATER_THAN', LESS_THAN: 'LESS_THAN' } as const;
registerEnumType(ComparisonEnum, {
  name: 'Comparison',
  description: 'On which side of the threshold a value is alarming.',
  valuesConfig: { GREATER_THAN: { description: 'Above it.' }, LESS_THAN: { description: 'Below it.' } },
});

export const SeverityEnum = { INFO: 'INFO', WARNING: 'WARNING', CRITICAL: 'CRITICAL' } as const;
registerEnumType(SeverityEnum, {
  name: 'Severity',
  description: 'How urgent an alert is.',
  valuesConfig: {
    INFO: { description: 'Good to know.' },
    WARNING: { description: 'Someone should look at it soon.' },
    CRITICAL: { description: 'Someone should be called.' },
  },
});

export const AlertStateEnum = { FIRING: 'FIRING', RESOLVED: 'RESOLVED' } as const;
registerEnumType(AlertStateEnum, {
  name: 'AlertState',
  description: 'Whether an alert is still on.',
  valuesConfig: {
    FIRING: { description: 'The condition held and has not been seen to end.' },
    RESOLVED: { description: 'The condition ended, or its rule, monitor or deployment did; `resolvedReason` says which.' },
  },
});

@ObjectType('Monitor', { implements: NodeType, description: 'A cron-scheduled check of a deployment over a window.' })
export class MonitorType extends NodeType {
  @Field(() => String, { description: "Unique among the deployment's monitors." }) name!: string;
  @Field(() => String, { description: 'When it runs, as a cron expression in UTC; with six fields the first is seconds.' }) cron!: string;
  @Field(() => MonitorMetricEnum, { description: 'What it looks at.' }) metric!: keyof typeof MonitorMetricEnum;
  @Field(() => Float, { nullable: true, description: 'Of LATENCY: which quantile, between 0 and 1.' }) quantile!: number | null;
  @Field(() => Int, { description: 'How far back a run looks; it reads the windows of 5 s whose middle lies in that time.' }) windowMs!: number;
  @Field(() => Int, { description: 'A run over fewer requests has NO_DATA.' }) minimumRequests!: number;
  @Field(() => String, { description: 'Who created it.' }) createdBy!: string;
  @Field(() => GraphQLISODateTime, { description: 'When it was created.' }) createdAt!: Date;
  @Field(() => GraphQLISODateTime, { nullable: true, description: 'When it was deleted; null while it runs. Its runs and alerts stay.' })
  deletedAt!: Date | null;
  rowId!: string;
  deploymentRowId!: string;
}
export const MonitorConnection = connectionType('Monitor', () => MonitorType);

@ObjectType('MonitorRun', { implements: NodeType, description: 'One execution of a monitor.' })
export class MonitorRunType extends NodeType {
  @Field(() => MonitorRunStateEnum, { description: 'What came of it.' }) state!: keyof typeof MonitorRunStateEnum;
  @Field(() => GraphQLISODateTime, { description: 'When it began.' }) startedAt!: Date;
  @Field(() => GraphQLISODateTime, { description: 'When it ended.' }) finishedAt!: Date;
  @Field(() => GraphQLISODateTime, { description: 'Beginning of the window that it looked at.' }) windowFrom!: Date;
  @Field(() => GraphQLISODateTime, { description: 'End of the window that it looked at.' }) windowTo!: Date;
  @Field(() => Float, { description: 'Requests in the window; a whole number.' }) requests!: number;
  @Field(() => Float, { nullable: true, description: 'The error rate, 0 to 1, or the latency in milliseconds; null without data.' }) value!: number | null;
  @Field(() => String, { description: 'What was found, in a sentence.' }) reason!: string;
  rowId!: string;
  monitorRowId!: string;
}
export const MonitorRunConnection = connectionType('MonitorRun', () => MonitorRunType);

@ObjectType('AlertRule', { implements: NodeType, description: "A condition on a monitor's value." })
export class AlertRuleType extends NodeType {
  @Field(() => String, { description: "Unique among the monitor's rules." }) name!: string;
  @Field(() => ComparisonEnum, { description: 'On which side of the threshold the value is alarming.' }) comparison!: keyof typeof ComparisonEnum;
  @Field(() => Float, { description: 'An error rate, 0 to 1, or a latency in milliseconds.' }) threshold!: number;
  @Field(() => Int, { description: 'Runs in a row that must agree before an alert fires, and before it resolves. Runs without data are passed over.' })
  consecutiveRuns!: number;
  @Field(() => SeverityEnum, { description: 'How urgent its alerts are.' }) severity!: keyof typeof SeverityEnum;
  @Field(() => String, { description: 'Who created it.' }) createdBy!: string;
  @Field(() => GraphQLISODateTime, { description: 'When it was created. Runs before do not count.' }) createdAt!: Date;
  @Field(() => GraphQLISODateTime, { nullable: true, description: 'When it was deleted; null while it holds. Its alerts stay.' }) deletedAt!: Date | null;
  rowId!: string;
  monitorRowId!: string;
}
export const AlertRuleConnection = connectionType('AlertRule', () => AlertRuleType);

@ObjectType('Alert', { implements: NodeType, description: 'One firing of a rule, to its resolution.' })
export class AlertType extends NodeType {
  @Field(() => AlertStateEnum, { description: 'Whether it is still on.' }) state!: keyof typeof AlertStateEnum;
  @Field(() => Float, { description: 'The value of the run that fired it.' }) value!: number;
  @Field(() => String, { description: 'Why it fired, in a sentence with its numbers.' }) reason!: string;
  @Field(() => GraphQLISODateTime, { description: 'When it fired.' }) firedAt!: Date;
  @Field(() => GraphQLISODateTime, { nullable: true, description: 'When it was resolved; null while it is FIRING.' }) resolvedAt!: Date | null;
  @Field(() => String, { nullable: true, description: 'Why it was resolved; null while it is FIRING.' }) resolvedReason!: string | null;
  rowId!: string;
  ruleRowId!: string;
  deploymentRowId!: string;
}
export const AlertConnection = connectionType('Alert', () => AlertType);
