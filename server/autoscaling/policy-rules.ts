/** What a scaling policy may say. Pure. */
import { MAX_REPLICAS } from '../deployments/spec.js';
import { DomainError } from '../errors.js';
import type { ScalingRules } from './decide.js';

/** A decision needs two windows of 5 s. */
export const MIN_WINDOW_MS = 10_000;
export const MAX_WINDOW_MS = 3_600_000;
export const MAX_SCALE_DOWN_WINDOW_MS = 3_600_000;
export const MAX_TARGET_IN_FLIGHT = 1_000_000;

/** @throws DomainError INVALID that names the field and the range */
export function checkRules(rules: ScalingRules): void {
  const { minReplicas, maxReplicas, targetInFlight } = rules;
  if (minReplicas === 0)
    throw new DomainError('INVALID', 'minReplicas is 0; it must be at least 1, because scaling to zero is not supported yet', ['minReplicas']);
  checkRange('minReplicas', minReplicas, 1, MAX_REPLICAS);
  checkRange('maxReplicas', maxReplicas, 1, MAX_REPLICAS);
  if (maxReplicas < minReplicas)
    throw new DomainError('INVALID', `maxReplicas is ${maxReplicas}, less than minReplicas, which is ${minReplicas}; it must be at least as large`, [
      'maxReplicas',
    ]);
  if (!(targetInFlight > 0 && targetInFlight <= MAX_TARGET_IN_FLIGHT)) {
    throw new DomainError(
      'INVALID',
      `targetInFlight is ${targetInFlight}; it must be greater than 0 and at most ${MAX_TARGET_IN_FLIGHT}: the requests that one replica should have in flight`,
      ['targetInFlight'],
    );
  }
  checkRange('windowMs', rules.windowMs, MIN_WINDOW_MS, MAX_WINDOW_MS);
  checkRange('scaleDownWindowMs', rules.scaleDownWindowMs, 0, MAX_SCALE_DOWN_WINDOW_MS);
}

export const sameRules = (a: ScalingRules, b: ScalingRules): boolean =>
  a.minReplicas === b.minReplicas &&
  a.maxReplicas === b.maxReplicas &&
  a.targetInFlight === b.targetInFlight &&
  a.windowMs === b.windowMs &&
  a.scaleDownWindowMs === b.scaleDownWindowMs;

function checkRange(name: string, value: number, low: number, high: number): void {
  if (!Number.isInteger(value) || value < low || value > high)
    throw new DomainError('INVALID', `${name} is ${value}; it must be a whole number from ${low} to ${high}`, [name]);
}
