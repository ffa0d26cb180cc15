/** What a deployment tells gateways: its plan as a route document, and back. */
import type { RouteDocument } from '../routing/route-document.js';
import type { VersionEntity } from '../registry/registry.entities.js';
import { batchingOf } from './batching.js';
import { type DeploymentSpec, type ReplicaEntity } from './deployment.entities.js';
import { modelNameOf } from './endpoint-names.js';
import type { RouteView } from './plan.js';

export interface RouteParts {
  readonly deploymentId: string;
  readonly project: string;
  readonly name: string;
  readonly spec: DeploymentSpec;
  readonly versions: ReadonlyMap<string, VersionEntity>;
  readonly replicas: ReadonlyMap<string, Pick<ReplicaEntity, 'address'>>;
}

export function routeDocument(view: RouteView, { deploymentId, project, name, spec, versions, replicas }: RouteParts): RouteDocument {
  return {
    deploymentId,
    name: modelNameOf(project, name),
    project,
    generation: view.generation,
    timeoutMs: spec.timeoutMs,
    maxConcurrency: spec.maxConcurrency,
    maxQueue: spec.maxQueue,
    stickyHeader: spec.stickyHeader,
    targets: view.targets.map(({ versionId, weight, shadowPercent, replicaIds }) => {
      const version = versions.get(versionId)!;
      return {
        versionId,
        versionNumber: version.number,
        versionDigest: version.digest,
        runtime: version.runtime,
        format: version.format,
        signature: version.signature!,
        weight,
        shadowPercent,
        batching: batchingOf(spec, version).batching,
        replicas: replicaIds.map((replicaId) => ({ replicaId, address: replicas.get(replicaId)!.address! })),
      };
    }),
  };
}

/** The part of a document that a plan compares. */
export const routeView = (document: RouteDocument): RouteView => ({
  generation: document.generation,
  targets: document.targets.map(({ versionId, weight, shadowPercent, replicas }) => ({
    versionId,
    weight,
    shadowPercent,
    replicaIds: replicas.map((r) => r.replicaId),
  })),
});
