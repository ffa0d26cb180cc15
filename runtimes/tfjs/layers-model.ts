/** Keras-style layers models. */
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs-layers';
import type { Tensor as TfTensor } from '@tensorflow/tfjs-core';
import type { ModelArtifact } from '../contract.js';
import type { TensorSpec } from '../tensor.js';
import type { Library } from './library.js';
import { readModelArtifacts } from './model-json.js';
import { datatypeOf, shapeOf } from './tensors.js';
import type { TfModel } from './tf-model.js';

export async function loadLayersModel(library: Library, artifact: ModelArtifact): Promise<TfModel> {
  const artifacts = await readModelArtifacts(library.core, artifact);
  const model = await library.layers().loadLayersModel({ load: () => Promise.resolve(artifacts) });
  const inputs = specsOf('input', model.inputNames, model.inputs);
  const outputs = specsOf('output', model.outputNames, model.outputs);
  return {
    signature: { inputs, outputs },
    run: (feeds) => Promise.resolve(call(library, model, inputs, outputs, feeds)),
    dispose: () => void model.dispose(),
  };
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

function specsOf(kind: 'input' | 'output', names: readonly string[], tensors: readonly SymbolicTensor[]): TensorSpec[] {
  return tensors.map((tensor, i) => {
    // A layer with several outputs gives them all its name.
    const first = names.indexOf(names[i]!);
    const name = first === i ? names[i]! : `${names[i]}_${names.slice(0, i).filter((other) => other === names[i]).length}`;
    return { name, datatype: datatypeOf(kind, name, tensor.dtype), shape: shapeOf(tensor.shape) };
  });
}
