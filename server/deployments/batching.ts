/** Whether and how the requests of one target are merged, and why. Pure. */
import type { BatchingRoute } from '../routing/route-document.js';
import type { VersionEntity } from '../registry/registry.entities.js';
import type { DeploymentSpec } from './deployment.entities.js';

export interface BatchingDecision {
  /** null where requests are not merged. */
  readonly batching: BatchingRoute | null;
  /** Why, in a sentence. */
  readonly reason: string;
}

export type BatchingSpec = Pick<DeploymentSpec, 'batching' | 'maxBatchSize' | 'maxDelayMs'>;

export function batchingOf(
  { batching: mode, maxBatchSize, maxDelayMs }: BatchingSpec,
  { rowIndependence }: Pick<VersionEntity, 'rowIndependence'>,
): BatchingDecision {
  const { verdict, reason } = rowIndependence ?? { verdict: 'UNKNOWN', reason: 'the version was not checked' };
  const found = `${verdict}: ${reason}`;
  if (mode === 'OFF') return { batching: null, reason: 'the spec says OFF' };
  if (maxBatchSize === 1) return { batching: null, reason: 'maxBatchSize is 1' };
  // Whatever the spec says: there is nothing along which requests could be put together, or answers taken apart.
  if (verdict === 'FIXED') return { batching: null, reason: found };
  if (mode === 'AUTO' && verdict !== 'INDEPENDENT') return { batching: null, reason: found };
  return { batching: { maxBatchSize, maxDelayMs }, reason: mode === 'ON' ? `the spec says ON; ${found}` : found };
}
