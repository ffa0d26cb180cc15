/** Monitors and alert rules: what callers may make, delete and run. */
import { randomUUID } from 'node:crypto';
import { In, type EntityManager } from 'typeorm';
import { idempotent } from '../access/idempotency.js';
import { readBack } from '../database/read-back.js';
import type { Actor, Change, UnitOfWork } from '../database/unit-of-work.js';
import { deploymentRow, lockDeployment } from '../deployments/deployment-rows.js';
import type { DeploymentEntity } from '../deployments/deployment.entities.js';
import type { DeploymentRef, DeploymentService } from '../deployments/deployment.service.js';
import { expectLive } from '../deployments/live.js';
import { DomainError } from '../errors.js';
import { isName } from '../registry/names.js';
import { resolveAlert } from './alert-writer.js';
import { checkAlertRule, checkMonitor, type AlertRuleSpec, type MonitorSpec } from './monitor-input.js';
import type { MonitorRunner } from './monitor-runner.js';
import { AlertEntity, AlertRuleEntity, MonitorEntity, type MonitorRunEntity } from './monitoring.entities.js';

export const MAX_MONITORS = 100;
export const MAX_RULES = 20;

export interface CreateMonitorRequest extends MonitorSpec {
  readonly deployment: DeploymentRef;
  readonly idempotencyKey?: string | null | undefined;
  /** The caller's input as it came, for the idempotency digest. */
  readonly input: object;
}

export interface CreateAlertRuleRequest extends AlertRuleSpec {
  readonly monitorId: string;
  readonly idempotencyKey?: string | null | undefined;
  readonly input: object;
}

export class MonitorService {
  constructor(
    private readonly work: UnitOfWork,
    private readonly deployments: DeploymentService,
    private readonly runner: MonitorRunner,
    /** Tells the scheduler of this process, where it leads, that the set of monitors changed. */
    private readonly changed: () => void,
  ) {}

  /** The monitor, a deleted one too. @throws DomainError NOT_FOUND */
  async get(id: string, field: readonly string[] = ['id']): Promise<MonitorEntity> {
    const monitor = await this.manager.findOneBy(MonitorEntity, { id });
    if (!monitor) throw new DomainError('NOT_FOUND', 'this monitor does not exist', field);
    return monitor;
  }

  async byName(ref: DeploymentRef, name: string): Promise<MonitorEntity | undefined> {
    const deployment = isName(name) ? await this.deployments.find(ref) : undefined;
    const monitor =
      deployment &&
      (await this.manager
        .createQueryBuilder(MonitorEntity, 'm')
        .where('m.deploymentId = :id AND m.name = :name AND m.deletedAt IS NULL', { id: deployment.id, name })
        .getOne());
    return monitor ?? undefined;
  }

  /** In no particular order; unknown ids are left out. */
  rows<E extends { id: string }>(entity: new () => E, ids: readonly string[]): Promise<E[]> {
    return this.manager.findBy(entity, { id: In([...ids]) } as never);
  }

  /** @throws DomainError INVALID, NOT_FOUND, ALREADY_EXISTS, LIMIT_EXCEEDED, FAILED_PRECONDITION, CONFLICT */
  async createMonitor(actor: Actor, request: CreateMonitorRequest): Promise<MonitorEntity> {
    const { name, cron, metric, quantile, windowMs, minimumRequests } = checkMonitor(request);
    const { id: deploymentId } = await this.deployments.get(request.deployment);
    const id = await this.work.run(actor, (change) =>
      idempotent(change, { operation: 'createMonitor', key: request.idempotencyKey, input: request.input }, async () => {
        const deployment = await lockLiveDeployment(change.manager, deploymentId);
        await expectRoom(
          change.manager,
          MonitorEntity,
          { deploymentId },
          MAX_MONITORS,
          `deployment "${deployment.name}" has ${MAX_MONITORS} monitors, which is the limit; delete one first`,
        );
        const monitor = {
          id: randomUUID(),
          deploymentId,
          name,
          cron,
          metric,
          quantile,
          windowMs,
          minimumRequests,
          createdBy: actor,
          createdAt: change.now,
          deletedAt: null,
        };
        const made = await change.manager.createQueryBuilder().insert().into(MonitorEntity).values(monitor).orIgnore().returning('id').execute();
        if ((made.raw as unknown[]).length === 0)
          throw new DomainError('ALREADY_EXISTS', `deployment "${deployment.name}" has a monitor "${name}" already; choose another name, or delete it first`, [
            'name',
          ]);
        await change.audit({
          action: 'createMonitor',
          objectType: 'Monitor',
          objectId: monitor.id,
          projectId: deployment.projectId,
          detail: { deploymentId, name, cron, metric, quantile, windowMs, minimumRequests },
        });
        change.afterCommit(this.changed);
        return monitor.id;
      }),
    );
    return readBack(() => this.get(id));
  }

  /** Its runs and alerts stay; what is firing is resolved. @throws DomainError NOT_FOUND */
  async deleteMonitor(actor: Actor, id: string): Promise<MonitorEntity> {
    await this.work.run(actor, async (change) => {
      const monitor = await lockMonitor(change.manager, id, ['id']);
      await this.retire(change, monitor, 'the monitor was deleted');
      change.afterCommit(this.changed);
    });
    return readBack(() => this.get(id));
  }

  /** Ends a monitor whose row is locked. */
  async retire(change: Change, monitor: MonitorEntity, why: string): Promise<void> {
    const { manager } = change;
    const { projectId } = await deploymentRow(manager, monitor.deploymentId);
    const rules = await manager.createQueryBuilder(AlertRuleEntity, 'r').where('r.monitorId = :id AND r.deletedAt IS NULL', { id: monitor.id }).getMany();
    await this.resolveAll(change, monitor, projectId, rules, why);
    await manager.update(AlertRuleEntity, { id: In(rules.map((rule) => rule.id)) }, { deletedAt: change.now });
    await manager.update(MonitorEntity, { id: monitor.id }, { deletedAt: change.now });
    await change.audit({
      action: 'deleteMonitor',
      objectType: 'Monitor',
      objectId: monitor.id,
      projectId,
      detail: { deploymentId: monitor.deploymentId, name: monitor.name, reason: why },
    });
  }

  /** Runs it at once, beside its schedule. @throws DomainError NOT_FOUND, FAILED_PRECONDITION */
  async runMonitor(actor: Actor, id: string): Promise<MonitorRunEntity> {
    const monitor = await this.get(id);
    if (monitor.deletedAt) throw new DomainError('NOT_FOUND', `monitor "${monitor.name}" was deleted`, ['id']);
    const run = await this.runner.run(actor, id);
    if (!run) throw new DomainError('FAILED_PRECONDITION', `the deployment of monitor "${monitor.name}" was deleted, so there is nothing to check`, ['id']);
    return run;
  }

  /** @throws DomainError NOT_FOUND, INVALID, ALREADY_EXISTS, LIMIT_EXCEEDED, CONFLICT */
  async createAlertRule(actor: Actor, request: CreateAlertRuleRequest): Promise<AlertRuleEntity> {
    const { monitorId, name, comparison, threshold, consecutiveRuns, severity } = request;
    const id = await this.work.run(actor, (change) =>
      idempotent(change, { operation: 'createAlertRule', key: request.idempotencyKey, input: request.input }, async () => {
        const monitor = await lockMonitor(change.manager, monitorId, ['monitor']);
        checkAlertRule(request, monitor.metric);
        await expectRoom(
          change.manager,
          AlertRuleEntity,
          { monitorId },
          MAX_RULES,
          `monitor "${monitor.name}" has ${MAX_RULES} alert rules, which is the limit; delete one first`,
        );
        const rule = {
          id: randomUUID(),
          monitorId,
          name,
          comparison,
          threshold,
          consecutiveRuns,
          severity,
          createdBy: actor,
          createdAt: change.now,
          deletedAt: null,
        };
        const made = await change.manager.createQueryBuilder().insert().into(AlertRuleEntity).values(rule).orIgnore().returning('id').execute();
        if ((made.raw as unknown[]).length === 0)
          throw new DomainError('ALREADY_EXISTS', `monitor "${monitor.name}" has an alert rule "${name}" already; choose another name, or delete it first`, [
            'name',
          ]);
        const { projectId } = await deploymentRow(change.manager, monitor.deploymentId);
        await change.audit({
          action: 'createAlertRule',
          objectType: 'AlertRule',
          objectId: rule.id,
          projectId,
          detail: { monitorId, name, comparison, threshold, consecutiveRuns, severity },
        });
        return rule.id;
      }),
    );
    return readBack(() => this.manager.findOneByOrFail(AlertRuleEntity, { id }));
  }

  /** Its alerts stay; what is firing is resolved. @throws DomainError NOT_FOUND */
  async deleteAlertRule(actor: Actor, id: string): Promise<AlertRuleEntity> {
    const found = await this.manager.findOneBy(AlertRuleEntity, { id });
    if (!found || found.deletedAt)
      throw new DomainError('NOT_FOUND', found ? `alert rule "${found.name}" was deleted before` : 'this alert rule does not exist', ['id']);
    await this.work.run(actor, async (change) => {
      const monitor = await change.manager.findOneOrFail(MonitorEntity, { where: { id: found.monitorId }, lock: { mode: 'pessimistic_write' } });
      const rule = await change.manager.findOneByOrFail(AlertRuleEntity, { id });
      if (rule.deletedAt) return;
      const { projectId } = await deploymentRow(change.manager, monitor.deploymentId);
      await this.resolveAll(change, monitor, projectId, [rule], 'the alert rule was deleted');
      await change.manager.update(AlertRuleEntity, { id }, { deletedAt: change.now });
      await change.audit({ action: 'deleteAlertRule', objectType: 'AlertRule', objectId: id, projectId, detail: { monitorId: monitor.id, name: rule.name } });
    });
    return readBack(() => this.manager.findOneByOrFail(AlertRuleEntity, { id }));
  }

  private async resolveAll(change: Change, monitor: MonitorEntity, projectId: string, rules: readonly AlertRuleEntity[], why: string): Promise<void> {
    const firing = await change.manager.findBy(AlertEntity, { ruleId: In(rules.map((rule) => rule.id)), state: 'FIRING' });
    const place = { deploymentId: monitor.deploymentId, projectId, monitorId: monitor.id };
    for (const alert of firing)
      await resolveAlert(
        change,
        place,
        rules.find((rule) => rule.id === alert.ruleId)!,
        alert,
        null,
        why,
      );
  }

  private get manager(): EntityManager {
    return this.work.manager;
  }
}

/** @throws DomainError NOT_FOUND */
export async function lockMonitor(manager: EntityManager, id: string, field: readonly string[]): Promise<MonitorEntity> {
  const monitor = await manager.findOne(MonitorEntity, { where: { id }, lock: { mode: 'pessimistic_write' } });
  if (!monitor || monitor.deletedAt)
    throw new DomainError('NOT_FOUND', monitor ? `monitor "${monitor.name}" was deleted` : 'this monitor does not exist', field);
  return monitor;
}

/** The lock keeps a deletion from slipping in between, and creations in a row. @throws DomainError FAILED_PRECONDITION, NOT_FOUND */
async function lockLiveDeployment(manager: EntityManager, id: string): Promise<DeploymentEntity> {
  const deployment = await lockDeployment(manager, id);
  expectLive(deployment);
  return deployment;
}

async function expectRoom(
  manager: EntityManager,
  entity: typeof MonitorEntity | typeof AlertRuleEntity,
  parent: object,
  limit: number,
  message: string,
): Promise<void> {
  const count = await manager
    .createQueryBuilder(entity as typeof MonitorEntity, 'x')
    .where(parent)
    .andWhere('x.deletedAt IS NULL')
    .getCount();
  if (count >= limit) throw new DomainError('LIMIT_EXCEEDED', message);
}
