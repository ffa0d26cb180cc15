/**
 * One pass over one deployment, up to its decisions: folds what the engine saw into the rows, plans, and says what is to be
 * written and done. Pure, so that a settled deployment's empty pass can be tested as such.
 */
import type { ObservedReplica } from '../engines/engine.js';
import type { ReplicaEntity } from './deployment.entities.js';
import { specOf, type Snapshot } from './deployment-store.js';
import { changeFor, type ReplicaChange } from './observations.js';
import { plan, rolloutOutcome, type ReplicaView, type RolloutOutcome, type Step, type World } from './plan.js';
import { hasProcess } from './replica-states.js';
import { routeView } from './route-documents.js';
import { statusOf, type Status } from './status.js';
import { wantedBy } from './template.js';

export interface Pass {
  readonly changes: readonly { readonly row: ReplicaEntity; readonly change: ReplicaChange }[];
  readonly steps: readonly Step[];
  /** Replicas whose start was recorded and cut off: the engine is asked again. */
  readonly restart: readonly string[];
  /** Replicas that drain already and may be stopped: nothing is left to write of them. */
  readonly stopAgain: readonly string[];
  readonly outcome: RolloutOutcome | null;
  readonly status: Status;
  readonly lookAgainAt: Date | null;
  /** Nothing is to be written. */
  readonly settled: boolean;
}

/** @param workedSince from when on somebody worked on rollouts: time before it does not count towards their deadline */
export function decide(snapshot: Snapshot, observed: ReadonlyMap<string, ObservedReplica>, now: Date, workedSince = snapshot.rollout.startedAt): Pass {
  const { deployment, rollout } = snapshot;
  const changes = snapshot.replicas.flatMap((row) => {
    const change = changeFor(row, observed.get(row.id), now);
    return change ? [{ row, change }] : [];
  });
  const changed = new Map(changes.map(({ row, change }) => [row.id, change]));
  const world = worldOf(snapshot, changed, now, workedSince);
  const outcome = rollout.state === 'PROGRESSING' && !world.deleting ? rolloutOutcome(world) : null;
  const judged: World = outcome ? { ...world, rollout: { ...world.rollout, state: outcome.state } } : world;
  const { steps, lookAgainAt } = plan(judged);
  const failure = judged.rollout.state === 'FAILED' ? (outcome?.state === 'FAILED' ? outcome.reason : rollout.reason) : null;
  const status = statusOf(afterSteps(judged, steps), failure, deployment.conditions);
  const draining = new Set(snapshot.replicas.filter((r) => r.state === 'DRAINING').map((r) => r.id));
  const stopAgain = steps.flatMap((step) => (step.kind === 'STOP' && draining.has(step.replicaId) ? [step.replicaId] : []));
  const settled =
    changes.length === 0 &&
    steps.length === stopAgain.length &&
    (outcome === null || outcome.state === 'PROGRESSING') &&
    deployment.observedGeneration === deployment.generation &&
    deployment.phase === status.phase &&
    canonical(deployment.conditions) === canonical(status.conditions);
  const restart = snapshot.replicas
    .filter((r) => r.state === 'STARTING' && !observed.has(r.id) && !steps.some((s) => 'replicaId' in s && s.replicaId === r.id))
    .map((r) => r.id);
  return { changes, steps, restart, stopAgain, outcome, status, lookAgainAt, settled };
}

/** jsonb gives keys back in an order of its own. */
const canonical = (conditions: readonly object[]): string => JSON.stringify(conditions.map((c) => Object.entries(c).sort(([a], [b]) => (a < b ? -1 : 1))));

function worldOf(snapshot: Snapshot, changed: ReadonlyMap<string, ReplicaChange>, now: Date, workedSince: Date): World {
  const { deployment, route, rollout } = snapshot;
  return {
    deleting: deployment.deletionRequestedAt !== null,
    desired: wantedBy(deployment.generation, deployment.spec, deployment.scaledReplicas),
    routed: route && wantedBy(route.document.generation, specOf(snapshot, route.document.generation), deployment.scaledReplicas),
    // A start in the future was dated before the clock was set back.
    rollout: { state: rollout.state, startedAt: rollout.startedAt > now || rollout.startedAt < workedSince ? workedSince : rollout.startedAt },
    replicas: snapshot.replicas.map((row): ReplicaView => ({ ...row, ...changed.get(row.id) })),
    route: route ? routeView(route.document) : null,
    routeVersion: route?.version ?? snapshot.tableVersion,
    gateways: snapshot.gateways,
    now,
  };
}

/** The world as it is once the steps are taken, as far as status goes: nothing new is acknowledged yet. */
function afterSteps(world: World, steps: readonly Step[]): World {
  let { route, routeVersion } = world;
  const replicas = new Map(world.replicas.map((r) => [r.id, r]));
  steps.forEach((step, i) => {
    if (step.kind === 'ROUTE') [route, routeVersion] = [step.route, Infinity];
    else if (step.kind === 'WITHDRAW') [route, routeVersion] = [null, Infinity];
    else if (step.kind === 'CREATE') {
      const state = step.startAfter <= world.now ? 'STARTING' : 'PENDING';
      replicas.set(`new-${i}`, { ...step, id: `new-${i}`, state, createdAt: world.now, readyAt: null, stoppedAt: null, reason: null });
    } else {
      const replica = replicas.get(step.replicaId)!;
      if (step.kind === 'LAUNCH') replicas.set(replica.id, { ...replica, state: 'STARTING' });
      else if (!hasProcess(replica.state)) replicas.delete(replica.id);
      else replicas.set(replica.id, { ...replica, state: 'DRAINING' });
    }
  });
  return { ...world, route, routeVersion, replicas: [...replicas.values()] };
}
