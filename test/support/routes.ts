/** Route documents, and calls that they route. */
import { randomUUID } from 'node:crypto';
import type { Signature } from '../../runtimes/tensor.js';
import { Call } from '../../server/gateway/dispatch/call.js';
import type { RouteDocument, TargetRoute } from '../../server/routing/route-document.js';
import type { TestReplica } from './gateway-bench.js';

/** A target over given replicas. */
export function targetOf(replicas: readonly TestReplica[], more: Partial<TargetRoute> & { signature?: Signature } = {}): TargetRoute {
  const signature = more.signature ?? replicas[0]!.signature;
  return {
    versionId: randomUUID(),
    versionNumber: 1,
    versionDigest: replicas[0]?.versionDigest ?? 'digest-1',
    runtime: 'engine-test',
    format: 'engine-test',
    weight: 1,
    shadowPercent: 0,
    batching: null,
    replicas: replicas.map(({ replicaId, address }) => ({ replicaId, address })),
    ...more,
    signature,
  };
}

export function routeOf(targets: readonly TargetRoute[], more: Partial<RouteDocument> = {}): RouteDocument {
  // The deadline is for those who ask for one: a slow machine must not be taken for a gateway that keeps nobody's.
  const limits = { timeoutMs: 60_000, maxConcurrency: 4, maxQueue: 100, stickyHeader: null };
  return { deploymentId: randomUUID(), name: 'm', project: 'default', generation: 1, ...limits, targets, ...more };
}

/** A request that arrives at this time, over no protocol in particular. */
export const callAt = (arrivedAt: number): Call => new Call(arrivedAt, { requestId: 'r', protocol: 'oip-rest', caller: '', headers: {}, requestBytes: 0 });
