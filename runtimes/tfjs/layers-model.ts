/** Keras-style layers models. */
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs-layers';
import type { Tensor as TfTensor } from '@tensorflow/tfjs-core';
import { ModelLoadError, type ModelArtifact } from '../contract.js';
import type { Tensor, TensorSpec } from '../tensor.js';
import type { Library } from './library.js';
import { readModelArtifacts } from './model-json.js';
import { probeOutputs } from './probe.js';
import { datatypeOf, shapeOf } from './tensors.js';
import type { TfModel } from './tf-model.js';

export async function loadLayersModel(library: Library, artifact: ModelArtifact, sample?: readonly Tensor[]): Promise<TfModel> {
  const { trainingConfig: _unused, ...artifacts } = await readModelArtifacts(library.core, artifact);
  assertKeras2(artifacts.modelTopology);
  const model = await library.layers().loadLayersModel({ load: () => Promise.resolve(artifacts) });
  const inputs = specsOf('input', model.inputs);
  const declared = specsOf('output', model.outputs);
  const run: TfModel['run'] = (feeds) => Promise.resolve(call(library, model, inputs, declared, feeds));
  const outputs = await withDatatypes(library, inputs, declared, run, sample);
  return { signature: { inputs, outputs }, run, dispose: () => void model.dispose() };
}

/**
 * TensorFlow.js reads what Keras 2 writes. Keras 3 writes other names for the same, which fail in it with words about its own classes.
 * @throws ModelLoadError that says how to write the model so that it can be read.
 */
function assertKeras2(topology: object | ArrayBuffer | undefined): void {
  if (!/"(batch_shape|keras_history)":/.test(JSON.stringify(topology))) return;
  throw new ModelLoadError(
    'the model was written by Keras 3, whose layers TensorFlow.js cannot read. Save it with Keras 2 (tf_keras, TF_USE_LEGACY_KERAS=1) and convert it again, ' +
      'or export it as a SavedModel and convert that to a graph model',
  );
}

/** Layers calls every output float32. It is what the layers make of the inputs, so where these are other than float32, it is tried. */
async function withDatatypes(
  library: Library,
  inputs: readonly TensorSpec[],
  declared: readonly TensorSpec[],
  run: TfModel['run'],
  sample?: readonly Tensor[],
): Promise<TensorSpec[]> {
  if (inputs.every((input) => input.datatype === 'FP32')) return [...declared];
  // Ones are no input for every model; validation then tells what the sample gives.
  const found = await probeOutputs(library, inputs, run, sample).catch(() => []);
  return declared.map((spec, i) => ({ ...spec, datatype: found[i]?.datatype ?? spec.datatype }));
}

/** `apply` instead of `predict`: the same computation, without cutting rows into batches, and it takes none as well. */
function call(
  { core }: Library,
  model: LayersModel,
  inputs: readonly TensorSpec[],
  outputs: readonly TensorSpec[],
  feeds: ReadonlyMap<string, TfTensor>,
): Map<string, TfTensor> {
  const given = inputs.map((input) => feeds.get(input.name)!);
  const results = core.tidy(() => {
    const answer = model.apply(given.length === 1 ? given[0]! : given, { training: false }) as TfTensor | TfTensor[];
    return Array.isArray(answer) ? answer : [answer];
  });
  return new Map(outputs.map((output, i) => [output.name, results[i]!]));
}

function specsOf(kind: 'input' | 'output', tensors: readonly SymbolicTensor[]): TensorSpec[] {
  const names = uniqueNames(tensors.map((tensor) => tensor.sourceLayer.name));
  return tensors.map((tensor, i) => ({ name: names[i]!, datatype: datatypeOf(kind, names[i]!, typeName(tensor.dtype)), shape: shapeOf(tensor.shape) }));
}

/** Where Keras trained with mixed precision, a type is a policy with a name of its own. */
const typeName = (dtype: unknown): string =>
  typeof dtype === 'string' ? dtype : ((dtype as { config?: { name?: string } }).config?.name ?? 'that is not known');

/**
 * As Keras names inputs and outputs: each by its layer, and from the second of one layer on with a number. Not `inputNames` and
 * `outputNames`, which a Sequential model does not have before its first use.
 */
function uniqueNames(layers: readonly string[]): string[] {
  const names = new Set<string>();
  const given = new Map<string, number>();
  for (const layer of layers) {
    let name = layer;
    while (names.has(name)) {
      const number = given.get(layer) ?? 1;
      name = `${layer}_${number}`;
      given.set(layer, number + 1);
    }
    names.add(name);
  }
  return [...names];
}
