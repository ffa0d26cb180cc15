/** The status of a deployment, derived from what is. Pure. */
import type { Condition, ConditionStatus, DeploymentPhase } from './deployment.entities.js';
import { isAlike, isComplete, isRouted, isServable, isShadowed, servingGeneration, type World } from './plan.js';
import { hasProcess } from './replica-states.js';
import { isShadow } from './template.js';

export interface Status {
  readonly phase: DeploymentPhase;
  readonly conditions: readonly Condition[];
}

/** @param failure why the desired generation's rollout FAILED, if it did */
export function statusOf(world: World, failure: string | null, before: readonly Condition[]): Status {
  const phase = phaseOf(world, failure);
  const serving = servingGeneration(world);
  const available = serving !== null && isServable(world, serving) && isRouted(world, serving);
  const settled = phase === 'READY' || phase === 'FAILED' || phase === 'DELETED';
  const degraded = failure === null ? shortage(world) : { reason: 'RolloutFailed', message: failure };
  const wanted: Omit<Condition, 'lastTransitionAt'>[] = [
    available
      ? { type: 'Available', status: 'TRUE', reason: 'Serving', message: `generation ${serving.generation} is served` }
      : { type: 'Available', status: 'FALSE', reason: 'NoReadyReplica', message: 'no gateway can serve every target yet' },
    settled
      ? { type: 'Progressing', status: 'FALSE', reason: failure ? 'RolloutFailed' : 'Settled', message: failure ?? 'nothing is left to do' }
      : { type: 'Progressing', status: 'TRUE', reason: 'Reconciling', message: `generation ${world.desired.generation} is being rolled out` },
    degraded ? { type: 'Degraded', status: 'TRUE', ...degraded } : { type: 'Degraded', status: 'FALSE', reason: 'AsWanted', message: '' },
  ];
  return { phase, conditions: wanted.map((condition) => withTransition(condition, before, world.now)) };
}

function phaseOf(world: World, failure: string | null): DeploymentPhase {
  if (world.deleting) return world.route === null && !world.replicas.some((r) => hasProcess(r.state)) ? 'DELETED' : 'DELETING';
  if (failure !== null) return 'FAILED';
  const { desired } = world;
  const settledBefore = world.rollout.state === 'SUCCEEDED';
  if (isRouted(world, desired) && (settledBefore ? isServable(world, desired) : isComplete(world, desired))) return 'READY';
  const states = new Set(world.replicas.filter((r) => desired.targets.some((t) => isAlike(t, r))).map((r) => r.state));
  // What is READY but not yet routed is still loading as far as a caller can tell.
  if (states.has('LOADING') || states.has('READY')) return 'LOADING';
  return states.has('STARTING') ? 'STARTING' : 'PENDING';
}

/** What is missing of a rollout that was done. A shadow's absence is told, and is no reason to be anything but READY. */
function shortage(world: World): Pick<Condition, 'reason' | 'message'> | null {
  const { deleting, desired, rollout } = world;
  if (deleting || rollout.state !== 'SUCCEEDED') return null;
  if (!isComplete(world, desired)) return { reason: 'ReplicasMissing', message: `fewer replicas are READY than wanted${lastWords(world, false)}` };
  if (isShadowed(world, desired)) return null;
  return { reason: 'ShadowMissing', message: `a shadow has fewer READY replicas than wanted; callers are still served${lastWords(world, true)}` };
}

/** Why a replica of the desired generation failed last: one of its shadows, or one of its other targets. */
function lastWords({ desired, replicas }: World, ofShadow: boolean): string {
  const targets = desired.targets.filter((target) => isShadow(target) === ofShadow);
  const failed = replicas.find((r) => r.state === 'FAILED' && targets.some((target) => isAlike(target, r)));
  return failed?.reason ? `; the last one to fail said: ${failed.reason}` : '';
}

function withTransition(condition: Omit<Condition, 'lastTransitionAt'>, before: readonly Condition[], now: Date): Condition {
  const previous = before.find((c) => c.type === condition.type);
  const status: ConditionStatus | undefined = previous?.status;
  return { ...condition, lastTransitionAt: status === condition.status ? previous!.lastTransitionAt : now.toISOString() };
}
