/** Reads `model.json` and the weight shards it lists, from the version's own files and nowhere else. */
import { readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { io } from '@tensorflow/tfjs-core';
import { ModelLoadError, type ModelArtifact } from '../contract.js';
import type { Core } from './library.js';

const FORMAT_OF: Readonly<Record<string, string>> = { 'tfjs-layers': 'layers-model', 'tfjs-graph': 'graph-model' };

/** @throws ModelLoadError that names the missing file, or what model.json lacks. */
export async function readModelArtifacts(core: Core, artifact: ModelArtifact): Promise<io.ModelArtifacts> {
  const path = modelFile(artifact);
  const model = parseModel(path, await readFile(join(artifact.folder, path), 'utf8'), artifact.format);
  const specs = model.weightsManifest.flatMap((group) => group.weights);
  const shards = model.weightsManifest.flatMap((group) => group.paths).map((shard) => resolveShard(artifact, path, shard));
  const weights = await Promise.all(shards.map((shard) => readFile(join(artifact.folder, shard))));
  const weightData = new Uint8Array(Buffer.concat(weights)).buffer;
  assertComplete(core, specs, weightData.byteLength, shards);
  return { ...core.io.getModelArtifactsForJSONSync(model, specs, weightData) };
}

function modelFile({ files }: ModelArtifact): string {
  const candidates = files.filter((file) => posix.basename(file) === 'model.json');
  if (candidates.length === 1) return candidates[0]!;
  if (files.includes('model.json')) return 'model.json';
  throw new ModelLoadError(
    candidates.length === 0 ? `no model.json among ${files.join(', ')}` : `several model.json (${candidates.join(', ')}); the one to load must lie at the top`,
  );
}

function parseModel(path: string, text: string, format: string): io.ModelJSON {
  let model: Partial<io.ModelJSON>;
  try {
    model = JSON.parse(text) as Partial<io.ModelJSON>;
  } catch (cause) {
    throw new ModelLoadError(`${path} is not JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof model !== 'object' || model === null || Array.isArray(model))
    throw new ModelLoadError(`${path} is ${Array.isArray(model) ? 'a list' : JSON.stringify(model).slice(0, 40)}, and a model is a JSON object`);
  const wanted = FORMAT_OF[format];
  const found = model.format ?? 'layers-model';
  if (found !== wanted) {
    const right = Object.keys(FORMAT_OF).find((name) => FORMAT_OF[name] === found);
    throw new ModelLoadError(`${path} holds a ${String(found)}, and the version's format is ${format}${right ? `; register it as ${right}` : ''}`);
  }
  if (typeof model.modelTopology !== 'object' || model.modelTopology === null) throw new ModelLoadError(`${path} has no modelTopology`);
  const manifest = model.weightsManifest ?? [];
  const sound = Array.isArray(manifest) && manifest.every((group) => Array.isArray(group?.paths) && Array.isArray(group.weights));
  if (!sound) throw new ModelLoadError(`${path} has a weightsManifest that is no list of {paths, weights}`);
  return { ...model, modelTopology: model.modelTopology, weightsManifest: manifest };
}

function resolveShard({ files }: ModelArtifact, modelPath: string, shard: string): string {
  const path = posix.join(posix.dirname(modelPath), shard);
  if (!files.includes(path))
    throw new ModelLoadError(`the weight shard "${shard}" that ${modelPath} lists is not among the version's files: ${files.join(', ')}`);
  return path;
}

/** A truncated shard would otherwise be read as other weights, or fail in words about typed arrays. */
function assertComplete(core: Core, specs: readonly io.WeightsManifestEntry[], bytes: number, shards: readonly string[]): void {
  // The length of a string weight is only known by reading it.
  if (specs.some((spec) => spec.dtype === 'string')) return;
  const wanted = specs.reduce((sum, spec) => sum + weightBytes(core, spec), 0);
  if (wanted !== bytes) throw new ModelLoadError(`the weight shards (${shards.join(', ')}) have ${bytes} bytes, and model.json describes ${wanted}`);
}

function weightBytes(core: Core, { shape, dtype, quantization }: io.WeightsManifestEntry): number {
  const type = quantization?.dtype ?? dtype;
  const size = type === 'float16' || type === 'uint16' ? 2 : type === 'uint8' ? 1 : core.util.bytesPerElement(type as 'float32');
  return core.util.sizeFromShape(shape) * size;
}
