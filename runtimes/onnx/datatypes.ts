/** ONNX Runtime's tensors as ours and back. */
import { isUtf8 } from 'node:buffer';
import type { Tensor as OnnxTensor } from 'onnxruntime-node';
import { TensorError, type Datatype, type NumericData, type Tensor, type TensorData } from '../tensor.js';
import type { AlignedPiece } from './aligned-memory.js';

const DATATYPE_OF: Readonly<Record<string, Datatype>> = {
  bool: 'BOOL',
  int8: 'INT8',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  uint8: 'UINT8',
  uint16: 'UINT16',
  uint32: 'UINT32',
  uint64: 'UINT64',
  float16: 'FP16',
  float32: 'FP32',
  float64: 'FP64',
  string: 'BYTES',
};

const TYPE_OF = Object.fromEntries(Object.entries(DATATYPE_OF).map(([type, datatype]) => [datatype, type])) as Record<Datatype, keyof typeof DATATYPE_OF>;

/** Names of ONNX's own numbers of datatypes, of those that the library cannot hand over. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  14: 'complex64',
  15: 'complex128',
  16: 'bfloat16',
  17: 'float8e4m3fn',
  18: 'float8e4m3fnuz',
  19: 'float8e5m2',
  20: 'float8e5m2fnuz',
  23: 'float4e2m1',
};

/** Of ONNX's own numbers: 1 (float) to 13 (uint64) are those of `DATATYPE_OF`. */
const LAST_CARRIED = 13;

/** Whether the library can hand over tensors of the datatype with this number. */
export const isCarried = (number: number): boolean => number >= 1 && number <= LAST_CARRIED;

/** undefined where ours have no such datatype (int4, uint4). */
export const datatypeOf = (type: string): Datatype | undefined => DATATYPE_OF[type];

export const supportedTypes = (): string => Object.keys(DATATYPE_OF).join(', ');

/** The name of a datatype that the library refused by number. */
export const unsupportedName = (number: string): string => UNSUPPORTED[number] ?? `number ${number}`;

type TensorConstructor = new (type: string, data: unknown, dims: readonly number[]) => OnnxTensor;

/**
 * @param memory where numeric data are copied to, because the library's kernels round by their address
 * @throws TensorError for BYTES that the library would change: it has text without zero characters, not byte strings.
 */
export function toOnnx(constructor: unknown, tensor: Tensor, memory: AlignedPiece): OnnxTensor {
  const { name, datatype } = tensor;
  const data = datatype === 'BYTES' ? decodeText(name, tensor.data as readonly Uint8Array[]) : memory.copyOf(datatype, tensor.data as NumericData);
  const made = new (constructor as TensorConstructor)(TYPE_OF[datatype], data, tensor.shape);
  // Where Node has Float16Array, the library's JavaScript puts the data into one, which its own binding then takes for empty.
  if (datatype === 'FP16' && !((made.data as unknown) instanceof Uint16Array)) Object.assign(made, { cpuData: data });
  return made;
}

export function fromOnnx(name: string, tensor: OnnxTensor): Tensor {
  const datatype = datatypeOf(tensor.type);
  if (!datatype) throw new Error(`output "${name}" came as ${tensor.type}, which is not supported`);
  return { name, datatype, shape: tensor.dims, data: dataOf(tensor, datatype) };
}

function dataOf(tensor: OnnxTensor, datatype: Datatype): TensorData {
  if (datatype === 'BYTES') return (tensor.data as string[]).map((text) => Buffer.from(text));
  const data = tensor.data as unknown as Exclude<TensorData, readonly Uint8Array[]>;
  // A Float16Array where Node has one.
  if (datatype === 'FP16' && !(data instanceof Uint16Array)) return new Uint16Array(data.buffer, data.byteOffset, data.length);
  return data;
}

/** Whether the library keeps these bytes as they are: it ends a string at its first zero byte, without a word. */
export const isText = (bytes: Uint8Array): boolean => !bytes.includes(0) && isUtf8(bytes);

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeText(name: string, elements: readonly Uint8Array[]): string[] {
  return elements.map((element, i) => {
    if (element.includes(0)) throw new TensorError(`input "${name}": element ${i} holds a zero byte, which ONNX Runtime's strings cannot`);
    try {
      return utf8.decode(element);
    } catch {
      throw new TensorError(`input "${name}": element ${i} is not UTF-8 text, as ONNX strings must be`);
    }
  });
}
