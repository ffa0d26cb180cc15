/** One run of a monitor: what the windows say, and what that does to its alerts, in one transaction. */
import { randomUUID } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import type { Fence } from '../database/leadership.js';
import type { Actor, Change, UnitOfWork } from '../database/unit-of-work.js';
import { deploymentRow } from '../deployments/deployment-rows.js';
import type { DeploymentEntity } from '../deployments/deployment.entities.js';
import { SERVER_ERROR_KINDS } from '../metering/error-kinds.js';
import { alertTransition, type AlertCondition } from './alert-transition.js';
import { fireAlert, resolveAlert } from './alert-writer.js';
import { evaluateMonitor } from './evaluate-monitor.js';
import type { MetricWindows } from '../metering/metric-windows.js';
import { AlertEntity, AlertRuleEntity, MonitorEntity, MonitorRunEntity } from './monitoring.entities.js';

export class MonitorRunner {
  constructor(
    private readonly work: UnitOfWork,
    private readonly windows: MetricWindows,
    private readonly clock: () => Date = () => new Date(),
  ) {}

  /**
   * Runs a monitor now.
   * @param fence of the leader, where the scheduler runs it: a server that lost the lead writes nothing
   * @returns the run; undefined when the monitor or its deployment is gone
   * @throws NotLeaderError
   */
  async run(actor: Actor, monitorId: string, fence?: Fence): Promise<MonitorRunEntity | undefined> {
    return this.work.run(actor, async (change) => {
      await fence?.check(change.manager);
      const found = await this.lock(change.manager, monitorId);
      return found && this.evaluate(change, found.monitor, found.deployment);
    });
  }

  /** Writes down that a run could not be carried out, so that the silence is seen. */
  async recordFailure(actor: Actor, monitorId: string, reason: string, fence: Fence): Promise<MonitorRunEntity | undefined> {
    return this.work.run(actor, async (change) => {
      await fence.check(change.manager);
      const found = await this.lock(change.manager, monitorId);
      if (!found) return undefined;
      const { from, to } = rangeOf(found.monitor, change.now);
      return this.insert(change, found.monitor, { state: 'FAILED', requests: 0, value: null, reason, windowFrom: from, windowTo: to });
    });
  }

  /** The lock puts the runs of one monitor in a row: two at once would each count the other's as missing. */
  private async lock(manager: EntityManager, id: string): Promise<{ monitor: MonitorEntity; deployment: DeploymentEntity } | undefined> {
    const monitor = await manager.findOne(MonitorEntity, { where: { id }, lock: { mode: 'pessimistic_write' } });
    if (!monitor || monitor.deletedAt) return undefined;
    const deployment = await deploymentRow(manager, monitor.deploymentId);
    return deployment.deletionRequestedAt ? undefined : { monitor, deployment };
  }

  private async evaluate(change: Change, monitor: MonitorEntity, deployment: DeploymentEntity): Promise<MonitorRunEntity> {
    const { manager, now } = change;
    const { from, to } = rangeOf(monitor, now);
    const windows = await this.windows.summarise(manager, [monitor.deploymentId], from, to);
    const evaluation = evaluateMonitor(monitor, windows.get(monitor.deploymentId)!.total, SERVER_ERROR_KINDS);
    const run = await this.insert(change, monitor, { ...evaluation, windowFrom: from, windowTo: to });
    if (run.value !== null) await this.applyRules(change, monitor, deployment);
    return run;
  }

  private async applyRules(change: Change, monitor: MonitorEntity, deployment: DeploymentEntity): Promise<void> {
    const { manager } = change;
    const rules = await manager
      .createQueryBuilder(AlertRuleEntity, 'r')
      .where('r.monitorId = :id AND r.deletedAt IS NULL', { id: monitor.id })
      .orderBy('r.createdAt')
      .getMany();
    if (rules.length === 0) return;
    const firing = await manager
      .createQueryBuilder(AlertEntity, 'a')
      .where(`a.ruleId IN (:...ids) AND a.state = 'FIRING'`, { ids: rules.map((rule) => rule.id) })
      .getMany();
    const needed = Math.max(...rules.map((rule) => rule.consecutiveRuns));
    const runs = await recentRuns(manager, monitor.id, needed);
    const place = { deploymentId: deployment.id, projectId: deployment.projectId, monitorId: monitor.id };
    for (const rule of rules) {
      const alert = firing.find((a) => a.ruleId === rule.id);
      const since = runs.filter((run) => run.startedAt >= rule.createdAt);
      const transition = alertTransition(conditionOf(monitor, rule), since, alert !== undefined);
      if (transition.action === 'FIRE') await fireAlert(change, place, rule, transition.value!, transition.reason);
      if (transition.action === 'RESOLVE') await resolveAlert(change, place, rule, alert!, transition.value, transition.reason);
    }
  }

  private async insert(
    change: Change,
    monitor: MonitorEntity,
    what: Pick<MonitorRunEntity, 'state' | 'requests' | 'value' | 'reason' | 'windowFrom' | 'windowTo'>,
  ): Promise<MonitorRunEntity> {
    const run = change.manager.create(MonitorRunEntity, { ...what, id: randomUUID(), monitorId: monitor.id, startedAt: change.now, finishedAt: this.clock() });
    await change.manager.insert(MonitorRunEntity, run);
    return run;
  }
}

const rangeOf = ({ windowMs }: MonitorEntity, now: Date): { from: Date; to: Date } => ({ from: new Date(now.getTime() - windowMs), to: now });

const conditionOf = (monitor: MonitorEntity, rule: AlertRuleEntity): AlertCondition => ({
  metric: monitor.metric,
  quantile: monitor.quantile,
  windowMs: monitor.windowMs,
  comparison: rule.comparison,
  threshold: rule.threshold,
  consecutiveRuns: rule.consecutiveRuns,
});

/** The newest runs with data, newest first; those without say nothing. */
async function recentRuns(manager: EntityManager, monitorId: string, count: number): Promise<MonitorRunEntity[]> {
  return manager
    .createQueryBuilder(MonitorRunEntity, 'r')
    .where(`r.monitorId = :monitorId AND r.state = 'SUCCEEDED'`, { monitorId })
    .orderBy('r.startedAt', 'DESC')
    .limit(count)
    .getMany();
}
