/** Builds route documents and writes them, with the table's version, in the transaction of the change. */
import type { EntityManager } from 'typeorm';
import type { Change } from '../database/unit-of-work.js';
import { CHANNEL, type RouteDocument } from '../gateway/route.js';
import type { VersionEntity } from '../registry/registry.entities.js';
import { batchingOf } from './batching.js';
import { RouteEntity, type DeploymentSpec, type ReplicaEntity } from './deployment.entities.js';
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

/** Writes a route, or removes it; answers the table's new version. */
export async function writeRoute(change: Change, deploymentId: string, document: RouteDocument | null): Promise<number> {
  const version = await nextTableVersion(change.manager);
  if (document) await change.manager.upsert(RouteEntity, { deploymentId, version, document: document as never, updatedAt: change.now }, ['deploymentId']);
  else await change.manager.delete(RouteEntity, { deploymentId });
  change.wake(CHANNEL.ROUTES);
  return version;
}

async function nextTableVersion(manager: EntityManager): Promise<number> {
  const [rows]: [{ version: string }[]] = await manager.query('UPDATE route_table SET version = version + 1 WHERE id = 1 RETURNING version');
  return Number(rows[0]!.version);
}
