/** Writes the beginning and the end of alerts, each with its event and audit entry. The monitor's row must be locked. */
import { randomUUID } from 'node:crypto';
import type { Change } from '../database/unit-of-work.js';
import { AlertEntity, type AlertRuleEntity } from './monitoring.entities.js';

/** What the events of an alert say beside the alert itself. */
export interface AlertPlace {
  readonly deploymentId: string;
  readonly projectId: string;
  readonly monitorId: string;
}

export async function fireAlert(change: Change, place: AlertPlace, rule: AlertRuleEntity, value: number, reason: string): Promise<AlertEntity> {
  const { manager, now } = change;
  const alert = manager.create(AlertEntity, {
    id: randomUUID(),
    ruleId: rule.id,
    deploymentId: place.deploymentId,
    state: 'FIRING',
    value,
    reason,
    firedAt: now,
    resolvedAt: null,
    resolvedReason: null,
  });
  await manager.insert(AlertEntity, alert);
  await tell(change, place, rule, alert, 'ALERT_FIRED', value, `${rule.severity} ${rule.name}: ${reason}`);
  return alert;
}

/** @param value what the metric has become; null where the alert ends for another reason */
export async function resolveAlert(
  change: Change,
  place: AlertPlace,
  rule: AlertRuleEntity,
  alert: AlertEntity,
  value: number | null,
  reason: string,
): Promise<void> {
  await change.manager.update(AlertEntity, { id: alert.id }, { state: 'RESOLVED', resolvedAt: change.now, resolvedReason: reason });
  await tell(change, place, rule, { ...alert, state: 'RESOLVED' }, 'ALERT_RESOLVED', value ?? alert.value, `${rule.name}: ${reason}`);
}

async function tell(change: Change, place: AlertPlace, rule: AlertRuleEntity, alert: AlertEntity, type: string, value: number, message: string): Promise<void> {
  const { deploymentId, projectId, monitorId } = place;
  await change.emit({
    topic: 'alert',
    subjectId: alert.id,
    projectId,
    type,
    payload: { alertId: alert.id, ruleId: rule.id, monitorId, deploymentId, severity: rule.severity, state: alert.state, value, message },
  });
  const action = type === 'ALERT_FIRED' ? 'fireAlert' : 'resolveAlert';
  await change.audit({
    action,
    objectType: 'Alert',
    objectId: alert.id,
    projectId,
    detail: { rule: rule.name, ruleId: rule.id, deploymentId, value, reason: message },
  });
}
