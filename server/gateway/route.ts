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
  readonly replicas: readonly ReplicaRoute[];
}

export interface RouteDocument {
  readonly deploymentId: string;
  /** OIP model name: `digits` in the project `default`, `vision.digits` in the project `vision`. */
  readonly name: string;
  readonly project: string;
  readonly generation: number;
  readonly timeoutMs: number;
  /** Inferences under way at one replica; more wait in the gateway's queue. */
  readonly maxConcurrency: number;
  readonly maxQueue: number;
  /** A target may have no replica for a while (its only one died): requests wait for the next until their deadline. */
  readonly targets: readonly TargetRoute[];
}

/** Channels of LISTEN/NOTIFY. A notification is empty: it wakes, and the listener reads the state. */
export const CHANNEL = {
  /** The route table, or the set of valid tokens, changed. */
  ROUTES: 'pilothouse_routes',
  /** A gateway acknowledged a route table or its in-flight counts fell to zero. */
  GATEWAYS: 'pilothouse_gateways',
  /** Events got their positions. */
  EVENTS: 'pilothouse_events',
  /** A transaction committed events that have no position yet: the sequencer's wake-up. */
  UNSEQUENCED: 'pilothouse_unsequenced',
  /** A deployment is to be reconciled. */
  RECONCILE: 'pilothouse_reconcile',
} as const;
