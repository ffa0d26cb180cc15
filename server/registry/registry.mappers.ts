/** Rows to GraphQL objects. */
import type { Signature, TensorSpec } from '../../runtimes/tensor.js';
import { toNodeId } from '../api/node-id.js';
import { artifactId } from './digest.js';
import type { ArtifactEntity, ModelEntity, ProjectEntity, VersionEntity } from './registry.entities.js';
import { ArtifactType, ModelType, ProjectType, TensorSpecType, VersionFileType, VersionType } from './registry.types.js';
import type { SizedVersionFile } from './version.service.js';

export function toProject({ id, name, description, generation, createdBy, createdAt }: ProjectEntity): ProjectType {
  return Object.assign(new ProjectType(), { id: toNodeId('Project', id), name, description, generation, createdBy, createdAt, rowId: id });
}

export function toModel({ id, name, description, generation, createdBy, createdAt, projectId }: ModelEntity): ModelType {
  return Object.assign(new ModelType(), { id: toNodeId('Model', id), name, description, generation, createdBy, createdAt, rowId: id, projectRowId: projectId });
}

export function toVersion(row: VersionEntity): VersionType {
  const { id, number, state, reason, logTail, description, format, runtime, digest, signature, rowIndependence, backend, lineage, sample, loadMs } = row;
  const { createdBy, createdAt, validatedAt, declaredSignature, runtimeOptions } = row;
  return Object.assign(new VersionType(), {
    id: toNodeId('Version', id),
    number,
    state,
    reason,
    logTail,
    description,
    format,
    runtime,
    digest,
    signature: signature && toSignature(signature),
    declaredSignature: declaredSignature && toSignature(declaredSignature),
    runtimeOptions,
    rowIndependence,
    backend,
    lineage,
    sample,
    loadMs,
    createdBy,
    createdAt,
    validatedAt,
    memoryBytes: row.memoryBytes === null ? null : String(row.memoryBytes),
    rowId: id,
    modelRowId: row.modelId,
    parentRowId: row.parentId,
  });
}

const toSignature = ({ inputs, outputs }: Signature) => ({ inputs: inputs.map(toTensorSpec), outputs: outputs.map(toTensorSpec) });

function toTensorSpec({ name, datatype, shape, optional = false }: TensorSpec): TensorSpecType {
  return Object.assign(new TensorSpecType(), { name, datatype, shape, optional });
}

export function toArtifact({ digest, sizeBytes, createdBy, createdAt }: ArtifactEntity): ArtifactType {
  return Object.assign(new ArtifactType(), { id: toNodeId('Artifact', artifactId(digest)), digest, sizeBytes: String(sizeBytes), createdBy, createdAt });
}

export function toVersionFile({ path, digest, sizeBytes }: SizedVersionFile): VersionFileType {
  return Object.assign(new VersionFileType(), { path, digest, sizeBytes: String(sizeBytes) });
}
