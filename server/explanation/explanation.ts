/** The feature as features.ts lists it. */
import type { ResolverClass } from '../api/create-schema.js';
import type { UnitOfWork } from '../database/unit-of-work.js';
import type { Deployments } from '../deployments/deployments.js';
import type { RunningFeature } from '../feature.js';
import { ExplanationResolver } from './explanation.resolver.js';
import { ExplanationService } from './explanation.service.js';

/** Every class of the feature with resolvers; `createExplanation` gives an instance of each. */
export const EXPLANATION_RESOLVERS: readonly ResolverClass[] = [ExplanationResolver];

export function createExplanation(parts: { work: UnitOfWork; deployments: Pick<Deployments, 'service'> }): RunningFeature {
  return { resolvers: [new ExplanationResolver(new ExplanationService(parts.work, parts.deployments.service))] };
}
