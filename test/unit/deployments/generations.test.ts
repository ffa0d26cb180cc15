/** Several generations at once: what is made, launched, routed and said of a generation is that generation's. */
import { describe, expect, test } from 'vitest';
import { specOf, type Snapshot } from '../../../server/deployments/deployment-store.js';
import type { DeploymentSpec, ReplicaEntity, ReplicaState } from '../../../server/deployments/deployment.entities.js';
import { decide } from '../../../server/deployments/pass.js';
import { replicaSpec } from '../../../server/deployments/replica-spec.js';
import { DEFAULT_SPEC } from '../../../server/deployments/spec.js';
import { settingsOf, templateOf } from '../../../server/deployments/template.js';

const NOW = new Date('2026-01-01T00:00:00Z');
const VERSION = 'version';
const spec = (change: Partial<DeploymentSpec> = {}): DeploymentSpec => ({
  ...DEFAULT_SPEC,
  targets: [{ versionId: VERSION, weight: 100, shadowPercent: 0 }],
  ...change,
});
const [SMALL, LARGE, HUGE] = [
  spec(),
  spec({ threads: 4, maxConcurrency: 8, memoryLimitBytes: 2 ** 30 }),
  spec({ threads: 16, maxConcurrency: 32, memoryLimitBytes: 2 ** 32 }),
];

interface Row {
  readonly generation: number;
  readonly state: ReplicaState;
  readonly reason?: string;
}

/** The last spec is the desired one, the first is routed where a replica of it is READY. */
function snapshotOf(specs: readonly DeploymentSpec[], rows: readonly Row[], rollout: 'PROGRESSING' | 'SUCCEEDED' = 'PROGRESSING'): Snapshot {
  const generation = specs.length;
  const replicas = rows.map((row, i) => ({
    id: `${row.state}-${row.generation}`,
    deploymentId: 'deployment',
    versionId: VERSION,
    template: templateOf(specs[row.generation - 1]!),
    createdAt: new Date(NOW.getTime() - 1_000 + i),
    startAfter: NOW,
    readyAt: null,
    stoppedAt: row.state === 'FAILED' ? NOW : null,
    reason: null,
    ...row,
  })) as readonly Partial<ReplicaEntity>[];
  const ready = replicas.filter((replica) => replica.state === 'READY' && replica.generation === 1);
  const document = {
    generation: rollout === 'SUCCEEDED' ? generation : 1,
    targets: [{ versionId: VERSION, weight: 100, shadowPercent: 0, replicas: ready.map((replica) => ({ replicaId: replica.id })) }],
  };
  return {
    deployment: {
      id: 'deployment',
      generation,
      spec: specs.at(-1)!,
      scaledReplicas: null,
      deletionRequestedAt: null,
      observedGeneration: generation,
      phase: 'PENDING',
      conditions: [],
    },
    projectName: 'default',
    rollout: { state: rollout, startedAt: NOW, reason: null },
    route: ready.length > 0 ? { version: 7, document } : null,
    specs: new Map(specs.map((each, i) => [i + 1, each])),
    longestTimeoutMs: 30_000,
    tableVersion: 7,
    replicas,
    gateways: [{ acknowledgedVersion: 7, inFlight: {} }],
  } as unknown as Snapshot;
}

const passOf = (snapshot: Snapshot) => {
  const observed = snapshot.replicas.map((row) => [row.id, { ...row, replicaId: row.id, state: row.state === 'FAILED' ? 'EXITED' : row.state }] as const);
  return decide(snapshot, new Map(observed) as never, NOW);
};
const stepsOf = (snapshot: Snapshot): string[] =>
  passOf(snapshot).steps.map((step) =>
    'replicaId' in step ? `${step.kind} ${step.replicaId}` : step.kind === 'CREATE' ? `CREATE ${step.generation}` : step.kind,
  );

describe('a replica is launched with the settings of its own generation', () => {
  const version = {
    digest: 'digest',
    runtime: 'onnx',
    format: 'onnx',
    sample: null,
    backend: null,
    signature: null,
    runtimeOptions: {},
    declaredSignature: null,
  };
  const launch = (row: Row, snapshot: Snapshot) => replicaSpec(snapshotOf([SMALL, LARGE, HUGE], [row]).replicas[0]!, snapshot, version, []);

  test.each([
    [1, SMALL],
    [2, LARGE],
    [3, HUGE],
  ])('generation %i', (generation, own) => {
    const snapshot = snapshotOf([SMALL, LARGE, HUGE], [{ generation: 1, state: 'READY' }]);
    expect(launch({ generation, state: 'STARTING' }, snapshot)).toMatchObject({ replicaId: `STARTING-${generation}`, ...settingsOf(own) });
  });

  test('or not at all, where they are not the settings of its template', () => {
    const snapshot = snapshotOf([SMALL, SMALL, HUGE], []);
    expect(() => launch({ generation: 2, state: 'STARTING' }, snapshot)).toThrow(
      `the settings of generation 2 have the template ${templateOf(SMALL)}; the replica has ${templateOf(LARGE)}`,
    );
    expect(() => specOf(snapshot, 4)).toThrow('deployment deployment has no revision 4');
  });
});

describe('three generations in quick succession', () => {
  test.each<[string, readonly DeploymentSpec[], readonly Row[], string[]]>([
    ['the second one has no replica yet', [SMALL, LARGE, HUGE], [{ generation: 1, state: 'READY' }], ['CREATE 3']],
    [
      'a replica of the second one, which the third does not want',
      [SMALL, LARGE, HUGE],
      [
        { generation: 1, state: 'READY' },
        { generation: 2, state: 'STARTING' },
      ],
      ['CREATE 3', 'STOP STARTING-2'],
    ],
    [
      'a replica of the second one, whose settings the third has too',
      [SMALL, LARGE, { ...LARGE, timeoutMs: 1 }],
      [
        { generation: 1, state: 'READY' },
        { generation: 2, state: 'STARTING' },
      ],
      [],
    ],
    [
      'the same, and it is due to be launched',
      [SMALL, LARGE, { ...LARGE, timeoutMs: 1 }],
      [
        { generation: 1, state: 'READY' },
        { generation: 2, state: 'PENDING' },
      ],
      ['LAUNCH PENDING-2'],
    ],
    ['the third one goes back to the first', [SMALL, LARGE, SMALL], [{ generation: 1, state: 'READY' }], ['ROUTE']],
    [
      'the third one goes back to the first, and a replica of the second is on its way',
      [SMALL, LARGE, SMALL],
      [
        { generation: 1, state: 'READY' },
        { generation: 2, state: 'LOADING' },
      ],
      ['ROUTE', 'DRAIN LOADING-2'],
    ],
  ])('%s', (_, specs, rows, steps) => {
    const snapshot = snapshotOf(specs, rows);
    expect(stepsOf(snapshot)).toEqual(steps);
  });

  test('whatever the order of settings: what is created has the template of its own generation, and what is routed has a spec', () => {
    const choices = [SMALL, LARGE, HUGE];
    const created = choices.flatMap((a) =>
      choices.flatMap((b) =>
        choices.flatMap((c) =>
          [[], [{ generation: 1, state: 'READY' } as const], [{ generation: 2, state: 'READY' } as const]].flatMap((rows) => {
            const snapshot = snapshotOf([a, b, c], rows);
            return passOf(snapshot).steps.map((step) => [snapshot, step] as const);
          }),
        ),
      ),
    );
    expect(created.length).toBeGreaterThan(50);
    for (const [snapshot, step] of created) {
      if (step.kind === 'CREATE') expect(step.template).toBe(templateOf(specOf(snapshot, step.generation)));
      if (step.kind === 'ROUTE') expect(specOf(snapshot, step.route.generation)).toBeDefined();
    }
  });
});

test('the status quotes the failures of its own generation only', () => {
  const message = (generation: number): string => {
    const rows: Row[] = [
      { generation: 1, state: 'READY' },
      { generation, state: 'FAILED', reason: `no memory for generation ${generation}` },
    ];
    const snapshot = snapshotOf([HUGE, SMALL, { ...HUGE, replicas: 2 }], rows, 'SUCCEEDED');
    return passOf(snapshot).status.conditions.find(({ type }) => type === 'Degraded')!.message;
  };
  expect(message(3)).toBe('fewer replicas are READY than wanted; the last one to fail said: no memory for generation 3');
  expect(message(2)).toBe('fewer replicas are READY than wanted');
});

test('days in which the machine slept, or nobody led, do not count towards the deadline of a rollout', () => {
  const snapshot = snapshotOf([SMALL], [{ generation: 1, state: 'LOADING' }]);
  const observed = new Map(snapshot.replicas.map((row) => [row.id, { ...row, replicaId: row.id }])) as never;
  const later = (ms: number): Date => new Date(NOW.getTime() + 3 * 86_400_000 + ms);
  const outcomeAt = (now: Date, workedSince?: Date) => decide(snapshot, observed, now, workedSince).outcome?.state;
  expect(outcomeAt(later(0))).toBe('FAILED');
  expect(outcomeAt(later(0), later(0))).toBe('PROGRESSING');
  expect(outcomeAt(later(9 * 60_000), later(0))).toBe('PROGRESSING');
  expect(outcomeAt(later(11 * 60_000), later(0))).toBe('FAILED');
  // The clock was set back by an hour: the start lies in the future.
  const back = new Date(NOW.getTime() - 3_600_000);
  expect(outcomeAt(new Date(back.getTime() + 11 * 60_000), back)).toBe('FAILED');
});
