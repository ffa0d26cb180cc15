/** Rows to GraphQL objects. */
import { toNodeId } from '../api/node-id.js';
import type { DeploymentEntity, DeploymentSpec, ReplicaEntity, RevisionEntity, RolloutEntity } from './deployment.entities.js';
import type { RouteEntity } from '../routing/routing.entities.js';
import { DeploymentType, ReplicaType, RevisionType, RolloutType, RouteType, type DeploymentSpecType } from './deployment.types.js';

export const toSpec = (spec: DeploymentSpec): DeploymentSpecType => ({
  replicas: spec.replicas,
  timeoutMs: spec.timeoutMs,
  maxConcurrency: spec.maxConcurrency,
  maxQueue: spec.maxQueue,
  batching: spec.batching,
  maxBatchSize: spec.maxBatchSize,
  maxDelayMs: spec.maxDelayMs,
  stickyHeader: spec.stickyHeader,
  threads: spec.threads,
  memoryLimitBytes: spec.memoryLimitBytes === null ? null : String(spec.memoryLimitBytes),
});

/** @param endpoint resolved by a field resolver, since it needs the project's name */
export function toDeployment(row: DeploymentEntity): DeploymentType {
  return Object.assign(new DeploymentType(), {
    id: toNodeId('Deployment', row.id),
    name: row.name,
    spec: toSpec(row.spec),
    generation: row.generation,
    observedGeneration: row.observedGeneration,
    scaledReplicas: row.scaledReplicas,
    phase: row.phase,
    conditions: row.conditions.map((c) => ({ ...c, lastTransitionAt: new Date(c.lastTransitionAt) })),
    createdBy: row.createdBy,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
    rowId: row.id,
    projectRowId: row.projectId,
    specRow: row.spec,
  });
}

export function toRevision(row: RevisionEntity): RevisionType {
  const { id, number, actor, reason, rollbackTo, createdAt } = row;
  return Object.assign(new RevisionType(), {
    id: toNodeId('Revision', id),
    number,
    actor,
    reason,
    rollbackTo,
    createdAt,
    spec: toSpec(row.spec),
    rowId: id,
    deploymentRowId: row.deploymentId,
    specRow: row.spec,
  });
}

export function toRollout(row: RolloutEntity): RolloutType {
  const { id, state, reason, startedAt, finishedAt } = row;
  return Object.assign(new RolloutType(), {
    id: toNodeId('Rollout', id),
    state,
    reason,
    startedAt,
    finishedAt,
    steps: row.steps.map((step) => ({ ...step, at: new Date(step.at) })),
    durationMs: finishedAt ? finishedAt.getTime() - startedAt.getTime() : null,
    rowId: id,
    deploymentRowId: row.deploymentId,
    revisionRowId: row.revisionId,
  });
}

export function toReplica(row: ReplicaEntity): ReplicaType {
  const { id, state, generation, attempt, pid, backend, reason, exitCode, exitSignal, logTail, createdAt, startAfter, readyAt, stoppedAt } = row;
  return Object.assign(new ReplicaType(), {
    id: toNodeId('Replica', id),
    state,
    generation,
    attempt,
    pid,
    backend,
    reason,
    exitCode,
    exitSignal,
    logTail,
    createdAt,
    startAfter,
    readyAt,
    stoppedAt,
    memoryBytes: row.memoryBytes === null ? null : String(row.memoryBytes),
    rowId: id,
    deploymentRowId: row.deploymentId,
    versionRowId: row.versionId,
  });
}

export function toRoute(row: RouteEntity): RouteType {
  return Object.assign(new RouteType(), {
    version: String(row.version),
    generation: row.document.generation,
    stickyHeader: row.document.stickyHeader,
    updatedAt: row.updatedAt,
    targets: row.document.targets.map((t) => ({
      weight: t.weight,
      shadowPercent: t.shadowPercent,
      batching: t.batching,
      replicaIds: t.replicas.map((r) => toNodeId('Replica', r.replicaId)),
      versionRowId: t.versionId,
    })),
  });
}
