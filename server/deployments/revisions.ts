/** Revisions: written when a spec changes, and looked up to go back to one. */
import { randomUUID } from 'node:crypto';
import type { Change } from '../database/unit-of-work.js';
import { DomainError } from '../errors.js';
import { NOTIFICATION } from '../database/notification-names.js';
import { RevisionEntity, RolloutEntity, DeploymentEntity, type DeploymentSpec } from './deployment.entities.js';

/** Makes the next revision of a deployment, and the rollout that carries it out in place of one that is under way. */
export async function revise(
  change: Change,
  deployment: DeploymentEntity,
  spec: DeploymentSpec,
  how: { action: string; reason: string; rollbackTo?: number },
): Promise<void> {
  const { manager, now, actor } = change;
  const generation = deployment.generation + 1;
  const { id: deploymentId, projectId } = deployment;
  const revisionId = randomUUID();
  const rolloutId = randomUUID();
  await manager.update(
    RolloutEntity,
    { deploymentId, state: 'PROGRESSING' },
    { state: 'SUPERSEDED', reason: `revision ${generation} replaced it`, finishedAt: now },
  );
  await manager.update(DeploymentEntity, { id: deploymentId }, { spec: spec as never, generation, phase: 'PENDING', updatedAt: now });
  await manager.insert(RevisionEntity, {
    id: revisionId,
    deploymentId,
    number: generation,
    spec: spec as never,
    actor,
    reason: how.reason,
    rollbackTo: how.rollbackTo ?? null,
    createdAt: now,
  });
  await manager.insert(RolloutEntity, {
    id: rolloutId,
    deploymentId,
    revisionId,
    state: 'PROGRESSING',
    reason: null,
    steps: [],
    startedAt: now,
    finishedAt: null,
  });
  const message = `revision ${generation} by ${actor} (${how.action})${how.reason && `: ${how.reason}`}`;
  await change.emit({
    topic: 'deployment',
    subjectId: deploymentId,
    projectId,
    type: 'REVISION_CREATED',
    payload: { phase: 'PENDING', generation, message, rolloutId },
  });
  await change.audit({
    action: how.action,
    objectType: 'Deployment',
    objectId: deploymentId,
    projectId,
    detail: { name: deployment.name, revision: generation, spec, reason: how.reason, rollbackTo: how.rollbackTo },
  });
  change.wake(NOTIFICATION.RECONCILE);
}

/** The number of the revision that a rollback without one goes back to. @throws DomainError FAILED_PRECONDITION */
export async function previousRevision(change: Change, deployment: DeploymentEntity): Promise<number> {
  if (deployment.generation < 2)
    throw new DomainError('FAILED_PRECONDITION', `"${deployment.name}" has only one revision, so there is nothing to roll back to`, ['toRevision']);
  // The newest that served, if any did: going back from a failed rollout means going back to what worked.
  const rows: { number: number }[] = await change.manager.query(
    `SELECT r.number FROM revision r JOIN rollout o ON o.revision_id = r.id WHERE r.deployment_id = $1 AND r.number < $2 AND o.state = 'SUCCEEDED' ORDER BY r.number DESC LIMIT 1`,
    [deployment.id, deployment.generation],
  );
  return rows[0]?.number ?? deployment.generation - 1;
}
