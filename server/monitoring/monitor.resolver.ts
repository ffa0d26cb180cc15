import { Arg, Args, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { DataSource } from 'typeorm';
import type { ApiContext } from '../api/context.js';
import { type Connection, ConnectionArgs, payload, toConnection } from '../api/conventions.types.js';
import { expectNodeId } from '../api/node-id.js';
import type { NodeSource } from '../api/node.resolver.js';
import { pageBelow, rowsById } from '../api/row-loaders.js';
import { loadDeployment } from '../deployments/deployment-loader.js';
import { DeploymentType } from '../deployments/deployment.types.js';
import { toRef } from '../deployments/deployment-inputs.types.js';
import type { MonitorService } from './monitor.service.js';
import type { MonitorUpdates } from './monitor-updates.js';
import { MonitorEntity, MonitorRunEntity } from './monitoring.entities.js';
import { CreateMonitorInput, DeleteMonitorInput, MonitorPayload, MonitorRunPayload, RunMonitorInput, UpdateMonitorInput } from './monitoring-inputs.types.js';
import { toMonitor, toMonitorRun } from './monitoring.mappers.js';
import { MonitorConnection, MonitorRunConnection, MonitorRunType, MonitorType } from './monitoring.types.js';

@Resolver(() => MonitorType)
export class MonitorResolver {
  constructor(
    private readonly dataSource: DataSource,
    private readonly service: MonitorService,
    private readonly updates: MonitorUpdates,
  ) {}

  /** How `node(id)` finds monitors and their runs. */
  get nodes(): NodeSource[] {
    return [
      { type: 'Monitor', load: async (ids) => inOrder(ids, await this.service.rows(MonitorEntity, ids), toMonitor) },
      { type: 'MonitorRun', load: async (ids) => inOrder(ids, await this.service.rows(MonitorRunEntity, ids), toMonitorRun) },
    ];
  }

  @Query(() => MonitorType, { nullable: true, description: 'A monitor by its name. Null if there is none.' })
  async monitor(
    @Arg('deployment', () => String, { description: "The deployment's name." }) deployment: string,
    @Arg('name', () => String, { description: "The monitor's name." }) name: string,
    @Arg('project', () => String, { defaultValue: 'default', description: "The project's name." }) project: string,
  ): Promise<MonitorType | null> {
    const row = await this.service.byName({ project, name: deployment }, name);
    return row ? toMonitor(row) : null;
  }

  @Mutation(() => MonitorPayload, { description: 'Creates a monitor, which then runs on its schedule. Use `createAlertRule` to raise alerts from its value.' })
  createMonitor(
    @Arg('input', () => CreateMonitorInput, { description: 'What to check, and when.' }) input: CreateMonitorInput,
    @Ctx() { actor }: ApiContext,
  ): Promise<MonitorPayload> {
    return payload(async () => ({
      monitor: toMonitor(await this.service.createMonitor(actor, { ...input, deployment: toRef(input.deployment, 'deployment'), input })),
    }));
  }

  @Mutation(() => MonitorPayload, { description: 'Changes a monitor. A field that is left out keeps its value.' })
  updateMonitor(
    @Arg('input', () => UpdateMonitorInput, { description: 'What to change.' }) { id, ...fields }: UpdateMonitorInput,
    @Ctx() { actor }: ApiContext,
  ): Promise<MonitorPayload> {
    return payload(async () => ({ monitor: toMonitor(await this.updates.updateMonitor(actor, expectNodeId('Monitor', id, 'id'), fields)) }));
  }

  @Mutation(() => MonitorPayload, { description: 'Deletes a monitor and its alert rules. Its runs and alerts stay; firing alerts are resolved.' })
  deleteMonitor(
    @Arg('input', () => DeleteMonitorInput, { description: 'The monitor to delete.' }) { id }: DeleteMonitorInput,
    @Ctx() { actor }: ApiContext,
  ): Promise<MonitorPayload> {
    return payload(async () => ({ monitor: toMonitor(await this.service.deleteMonitor(actor, expectNodeId('Monitor', id, 'id'))) }));
  }

  @Mutation(() => MonitorRunPayload, { description: 'Runs a monitor at once, in addition to its schedule. The run counts for its alert rules like any other.' })
  runMonitor(
    @Arg('input', () => RunMonitorInput, { description: 'The monitor to run.' }) { id }: RunMonitorInput,
    @Ctx() { actor }: ApiContext,
  ): Promise<MonitorRunPayload> {
    return payload(async () => ({ run: toMonitorRun(await this.service.runMonitor(actor, expectNodeId('Monitor', id, 'id'))) }));
  }

  @FieldResolver(() => DeploymentType, { description: 'The deployment that it checks.' })
  async deployment(@Root() { deploymentRowId }: MonitorType, @Ctx() context: ApiContext): Promise<DeploymentType> {
    return loadDeployment(context, this.dataSource, deploymentRowId);
  }

  @FieldResolver(() => MonitorRunConnection, { description: 'Its runs, newest first.' })
  async runs(@Root() { rowId }: MonitorType, @Args() args: ConnectionArgs, @Ctx() context: ApiContext): Promise<Connection<MonitorRunType>> {
    const query = { orderBy: 'startedAt', direction: 'DESC', parent: 'monitorId' } as const;
    return toConnection(await pageBelow(context, this.dataSource.manager, MonitorRunEntity, args, query).load(rowId), toMonitorRun);
  }
}

@Resolver(() => MonitorRunType)
export class MonitorRunResolver {
  constructor(private readonly dataSource: DataSource) {}

  @FieldResolver(() => MonitorType, { description: 'The monitor that ran.' })
  async monitor(@Root() { monitorRowId }: MonitorRunType, @Ctx() context: ApiContext): Promise<MonitorType> {
    return toMonitor((await rowsById(context, this.dataSource.manager, MonitorEntity).load(monitorRowId))!);
  }
}

/** The way back: from deployments to what watches them. */
@Resolver(() => DeploymentType)
export class DeploymentMonitorsResolver {
  constructor(private readonly dataSource: DataSource) {}

  @FieldResolver(() => MonitorConnection, { description: 'Its monitors that are not deleted, newest first.' })
  async monitors(@Root() { rowId }: DeploymentType, @Args() args: ConnectionArgs, @Ctx() context: ApiContext): Promise<Connection<MonitorType>> {
    const query = { orderBy: 'createdAt', direction: 'DESC', parent: 'deploymentId', where: 'deleted_at IS NULL' } as const;
    return toConnection(await pageBelow(context, this.dataSource.manager, MonitorEntity, args, query).load(rowId), toMonitor);
  }
}

/** Objects in the order of the ids that were asked for. */
export function inOrder<E extends { id: string }, T>(ids: readonly string[], rows: readonly E[], map: (row: E) => T): (T | undefined)[] {
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.map((id) => byId.get(id)).map((row) => row && map(row));
}
