/**
 * What a replica engine is: it starts, observes and stops replicas, and knows nothing of deployments. Every call is
 * idempotent by replica id, so that a reconciler that died half-way may simply do it again.
 */
import type { SampleTensor } from '../registry/registry.entities.js';
import type { RuntimeOptions } from '../../runtimes/contract.js';
import type { Signature } from '../../runtimes/tensor.js';

export interface ReplicaSpec {
  readonly replicaId: string;
  readonly deploymentId: string;
  readonly versionId: string;
  readonly versionDigest: string;
  readonly runtime: string;
  readonly format: string;
  /** The version's files, by relative path and digest: the engine lays them out as real copies, never as links. */
  readonly files: readonly { readonly path: string; readonly digest: string }[];
  /** The request whose answer makes the replica READY; null to make one from the signature. */
  readonly sample: readonly SampleTensor[] | null;
  /** The backend that validated the version, which alone may compute; null where that was not recorded. */
  readonly backend: string | null;
  /** What validation read of the model: the replica keeps its names. */
  readonly signature: Signature | null;
  /** The version's options for its runtime. */
  readonly options: RuntimeOptions;
  /** What the version's author declared; null where nothing was. */
  readonly declaredSignature: Signature | null;
  readonly threads: number;
  /** Inferences the replica works on at a time. */
  readonly maxConcurrency: number;
  /** On top of what the runtime needs idle. */
  readonly memoryLimitBytes: number | null;
}

export interface ObservedReplica {
  readonly replicaId: string;
  /** UNKNOWN: there is such a replica, and it cannot be looked at now. What was known of it is still the best that is known. */
  readonly state: 'STARTING' | 'LOADING' | 'READY' | 'DRAINING' | 'EXITED' | 'UNKNOWN';
  readonly address: string;
  readonly pid: number | null;
  readonly backend: string | null;
  readonly signature: Signature | null;
  readonly memoryBytes: number | null;
  /** Why it EXITED: the runtime's own message where the replica gave one, else how the process ended. */
  readonly reason: string | null;
  readonly exitCode: number | null;
  readonly exitSignal: string | null;
  /** It EXITED before anything of it ran, because the server that was to start it died or no longer leads. */
  readonly starterGone?: boolean;
}

/** Whole lines of a log, each with the offset behind it. */
export interface LogPart {
  /** Where reading began, in bytes. */
  readonly start: number;
  readonly lines: readonly { readonly text: string; readonly end: number }[];
}

/** Thrown when a command carries a lower leader epoch than the engine has already seen: the caller no longer leads. */
export class StaleEpochError extends Error {
  override readonly name = 'StaleEpochError';
}

export interface ReplicaEngine {
  /** A leader begins: commands of a lower epoch are refused from now on. @throws StaleEpochError when a higher one was heard of */
  begin(epoch: number): void;
  /** Starts the replica unless it was started before; returns once it is on its way, not once it is READY. */
  start(spec: ReplicaSpec, epoch: number): Promise<void>;
  /**
   * Every replica this engine knows of: the living, and the ended that were not stopped yet. READY only after a real inference went through its socket.
   * @throws Error when it cannot look: a replica that is not among them would count as gone
   */
  observe(): Promise<ObservedReplica[]>;
  /** Drains, then ends, then forgets a replica; unknown ids are no error. Past `graceMs` it is killed. */
  stop(replicaId: string, graceMs: number, epoch: number): Promise<void>;
  /** The last lines of the replica's log, at most `maxBytes`. */
  logs(replicaId: string, maxBytes: number): Promise<string>;
  /** The lines from an offset on, or the last ones where it is null; at most `maxBytes`. A log that was cut down is read from its beginning. */
  logPart(replicaId: string, offset: number | null, maxBytes: number): Promise<LogPart>;
  /** Calls back whenever something observable may have changed, coalesced; returns how to stop. */
  onChange(listener: (replicaId: string) => void): () => void;
}
