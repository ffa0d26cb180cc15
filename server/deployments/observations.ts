/** What the engine saw, as changes of replica rows. Pure. */
import type { ObservedReplica } from '../engines/engine.js';
import type { ReplicaEntity, ReplicaState } from './deployment.entities.js';
import { isFinal } from './replica-states.js';

export type ReplicaChange = Partial<
  Pick<ReplicaEntity, 'state' | 'pid' | 'address' | 'backend' | 'reason' | 'exitCode' | 'exitSignal' | 'memoryBytes' | 'readyAt' | 'stoppedAt' | 'startAfter'>
>;

const ORDER: readonly ReplicaState[] = ['PENDING', 'STARTING', 'LOADING', 'READY', 'DRAINING'];

/** How a replica's row must change to say what was observed; undefined where it already does. */
export function changeFor(row: Readonly<ReplicaEntity>, seen: ObservedReplica | undefined, now: Date): ReplicaChange | undefined {
  if (isFinal(row.state) || seen?.state === 'UNKNOWN') return undefined;
  if (!seen) {
    // A row without a process is one whose start was cut off, and is started again; but one that was seen alive is gone.
    if (row.state === 'PENDING' || row.state === 'STARTING') return undefined;
    return { state: 'STOPPED', reason: row.reason ?? 'its process is gone, and it is not known how it ended', stoppedAt: now };
  }
  if (seen.state === 'EXITED') {
    // A start that the server did not get to is no failure of the model: another is made at once, and no rollout fails by it.
    const wanted = row.state === 'DRAINING' || seen.starterGone === true;
    return {
      state: wanted ? 'STOPPED' : 'FAILED',
      reason: row.state === 'DRAINING' ? row.reason : (seen.reason ?? 'the process ended without a reason'),
      exitCode: seen.exitCode,
      exitSignal: seen.exitSignal,
      stoppedAt: now,
    };
  }
  const state = row.state === 'DRAINING' ? 'DRAINING' : seen.state;
  if (state === row.state && seen.pid === row.pid && seen.address === row.address && (seen.backend ?? row.backend) === row.backend) return undefined;
  return {
    state,
    pid: seen.pid,
    address: seen.address,
    backend: seen.backend ?? row.backend,
    memoryBytes: seen.memoryBytes ?? row.memoryBytes,
    ...(state === 'READY' && !row.readyAt && { readyAt: now }),
  };
}

/** The states between two, the last one included: a replica that was quick has passed through them all the same. */
export function statesBetween(from: ReplicaState, to: ReplicaState): readonly ReplicaState[] {
  const [start, end] = [ORDER.indexOf(from), ORDER.indexOf(to)];
  return start < 0 || end < 0 || to === 'DRAINING' || end <= start ? (from === to ? [] : [to]) : ORDER.slice(start + 1, end + 1);
}
