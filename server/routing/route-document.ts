/**
 * What a gateway needs to serve one deployment: written by the reconciler in the transaction of the change, read by
 * gateways from PostgreSQL and kept by them on disk.
 */
import type { Signature } from '../../runtimes/tensor.js';

export interface ReplicaRoute {
  readonly replicaId: string;
  /** `unix:<path>` or `tcp:<host>:<port>`. */
  readonly address: string;
}

/** How requests that wait for one target are merged along the batch dimension, the first one of every tensor. */
export interface BatchingRoute {
  /** Rows of one merged request, at least 2. */
  readonly maxBatchSize: number;
  /** How long a request may be held back to be merged while every replica is busy or would be sent less than a full batch; 0 merges only what waits anyway. */
  readonly maxDelayMs: number;
}

export interface TargetRoute {
  readonly versionId: string;
  /** The version's number in its model, as callers see it. */
  readonly versionNumber: number;
  /** What every replica of this target must say in its handshake. */
  readonly versionDigest: string;
  readonly runtime: string;
  readonly format: string;
  readonly signature: Signature;
  readonly weight: number;
  /** Percentage of the deployment's requests that this target gets a copy of, its answers unseen by callers; 0 for a target that is no shadow. A shadow has weight 0. */
  readonly shadowPercent: number;
  /** null where requests must not be merged: the rows of the version are not known to be independent, or the spec says OFF. */
  readonly batching: BatchingRoute | null;
  readonly replicas: readonly ReplicaRoute[];
}

export interface RouteDocument {
  readonly deploymentId: string;
  /** OIP model name: `digits` in the project `default`, `vision.digits` in the project `vision`. */
  readonly name: string;
  readonly project: string;
  readonly generation: number;
  readonly timeoutMs: number;
  /** Inferences that each gateway process has under way at one replica; more wait in its queue. */
  readonly maxConcurrency: number;
  /** Requests that wait in each gateway process. */
  readonly maxQueue: number;
  /** Header, in lower case, whose value keeps its callers on one target; null where every request is routed on its own. */
  readonly stickyHeader: string | null;
  /** A target may have no replica for a while (its only one died): requests wait for the next until their deadline. */
  readonly targets: readonly TargetRoute[];
}
