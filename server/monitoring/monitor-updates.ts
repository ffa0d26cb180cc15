/** Changes of monitors and alert rules that exist. What a request leaves out keeps its value. */
import type { EntityManager } from 'typeorm';
import { readBack } from '../database/read-back.js';
import type { Actor, UnitOfWork } from '../database/unit-of-work.js';
import { deploymentRow } from '../deployments/deployment-rows.js';
import { DomainError } from '../errors.js';
import { checkAlertRule, checkMonitor, type AlertRuleSpec, type MonitorSpec } from './monitor-input.js';
import { lockMonitor } from './monitor.service.js';
import { AlertRuleEntity, MonitorEntity } from './monitoring.entities.js';

type Optional<T> = { readonly [K in keyof T]?: T[K] | null | undefined };

export type UpdateMonitorRequest = Optional<Omit<MonitorSpec, 'name' | 'metric'>>;
export type UpdateAlertRuleRequest = Optional<Omit<AlertRuleSpec, 'name'>>;

export class MonitorUpdates {
  constructor(
    private readonly work: UnitOfWork,
    /** Tells the scheduler of this process, where it leads, that a monitor changed. */
    private readonly changed: () => void,
  ) {}

  /** @throws DomainError INVALID, NOT_FOUND */
  async updateMonitor(actor: Actor, id: string, request: UpdateMonitorRequest): Promise<MonitorEntity> {
    await this.work.run(actor, async (change) => {
      const monitor = await lockMonitor(change.manager, id, ['id']);
      const { cron, quantile, windowMs, minimumRequests } = checkMonitor({ ...monitor, ...given(request) });
      const wanted = { cron, quantile, windowMs, minimumRequests };
      const changes = differences(monitor, wanted);
      if (Object.keys(changes).length === 0) return;
      await change.manager.update(MonitorEntity, { id }, wanted);
      await change.audit({
        action: 'updateMonitor',
        objectType: 'Monitor',
        objectId: id,
        projectId: await projectOf(change.manager, monitor),
        detail: { deploymentId: monitor.deploymentId, name: monitor.name, changes },
      });
      change.afterCommit(this.changed);
    });
    return readBack(() => this.work.manager.findOneByOrFail(MonitorEntity, { id }));
  }

  /** A firing alert stays until runs agree that the new condition does not hold. @throws DomainError INVALID, NOT_FOUND */
  async updateAlertRule(actor: Actor, id: string, request: UpdateAlertRuleRequest): Promise<AlertRuleEntity> {
    const found = await this.work.manager.findOneBy(AlertRuleEntity, { id });
    if (!found) throw new DomainError('NOT_FOUND', 'this alert rule does not exist', ['id']);
    await this.work.run(actor, async (change) => {
      // The monitor's row is the lock of its rules.
      const monitor = await change.manager.findOneOrFail(MonitorEntity, { where: { id: found.monitorId }, lock: { mode: 'pessimistic_write' } });
      const rule = await change.manager.findOneByOrFail(AlertRuleEntity, { id });
      if (rule.deletedAt) throw new DomainError('NOT_FOUND', `alert rule "${rule.name}" was deleted`, ['id']);
      const spec: AlertRuleSpec = { ...rule, ...given(request) };
      checkAlertRule(spec, monitor.metric);
      const { comparison, threshold, consecutiveRuns, severity } = spec;
      const wanted = { comparison, threshold, consecutiveRuns, severity };
      const changes = differences(rule, wanted);
      if (Object.keys(changes).length === 0) return;
      await change.manager.update(AlertRuleEntity, { id }, wanted);
      await change.audit({
        action: 'updateAlertRule',
        objectType: 'AlertRule',
        objectId: id,
        projectId: await projectOf(change.manager, monitor),
        detail: { monitorId: monitor.id, name: rule.name, changes },
      });
    });
    return readBack(() => this.work.manager.findOneByOrFail(AlertRuleEntity, { id }));
  }
}

/** The fields of a request that have a value. */
function given<T extends object>(request: T): { [K in keyof T]: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(request).filter(([, value]) => value != null)) as never;
}

/** The fields that differ, each with both values. */
function differences(before: object, after: object): Record<string, { before: unknown; after: unknown }> {
  const old = before as Record<string, unknown>;
  const changed = Object.entries(after).filter(([field, value]) => old[field] !== value);
  return Object.fromEntries(changed.map(([field, value]) => [field, { before: old[field], after: value as unknown }]));
}

async function projectOf(manager: EntityManager, { deploymentId }: MonitorEntity): Promise<string> {
  return (await deploymentRow(manager, deploymentId)).projectId;
}
