/** Monitors, alerts and scaling policies. */
import { Deployments, listOf, toRef, type DeploymentRef } from './deployments.js';
import * as operations from './generated/operations.js';
import type {
  AlertFieldsFragment as Alert,
  CreateAlertRuleInput,
  CreateMonitorInput,
  MonitorFieldsFragment as Monitor,
  ScalingPolicyFieldsFragment as ScalingPolicy,
  SetScalingPolicyInput,
  UpdateAlertRuleInput,
  UpdateMonitorInput,
} from './generated/operations.js';
import { made, type ListOptions, type RequestOptions } from './requests.js';
import type { FollowOptions } from './subscription.js';

export type AlertRule = NonNullable<operations.UpdateAlertRuleMutation['updateAlertRule']['alertRule']>;
export type MonitorRun = NonNullable<operations.RunMonitorMutation['runMonitor']['run']>;
export type AlertEvent = operations.AlertEventsSubscription['alertEvents'];
type ScalingNode = Extract<operations.DeploymentScalingDecisionsQuery['node'], { readonly scalingDecisions: unknown }>;
/** One decision of the autoscaler, with what it saw and why. */
export type ScalingDecision = ScalingNode['scalingDecisions']['nodes'][number];

export abstract class Monitoring extends Deployments {
  async *monitors(ref: DeploymentRef, options: ListOptions = {}): AsyncGenerator<Monitor, void, undefined> {
    const id = await this.idOf(ref, options);
    yield* this.list(operations.DeploymentMonitorsDocument, { id }, ({ node }) => listOf(node, 'monitors'), options);
  }

  async createMonitor(
    { deployment, ...input }: Omit<CreateMonitorInput, 'deployment'> & { readonly deployment: DeploymentRef },
    { signal }: RequestOptions = {},
  ): Promise<Monitor> {
    const { createMonitor } = await this.request(operations.CreateMonitorDocument, { input: { ...input, deployment: toRef(deployment) } }, signal);
    return made(createMonitor, createMonitor.monitor);
  }

  async updateMonitor(input: UpdateMonitorInput, { signal }: RequestOptions = {}): Promise<Monitor> {
    const { updateMonitor } = await this.request(operations.UpdateMonitorDocument, { input }, signal);
    return made(updateMonitor, updateMonitor.monitor);
  }

  /** Runs a monitor at once, beside its schedule. */
  async runMonitor(id: string, { signal }: RequestOptions = {}): Promise<MonitorRun> {
    const { runMonitor } = await this.request(operations.RunMonitorDocument, { input: { id } }, signal);
    return made(runMonitor, runMonitor.run);
  }

  /** Deletes a monitor and its alert rules. Its runs and alerts stay. */
  async deleteMonitor(id: string, { signal }: RequestOptions = {}): Promise<void> {
    const { deleteMonitor } = await this.request(operations.DeleteMonitorDocument, { input: { id } }, signal);
    made(deleteMonitor, deleteMonitor.monitor);
  }

  async createAlertRule(input: CreateAlertRuleInput, { signal }: RequestOptions = {}): Promise<AlertRule> {
    const { createAlertRule } = await this.request(operations.CreateAlertRuleDocument, { input }, signal);
    return made(createAlertRule, createAlertRule.alertRule);
  }

  async updateAlertRule(input: UpdateAlertRuleInput, { signal }: RequestOptions = {}): Promise<AlertRule> {
    const { updateAlertRule } = await this.request(operations.UpdateAlertRuleDocument, { input }, signal);
    return made(updateAlertRule, updateAlertRule.alertRule);
  }

  async deleteAlertRule(id: string, { signal }: RequestOptions = {}): Promise<void> {
    const { deleteAlertRule } = await this.request(operations.DeleteAlertRuleDocument, { input: { id } }, signal);
    made(deleteAlertRule, deleteAlertRule.alertRule);
  }

  /** The alerts of all deployments, or of one, newest first. */
  alerts({ deployment, state, ...options }: ListOptions & { readonly deployment?: DeploymentRef; readonly state?: operations.AlertState } = {}): AsyncGenerator<
    Alert,
    void,
    undefined
  > {
    const variables = { deployment: deployment === undefined ? null : toRef(deployment), state: state ?? null };
    return this.list(operations.AlertsDocument, variables, ({ alerts }) => alerts, options);
  }

  /** Alerts as they fire and are resolved, over any number of broken connections. Ends with the signal. */
  async *followAlerts(
    of: { readonly deployment?: string | null; readonly project?: string | null } = {},
    options: FollowOptions = {},
  ): AsyncGenerator<AlertEvent, void, undefined> {
    const after = options.after ?? (await this.eventCursor(options));
    yield* this.followDocument(operations.AlertEventsDocument, of, ({ alertEvents }) => alertEvents, { ...options, after });
  }

  async setScalingPolicy(
    { deployment, ...input }: Omit<SetScalingPolicyInput, 'deployment'> & { readonly deployment: DeploymentRef },
    { signal }: RequestOptions = {},
  ): Promise<ScalingPolicy> {
    const { setScalingPolicy } = await this.request(operations.SetScalingPolicyDocument, { input: { ...input, deployment: toRef(deployment) } }, signal);
    return made(setScalingPolicy, setScalingPolicy.scalingPolicy);
  }

  async deleteScalingPolicy(deployment: DeploymentRef, { signal }: RequestOptions = {}): Promise<void> {
    const { deleteScalingPolicy } = await this.request(operations.DeleteScalingPolicyDocument, { input: { deployment: toRef(deployment) } }, signal);
    made(deleteScalingPolicy, deleteScalingPolicy.scalingPolicy);
  }

  /** Why there were how many replicas, newest first. */
  async *scalingDecisions(ref: DeploymentRef, options: ListOptions = {}): AsyncGenerator<ScalingDecision, void, undefined> {
    const id = await this.idOf(ref, options);
    yield* this.list(operations.DeploymentScalingDecisionsDocument, { id }, ({ node }) => listOf(node, 'scalingDecisions'), options);
  }
}
