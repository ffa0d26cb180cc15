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
  @Field(() => MonitorMetricEnum, { description: 'What it looks at.' }) metric!: keyof typeof MonitorMetricEnum;
  @Field(() => Float, { nullable: true, description: 'Of LATENCY: which quantile, between 0 and 1. Default 0.95.' }) quantile?: number | null;
  @Field(() => Int, {
    defaultValue: 300_000,
    description:
      'How far back a run looks, 5000 to 86400000. It reads the windows of 5 s whose middle lies in that time, and says how long they are where that differs.',
  })
  windowMs!: number;
  @Field(() => Int, { defaultValue: 10, description: 'A run over fewer requests has NO_DATA; at least 1.' }) minimumRequests!: number;
  @Field(() => String, { nullable: true, description: 'A repetition with the same key answers the same and does nothing.' }) idempotencyKey?: string | null;
}

@InputType({ description: 'Changes a monitor. What is left out keeps its value; its name and its metric cannot change.' })
export class UpdateMonitorInput {
  @Field(() => ID, { description: "The monitor's id." }) id!: string;
  @Field(() => String, { nullable: true, description: 'When it runs, as a cron expression in UTC.' }) cron?: string | null;
  @Field(() => Float, { nullable: true, description: 'Of LATENCY: which quantile, between 0 and 1.' }) quantile?: number | null;
  @Field(() => Int, { nullable: true, description: 'How far back a run looks, 5000 to 86400000.' }) windowMs?: number | null;
  @Field(() => Int, { nullable: true, description: 'A run over fewer requests has NO_DATA; at least 1.' }) minimumRequests?: number | null;
}

@InputType({ description: 'Deletes a monitor and its alert rules. Its runs and alerts stay; firing alerts are resolved.' })
export class DeleteMonitorInput {
  @Field(() => ID, { description: "The monitor's id." }) id!: string;
}

@InputType({ description: 'Runs a monitor at once.' })
export class RunMonitorInput {
  @Field(() => ID, { description: "The monitor's id." }) id!: string;
}

@InputType({ description: "A condition on a monitor's value." })
export class CreateAlertRuleInput {
  @Field(() => ID, { description: "The monitor's id." }) monitor!: string;
  @Field(() => String, { description: "Unique among the monitor's rules: lower-case letters, digits and dashes." }) name!: string;
  @Field(() => ComparisonEnum, { defaultValue: 'GREATER_THAN', description: 'On which side of the threshold the value is alarming.' })
  comparison!: keyof typeof ComparisonEnum;
  @Field(() => Float, { description: 'An error rate as a fraction, 0.05 for 5 %; or a latency in milliseconds.' }) threshold!: number;
  @Field(() => Int, { defaultValue: 1, description: 'Runs with data in a row that must agree before an alert fires, and before it resolves: 1 to 100.' })
  consecutiveRuns!: number;
  @Field(() => SeverityEnum, { defaultValue: 'WARNING', description: 'How urgent its alerts are.' }) severity!: keyof typeof SeverityEnum;
  @Field(() => String, { nullable: true, description: 'A repetition with the same key answers the same and does nothing.' }) idempotencyKey?: string | null;
}

@InputType({ description: 'Changes an alert rule. What is left out keeps its value; its name cannot change. The next run is judged by it.' })
export class UpdateAlertRuleInput {
  @Field(() => ID, { description: "The alert rule's id." }) id!: string;
  @Field(() => ComparisonEnum, { nullable: true, description: 'On which side of the threshold the value is alarming.' })
  comparison?: keyof typeof ComparisonEnum | null;
  @Field(() => Float, { nullable: true, description: 'An error rate as a fraction, 0.05 for 5 %; or a latency in milliseconds.' }) threshold?: number | null;
  @Field(() => Int, { nullable: true, description: 'Runs with data in a row that must agree before an alert fires, and before it resolves: 1 to 100.' })
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

@ObjectType('MonitorRunPayload', { description: 'The run that was asked for.' })
export class MonitorRunPayload extends PayloadType {
  @Field(() => MonitorRunType, { nullable: true, description: 'The run; null when there was none.' }) run?: MonitorRunType | null;
}

@ObjectType('AlertRulePayload', { description: 'What a mutation made of an alert rule.' })
export class AlertRulePayload extends PayloadType {
  @Field(() => AlertRuleType, { nullable: true, description: 'The rule as it is now; null when nothing was changed.' }) alertRule?: AlertRuleType | null;
}
