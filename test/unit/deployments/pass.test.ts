/** What one pass of the reconciler decides. Each row is a world, and what is done about it. */
import { expect, test } from 'vitest';
import type { Snapshot } from '../../../server/deployments/deployment-store.js';
import type { DeploymentPhase, DeploymentSpec, ReplicaState } from '../../../server/deployments/deployment.entities.js';
import { decide } from '../../../server/deployments/pass.js';
import { DEFAULT_SPEC } from '../../../server/deployments/spec.js';
import { templateOf } from '../../../server/deployments/template.js';
import type { ObservedReplica } from '../../../server/engines/engine.js';

const NOW = new Date('2026-01-01T00:00:00Z');
const later = (ms: number): Date => new Date(NOW.getTime() + ms);

/** Of generation 1, unless it says another. `due` is when it may be launched; `failed` is when it ended. */
interface Replica {
  readonly is: ReplicaState;
  readonly generation?: number;
  readonly due?: Date;
  readonly failed?: Date;
}

interface World {
  /** How many replicas each generation wants, the oldest first. The last one is the desired one. Each has another template. */
  readonly wants: readonly number[];
  /** In the order in which they were made. */
  readonly replicas?: Readonly<Record<string, ReplicaState | Replica>>;
  /** What the engine sees, where it differs from the rows. `gone`: it knows nothing of this replica. */
  readonly seen?: Readonly<Record<string, ObservedReplica['state'] | 'gone'>>;
  /** The replicas that the route names, and the generation that it carries (1 where nothing is said). */
  readonly routed?: readonly string[];
  readonly routedGeneration?: number;
  /** Whether the gateway serves the present route. `absent`: no gateway lives. */
  readonly gateway?: 'knows the route' | 'is behind' | 'absent';
  /** Requests that wait for an answer of a replica. */
  readonly underWay?: Readonly<Record<string, number>>;
  readonly rollout?: 'PROGRESSING' | 'SUCCEEDED' | 'FAILED';
  readonly rolloutBegan?: Date;
  readonly deleting?: boolean;
}

/** What the pass decides, in this order: changes of rows, steps, starts that are asked for again, the rollout, the phase. */
interface Decision {
  readonly does: readonly string[];
  readonly phase: DeploymentPhase;
  readonly lookAgainAt?: Date;
}

const specOf = (generation: number, replicas: number): DeploymentSpec => ({
  ...DEFAULT_SPEC,
  targets: [{ versionId: 'v', weight: 100, shadowPercent: 0 }],
  threads: generation,
  replicas,
});

function snapshotOf(world: World): Snapshot {
  const specs = new Map(world.wants.map((replicas, i) => [i + 1, specOf(i + 1, replicas)]));
  const generation = world.wants.length;
  const replicas = Object.entries(world.replicas ?? {}).map(([id, given], i) => {
    const { is, generation: of = 1, due = NOW, failed } = typeof given === 'string' ? { is: given } : given;
    const ended = failed ?? (is === 'FAILED' ? NOW : null);
    const times = { createdAt: later(i - 60_000), startAfter: due, readyAt: null, stoppedAt: ended };
    const process = { pid: 1, address: id, backend: null, memoryBytes: null };
    return {
      id,
      versionId: 'v',
      template: templateOf(specs.get(of)!),
      generation: of,
      state: is,
      reason: is === 'FAILED' ? 'no memory' : null,
      ...times,
      ...process,
    };
  });
  const { routed, routedGeneration = 1, gateway = 'knows the route', underWay = {}, rollout = 'PROGRESSING' } = world;
  const targets = [{ versionId: 'v', weight: 100, shadowPercent: 0, replicas: (routed ?? []).map((replicaId) => ({ replicaId })) }];
  return {
    deployment: {
      id: 'deployment',
      generation,
      observedGeneration: generation,
      spec: specs.get(generation)!,
      scaledReplicas: null,
      deletionRequestedAt: world.deleting ? NOW : null,
      phase: 'PENDING',
      conditions: [],
    },
    rollout: { state: rollout, startedAt: world.rolloutBegan ?? NOW, reason: rollout === 'FAILED' ? 'it failed before' : null },
    route: routed ? { version: 7, document: { generation: routedGeneration, targets } } : null,
    tableVersion: 7,
    specs,
    replicas,
    gateways: gateway === 'absent' ? [] : [{ acknowledgedVersion: gateway === 'is behind' ? 6 : 7, inFlight: underWay }],
  } as unknown as Snapshot;
}

function decisionOf(world: World): Decision {
  const snapshot = snapshotOf(world);
  const observed = new Map(
    snapshot.replicas
      .filter((row) => row.state !== 'PENDING' && row.state !== 'FAILED' && row.state !== 'STOPPED')
      .map((row) => [row.id, { ...row, replicaId: row.id, state: world.seen?.[row.id] ?? (row.state === 'DRAINING' ? 'READY' : row.state) }] as const)
      .filter(([, seen]) => seen.state !== 'gone'),
  ) as unknown as ReadonlyMap<string, ObservedReplica>;
  const pass = decide(snapshot, observed, NOW);
  const does = [
    ...pass.changes.map(({ row, change }) => `${row.id} is ${change.state}`),
    ...pass.steps.map((step) => {
      if (step.kind === 'CREATE')
        return `create one of generation ${step.generation}${step.startAfter > NOW ? `, to start in ${step.startAfter.getTime() - NOW.getTime()} ms` : ''}`;
      if (step.kind === 'ROUTE') return `route generation ${step.route.generation} to ${step.route.targets[0]!.replicaIds.join(' and ') || 'nobody'}`;
      if (step.kind === 'WITHDRAW') return 'withdraw the route';
      return `${step.kind.toLowerCase()} ${step.replicaId}${'reason' in step ? `: ${step.reason}` : ''}`;
    }),
    ...pass.restart.map((id) => `start ${id} again`),
    ...(pass.outcome && pass.outcome.state !== 'PROGRESSING'
      ? [`the rollout has ${pass.outcome.state}${'reason' in pass.outcome ? `: ${pass.outcome.reason}` : ''}`]
      : []),
  ];
  return { does, phase: pass.status.phase, ...(pass.lookAgainAt && { lookAgainAt: pass.lookAgainAt }) };
}

const FEWER = 'fewer replicas are wanted';

test.each<[what: string, world: World, decision: Decision]>([
  // A deployment comes up.
  ['nothing runs', { wants: [2] }, { does: ['create one of generation 1', 'create one of generation 1'], phase: 'STARTING' }],
  ['a replica is recorded and due', { wants: [1], replicas: { a: 'PENDING' } }, { does: ['launch a'], phase: 'STARTING' }],
  [
    'a replica is recorded and not due',
    { wants: [1], replicas: { a: { is: 'PENDING', due: later(500) } } },
    { does: [], phase: 'PENDING', lookAgainAt: later(500) },
  ],
  ['a start was cut off', { wants: [1], replicas: { a: 'STARTING' }, seen: { a: 'gone' } }, { does: ['start a again'], phase: 'STARTING' }],
  ['a replica has begun to load', { wants: [1], replicas: { a: 'STARTING' }, seen: { a: 'LOADING' } }, { does: ['a is LOADING'], phase: 'LOADING' }],
  ['one of two is ready', { wants: [2], replicas: { a: 'READY', b: 'LOADING' } }, { does: ['route generation 1 to a'], phase: 'LOADING' }],
  ['the gateway does not know the route yet', { wants: [1], replicas: { a: 'READY' }, routed: ['a'], gateway: 'is behind' }, { does: [], phase: 'LOADING' }],
  ['no gateway lives', { wants: [1], replicas: { a: 'READY' }, routed: ['a'], gateway: 'absent' }, { does: [], phase: 'LOADING' }],
  ['all are ready and routed', { wants: [1], replicas: { a: 'READY' }, routed: ['a'] }, { does: ['the rollout has SUCCEEDED'], phase: 'READY' }],
  ['everything is as wanted', { wants: [1], replicas: { a: 'READY' }, routed: ['a'], rollout: 'SUCCEEDED' }, { does: [], phase: 'READY' }],
  // A replica is lost.
  [
    'a replica died',
    { wants: [2], replicas: { a: 'READY', b: 'READY' }, seen: { a: 'EXITED' }, routed: ['a', 'b'], rollout: 'SUCCEEDED' },
    { does: ['a is FAILED', 'route generation 1 to b', 'create one of generation 1'], phase: 'LOADING' },
  ],
  [
    'the engine knows nothing of a replica that was ready',
    { wants: [1], replicas: { a: 'READY' }, seen: { a: 'gone' }, routed: ['a'], rollout: 'SUCCEEDED' },
    { does: ['a is STOPPED', 'route generation 1 to nobody', 'create one of generation 1'], phase: 'STARTING' },
  ],
  [
    'the engine cannot say how a replica is',
    { wants: [1], replicas: { a: 'READY' }, seen: { a: 'UNKNOWN' }, routed: ['a'], rollout: 'SUCCEEDED' },
    { does: [], phase: 'READY' },
  ],
  [
    'a replica failed twice just now',
    { wants: [1], replicas: { a: 'FAILED', b: 'FAILED' } },
    { does: ['create one of generation 1, to start in 500 ms'], phase: 'PENDING' },
  ],
  [
    'a replica failed three times before it was ever ready',
    { wants: [1], replicas: { a: 'FAILED', b: 'FAILED', c: 'FAILED' } },
    { does: ['the rollout has FAILED: a replica failed to start 3 times: no memory'], phase: 'FAILED' },
  ],
  ['the rollout failed before', { wants: [1], replicas: { a: 'FAILED' }, rollout: 'FAILED' }, { does: [], phase: 'FAILED' }],
  [
    'ten minutes are over',
    { wants: [1], replicas: { a: 'LOADING' }, rolloutBegan: later(-601_000) },
    { does: ['stop a: the rollout of generation 1 failed', 'the rollout has FAILED: not every replica was READY after 10 minutes'], phase: 'FAILED' },
  ],
  // Fewer are wanted.
  [
    'one too many is ready',
    { wants: [1], replicas: { a: 'READY', b: 'READY' }, routed: ['a', 'b'], rollout: 'SUCCEEDED' },
    { does: ['route generation 1 to a', `drain b: ${FEWER}`], phase: 'LOADING' },
  ],
  [
    'one too many was never launched',
    { wants: [1], replicas: { a: 'READY', b: 'PENDING' }, routed: ['a'], rollout: 'SUCCEEDED' },
    { does: [`stop b: ${FEWER}`], phase: 'READY' },
  ],
  [
    'it drains, and the gateway may still send to it',
    { wants: [1], replicas: { a: 'READY', b: 'DRAINING' }, routed: ['a'], gateway: 'is behind', rollout: 'SUCCEEDED' },
    { does: [], phase: 'LOADING' },
  ],
  [
    'it drains, and a request waits for its answer',
    { wants: [1], replicas: { a: 'READY', b: 'DRAINING' }, routed: ['a'], underWay: { b: 1 }, rollout: 'SUCCEEDED' },
    { does: [], phase: 'READY' },
  ],
  [
    'it drains, and is out of use',
    { wants: [1], replicas: { a: 'READY', b: 'DRAINING' }, routed: ['a'], rollout: 'SUCCEEDED' },
    { does: [`stop b: ${FEWER}`], phase: 'READY' },
  ],
  [
    'it drained and ended',
    { wants: [1], replicas: { a: 'READY', b: 'DRAINING' }, seen: { b: 'EXITED' }, routed: ['a'], rollout: 'SUCCEEDED' },
    { does: ['b is STOPPED'], phase: 'READY' },
  ],
  // Another generation is wanted.
  [
    'the next generation has no replica',
    { wants: [1, 1], replicas: { a: 'READY' }, routed: ['a'] },
    { does: ['create one of generation 2'], phase: 'STARTING' },
  ],
  [
    'the next generation loads',
    { wants: [1, 1], replicas: { a: 'READY', b: { is: 'LOADING', generation: 2 } }, routed: ['a'] },
    { does: [], phase: 'LOADING' },
  ],
  [
    'the next generation is ready',
    { wants: [1, 1], replicas: { a: 'READY', b: { is: 'READY', generation: 2 } }, routed: ['a'] },
    { does: ['route generation 2 to b', 'drain a: generation 2 does not need it'], phase: 'LOADING' },
  ],
  [
    'the next generation is routed, and the old one out of use',
    { wants: [1, 1], replicas: { a: 'DRAINING', b: { is: 'READY', generation: 2 } }, routed: ['b'], routedGeneration: 2 },
    { does: ['stop a: generation 2 does not need it', 'the rollout has SUCCEEDED'], phase: 'READY' },
  ],
  [
    'the next generation failed: the old one goes on',
    { wants: [1, 1], replicas: { a: 'READY', b: { is: 'LOADING', generation: 2 } }, routed: ['a'], rollout: 'FAILED' },
    { does: ['stop b: the rollout of generation 2 failed'], phase: 'FAILED' },
  ],
  // It is deleted.
  [
    'it is to be deleted',
    { wants: [1], replicas: { a: 'READY' }, routed: ['a'], deleting: true },
    { does: ['withdraw the route', 'drain a: the deployment is being deleted'], phase: 'DELETING' },
  ],
  [
    'its route is withdrawn, and the gateway does not know it yet',
    { wants: [1], replicas: { a: 'DRAINING' }, gateway: 'is behind', deleting: true },
    { does: [], phase: 'DELETING' },
  ],
  [
    'its route is withdrawn everywhere',
    { wants: [1], replicas: { a: 'DRAINING' }, deleting: true },
    { does: ['stop a: the deployment is being deleted'], phase: 'DELETING' },
  ],
  ['nothing of it is left', { wants: [1], replicas: { a: 'STOPPED' }, deleting: true }, { does: [], phase: 'DELETED' }],
])('%s', (_what, world, decision) => {
  expect(decisionOf(world)).toEqual(decision);
});

test('a pass that finds everything as it is written down writes nothing', () => {
  const snapshot = snapshotOf({ wants: [1], replicas: { a: 'READY' }, routed: ['a'], rollout: 'SUCCEEDED' });
  const observed = new Map([['a', { ...snapshot.replicas[0]!, replicaId: 'a' }]]) as unknown as ReadonlyMap<string, ObservedReplica>;
  const first = decide(snapshot, observed, NOW);
  expect(first.settled).toBe(false);
  const written = { ...snapshot, deployment: { ...snapshot.deployment, ...first.status } } as unknown as Snapshot;
  expect(decide(written, observed, later(1_000))).toMatchObject({ settled: true, changes: [], steps: [], restart: [] });
  // An older generation was the last one that was observed: that is to be written.
  const older = { ...written, deployment: { ...written.deployment, observedGeneration: 0 } } as unknown as Snapshot;
  expect(decide(older, observed, NOW).settled).toBe(false);
});
