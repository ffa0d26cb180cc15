/** Inferences that every protocol must answer with the bits that the library gives when it is called directly. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { nodePlugin } from './node-plugin.js';
import { AlignedMemory } from '../../runtimes/onnx/aligned-memory.js';
import { fromOnnx, toOnnx } from '../../runtimes/onnx/datatypes.js';
import { bytesOf, type Datatype, type NumericData, type Signature, type Tensor, type TensorData } from '../../runtimes/tensor.js';
import { PROJECT_ROOT } from '../../server/paths.js';
import { onnx, type ReplicaModel } from './gateway.js';
import { modelFolder } from './models/folder.js';
import { arithmeticModel, node, onnxModel, tensorValue } from './models/onnx.js';

export interface CaseModel {
  /** The deployment's name. */
  readonly name: string;
  readonly replica: ReplicaModel;
  /** The library itself, in this process, without any of the program's rooms around it. */
  readonly direct: (inputs: readonly Tensor[], outputs: readonly string[]) => Promise<Tensor[]>;
}

export interface InferenceCase {
  readonly title: string;
  readonly model: string;
  readonly inputs: readonly Tensor[];
  /** undefined for all of them. */
  readonly outputs?: readonly string[];
}

/** A form of a protocol: it sends a case to a gateway, and answers the outputs it got back. */
export interface ProtocolForm<Gateway> {
  readonly title: string;
  /** Whether this form can say such a request at all. */
  readonly carries: (request: InferenceCase) => boolean;
  readonly infer: (gateway: Gateway, request: InferenceCase, signature: Signature) => Promise<readonly Tensor[]>;
}

/** Name, datatype, shape and every bit, to be compared as text. */
export function bitsOf(tensor: Tensor): string {
  const bits =
    tensor.datatype === 'BYTES'
      ? (tensor.data as readonly Uint8Array[]).map((element) => Buffer.from(element).toString('hex')).join('.')
      : Buffer.from(bytesOf(tensor.data as NumericData)).toString('hex');
  return `${tensor.name} ${tensor.datatype} [${tensor.shape.join(',')}] ${bits}`;
}

const VALUES: Readonly<Record<Datatype, TensorData>> = {
  BOOL: Uint8Array.of(1, 0, 1, 1),
  INT8: Int8Array.of(-128, 127, 0, -1),
  INT16: Int16Array.of(-32768, 32767, 0, -1),
  INT32: Int32Array.of(-(2 ** 31), 2 ** 31 - 1, 0, -1),
  INT64: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, 9007199254740993n, -1n),
  UINT8: Uint8Array.of(0, 255, 1, 128),
  UINT16: Uint16Array.of(0, 65535, 1, 32768),
  UINT32: Uint32Array.of(0, 2 ** 32 - 1, 1, 2 ** 31),
  UINT64: BigUint64Array.of(0n, 2n ** 64n - 1n, 9007199254740993n, 1n),
  // The smallest subnormal, the largest finite, negative zero, NaN.
  FP16: Uint16Array.of(0x0001, 0x7bff, 0x8000, 0x7e00),
  FP32: Float32Array.of(2 ** -149, 3.4028234663852886e38, -0, NaN),
  FP64: Float64Array.of(5e-324, 1.7976931348623157e308, -Infinity, 0.1),
  BYTES: ['grün 🌲', '', '"quoted", with\na comma and a line', 'NaN'].map((text) => Buffer.from(text)),
};

const ALL_TYPES = Object.keys(VALUES) as Datatype[];
const inputName = (datatype: Datatype): string => `x_${datatype.toLowerCase()}`;

/** `y_… = x_…` for every datatype. The name of the BYTES output is one that TensorFlow Serving answers as base64. */
function everyDatatype(shape: readonly (number | string)[]): Buffer {
  return onnxModel({
    nodes: ALL_TYPES.map((type) => node('Identity', [inputName(type)], [`y_${type.toLowerCase()}`])),
    inputs: ALL_TYPES.map((type) => tensorValue({ name: inputName(type), type, shape })),
    outputs: ALL_TYPES.map((type) => tensorValue({ name: `y_${type.toLowerCase()}`, type, shape })),
  });
}

const everyInput = (shape: readonly number[], count: number): Tensor[] =>
  ALL_TYPES.map((datatype) => ({ name: inputName(datatype), datatype, shape, data: VALUES[datatype].slice(0, count) }));

function onnxCase(name: string, model: Buffer): CaseModel {
  let session: Promise<ort.InferenceSession> | undefined;
  return {
    name,
    replica: onnx(model),
    direct: async (inputs, outputs) => {
      session ??= ort.InferenceSession.create(model, { intraOpNumThreads: 1 });
      const memory = new AlignedMemory().take(inputs);
      const results = await (await session).run(Object.fromEntries(inputs.map((input) => [input.name, toOnnx(ort.Tensor, input, memory)])), outputs);
      return outputs.map((output) => fromOnnx(output, results[output]!));
    },
  };
}

const sample = (...path: string[]): Buffer => readFileSync(join(PROJECT_ROOT, 'server', 'samples', ...path));

function irisCase(): CaseModel {
  const files = { 'model.json': sample('iris', 'model.json'), 'weights.bin': sample('iris', 'weights.bin') };
  const loaded = async () =>
    (await nodePlugin('tfjs')).load(
      modelFolder('tfjs-layers', files),
      { threads: 1, log: () => undefined, options: {}, scratch: modelFolder('scratch', {}).folder },
      new AbortController().signal,
    );
  let model: ReturnType<typeof loaded> | undefined;
  return {
    name: 'iris',
    replica: { runtime: 'tfjs', format: 'tfjs-layers', files },
    direct: async (inputs, outputs) => (await (model ??= loaded())).infer(inputs, outputs, new AbortController().signal),
  };
}

export const CASE_MODELS: readonly CaseModel[] = [
  onnxCase('columns', everyDatatype(['n'])),
  onnxCase('grid', everyDatatype(['n', 2])),
  onnxCase('arithmetic', arithmeticModel()),
  onnxCase('digits', sample('digits', 'digits.onnx')),
  irisCase(),
];

function samples(name: 'digits' | 'iris', input: string, rows: number): Tensor {
  const { samples: all } = JSON.parse(sample(name, 'lineage.json').toString()) as { samples: { values: number[] }[] };
  const values = Array.from({ length: rows }, (_, i) => all[i % all.length]!.values);
  return { name: input, datatype: 'FP32', shape: [rows, values[0]!.length], data: Float32Array.from(values.flat()) };
}

const arithmetic = (rows: number): Tensor[] =>
  ['a', 'b'].map((name, k) => ({
    name,
    datatype: 'FP32',
    shape: [rows, 3],
    data: Float32Array.from({ length: rows * 3 }, (_, i) => Math.sin(k * 3 + i * 1.7) * 10 ** ((i % 5) - 2)),
  }));

export const INFERENCE_CASES: readonly InferenceCase[] = [
  { title: 'every datatype, four rows', model: 'columns', inputs: everyInput([4], 4) },
  { title: 'every datatype, one row', model: 'columns', inputs: everyInput([1], 1) },
  { title: 'every datatype, no row', model: 'columns', inputs: everyInput([0], 0) },
  { title: 'every datatype, two rows of two', model: 'grid', inputs: everyInput([2, 2], 4) },
  { title: 'every datatype, no row of two', model: 'grid', inputs: everyInput([0, 2], 0) },
  { title: 'two outputs of three, in another order', model: 'arithmetic', inputs: arithmetic(2), outputs: ['product', 'sum'] },
  { title: 'several inputs and outputs', model: 'arithmetic', inputs: arithmetic(33) },
  { title: 'inputs in another order', model: 'arithmetic', inputs: arithmetic(3).reverse() },
  { title: 'one row of digits', model: 'digits', inputs: [samples('digits', 'pixels', 1)] },
  { title: 'a hundred rows of digits', model: 'digits', inputs: [samples('digits', 'pixels', 100)] },
  { title: 'three rows of iris', model: 'iris', inputs: [samples('iris', 'measurements', 3)] },
];
