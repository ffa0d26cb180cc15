import { DomainError } from '../errors.js';
import type { DeploymentEntity } from './deployment.entities.js';

/**
 * @param field where the caller named the deployment
 * @param advice what to do about one that is being deleted, for the end of the message
 * @throws DomainError FAILED_PRECONDITION while it is being deleted, NOT_FOUND once it is gone: only the first is worth waiting for
 */
export function expectLive({ name, phase, deletionRequestedAt }: DeploymentEntity, field: readonly string[] = ['deployment'], advice = ''): void {
  if (phase === 'DELETED') throw new DomainError('NOT_FOUND', `deployment "${name}" was deleted`, field);
  if (deletionRequestedAt) throw new DomainError('FAILED_PRECONDITION', `deployment "${name}" is being deleted${advice}`, field);
}
