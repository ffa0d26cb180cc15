/** Fields that lead from deployments to what belongs to them, and back. */
import { Args, Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import type { DataSource } from 'typeorm';
import type { ApiContext } from '../api/context.js';
import { ConnectionArgs, toConnection, type Connection } from '../api/conventions.types.js';
import { pageBelow, rowsById } from '../api/row-loaders.js';
import { readNodeId } from '../api/node-id.js';
import { loadProject, loadProjectRow, loadVersion, loadVersionRow } from '../registry/registry-loaders.js';
import { ProjectType, VersionType } from '../registry/registry.types.js';
import { batchingOf } from './batching.js';
import { DeploymentEntity, ReplicaEntity, RevisionEntity, RolloutEntity, type DeploymentSpec } from './deployment.entities.js';
import { loadDeployment } from './deployment-loader.js';
import { RouteEntity } from '../routing/routing.entities.js';
import { toDeployment, toReplica, toRevision, toRollout, toRoute } from './deployment.mappers.js';
import {
  DeploymentConnection,
  DeploymentType,
  ReplicaConnection,
  ReplicaType,
  RevisionConnection,
  RevisionType,
  RolloutConnection,
  RolloutType,
  RouteTargetType,
  RouteType,
  TargetBatchingType,
  TargetType,
} from './deployment.types.js';
import { modelNameOf } from './endpoint-names.js';

const NEWEST = { orderBy: 'createdAt', direction: 'DESC', parent: 'deploymentId' } as const;

@Resolver(() => DeploymentType)
export class DeploymentFieldsResolver {
  constructor(private readonly dataSource: DataSource) {}

  @FieldResolver(() => String, {
    description: 'Its model name at the gateway, such as `digits` in the project `default` and `vision.digits` in the project `vision`.',
  })
  async endpoint(@Root() { projectRowId, name }: DeploymentType, @Ctx() context: ApiContext): Promise<string> {
    return modelNameOf((await loadProjectRow(context, this.dataSource, projectRowId)).name, name);
  }

  @FieldResolver(() => ProjectType, { description: 'The project it belongs to.' })
  async project(@Root() { projectRowId }: DeploymentType, @Ctx() context: ApiContext): Promise<ProjectType> {
    return loadProject(context, this.dataSource, projectRowId);
  }

  @FieldResolver(() => [TargetType], { description: 'The versions that the current spec sends traffic to.' })
  targets(@Root() { specRow, rowId }: DeploymentType): TargetType[] {
    return toTargets(specRow, rowId);
  }

  @FieldResolver(() => ReplicaConnection, { description: 'Its replicas, newest first, including those that have ended.' })
  async replicas(@Root() { rowId }: DeploymentType, @Args() args: ConnectionArgs, @Ctx() context: ApiContext): Promise<Connection<ReplicaType>> {
    return toConnection(await pageBelow(context, this.dataSource.manager, ReplicaEntity, args, NEWEST).load(rowId), toReplica);
  }

  @FieldResolver(() => RevisionConnection, { description: 'All its specs so far, newest first.' })
  async revisions(@Root() { rowId }: DeploymentType, @Args() args: ConnectionArgs, @Ctx() context: ApiContext): Promise<Connection<RevisionType>> {
    return toConnection(await pageBelow(context, this.dataSource.manager, RevisionEntity, args, NEWEST).load(rowId), toRevision);
  }

  @FieldResolver(() => RolloutConnection, { description: 'The rollouts of its revisions, newest first.' })
  async rollouts(@Root() { rowId }: DeploymentType, @Args() args: ConnectionArgs, @Ctx() context: ApiContext): Promise<Connection<RolloutType>> {
    return toConnection(await pageBelow(context, this.dataSource.manager, RolloutEntity, args, { ...NEWEST, orderBy: 'startedAt' }).load(rowId), toRollout);
  }

  @FieldResolver(() => RouteType, { nullable: true, description: 'The route that gateways use now. Null if nothing is served.' })
  async route(@Root() { rowId }: DeploymentType, @Ctx() context: ApiContext): Promise<RouteType | null> {
    const loader = context.loaders.of<string, RouteEntity | undefined>('RouteEntity.byDeployment', async (ids) => {
      const rows = await this.dataSource.manager
        .createQueryBuilder(RouteEntity, 'r')
        .whereInIds([...ids])
        .getMany();
      return ids.map((id) => rows.find((row) => row.deploymentId === id));
    });
    const row = await loader.load(rowId);
    return row ? toRoute(row) : null;
  }
}

@Resolver(() => TargetType)
export class TargetFieldsResolver {
  constructor(private readonly dataSource: DataSource) {}

  @FieldResolver(() => VersionType, { description: 'The version.' })
  async version(@Root() { versionRowId }: TargetType, @Ctx() context: ApiContext): Promise<VersionType> {
    return loadVersion(context, this.dataSource, versionRowId);
  }

  @FieldResolver(() => TargetBatchingType, { description: 'Whether its requests are merged, and why. It follows from the spec and from validation.' })
  async batching(@Root() { versionRowId, specRow }: TargetType, @Ctx() context: ApiContext): Promise<TargetBatchingType> {
    const { batching, reason } = batchingOf(specRow, await loadVersionRow(context, this.dataSource, versionRowId));
    const limits = { maxBatchSize: batching?.maxBatchSize ?? null, maxDelayMs: batching?.maxDelayMs ?? null };
    return Object.assign(new TargetBatchingType(), { enabled: batching !== null, reason, ...limits });
  }

  @FieldResolver(() => DeploymentType, { description: 'The deployment it belongs to.' })
  async deployment(@Root() { deploymentRowId }: TargetType, @Ctx() context: ApiContext): Promise<DeploymentType> {
    return loadDeployment(context, this.dataSource, deploymentRowId);
  }

  @FieldResolver(() => [ReplicaType], { description: 'Its replicas that are not STOPPED or FAILED.' })
  async replicas(@Root() { deploymentRowId, versionRowId }: TargetType, @Ctx() context: ApiContext): Promise<ReplicaType[]> {
    const loader = context.loaders.of<string, ReplicaEntity[]>('ReplicaEntity.activeByDeployment', async (ids) => {
      const rows = await this.dataSource.manager
        .createQueryBuilder(ReplicaEntity, 'r')
        .where(`r.deploymentId IN (:...ids) AND r.state NOT IN ('STOPPED', 'FAILED')`, { ids })
        .orderBy('r.createdAt')
        .getMany();
      return ids.map((id) => rows.filter((row) => row.deploymentId === id));
    });
    return (await loader.load(deploymentRowId)).filter((row) => row.versionId === versionRowId).map(toReplica);
  }
}

@Resolver(() => RevisionType)
export class RevisionFieldsResolver {
  constructor(private readonly dataSource: DataSource) {}

  @FieldResolver(() => DeploymentType, { description: 'The deployment it belongs to.' })
  async deployment(@Root() { deploymentRowId }: RevisionType, @Ctx() context: ApiContext): Promise<DeploymentType> {
    return loadDeployment(context, this.dataSource, deploymentRowId);
  }

  @FieldResolver(() => [TargetType], { description: 'The versions that it sends traffic to.' })
  targets(@Root() { specRow, deploymentRowId }: RevisionType): TargetType[] {
    return toTargets(specRow, deploymentRowId);
  }

  @FieldResolver(() => RolloutType, { description: 'The rollout of this revision.' })
  async rollout(@Root() { rowId }: RevisionType, @Ctx() context: ApiContext): Promise<RolloutType> {
    const loader = context.loaders.of<string, RolloutEntity>('RolloutEntity.byRevision', async (ids) => {
      const rows = await this.dataSource.manager.createQueryBuilder(RolloutEntity, 'o').where('o.revisionId IN (:...ids)', { ids }).getMany();
      return ids.map((id) => rows.find((row) => row.revisionId === id) ?? new Error(`revision ${id} has no rollout`));
    });
    return toRollout(await loader.load(rowId));
  }
}

@Resolver(() => RolloutType)
export class RolloutFieldsResolver {
  constructor(private readonly dataSource: DataSource) {}

  @FieldResolver(() => DeploymentType, { description: 'The deployment it belongs to.' })
  async deployment(@Root() { deploymentRowId }: RolloutType, @Ctx() context: ApiContext): Promise<DeploymentType> {
    return loadDeployment(context, this.dataSource, deploymentRowId);
  }

  @FieldResolver(() => RevisionType, { description: 'The revision that it makes serve.' })
  async revision(@Root() { revisionRowId }: RolloutType, @Ctx() context: ApiContext): Promise<RevisionType> {
    return toRevision((await rowsById(context, this.dataSource.manager, RevisionEntity).load(revisionRowId))!);
  }
}

@Resolver(() => ReplicaType)
export class ReplicaFieldsResolver {
  constructor(private readonly dataSource: DataSource) {}

  @FieldResolver(() => DeploymentType, { description: 'The deployment it belongs to.' })
  async deployment(@Root() { deploymentRowId }: ReplicaType, @Ctx() context: ApiContext): Promise<DeploymentType> {
    return loadDeployment(context, this.dataSource, deploymentRowId);
  }

  @FieldResolver(() => TargetType, {
    nullable: true,
    description: 'Its target in the current spec of the deployment. Null if the spec no longer sends traffic to its version.',
  })
  async target(@Root() { deploymentRowId, versionRowId }: ReplicaType, @Ctx() context: ApiContext): Promise<TargetType | null> {
    const { spec } = (await rowsById(context, this.dataSource.manager, DeploymentEntity).load(deploymentRowId))!;
    return toTargets(spec, deploymentRowId).find((target) => target.versionRowId === versionRowId) ?? null;
  }

  @FieldResolver(() => VersionType, { description: 'The version that it runs.' })
  async version(@Root() { versionRowId }: ReplicaType, @Ctx() context: ApiContext): Promise<VersionType> {
    return loadVersion(context, this.dataSource, versionRowId);
  }
}

@Resolver(() => RouteTargetType)
export class RouteTargetFieldsResolver {
  constructor(private readonly dataSource: DataSource) {}

  @FieldResolver(() => VersionType, { description: 'The version that answers.' })
  async version(@Root() { versionRowId }: RouteTargetType, @Ctx() context: ApiContext): Promise<VersionType> {
    return loadVersion(context, this.dataSource, versionRowId);
  }
}

/** The way back: from projects and versions to the deployments that use them. */
@Resolver(() => ProjectType)
export class ProjectDeploymentsResolver {
  constructor(private readonly dataSource: DataSource) {}

  @FieldResolver(() => DeploymentConnection, { description: 'Its deployments that are not DELETED, newest first.' })
  async deployments(@Root() project: ProjectType, @Args() args: ConnectionArgs, @Ctx() context: ApiContext): Promise<Connection<DeploymentType>> {
    const query = { orderBy: 'createdAt', direction: 'DESC', parent: 'projectId', where: `phase <> 'DELETED'` } as const;
    return toConnection(await pageBelow(context, this.dataSource.manager, DeploymentEntity, args, query).load(readNodeId(project.id)!.id), toDeployment);
  }
}

@Resolver(() => VersionType)
export class VersionDeploymentsResolver {
  constructor(private readonly dataSource: DataSource) {}

  @FieldResolver(() => [DeploymentType], { description: 'Deployments that are not DELETED whose present spec sends traffic to it.' })
  async deployments(@Root() version: VersionType, @Ctx() context: ApiContext): Promise<DeploymentType[]> {
    const loader = context.loaders.of<string, DeploymentEntity[]>('DeploymentEntity.byVersion', async (ids) => {
      const rows = await this.dataSource.manager
        .createQueryBuilder(DeploymentEntity, 'd')
        .where(`d.phase <> 'DELETED' AND EXISTS (SELECT 1 FROM jsonb_array_elements(d.spec->'targets') t WHERE t->>'versionId' = ANY(:ids))`, { ids: [...ids] })
        .orderBy('d.name')
        .getMany();
      return ids.map((id) => rows.filter((row) => row.spec.targets.some((t) => t.versionId === id)));
    });
    return (await loader.load(readNodeId(version.id)!.id)).map(toDeployment);
  }
}

function toTargets(specRow: DeploymentSpec, deploymentRowId: string): TargetType[] {
  return specRow.targets.map(({ versionId, weight, shadowPercent }) =>
    Object.assign(new TargetType(), { weight, shadowPercent, versionRowId: versionId, deploymentRowId, specRow }),
  );
}
