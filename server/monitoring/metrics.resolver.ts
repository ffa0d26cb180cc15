import { Arg, Ctx, FieldResolver, Int, Resolver, Root } from 'type-graphql';
import type { DataSource } from 'typeorm';
import type { ApiContext } from '../api/context.js';
import { DeploymentType, TargetType } from '../deployments/deployment.types.js';
import { DomainError } from '../errors.js';
import { loadVersion } from '../registry/registry-loaders.js';
import { VersionType } from '../registry/registry.types.js';
import type { DeploymentWindows, MetricWindows } from '../metering/metric-windows.js';
import { DeploymentMetricsType, TargetMetricsType } from './metrics.types.js';
import { MAX_WINDOW_MS, MIN_WINDOW_MS } from './monitor-input.js';
import { toDeploymentMetrics, toTargetMetrics } from './monitoring.mappers.js';

const WINDOW_ARG = { defaultValue: 60_000, description: 'Length of the time before now, 5000 to 86400000.' } as const;

@Resolver(() => DeploymentType)
export class DeploymentMetricsResolver {
  constructor(
    private readonly dataSource: DataSource,
    private readonly windows: MetricWindows,
    private readonly clock: () => Date = () => new Date(),
  ) {}

  @FieldResolver(() => DeploymentMetricsType, { description: 'Recent requests, errors, latency and load, over all gateways.' })
  async metrics(
    @Root() { rowId }: DeploymentType,
    @Arg('windowMs', () => Int, WINDOW_ARG) windowMs: number,
    @Ctx() context: ApiContext,
  ): Promise<DeploymentMetricsType> {
    return toDeploymentMetrics(await this.load(context, rowId, windowMs), windowMs);
  }

  /** @throws DomainError INVALID */
  async load({ loaders }: ApiContext, deploymentId: string, windowMs: number): Promise<DeploymentWindows> {
    if (windowMs < MIN_WINDOW_MS || windowMs > MAX_WINDOW_MS)
      throw new DomainError('INVALID', `windowMs is ${windowMs}; it must be from ${MIN_WINDOW_MS} to ${MAX_WINDOW_MS}`, ['windowMs']);
    const loader = loaders.of<string, DeploymentWindows>(`DeploymentMetrics:${windowMs}`, async (ids) => {
      const to = this.clock();
      const found = await this.windows.summarise(this.dataSource.manager, ids, new Date(to.getTime() - windowMs), to);
      return ids.map((id) => found.get(id)!);
    });
    return loader.load(deploymentId);
  }
}

@Resolver(() => TargetType)
export class TargetMetricsOfTargetResolver {
  constructor(private readonly deployments: DeploymentMetricsResolver) {}

  @FieldResolver(() => TargetMetricsType, {
    nullable: true,
    description: 'Recent requests, errors, latency and load of this target. Null if no gateway reported on it.',
  })
  async metrics(
    @Root() { deploymentRowId, versionRowId }: TargetType,
    @Arg('windowMs', () => Int, WINDOW_ARG) windowMs: number,
    @Ctx() context: ApiContext,
  ): Promise<TargetMetricsType | null> {
    const summary = (await this.deployments.load(context, deploymentRowId, windowMs)).byVersion.get(versionRowId);
    return summary ? toTargetMetrics(versionRowId, summary) : null;
  }
}

@Resolver(() => TargetMetricsType)
export class TargetMetricsResolver {
  constructor(private readonly dataSource: DataSource) {}

  @FieldResolver(() => VersionType, { description: 'The version that was measured.' })
  async version(@Root() { versionRowId }: TargetMetricsType, @Ctx() context: ApiContext): Promise<VersionType> {
    return loadVersion(context, this.dataSource, versionRowId);
  }
}
