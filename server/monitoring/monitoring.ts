/** The feature as features.ts lists it. */
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import type { ResolverClass } from '../api/create-schema.js';
import type { UnitOfWork } from '../database/unit-of-work.js';
import type { Deployments } from '../deployments/deployments.js';
import type { RunningFeature } from '../feature.js';
import type { Registry } from '../registry/registry.js';
import { AlertOfEventResolver, AlertResolver, AlertRuleResolver, DeploymentAlertsResolver, MonitorRulesResolver } from './alert.resolver.js';
import { MetricWindows } from '../metering/metric-windows.js';
import { DeploymentMetricsResolver, TargetMetricsOfTargetResolver, TargetMetricsResolver } from './metrics.resolver.js';
import { MonitorRunner } from './monitor-runner.js';
import { MonitorScheduler } from './monitor-scheduler.js';
import { DeploymentMonitorsResolver, MonitorResolver, MonitorRunResolver } from './monitor.resolver.js';
import { MonitorService } from './monitor.service.js';
import { MonitorUpdates } from './monitor-updates.js';

export interface MonitoringOptions {
  readonly dataSource: DataSource;
  readonly work: UnitOfWork;
  readonly registry: Pick<Registry, 'projects'>;
  readonly deployments: Pick<Deployments, 'service'>;
  readonly log: Logger;
  readonly clock?: () => Date;
}

export interface Monitoring extends RunningFeature {
  readonly service: MonitorService;
  readonly updates: MonitorUpdates;
  readonly runner: MonitorRunner;
  readonly scheduler: MonitorScheduler;
}

/** Every class of the feature with resolvers; `createMonitoring` gives an instance of each. */
export const MONITORING_RESOLVERS: readonly ResolverClass[] = [
  MonitorResolver,
  MonitorRunResolver,
  DeploymentMonitorsResolver,
  AlertResolver,
  AlertRuleResolver,
  DeploymentAlertsResolver,
  MonitorRulesResolver,
  AlertOfEventResolver,
  DeploymentMetricsResolver,
  TargetMetricsOfTargetResolver,
  TargetMetricsResolver,
];

export function createMonitoring({
  dataSource,
  work,
  registry,
  deployments: { service: deployments },
  log,
  clock = () => new Date(),
}: MonitoringOptions): Monitoring {
  const windows = new MetricWindows();
  const runner = new MonitorRunner(work, windows, clock);
  const service = new MonitorService(work, deployments, runner, () => scheduler.changed());
  const scheduler = new MonitorScheduler({ work, runner, monitors: service, log, clock });
  const updates = new MonitorUpdates(work, () => scheduler.changed());
  const monitor = new MonitorResolver(dataSource, service, updates);
  const alert = new AlertResolver(dataSource, service, deployments, registry.projects);
  const rule = new AlertRuleResolver(dataSource, service, updates);
  const metrics = new DeploymentMetricsResolver(dataSource, windows, clock);
  return {
    service,
    updates,
    runner,
    scheduler,
    lead: (fence, signal) => scheduler.lead(fence, signal),
    idle: () => scheduler.idle(),
    nodes: [...monitor.nodes, ...alert.nodes, ...rule.nodes],
    resolvers: [
      monitor,
      alert,
      rule,
      metrics,
      new MonitorRunResolver(dataSource),
      new DeploymentMonitorsResolver(dataSource),
      new DeploymentAlertsResolver(dataSource),
      new MonitorRulesResolver(dataSource),
      new AlertOfEventResolver(dataSource),
      new TargetMetricsOfTargetResolver(metrics),
      new TargetMetricsResolver(dataSource),
    ],
  };
}
