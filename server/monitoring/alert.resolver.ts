import { Arg, Args, Ctx, FieldResolver, ID, Mutation, Query, Resolver, Root, Subscription } from 'type-graphql';
import type { DataSource } from 'typeorm';
import type { ApiContext } from '../api/context.js';
import { type Connection, ConnectionArgs, payload, toConnection } from '../api/conventions.types.js';
import { expectNodeId } from '../api/node-id.js';
import type { NodeSource } from '../api/node.resolver.js';
import { pageBelow, rowsById } from '../api/row-loaders.js';
import { pageOf } from '../database/pagination.js';
import { loadDeployment } from '../deployments/deployment-loader.js';
import { DeploymentRefInput, toRef } from '../deployments/deployment-inputs.types.js';
import type { DeploymentService } from '../deployments/deployment.service.js';
import { DeploymentType } from '../deployments/deployment.types.js';
import { DomainError } from '../errors.js';
import type { FeedItem } from '../events/event-feed.js';
import { AfterArgs, AlertEventType, toEventType } from '../events/event.types.js';
import type { ProjectService } from '../registry/project.service.js';
import { followAlerts, type AlertFilter } from './follow-alerts.js';
import { inOrder } from './monitor.resolver.js';
import type { MonitorService } from './monitor.service.js';
import type { MonitorUpdates } from './monitor-updates.js';
import { AlertEntity, AlertRuleEntity, MonitorEntity } from './monitoring.entities.js';
import { AlertRulePayload, CreateAlertRuleInput, DeleteAlertRuleInput, UpdateAlertRuleInput } from './monitoring-inputs.types.js';
import { toAlert, toAlertRule, toMonitor } from './monitoring.mappers.js';
import { AlertConnection, AlertRuleConnection, AlertRuleType, AlertStateEnum, AlertType, MonitorType } from './monitoring.types.js';

const NEWEST_FIRED = { orderBy: 'firedAt', direction: 'DESC' } as const;

@Resolver(() => AlertType)
export class AlertResolver {
  constructor(
    private readonly dataSource: DataSource,
    private readonly service: MonitorService,
    private readonly deployments: DeploymentService,
    private readonly projects: ProjectService,
  ) {}

  /** How `node(id)` finds alerts. */
  get nodes(): NodeSource[] {
    return [{ type: 'Alert', load: async (ids) => inOrder(ids, await this.service.rows(AlertEntity, ids), toAlert) }];
  }

  @Query(() => AlertConnection, { description: 'Alerts, the one that fired last first.' })
  async alerts(
    @Args() args: ConnectionArgs,
    @Arg('state', () => AlertStateEnum, { nullable: true, description: 'Only alerts in this state.' }) state?: keyof typeof AlertStateEnum | null,
    @Arg('deployment', () => DeploymentRefInput, { nullable: true, description: 'Only alerts of this deployment.' }) deployment?: DeploymentRefInput | null,
  ): Promise<Connection<AlertType>> {
    const deploymentId = deployment ? (await this.deployments.get(toRef(deployment, 'deployment'))).id : null;
    const where = '($1::text IS NULL OR state = $1) AND ($2::uuid IS NULL OR deployment_id = $2)';
    return toConnection(
      await pageOf(this.dataSource.manager, AlertEntity, args, { ...NEWEST_FIRED, where, parameters: [state ?? null, deploymentId] }),
      toAlert,
    );
  }

  @Subscription(() => AlertEventType, {
    description: 'Alerts as they fire and are resolved, of all deployments, of one project or of one deployment.',
    subscribe: followAlerts<{ project?: string | null; deployment?: string | null }>((args, context) => context.instance(AlertResolver).filterOf(args)),
  })
  alertEvents(
    @Root() item: FeedItem,
    @Args() _after: AfterArgs,
    @Arg('project', () => String, { nullable: true, description: 'Only alerts of this project, by its name.' }) _project?: string | null,
    @Arg('deployment', () => ID, { nullable: true, description: 'Only alerts of this deployment, by its id.' }) _deployment?: string | null,
  ): AlertEventType {
    return toEventType<AlertEventType>(item);
  }

  /** Which events are meant. @throws DomainError INVALID, NOT_FOUND */
  async filterOf({ project, deployment }: { project?: string | null; deployment?: string | null }): Promise<AlertFilter> {
    if (project != null && deployment != null)
      throw new DomainError('INVALID', 'name a project or a deployment, not both: a deployment has its project', ['deployment']);
    if (deployment != null) {
      const { id, projectId } = await this.deployments.get({ id: expectNodeId('Deployment', deployment, 'deployment') });
      return { projectId, deploymentId: id };
    }
    return project != null ? { projectId: (await this.projects.expect(project)).id } : {};
  }

  @FieldResolver(() => AlertRuleType, { description: 'The rule that fired.' })
  async rule(@Root() { ruleRowId }: AlertType, @Ctx() context: ApiContext): Promise<AlertRuleType> {
    return toAlertRule((await rowsById(context, this.dataSource.manager, AlertRuleEntity).load(ruleRowId))!);
  }

  @FieldResolver(() => DeploymentType, { description: 'The deployment that it is about.' })
  async deployment(@Root() { deploymentRowId }: AlertType, @Ctx() context: ApiContext): Promise<DeploymentType> {
    return loadDeployment(context, this.dataSource, deploymentRowId);
  }
}

@Resolver(() => AlertRuleType)
export class AlertRuleResolver {
  constructor(
    private readonly dataSource: DataSource,
    private readonly service: MonitorService,
    private readonly updates: MonitorUpdates,
  ) {}

  /** How `node(id)` finds alert rules. */
  get nodes(): NodeSource[] {
    return [{ type: 'AlertRule', load: async (ids) => inOrder(ids, await this.service.rows(AlertRuleEntity, ids), toAlertRule) }];
  }

  @Mutation(() => AlertRulePayload, { description: "Creates an alert rule on a monitor's value. Later runs fire and resolve its alerts." })
  createAlertRule(
    @Arg('input', () => CreateAlertRuleInput, { description: 'The condition.' }) input: CreateAlertRuleInput,
    @Ctx() { actor }: ApiContext,
  ): Promise<AlertRulePayload> {
    return payload(async () => ({
      alertRule: toAlertRule(await this.service.createAlertRule(actor, { ...input, monitorId: expectNodeId('Monitor', input.monitor, 'monitor'), input })),
    }));
  }

  @Mutation(() => AlertRulePayload, { description: 'Changes an alert rule. A field that is left out keeps its value.' })
  updateAlertRule(
    @Arg('input', () => UpdateAlertRuleInput, { description: 'What to change.' }) { id, ...fields }: UpdateAlertRuleInput,
    @Ctx() { actor }: ApiContext,
  ): Promise<AlertRulePayload> {
    return payload(async () => ({ alertRule: toAlertRule(await this.updates.updateAlertRule(actor, expectNodeId('AlertRule', id, 'id'), fields)) }));
  }

  @Mutation(() => AlertRulePayload, { description: 'Deletes an alert rule. Its alerts stay; a firing one is resolved.' })
  deleteAlertRule(
    @Arg('input', () => DeleteAlertRuleInput, { description: 'The alert rule to delete.' }) { id }: DeleteAlertRuleInput,
    @Ctx() { actor }: ApiContext,
  ): Promise<AlertRulePayload> {
    return payload(async () => ({ alertRule: toAlertRule(await this.service.deleteAlertRule(actor, expectNodeId('AlertRule', id, 'id'))) }));
  }

  @FieldResolver(() => MonitorType, { description: 'The monitor whose value it checks.' })
  async monitor(@Root() { monitorRowId }: AlertRuleType, @Ctx() context: ApiContext): Promise<MonitorType> {
    return toMonitor((await rowsById(context, this.dataSource.manager, MonitorEntity).load(monitorRowId))!);
  }

  @FieldResolver(() => AlertConnection, { description: 'Alerts of this rule, the one that fired last first.' })
  async alerts(@Root() { rowId }: AlertRuleType, @Args() args: ConnectionArgs, @Ctx() context: ApiContext): Promise<Connection<AlertType>> {
    return toConnection(await pageBelow(context, this.dataSource.manager, AlertEntity, args, { ...NEWEST_FIRED, parent: 'ruleId' }).load(rowId), toAlert);
  }
}

/** The way back: from deployments, monitors and events to alerts. */
@Resolver(() => DeploymentType)
export class DeploymentAlertsResolver {
  constructor(private readonly dataSource: DataSource) {}

  @FieldResolver(() => AlertConnection, { description: 'Alerts of this rule, the one that fired last first.' })
  async alerts(
    @Root() { rowId }: DeploymentType,
    @Args() args: ConnectionArgs,
    @Arg('state', () => AlertStateEnum, { nullable: true, description: 'Only alerts in this state.' }) state: keyof typeof AlertStateEnum | null | undefined,
    @Ctx() context: ApiContext,
  ): Promise<Connection<AlertType>> {
    const query = { ...NEWEST_FIRED, parent: 'deploymentId', where: '($1::text IS NULL OR state = $1)', parameters: [state ?? null] };
    return toConnection(await pageBelow(context, this.dataSource.manager, AlertEntity, args, query).load(rowId), toAlert);
  }
}

@Resolver(() => MonitorType)
export class MonitorRulesResolver {
  constructor(private readonly dataSource: DataSource) {}

  @FieldResolver(() => AlertRuleConnection, { description: 'Its alert rules that are not deleted, newest first.' })
  async alertRules(@Root() { rowId }: MonitorType, @Args() args: ConnectionArgs, @Ctx() context: ApiContext): Promise<Connection<AlertRuleType>> {
    const query = { orderBy: 'createdAt', direction: 'DESC', parent: 'monitorId', where: 'deleted_at IS NULL' } as const;
    return toConnection(await pageBelow(context, this.dataSource.manager, AlertRuleEntity, args, query).load(rowId), toAlertRule);
  }
}

@Resolver(() => AlertEventType)
export class AlertOfEventResolver {
  constructor(private readonly dataSource: DataSource) {}

  @FieldResolver(() => AlertType, { nullable: true, description: 'The alert as it is now.' })
  async alert(@Root() { event }: AlertEventType, @Ctx() context: ApiContext): Promise<AlertType | null> {
    const row = await rowsById(context, this.dataSource.manager, AlertEntity).load(event.subjectId);
    return row ? toAlert(row) : null;
  }
}
