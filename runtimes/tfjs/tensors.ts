/** TensorFlow.js' tensors as ours and back. */
import type { DataType, Tensor as TfTensor, TypedArray } from '@tensorflow/tfjs-core';
import { ModelLoadError } from '../contract.js';
import { allocate, elementCount, type Datatype, type NumericData, type Tensor, type TensorData, type TensorSpec } from '../tensor.js';
import type { Core } from './library.js';

/** By TensorFlow.js' names, and by those of a signature, whose int64 and uint8 only a SavedModel keeps. */
const DATATYPE_OF: Readonly<Record<string, Datatype>> = {
  float32: 'FP32',
  int32: 'INT32',
  bool: 'BOOL',
  string: 'BYTES',
  DT_FLOAT: 'FP32',
  DT_INT32: 'INT32',
  DT_BOOL: 'BOOL',
  DT_STRING: 'BYTES',
  DT_INT64: 'INT64',
  DT_UINT8: 'UINT8',
};

const DTYPE_OF: Readonly<Partial<Record<Datatype, DataType>>> = {
  FP32: 'float32',
  INT32: 'int32',
  BOOL: 'bool',
  BYTES: 'string',
  INT64: 'int32',
  UINT8: 'int32',
};

/** @throws ModelLoadError for a type that TensorFlow.js cannot hand over. */
export function datatypeOf(kind: 'input' | 'output', name: string, dtype: string): Datatype {
  const datatype = DATATYPE_OF[dtype];
  // Native TensorFlow computes it, and then has no way to hand it out.
  if (!datatype || (kind === 'output' && datatype === 'UINT8'))
    throw new ModelLoadError(
      `${kind} "${name}" is of type ${dtype}, which TensorFlow.js cannot carry; it has float32, int32, bool and string, and in a SavedModel int64, and uint8 as an input`,
    );
  return datatype;
}

/** -1 for whatever a library writes where a dimension may vary. */
export const shapeOf = (dimensions: readonly (number | string | null | undefined)[]): number[] =>
  dimensions.map((dimension) => (dimension === null || dimension === undefined || Number(dimension) < 0 ? -1 : Number(dimension)));

export function toTf(core: Core, tensor: Tensor): TfTensor {
  const shape = [...tensor.shape];
  if (tensor.datatype === 'INT64') return int64ToTf(core, shape, tensor.data as BigInt64Array);
  const values = tensor.datatype === 'UINT8' ? Int32Array.from(tensor.data as Uint8Array) : tensor.data;
  return core.tensor(values as TypedArray, shape, DTYPE_OF[tensor.datatype]);
}

/** The part of native TensorFlow's backend that holds a tensor's values until it is first used. */
interface NativeBackend {
  readonly binding: { readonly TF_INT64: number };
  readonly tensorMap: { get(dataId: object): { dtype: number; values: unknown } };
}

/**
 * TensorFlow.js has no int64, and what @tensorflow/tfjs-node makes of an int32 for a SavedModel is wrong for every negative
 * number: it fills the upper half with zeros. So the values are put into its store as they are, under their real type; the
 * contract suite compares them bit by bit.
 */
function int64ToTf(core: Core, shape: number[], data: BigInt64Array): TfTensor {
  const tensor = core.zeros(shape, 'int32');
  const { binding, tensorMap } = core.backend() as unknown as NativeBackend;
  const held = tensorMap.get(tensor.dataId);
  held.dtype = binding.TF_INT64;
  held.values = new Int32Array(data.slice().buffer);
  return tensor;
}

/**
 * @param spec what the signature says of this output
 * @throws Error where the values are not what the signature and the shape say: they would be read as others
 */
export function fromTf(core: Core, { name, datatype }: TensorSpec, tensor: TfTensor): Tensor {
  const { shape } = tensor;
  const data = dataOf(core, name, datatype, tensor);
  const count = elementCount(shape);
  // Plain JavaScript computes some results that are empty as if they were not.
  if (count === 0 && datatype !== 'BYTES') return { name, datatype, shape, data: allocate(datatype, 0) };
  if (data.length !== count) throw new Error(`output "${name}" has the shape [${shape.join(',')}], and TensorFlow.js computed ${data.length} values for it`);
  return { name, datatype, shape, data };
}

function dataOf(core: Core, name: string, datatype: Datatype, tensor: TfTensor): TensorData {
  if ((datatype === 'BYTES') !== (tensor.dtype === 'string')) throw wrongType(name, datatype, tensor.dtype);
  // `dataSync` would decode the bytes as text, and what is none would be lost.
  if (datatype === 'BYTES') return core.engine().readSync(tensor.dataId) as unknown as Uint8Array[];
  // A SavedModel's int64 comes under the type int32, as a BigInt64Array all the same.
  const values = tensor.dataSync() as unknown as NumericData;
  const wanted = allocate(datatype, 0);
  if (values.constructor === wanted.constructor) return values;
  // Whole numbers are the same as floats, and so are 0 and 1. Nothing else may change.
  const converted = datatype === 'FP32' ? Float32Array.from(values as Int32Array) : datatype === 'INT32' ? Int32Array.from(values as Float32Array) : undefined;
  if (!converted || values instanceof BigInt64Array || !converted.every((value, i) => value === values[i])) throw wrongType(name, datatype, tensor.dtype);
  return converted;
}

const wrongType = (name: string, datatype: Datatype, found: string): Error =>
  new Error(`output "${name}" came as ${found}, and the signature says ${datatype}; convert the model with a signature that says what it computes`);
