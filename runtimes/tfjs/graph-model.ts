/** Graph models: converted from TensorFlow, a list of operations. */
import type { GraphModel } from '@tensorflow/tfjs-converter';
import type { io, NamedTensorMap, Tensor as TfTensor } from '@tensorflow/tfjs-core';
import { ModelLoadError, type ModelArtifact } from '../contract.js';
import type { Tensor, TensorSpec } from '../tensor.js';
import type { Library } from './library.js';
import { readModelArtifacts } from './model-json.js';
import { probeOutputs } from './probe.js';
import { datatypeOf, shapeOf } from './tensors.js';
import type { TfModel } from './tf-model.js';

/** A value of the signature as the converter writes it into model.json; a SavedModel's, with the protobuf's JSON names. */
interface DeclaredValue {
  /** The tensor: a node's name, with `:1` for its second output. */
  readonly name?: string;
  readonly dtype?: string;
  readonly tensorShape?: { readonly dim?: readonly { readonly size?: string | number }[]; readonly unknownRank?: boolean };
  /** A table that the model fills itself, which no caller gives. */
  readonly resourceId?: unknown;
}

interface GraphNode {
  readonly name: string;
  readonly attr?: { readonly dtype?: { readonly type?: string } };
}

/** A name that callers use, and what the signature says of it. */
type Declared = readonly [name: string, value: DeclaredValue];
type Run = TfModel['run'];

/** What TensorFlow.js makes of TensorFlow's other datatypes: it computes with 32 bits, whatever the original model had. */
const COMPUTED_AS: Readonly<Record<string, string>> = {
  DT_INT64: 'DT_INT32',
  DT_INT8: 'DT_INT32',
  DT_UINT8: 'DT_INT32',
  DT_HALF: 'DT_FLOAT',
  DT_DOUBLE: 'DT_FLOAT',
};
/** Other outputs are tried: what comes out says what they are. */
const KNOWN_OUTPUT = /^DT_(FLOAT|INT32|BOOL|STRING)$/;

export async function loadGraphModel(library: Library, artifact: ModelArtifact, sample?: readonly Tensor[]): Promise<TfModel> {
  const artifacts = await readModelArtifacts(library.core, artifact);
  const model = await library.converter().loadGraphModel({ load: () => Promise.resolve(artifacts) });
  const inputs = inputSpecs(model, artifacts);
  const declared = declaredOutputs(model);
  const run = runner(
    library,
    model,
    declared.map(([name]) => name),
  );
  const open = inputs.find(({ shape }) => shape === null);
  const outputs =
    outputSpecs(declared, open !== undefined) ?? (await probeOutputs(library, inputs, run, sample).catch((error: unknown) => explain(error, open)));
  return { signature: { inputs, outputs }, run, dispose: () => model.dispose() };
}

function explain(error: unknown, open: TensorSpec | undefined): never {
  if (open === undefined) throw error;
  throw new ModelLoadError(
    `input "${open.name}" has no known number of dimensions, and the signature does not say what the outputs are; convert the model with a signature that says it`,
    { cause: error },
  );
}

/**
 * Inputs and outputs go by the signature's keys, as TensorFlow Serving calls them, and TensorFlow.js finds their tensors.
 * Control flow needs the asynchronous call, which everything else is faster without.
 */
function runner({ core }: Library, model: GraphModel, names: string[]): Run {
  const weights = new Set(
    Object.values(model.weights)
      .flat()
      .map(({ id }) => id),
  );
  let dynamic = false;
  return async (feeds) => {
    // `execute` adds the model's own tables to it.
    const map: NamedTensorMap = Object.fromEntries(feeds);
    if (!dynamic) {
      try {
        return named(
          names,
          core.tidy(() => model.execute(map, names)),
          weights,
        );
      } catch (error) {
        if (!(error instanceof Error && error.message.includes('executeAsync'))) throw error;
        dynamic = true;
      }
    }
    return named(names, await model.executeAsync(map, names), weights);
  };
}

/** The caller disposes every output. So a weight, which the model keeps, is handed out as a clone, and so is a tensor that has two names. */
const named = (names: readonly string[], results: TfTensor | TfTensor[], weights: ReadonlySet<number>): Map<string, TfTensor> => {
  const list = Array.isArray(results) ? results : [results];
  const missing = names.find((_, i) => !list[i]);
  if (missing !== undefined) throw new ModelLoadError(`the graph gives nothing for the output "${missing}" of its signature`);
  return new Map(names.map((name, i) => [name, weights.has(list[i]!.id) || list.indexOf(list[i]!) !== i ? list[i]!.clone() : list[i]!]));
};

/** By the keys of the signature; without one, by the names of the placeholders. */
function inputSpecs(model: GraphModel, artifacts: io.ModelArtifacts): TensorSpec[] {
  const nodes = new Map(model.inputs.map((node) => [node.name, node]));
  const signature = signatureOf(model, 'inputs').filter(([, value]) => value.resourceId === undefined);
  const declared: readonly Declared[] = signature.length > 0 ? signature : model.inputs.map(({ name }) => [name, { name }]);
  const first = new Map<string, string>();
  return declared.flatMap(([name, value]) => {
    const node = nodes.get(nodeOf(value));
    const other = first.get(nodeOf(value));
    if (other !== undefined) throw new ModelLoadError(`the inputs "${other}" and "${name}" of the signature are one tensor, ${nodeOf(value)}`);
    first.set(nodeOf(value), name);
    // What the converter replaced by a constant is no input any more.
    if (!node) return [];
    const dimensions = node.shape ?? dimensionsOf(value);
    const datatype = datatypeOf('input', name, node.dtype ?? declaredType(artifacts, node.name));
    return [{ name, datatype, shape: dimensions ? shapeOf(dimensions) : null }];
  });
}

/** By the keys of the signature, several of which may be outputs of one node; without one, the nodes that nothing reads. */
function declaredOutputs(model: GraphModel): readonly Declared[] {
  const nodes = new Set(model.outputs.map((node) => node.name));
  const signature = signatureOf(model, 'outputs').filter(([, value]) => nodes.has(nodeOf(value)));
  return signature.length > 0 ? signature : model.outputNodes.map((name) => [name, {}]);
}

/**
 * undefined unless the signature says everything about all of the outputs.
 * @param anyRank whether outputs may have any number of dimensions, because an input may
 */
function outputSpecs(declared: readonly Declared[], anyRank: boolean): TensorSpec[] | undefined {
  const specs = declared.map(([name, value]): TensorSpec | undefined => {
    const dimensions = dimensionsOf(value);
    const dtype = COMPUTED_AS[value.dtype ?? ''] ?? value.dtype ?? '';
    if (!KNOWN_OUTPUT.test(dtype) || (!dimensions && !anyRank)) return undefined;
    return { name, datatype: datatypeOf('output', name, dtype), shape: dimensions ? shapeOf(dimensions) : null };
  });
  return specs.every((spec) => spec !== undefined) ? specs : undefined;
}

/** TensorFlow's own name of a type that TensorFlow.js does not know. */
function declaredType(artifacts: io.ModelArtifacts, node: string): string {
  const { node: nodes = [] } = artifacts.modelTopology as { readonly node?: readonly GraphNode[] };
  return nodes.find(({ name }) => name === node)?.attr?.dtype?.type ?? 'that it does not say';
}

function signatureOf(model: GraphModel, kind: 'inputs' | 'outputs'): readonly Declared[] {
  const signature = model.modelSignature as Partial<Record<typeof kind, Record<string, DeclaredValue>>> | undefined;
  return Object.entries(signature?.[kind] ?? {});
}

const nodeOf = ({ name = '' }: DeclaredValue): string => name.replace(/:\d+$/, '');

function dimensionsOf({ tensorShape }: DeclaredValue): (number | string | undefined)[] | undefined {
  return tensorShape === undefined || tensorShape.unknownRank ? undefined : (tensorShape.dim ?? []).map((dim) => dim.size);
}
