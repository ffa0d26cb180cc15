/** What other features read of monitoring, each in the transaction that it has open. */
import type { EntityManager } from 'typeorm';
import { AlertEntity, AlertRuleEntity, MonitorEntity } from './monitoring.entities.js';

/** The monitors of some deployments, by name. */
export const liveMonitors = (manager: EntityManager, deploymentIds: readonly string[]): Promise<MonitorEntity[]> =>
  manager
    .createQueryBuilder(MonitorEntity, 'm')
    .where('m.deploymentId = ANY(:ids) AND m.deletedAt IS NULL', { ids: [...deploymentIds] })
    .orderBy('m.name')
    .getMany();

/** The alert rules of some monitors, by name. */
export const liveRules = (manager: EntityManager, monitorIds: readonly string[]): Promise<AlertRuleEntity[]> =>
  manager
    .createQueryBuilder(AlertRuleEntity, 'r')
    .where('r.monitorId = ANY(:ids) AND r.deletedAt IS NULL', { ids: [...monitorIds] })
    .orderBy('r.name')
    .getMany();

/** The alerts of a deployment that are FIRING, newest first. */
export const firingAlerts = (manager: EntityManager, deploymentId: string, take: number): Promise<AlertEntity[]> =>
  manager.find(AlertEntity, { where: { deploymentId, state: 'FIRING' }, order: { firedAt: 'DESC' }, take });
