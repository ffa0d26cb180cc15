import { setImmediate as turn } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { Snapshot } from '../../../server/deployments/deployment-store.js';
import { Reconciler, type ReconcilerDependencies } from '../../../server/deployments/reconciler.js';
import { DEFAULT_SPEC } from '../../../server/deployments/spec.js';
import { templateOf } from '../../../server/deployments/template.js';
import { eventually } from '../../support/eventually.js';

const NOW = new Date();
const SPEC = { ...DEFAULT_SPEC, targets: [{ versionId: 'version', weight: 100, shadowPercent: 0 }] };
const DEPLOYMENTS = ['a', 'b', 'c', 'd', 'e', 'f'];

/** One replica is recorded and not started yet. */
const snapshotOf = (id: string): Snapshot =>
  ({
    deployment: { id, generation: 1, spec: SPEC, scaledReplicas: null, deletionRequestedAt: null, observedGeneration: 1, phase: 'PENDING', conditions: [] },
    projectName: 'default',
    rollout: { state: 'PROGRESSING', startedAt: NOW, reason: null },
    route: null,
    specs: new Map([[1, SPEC]]),
    longestTimeoutMs: 30_000,
    tableVersion: 1,
    gateways: [],
    replicas: [
      {
        ...{ id: `replica-of-${id}`, deploymentId: id, versionId: 'version', template: templateOf(SPEC), generation: 1, state: 'STARTING' },
        ...{ createdAt: NOW, startAfter: NOW, readyAt: null, stoppedAt: null, reason: null },
      },
    ],
  }) as unknown as Snapshot;

test('starts that take long, as a copy of a large file does, hold up no other deployment', async () => {
  const started: string[] = [];
  const ends: (() => void)[] = [];
  let over = false;
  const parts = {
    store: {
      ids: () => Promise.resolve(DEPLOYMENTS),
      snapshot: async (id: string) => {
        await turn();
        return snapshotOf(id);
      },
      activeReplicas: () => Promise.resolve(new Set()),
    },
    writer: { write: (_snapshot: Snapshot, pass: { restart: string[] }) => Promise.resolve({ launch: pass.restart, stop: [] }) },
    engine: {
      begin: () => undefined,
      onChange: () => () => undefined,
      observe: () => Promise.resolve([]),
      start: ({ replicaId }: { replicaId: string }) => {
        if (over) return Promise.resolve();
        started.push(replicaId);
        return new Promise<void>((resolve) => ends.push(resolve));
      },
    },
    versions: {
      byIds: (ids: string[]) =>
        Promise.resolve(ids.map((id) => ({ id, digest: 'd', runtime: 'r', format: 'f', sample: null, signature: null, backend: null }))),
      files: () => Promise.resolve([]),
    },
    log: pino({ level: 'silent' }),
  } as unknown as ReconcilerDependencies;
  const aborter = new AbortController();
  const reconciler = new Reconciler(parts);
  reconciler.lead({ epoch: 1, check: () => Promise.resolve() }, aborter.signal);
  await eventually(() => started.length >= DEPLOYMENTS.length, 'a start of each deployment');
  // Asked once each, however often their deployments were looked at meanwhile.
  expect(started.toSorted()).toEqual(DEPLOYMENTS.map((id) => `replica-of-${id}`));
  over = true;
  ends.forEach((end) => end());
  await reconciler.pause();
});
