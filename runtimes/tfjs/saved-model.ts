/** TensorFlow SavedModels, which only native TensorFlow can load. */
import { dirname, join, posix } from 'node:path';
import { ModelLoadError, type ModelArtifact } from '../contract.js';
import type { Tensor, TensorSpec } from '../tensor.js';
import { NATIVE_MISSING, type Library, type ProtoMap, type SavedModelMessage, type TensorInfoMessage } from './library.js';
import { probeOutputs } from './probe.js';
import { datatypeOf, shapeOf } from './tensors.js';
import type { TfModel } from './tf-model.js';

const TAGS = ['serve'];
/** TensorFlow Serving's default, and what Keras and `tf.saved_model.save` write. */
const SIGNATURE = 'serving_default';
/** Names of TensorFlow's DataType by number. */
const DT_NAMES: Readonly<Record<number, string>> = {
  1: 'FLOAT',
  2: 'DOUBLE',
  3: 'INT32',
  4: 'UINT8',
  5: 'INT16',
  6: 'INT8',
  7: 'STRING',
  8: 'COMPLEX64',
  9: 'INT64',
  10: 'BOOL',
  14: 'BFLOAT16',
  17: 'UINT16',
  18: 'COMPLEX128',
  19: 'HALF',
  20: 'RESOURCE',
  21: 'VARIANT',
  22: 'UINT32',
  23: 'UINT64',
};

type SignatureMessage = ReturnType<ReturnType<SavedModelMessage['getMetaGraphsList']>[number]['getSignatureDefMap']>['get'] extends (key: string) => infer S
  ? S
  : never;

/** @throws ModelLoadError that says how to get native TensorFlow, where it is not there. */
export async function loadSavedModel(library: Library, artifact: ModelArtifact, sample?: readonly Tensor[]): Promise<TfModel> {
  const { node } = library;
  if (!node)
    throw new ModelLoadError(
      `a TensorFlow SavedModel needs native TensorFlow: ${NATIVE_MISSING}. Or convert the model to a TensorFlow.js graph model, or to ONNX`,
    );
  const folder = join(artifact.folder, modelFolder(artifact));
  const declared = servingSignature(await node.readSavedModelProto(folder));
  const inputs = specsOf('input', declared.getInputsMap());
  const withoutRank = inputs.find((input) => input.shape === undefined);
  if (withoutRank) throw new ModelLoadError(`input "${withoutRank.name}" has no known number of dimensions; save the model with a signature that says it`);
  const outputs = specsOf('output', declared.getOutputsMap());
  if (outputs.some((output) => output.datatype === 'INT64')) quietInt64Warning();
  const model = await node.loadSavedModel(folder, [...TAGS], SIGNATURE);
  // These inputs come as int64 already (`tensors.ts`); the library must not convert them once more.
  for (const input of inputs) if (input.datatype === 'INT64') model.signature.inputs[input.name]!.tfDtype = 'DT_INT32';
  const run: TfModel['run'] = (feeds) => Promise.resolve(new Map(Object.entries(model.predict(Object.fromEntries(feeds)))));
  const known = inputs as TensorSpec[];
  const signature = { inputs: known, outputs: await withShapes(library, known, outputs, run, sample) };
  return { signature, run, dispose: () => model.dispose() };
}

type Declared = Omit<TensorSpec, 'shape'> & { readonly shape: readonly number[] | undefined };

function servingSignature(message: SavedModelMessage): SignatureMessage {
  const graphs = message.getMetaGraphsList();
  const graph = graphs.find((candidate) => candidate.getMetaInfoDef().getTagsList().join() === TAGS.join());
  const signature = graph && keysOf(graph.getSignatureDefMap()).includes(SIGNATURE) ? graph.getSignatureDefMap().get(SIGNATURE) : undefined;
  if (signature) return signature;
  const found = graphs.map(
    (other) => `[${other.getMetaInfoDef().getTagsList().join(', ')}] with ${keysOf(other.getSignatureDefMap()).join(', ') || 'no signature'}`,
  );
  throw new ModelLoadError(`the SavedModel has no signature ${SIGNATURE} under the tag ${TAGS.join()}; it has ${found.join('; ') || 'nothing'}`);
}

function modelFolder({ files }: ModelArtifact): string {
  const models = files.filter((file) => posix.basename(file) === 'saved_model.pb');
  if (models.length === 1) return dirname(models[0]!);
  if (models.includes('saved_model.pb')) return '.';
  throw new ModelLoadError(
    models.length === 0 ? `no saved_model.pb among ${files.join(', ')}` : `several saved_model.pb (${models.join(', ')}); the one to load must lie at the top`,
  );
}

function specsOf(kind: 'input' | 'output', values: ProtoMap<TensorInfoMessage>): Declared[] {
  // Protocol Buffers maps have no order: by name, so that every load tells the same.
  return keysOf(values)
    .sort()
    .map((name) => {
      const value = values.get(name);
      const shape = value.getTensorShape();
      const dimensions = !shape || shape.getUnknownRank() ? undefined : shapeOf(shape.getDimList().map((dimension) => dimension.getSize()));
      return { name, datatype: datatypeOf(kind, name, `DT_${DT_NAMES[value.getDtype()] ?? value.getDtype()}`), shape: dimensions };
    });
}

async function withShapes(
  library: Library,
  inputs: readonly TensorSpec[],
  outputs: readonly Declared[],
  run: TfModel['run'],
  sample?: readonly Tensor[],
): Promise<TensorSpec[]> {
  const found = outputs.every((output) => output.shape !== undefined) ? [] : await probeOutputs(library, inputs, run, sample);
  return outputs.map((output) => ({ ...output, shape: output.shape ?? found.find((probed) => probed.name === output.name)!.shape }));
}

function keysOf(map: ProtoMap<unknown>): string[] {
  const keys: string[] = [];
  const iterator = map.keys();
  for (let next = iterator.next(); !next.done; next = iterator.next()) keys.push(next.value);
  return keys;
}

let quiet = false;

/** The library warns of every int64 output at every inference, and would fill the replica's log. */
function quietInt64Warning(): void {
  if (quiet) return;
  quiet = true;
  const { warn } = console;
  // eslint-disable-next-line no-console -- it is the library that writes there
  console.warn = (...message: unknown[]) => {
    if (!String(message[0]).startsWith('INT64 output tensor')) warn(...message);
  };
}
