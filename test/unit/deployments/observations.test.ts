import { describe, expect, it } from 'vitest';
import type { ReplicaEntity } from '../../../server/deployments/deployment.entities.js';
import { changeFor } from '../../../server/deployments/observations.js';
import type { ObservedReplica } from '../../../server/engines/engine.js';

const NOW = new Date('2026-01-01T00:00:00Z');
const row = (state: ReplicaEntity['state']) => ({ id: 'r', state, reason: null, pid: null, address: null, backend: null }) as unknown as ReplicaEntity;
const exited = (more: Partial<ObservedReplica>): ObservedReplica => ({
  replicaId: 'r',
  state: 'EXITED',
  address: '',
  pid: null,
  backend: null,
  signature: null,
  memoryBytes: null,
  reason: 'why',
  exitCode: null,
  exitSignal: null,
  ...more,
});

describe('a replica that ended', () => {
  it('has failed where it ended by itself', () => {
    expect(changeFor(row('STARTING'), exited({}), NOW)).toMatchObject({ state: 'FAILED', reason: 'why', stoppedAt: NOW });
  });

  it('has not failed where the server that was to start it died first: no rollout fails by that, and nothing waits', () => {
    expect(changeFor(row('STARTING'), exited({ starterGone: true }), NOW)).toMatchObject({ state: 'STOPPED', reason: 'why', stoppedAt: NOW });
  });

  it('keeps the reason for which it was told to end', () => {
    expect(changeFor({ ...row('DRAINING'), reason: 'fewer are wanted' }, exited({}), NOW)).toMatchObject({ state: 'STOPPED', reason: 'fewer are wanted' });
  });
});
