/** Graph models: converted from TensorFlow, a list of operations. */
import type { GraphModel } from '@tensorflow/tfjs-converter';
import type { NamedTensorMap, Tensor as TfTensor } from '@tensorflow/tfjs-core';
import { ModelLoadError, type ModelArtifact } from '../contract.js';
import type { TensorSpec } from '../tensor.js';
import type { Library } from './library.js';
import { readModelArtifacts } from './model-json.js';
import { probeOutputs } from './probe.js';
import { datatypeOf, shapeOf } from './tensors.js';
import type { TfModel } from './tf-model.js';

/** A signature as the converter writes it into model.json; a SavedModel's, with the protobuf's JSON names. */
interface DeclaredValue {
  readonly dtype?: string;
  readonly tensorShape?: { readonly dim?: readonly { readonly size?: string | number }[]; readonly unknownRank?: boolean };
}

type Run = TfModel['run'];

export async function loadGraphModel(library: Library, artifact: ModelArtifact): Promise<TfModel> {
  const artifacts = await readModelArtifacts(library.core, artifact);
  const model = await library.converter().loadGraphModel({ load: () => Promise.resolve(artifacts) });
  const inputs = inputSpecs(model);
  const run = runner(library, model);
  const outputs = declaredOutputs(model) ?? (await probeOutputs(library, inputs, run));
  return { signature: { inputs, outputs }, run, dispose: () => model.dispose() };
}

/** Control flow needs the asynchronous call, which everything else is faster without. */
function runner({ core }: Library, model: GraphModel): Run {
  const names = model.outputNodes;
  let dynamic = false;
  return async (feeds) => {
    const map: NamedTensorMap = Object.fromEntries(feeds);
    if (!dynamic) {
      try {
        return named(
          names,
          core.tidy(() => model.execute(map, names)),
        );
      } catch (error) {
        if (!(error instanceof Error && error.message.includes('executeAsync'))) throw error;
        dynamic = true;
      }
    }
    return named(names, await model.executeAsync(map, names));
  };
}

const named = (names: readonly string[], results: TfTensor | TfTensor[]): Map<string, TfTensor> => {
  const list = Array.isArray(results) ? results : [results];
  return new Map(names.map((name, i) => [name, list[i]!]));
};

function inputSpecs(model: GraphModel): TensorSpec[] {
  const declared = declaredValues(model, 'inputs');
  return model.inputs.map(({ name, dtype, shape }) => {
    const dimensions = shape ?? dimensionsOf(declared?.[name]);
    if (!dimensions) throw new ModelLoadError(`input "${name}" has no known number of dimensions; convert the model with a signature that says it`);
    return { name, datatype: datatypeOf('input', name, dtype), shape: shapeOf(dimensions) };
  });
}

/** undefined unless the model says everything about all of its outputs. */
function declaredOutputs(model: GraphModel): TensorSpec[] | undefined {
  const declared = declaredValues(model, 'outputs');
  const specs = model.outputNodes.map((name): TensorSpec | undefined => {
    const value = declared?.[name];
    const dimensions = dimensionsOf(value);
    if (!value?.dtype || !dimensions) return undefined;
    // TensorFlow.js computes with 32 bits where the original model had 64.
    const dtype = value.dtype === 'DT_INT64' ? 'DT_INT32' : value.dtype;
    return { name, datatype: datatypeOf('output', name, dtype), shape: shapeOf(dimensions) };
  });
  return specs.every((spec) => spec !== undefined) ? specs : undefined;
}

function declaredValues(model: GraphModel, kind: 'inputs' | 'outputs'): Readonly<Record<string, DeclaredValue>> | undefined {
  return (model.modelSignature as Partial<Record<typeof kind, Record<string, DeclaredValue>>> | undefined)?.[kind];
}

function dimensionsOf(value: DeclaredValue | undefined): (number | string | undefined)[] | undefined {
  const shape = value?.tensorShape;
  return shape === undefined || shape.unknownRank ? undefined : (shape.dim ?? []).map((dim) => dim.size);
}
