/** Rows to GraphQL objects. */
import { toNodeId } from '../api/node-id.js';
import type { ScalingDecisionEntity, ScalingPolicyEntity } from './autoscaling.entities.js';
import { ScalingDecisionType, ScalingPolicyType } from './scaling.types.js';

export function toScalingPolicy(row: ScalingPolicyEntity): ScalingPolicyType {
  const { id, generation, minReplicas, maxReplicas, targetInFlight, windowMs, scaleDownWindowMs, createdBy, createdAt, updatedAt, deletedAt } = row;
  return Object.assign(new ScalingPolicyType(), {
    id: toNodeId('ScalingPolicy', id),
    generation,
    minReplicas,
    maxReplicas,
    targetInFlight,
    windowMs,
    scaleDownWindowMs,
    createdBy,
    createdAt,
    updatedAt,
    deletedAt,
    rowId: id,
    deploymentRowId: row.deploymentId,
  });
}

export function toScalingDecision(row: ScalingDecisionEntity): ScalingDecisionType {
  const { id, at, action, fromReplicas, toReplicas, reason, inputs } = row;
  return Object.assign(new ScalingDecisionType(), {
    id: toNodeId('ScalingDecision', id),
    at,
    action,
    fromReplicas,
    toReplicas,
    reason,
    inputs,
    rowId: id,
    policyRowId: row.policyId,
    deploymentRowId: row.deploymentId,
  });
}
