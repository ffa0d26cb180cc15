/** Reads `model.json` and the weight shards it lists, from the version's own files and nowhere else. */
import { readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { io } from '@tensorflow/tfjs-core';
import { ModelLoadError, type ModelArtifact } from '../contract.js';
import type { Core } from './library.js';

const FORMAT_OF: Readonly<Record<string, string>> = { 'tfjs-layers': 'layers-model', 'tfjs-graph': 'graph-model' };

/** @throws ModelLoadError that names the missing file, or what model.json lacks. */
export async function readModelArtifacts(core: Core, artifact: ModelArtifact): Promise<io.ModelArtifacts> {
  const { path, text } = await modelFile(artifact);
  const model = parseModel(path, text, artifact.format);
  const specs = model.weightsManifest.flatMap((group) => group.weights);
  const shards = model.weightsManifest.flatMap((group) => group.paths).map((shard) => resolveShard(artifact, path, shard));
  const weights = await Promise.all(shards.map((shard) => readFile(join(artifact.folder, shard))));
  const weightData = new Uint8Array(Buffer.concat(weights)).buffer;
  assertComplete(core, specs, weightData.byteLength, shards);
  return { ...core.io.getModelArtifactsForJSONSync(model, specs, weightData) };
}

/**
 * What kind of model a JSON file holds, or undefined where it holds none. It looks at the text and does not parse it: the server asks this of every
 * upload, and a topology may have many megabytes.
 */
export function modelKind(text: string): string | undefined {
  if (!/"modelTopology"\s*:\s*\{/.test(text)) return undefined;
  const said = /"format"\s*:\s*"([a-z-]+-model)"/.exec(text)?.[1];
  // Files of TensorFlow.js 1 do not say it. A graph is a list of nodes.
  return said ?? (/"modelTopology"\s*:\s*\{\s*"(node|library|versions)"/.test(text) ? 'graph-model' : 'layers-model');
}

interface ModelFile {
  readonly path: string;
  readonly text: string;
}

/** `model.json`, or whatever TensorFlow.js was told to call it: the only JSON file that holds a model. */
async function modelFile({ folder, files }: ModelArtifact): Promise<ModelFile> {
  const read = async (path: string): Promise<ModelFile> => ({ path, text: await readFile(join(folder, path), 'utf8') });
  const usual = files.filter((file) => posix.basename(file) === 'model.json');
  if (usual.length === 1) return read(usual[0]!);
  if (files.includes('model.json')) return read('model.json');
  const found = usual;
  const others: ModelFile[] = [];
  if (usual.length === 0) {
    for (const path of files.filter((file) => file.endsWith('.json'))) {
      const file = await read(path);
      if (modelKind(file.text) !== undefined) others.push(file);
    }
    if (others.length === 1) return others[0]!;
    found.push(...others.map(({ path }) => path));
  }
  throw new ModelLoadError(
    found.length === 0
      ? `no model.json among ${files.join(', ')}, nor another .json file with a modelTopology`
      : `several models (${found.join(', ')}); the one to load must be called model.json and lie at the top`,
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
  const found = model.format ?? modelKind(text) ?? 'layers-model';
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
