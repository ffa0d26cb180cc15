/**
 * The heart of the reconciler: from what is wanted and what is, what to do next. Pure; called again after every change, it
 * answers with the next small step and with nothing at all once the world is as wanted.
 *
 * While a rollout is under way two generations are wanted at once: the one that the route carries, and the desired one, which
 * is getting ready. The route moves when the desired one is complete; what only the other one wanted is drained after that.
 */
import type { Acknowledgement } from '../routing/acknowledgements.js';
import { failuresInARow, isDue, restartDelayMs } from './backoff.js';
import type { ReplicaState, RolloutState } from './deployment.entities.js';
import { distanceToServing, hasProcess, isActive } from './replica-states.js';
import { isShadow, type WantedGeneration, type WantedTarget } from './template.js';

/** A rollout whose target failed to start this often, without a replica of it READY, has FAILED. */
export const MAX_START_FAILURES = 3;
/** So has one that is not done after this long. */
export const PROGRESS_DEADLINE_MS = 10 * 60_000;

export interface ReplicaView {
  readonly id: string;
  readonly versionId: string;
  readonly template: string;
  readonly generation: number;
  readonly state: ReplicaState;
  readonly startAfter: Date | null;
  readonly createdAt: Date;
  readonly readyAt: Date | null;
  readonly stoppedAt: Date | null;
  readonly reason: string | null;
}

export interface RouteView {
  readonly generation: number;
  readonly targets: readonly RoutedTarget[];
}

export interface RoutedTarget {
  readonly versionId: string;
  readonly weight: number;
  readonly shadowPercent: number;
  readonly replicaIds: readonly string[];
}

/** Everything a pass knows. */
export interface World {
  readonly deleting: boolean;
  readonly desired: WantedGeneration;
  /** What the generation that the route carries wants; null where nothing is routed. */
  readonly routed: WantedGeneration | null;
  /** The desired generation's rollout. A FAILED one is not tried any further. */
  readonly rollout: { readonly state: RolloutState; readonly startedAt: Date };
  /** Those that are not final, and of late the FAILED ones and the STOPPED ones that had served; newest first. */
  readonly replicas: readonly ReplicaView[];
  readonly route: RouteView | null;
  /** The version of the route table that a gateway must have acknowledged to know this deployment's present route. */
  readonly routeVersion: number;
  /** Living gateways only. */
  readonly gateways: readonly Acknowledgement[];
  readonly now: Date;
}

export type Step =
  | {
      readonly kind: 'CREATE';
      readonly versionId: string;
      readonly template: string;
      readonly generation: number;
      readonly attempt: number;
      readonly startAfter: Date;
    }
  | { readonly kind: 'LAUNCH'; readonly replicaId: string }
  | { readonly kind: 'ROUTE'; readonly route: RouteView }
  | { readonly kind: 'WITHDRAW' }
  | { readonly kind: 'DRAIN'; readonly replicaId: string; readonly reason: string }
  | { readonly kind: 'STOP'; readonly replicaId: string; readonly reason: string };

export interface Plan {
  readonly steps: readonly Step[];
  /** When to look again even if nothing is heard; null when only a change can make a difference. */
  readonly lookAgainAt: Date | null;
}

/** Whether two run the same version with the same settings. */
export const isAlike = (a: { versionId: string; template: string }, b: { versionId: string; template: string }): boolean =>
  a.versionId === b.versionId && a.template === b.template;

export function readyOf(world: World, target: WantedTarget): ReplicaView[] {
  return world.replicas
    .filter((r) => r.state === 'READY' && isAlike(r, target))
    .sort(byUsefulness)
    .slice(0, target.replicas);
}

const isFull = (world: World, target: WantedTarget): boolean => readyOf(world, target).length >= target.replicas;

/** Every replica that callers may be sent to is READY. Shadows do not count: one that cannot start must not hold up what serves. */
export const isComplete = (world: World, wanted: WantedGeneration): boolean => wanted.targets.every((t) => isShadow(t) || isFull(world, t));

/** Every shadow of a generation has all its replicas READY. */
export const isShadowed = (world: World, wanted: WantedGeneration): boolean => wanted.targets.every((t) => !isShadow(t) || isFull(world, t));

/** Every target of a generation that gets traffic has a READY replica. */
export const isServable = (world: World, wanted: WantedGeneration): boolean => wanted.targets.every((t) => t.weight === 0 || readyOf(world, t).length > 0);

/** The generation that the route should carry now, if any. */
export function servingGeneration(world: World): WantedGeneration | null {
  const { desired, routed, rollout } = world;
  if (world.deleting) return null;
  // Once the route has moved it stays: a replica that dies now is restarted, not a reason to go back and forth.
  if (routed?.generation === desired.generation) return desired;
  if (rollout.state === 'FAILED') return routed;
  if (isComplete(world, desired)) return desired;
  return routed ?? (isServable(world, desired) ? desired : null);
}

/** No living gateway can still send to it, and none waits for its answer. */
export function isOutOfUse(world: World, replicaId: string): boolean {
  const routed = world.route?.targets.some((t) => t.replicaIds.includes(replicaId)) ?? false;
  return !routed && world.gateways.every((g) => g.acknowledgedVersion >= world.routeVersion && !g.inFlight[replicaId]);
}

export function plan(world: World): Plan {
  const steps: Step[] = [];
  const serving = servingGeneration(world);
  const routeMoves = planRoute(world, serving, steps);
  const kept = planReplicas(world, wantedProcesses(world, serving), steps);
  for (const replica of world.replicas) {
    if (kept.has(replica.id) || replica.state === 'FAILED' || replica.state === 'STOPPED') continue;
    const reason = world.deleting ? 'the deployment is being deleted' : surplusReason(world, replica);
    if (!hasProcess(replica.state)) steps.push({ kind: 'STOP', replicaId: replica.id, reason });
    else if (!routeMoves && isOutOfUse(world, replica.id)) steps.push({ kind: 'STOP', replicaId: replica.id, reason });
    else if (replica.state !== 'DRAINING') steps.push({ kind: 'DRAIN', replicaId: replica.id, reason });
  }
  return { steps, lookAgainAt: nextLook(world) };
}

function planRoute(world: World, serving: WantedGeneration | null, steps: Step[]): boolean {
  if (!serving) {
    if (world.route) steps.push({ kind: 'WITHDRAW' });
    return world.route !== null;
  }
  const route: RouteView = {
    generation: serving.generation,
    targets: serving.targets.map((t) => ({
      versionId: t.versionId,
      weight: t.weight,
      shadowPercent: t.shadowPercent,
      replicaIds: readyOf(world, t)
        .map((r) => r.id)
        .sort(),
    })),
  };
  if (JSON.stringify(route) === JSON.stringify(world.route)) return false;
  steps.push({ kind: 'ROUTE', route });
  return true;
}

/** How many replicas of each version and template should run: of the serving generation and of the one that is getting ready. */
function wantedProcesses(world: World, serving: WantedGeneration | null): (WantedTarget & { generation: number })[] {
  const generations = world.deleting ? [] : [serving, world.rollout.state === 'FAILED' ? null : world.desired];
  const wanted: (WantedTarget & { generation: number })[] = [];
  for (const generation of generations) {
    for (const target of generation?.targets ?? []) {
      const at = wanted.findIndex((w) => isAlike(w, target));
      if (at < 0) wanted.push({ ...target, generation: generation!.generation });
      else if (target.replicas > wanted[at]!.replicas) wanted[at] = { ...target, generation: generation!.generation };
    }
  }
  return wanted;
}

/** Creates and launches what is missing; answers which replicas are to stay. */
function planReplicas(world: World, wanted: readonly (WantedTarget & { generation: number })[], steps: Step[]): Set<string> {
  const kept = new Set<string>();
  for (const target of wanted) {
    const active = world.replicas
      .filter((r) => isActive(r.state) && isAlike(r, target))
      .sort(byUsefulness)
      .slice(0, target.replicas);
    for (const replica of active) {
      kept.add(replica.id);
      if (replica.state === 'PENDING' && isDue(replica.startAfter, world.now)) steps.push({ kind: 'LAUNCH', replicaId: replica.id });
    }
    const attempt = failuresInARow(since(world, target, target.generation), world.now);
    const startAfter = new Date(world.now.getTime() + restartDelayMs(attempt));
    for (let i = active.length; i < target.replicas; i++) {
      steps.push({ kind: 'CREATE', versionId: target.versionId, template: target.template, generation: target.generation, attempt, startAfter });
    }
  }
  return kept;
}

/** Replicas of a target since its generation began: an earlier generation's bad luck does not slow down a new attempt. */
const since = (world: World, target: WantedTarget, generation: number): ReplicaView[] =>
  world.replicas.filter((r) => isAlike(r, target) && r.generation >= generation);

export type RolloutOutcome = { readonly state: 'PROGRESSING' } | { readonly state: 'SUCCEEDED' } | { readonly state: 'FAILED'; readonly reason: string };

/** Whether the rollout of the desired generation is done. Only asked while it is PROGRESSING. */
export function rolloutOutcome(world: World): RolloutOutcome {
  const { desired } = world;
  if (isRouted(world, desired) && isComplete(world, desired)) return { state: 'SUCCEEDED' };
  for (const target of desired.targets) {
    if (isShadow(target)) continue;
    const failures = since(world, target, desired.generation).filter((r) => r.state === 'FAILED');
    if (failures.length >= MAX_START_FAILURES && readyOf(world, target).length === 0) {
      return { state: 'FAILED', reason: `a replica failed to start ${failures.length} times: ${failures[0]!.reason ?? 'no reason is known'}` };
    }
  }
  if (world.now.getTime() - world.rollout.startedAt.getTime() > PROGRESS_DEADLINE_MS) {
    return { state: 'FAILED', reason: `not every replica was READY after ${PROGRESS_DEADLINE_MS / 60_000} minutes` };
  }
  return { state: 'PROGRESSING' };
}

/** The generation's present route is what every living gateway serves, and there is one. */
export function isRouted(world: World, wanted: WantedGeneration): boolean {
  return world.route?.generation === wanted.generation && world.gateways.length > 0 && world.gateways.every((g) => g.acknowledgedVersion >= world.routeVersion);
}

function surplusReason({ desired, routed, rollout }: World, replica: ReplicaView): string {
  const isOf = (wanted: WantedGeneration | null): boolean => wanted?.targets.some((target) => isAlike(target, replica)) ?? false;
  if (!isOf(desired)) return `generation ${desired.generation} does not need it`;
  return rollout.state === 'FAILED' && !isOf(routed) ? `the rollout of generation ${desired.generation} failed` : 'fewer replicas are wanted';
}

/** READY before the rest, older before newer: what serves longest is kept. */
function byUsefulness(a: ReplicaView, b: ReplicaView): number {
  return distanceToServing(a.state) - distanceToServing(b.state) || a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1);
}

function nextLook(world: World): Date | null {
  const times = world.replicas.filter((r) => r.state === 'PENDING' && r.startAfter && !isDue(r.startAfter, world.now)).map((r) => r.startAfter!.getTime());
  return times.length > 0 ? new Date(Math.min(...times)) : null;
}
