/** Inputs and payloads of monitoring's mutations. */
import { Field, Float, ID, InputType, Int, ObjectType } from 'type-graphql';
import { PayloadType } from '../api/conventions.types.js';
import { DeploymentRefInput } from '../deployments/deployment-inputs.types.js';
import { AlertRuleType, ComparisonEnum, MonitorMetricEnum, MonitorRunType, MonitorType, SeverityEnum } from './monitoring.types.js';

@InputType({ description: 'A check of a deployment, run by a schedule.' })
export class CreateMonitorInput {
  @Field(() => DeploymentRefInput, { description: 'Which deployment.' }) deployment!: DeploymentRefInput;
  @Field(() => String, { description: "Unique among the deployment's monitors: lower-case letters, digits and dashes." }) name!: string;
  @Field(() => String, {
    description: 'When it runs, as a cron expression in UTC: `*/5 * * * *` is every five minutes, `*/30 * * * * *` every thirty seconds.',
  })
  cron!: string;
  @Field(() => MonitorMetricEnum, { description: 'The value that it computes.' }) metric!: keyof typeof MonitorMetricEnum;
  @Field(() => Float, { nullable: true, description: 'For LATENCY: the quantile, between 0 and 1. Default 0.95.' }) quantile?: number | null;
  @Field(() => Int, {
    defaultValue: 300_000,
    description: 'How far back a run looks, 5000 to 86400000. It uses the 5 s windows whose middle lies in that time, and reports their length if it differs.',
  })
  windowMs!: number;
  @Field(() => Int, { defaultValue: 10, description: 'Fewest requests that a run needs, at least 1. A run over fewer has NO_DATA.' }) minimumRequests!: number;
  @Field(() => String, { nullable: true, description: 'A repeated call with the same key returns the same answer and does nothing.' }) idempotencyKey?:
    string | null;
}

@InputType({ description: 'Changes a monitor. A field that is left out keeps its value; name and metric cannot change.' })
export class UpdateMonitorInput {
  @Field(() => ID, { description: "The monitor's id." }) id!: string;
  @Field(() => String, { nullable: true, description: 'When it runs, as a cron expression in UTC.' }) cron?: string | null;
  @Field(() => Float, { nullable: true, description: 'For LATENCY: the quantile, between 0 and 1. Null for other metrics.' }) quantile?: number | null;
  @Field(() => Int, { nullable: true, description: 'How far back a run looks, 5000 to 86400000.' }) windowMs?: number | null;
  @Field(() => Int, { nullable: true, description: 'Fewest requests that a run needs, at least 1. A run over fewer has NO_DATA.' }) minimumRequests?:
    number | null;
}

@InputType({ description: 'Deletes a monitor and its alert rules. Its runs and alerts stay; firing alerts are resolved.' })
export class DeleteMonitorInput {
  @Field(() => ID, { description: "The monitor's id." }) id!: string;
}

@InputType({ description: 'Runs a monitor at once.' })
export class RunMonitorInput {
  @Field(() => ID, { description: "The monitor's id." }) id!: string;
}

@InputType({ description: "A condition on a monitor's value. Alerts fire when it holds." })
export class CreateAlertRuleInput {
  @Field(() => ID, { description: "The monitor's id." }) monitor!: string;
  @Field(() => String, { description: "Unique among the monitor's rules: lower-case letters, digits and dashes." }) name!: string;
  @Field(() => ComparisonEnum, { defaultValue: 'GREATER_THAN', description: 'Whether a value above or below the threshold raises an alert.' })
  comparison!: keyof typeof ComparisonEnum;
  @Field(() => Float, { description: 'An error rate as a fraction, 0.05 for 5 %; or a latency in milliseconds.' }) threshold!: number;
  @Field(() => Int, {
    defaultValue: 1,
    description: 'How many runs in a row must agree before an alert fires, and before it is resolved, 1 to 100. Runs without data do not count.',
  })
  consecutiveRuns!: number;
  @Field(() => SeverityEnum, { defaultValue: 'WARNING', description: 'How urgent its alerts are.' }) severity!: keyof typeof SeverityEnum;
  @Field(() => String, { nullable: true, description: 'A repeated call with the same key returns the same answer and does nothing.' }) idempotencyKey?:
    string | null;
}

@InputType({ description: 'Changes an alert rule. A field that is left out keeps its value; the name cannot change. It applies from the next run.' })
export class UpdateAlertRuleInput {
  @Field(() => ID, { description: "The alert rule's id." }) id!: string;
  @Field(() => ComparisonEnum, { nullable: true, description: 'Whether a value above or below the threshold raises an alert.' })
  comparison?: keyof typeof ComparisonEnum | null;
  @Field(() => Float, { nullable: true, description: 'An error rate as a fraction, 0.05 for 5 %; or a latency in milliseconds.' }) threshold?: number | null;
  @Field(() => Int, {
    nullable: true,
    description: 'How many runs in a row must agree before an alert fires, and before it is resolved, 1 to 100. Runs without data do not count.',
  })
  consecutiveRuns?: number | null;
  @Field(() => SeverityEnum, { nullable: true, description: 'How urgent its alerts are.' }) severity?: keyof typeof SeverityEnum | null;
}

@InputType({ description: 'Deletes an alert rule. Its alerts stay; a firing one is resolved.' })
export class DeleteAlertRuleInput {
  @Field(() => ID, { description: "The alert rule's id." }) id!: string;
}

@ObjectType('MonitorPayload', { description: 'What a mutation made of a monitor.' })
export class MonitorPayload extends PayloadType {
  @Field(() => MonitorType, { nullable: true, description: 'The monitor as it is now; null when nothing was changed.' }) monitor?: MonitorType | null;
}

@ObjectType('MonitorRunPayload', { description: 'Result of runMonitor.' })
export class MonitorRunPayload extends PayloadType {
  @Field(() => MonitorRunType, { nullable: true, description: 'The run. Null if `userErrors` says why there was none.' }) run?: MonitorRunType | null;
}

@ObjectType('AlertRulePayload', { description: 'What a mutation made of an alert rule.' })
export class AlertRulePayload extends PayloadType {
  @Field(() => AlertRuleType, { nullable: true, description: 'The rule as it is now; null when nothing was changed.' }) alertRule?: AlertRuleType | null;
}
