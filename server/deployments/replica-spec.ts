import type { ReplicaSpec } from '../engines/engine.js';
import type { VersionEntity } from '../registry/registry.entities.js';
import type { ReplicaEntity } from './deployment.entities.js';
import { specOf, type Snapshot } from './deployment-store.js';
import { settingsOf, templateOf } from './template.js';

/**
 * What an engine needs to start a replica. Pure. The settings come from the revision that the replica was made for: other generations
 * may have become the desired and the routed one since.
 * @throws Error when they are not the settings of the replica's template
 */
export function replicaSpec(
  row: Pick<ReplicaEntity, 'id' | 'deploymentId' | 'versionId' | 'template' | 'generation'>,
  snapshot: Pick<Snapshot, 'specs' | 'deployment'>,
  version: Pick<VersionEntity, 'digest' | 'runtime' | 'format' | 'sample' | 'backend' | 'signature' | 'runtimeOptions' | 'declaredSignature'>,
  files: ReplicaSpec['files'],
): ReplicaSpec {
  const spec = specOf(snapshot, row.generation);
  if (templateOf(spec) !== row.template)
    throw new Error(`the settings of generation ${row.generation} have the template ${templateOf(spec)}; the replica has ${row.template}`);
  const { digest: versionDigest, runtime, format, sample, signature, runtimeOptions: options, declaredSignature } = version;
  const backend = version.backend?.name ?? null;
  const { deploymentId, versionId } = row;
  const ofVersion = { versionId, versionDigest, runtime, format, files, sample, backend, signature, options, declaredSignature };
  return { replicaId: row.id, deploymentId, ...ofVersion, ...settingsOf(spec) };
}
