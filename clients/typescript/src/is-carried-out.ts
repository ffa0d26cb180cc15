/** When waiting for a change of a deployment is over. */
import { PilothouseError } from './errors.js';
import type { DeploymentFieldsFragment as Deployment } from './generated/operations.js';

/**
 * Whether a change is carried out, by an event or by the present state.
 * @throws PilothouseError FAILED_PRECONDITION when it failed; CONFLICT when a later change replaced it
 */
export function isCarriedOut(now: Pick<Deployment, 'phase' | 'generation'>, message: string, { generation, phase }: Deployment): boolean {
  if (now.phase === 'DELETED') return true;
  if (now.generation < generation) return false;
  if (now.generation > generation) throw new PilothouseError('CONFLICT', `generation ${now.generation} took the place of generation ${generation}`);
  if (now.phase === 'FAILED') throw new PilothouseError('FAILED_PRECONDITION', message);
  return now.phase === 'READY' && phase !== 'DELETING';
}
