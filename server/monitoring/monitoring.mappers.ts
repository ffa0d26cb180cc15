/** Rows to GraphQL objects. */
import { toNodeId } from '../api/node-id.js';
import { BATCH_SIZE_BOUNDS, quantile } from '../metering/histogram.js';
import { SERVER_ERROR_KINDS } from '../metering/error-kinds.js';
import { serverErrors } from './evaluate-monitor.js';
import type { DeploymentWindows, WindowSummary } from '../metering/metric-windows.js';
import { DeploymentMetricsType, type MetricsType, TargetMetricsType } from './metrics.types.js';
import type { AlertEntity, AlertRuleEntity, MonitorEntity, MonitorRunEntity } from './monitoring.entities.js';
import { AlertRuleType, AlertType, MonitorRunType, MonitorType } from './monitoring.types.js';

const SERVER_SIDE: readonly string[] = SERVER_ERROR_KINDS;

export function toMonitor(row: MonitorEntity): MonitorType {
  const { id, name, cron, metric, quantile: q, windowMs, minimumRequests, createdBy, createdAt, deletedAt } = row;
  return Object.assign(new MonitorType(), {
    id: toNodeId('Monitor', id),
    name,
    cron,
    metric,
    quantile: q,
    windowMs,
    minimumRequests,
    createdBy,
    createdAt,
    deletedAt,
    rowId: id,
    deploymentRowId: row.deploymentId,
  });
}

export function toMonitorRun(row: MonitorRunEntity): MonitorRunType {
  const { id, state, startedAt, finishedAt, windowFrom, windowTo, requests, value, reason } = row;
  return Object.assign(new MonitorRunType(), {
    id: toNodeId('MonitorRun', id),
    state,
    startedAt,
    finishedAt,
    windowFrom,
    windowTo,
    requests,
    value,
    reason,
    rowId: id,
    monitorRowId: row.monitorId,
  });
}

export function toAlertRule(row: AlertRuleEntity): AlertRuleType {
  const { id, name, comparison, threshold, consecutiveRuns, severity, createdBy, createdAt, deletedAt } = row;
  return Object.assign(new AlertRuleType(), {
    id: toNodeId('AlertRule', id),
    name,
    comparison,
    threshold,
    consecutiveRuns,
    severity,
    createdBy,
    createdAt,
    deletedAt,
    rowId: id,
    monitorRowId: row.monitorId,
  });
}

export function toAlert(row: AlertEntity): AlertType {
  const { id, state, value, reason, firedAt, resolvedAt, resolvedReason } = row;
  return Object.assign(new AlertType(), {
    id: toNodeId('Alert', id),
    state,
    value,
    reason,
    firedAt,
    resolvedAt,
    resolvedReason,
    rowId: id,
    ruleRowId: row.ruleId,
    deploymentRowId: row.deploymentId,
  });
}

export function toDeploymentMetrics({ from, to, total, byVersion }: DeploymentWindows, windowMs: number): DeploymentMetricsType {
  const targets = [...byVersion].map(([versionId, summary]) => toTargetMetrics(versionId, summary));
  return Object.assign(new DeploymentMetricsType(), metricsOf(total), { windowMs, from, to, targets });
}

export const toTargetMetrics = (versionRowId: string, summary: WindowSummary): TargetMetricsType =>
  Object.assign(new TargetMetricsType(), metricsOf(summary), { versionRowId });

function metricsOf(summary: WindowSummary): MetricsType {
  const { requests, errors, latency, queueTime, computeTime, executions, rows, batchSizes, requestBytes, responseBytes, coveredMs, measuredMs } = summary;
  const { inFlight, inFlightMax, queue, queueMax } = summary;
  return {
    coveredMs,
    measuredMs,
    requests,
    errorRate: requests > 0 ? serverErrors(summary, SERVER_SIDE) / requests : null,
    errors: Object.entries(errors)
      .filter(([, count]) => count > 0)
      .sort()
      .map(([kind, count]) => ({ kind, count, serverSide: SERVER_SIDE.includes(kind) })),
    latencyP50Ms: quantile(latency, 0.5),
    latencyP95Ms: quantile(latency, 0.95),
    latencyP99Ms: quantile(latency, 0.99),
    queueTimeP50Ms: quantile(queueTime, 0.5),
    queueTimeP95Ms: quantile(queueTime, 0.95),
    queueTimeP99Ms: quantile(queueTime, 0.99),
    computeTimeP50Ms: quantile(computeTime, 0.5),
    computeTimeP95Ms: quantile(computeTime, 0.95),
    computeTimeP99Ms: quantile(computeTime, 0.99),
    executions,
    meanBatchSize: executions > 0 ? rows / executions : null,
    batchSizes: batchSizes.flatMap((count, i) => (count > 0 ? [{ atMost: BATCH_SIZE_BOUNDS[i] ?? null, count }] : [])),
    requestBytes,
    responseBytes,
    inFlight,
    inFlightMax,
    queue,
    queueMax,
  };
}
