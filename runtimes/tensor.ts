/**
 * Tensors as every room of the house passes them: datatypes by their Open Inference Protocol names, data row-major and
 * little-endian. This file imports nothing, so that plugins, gateway, replica host and clients can all share it.
 */

export const DATATYPES = ['BOOL', 'INT8', 'INT16', 'INT32', 'INT64', 'UINT8', 'UINT16', 'UINT32', 'UINT64', 'FP16', 'FP32', 'FP64', 'BYTES'] as const;

/** An Open Inference Protocol datatype name. */
export type Datatype = (typeof DATATYPES)[number];

/**
 * The elements of a tensor.
 * BOOL is one byte an element (0 or 1). FP16 holds the IEEE 754 half-precision bit patterns, because Node 20 has no
 * Float16Array. BYTES is one byte string an element: text is UTF-8, and anything else survives too.
 */
export interface TensorDataOf {
  BOOL: Uint8Array;
  INT8: Int8Array;
  INT16: Int16Array;
  INT32: Int32Array;
  INT64: BigInt64Array;
  UINT8: Uint8Array;
  UINT16: Uint16Array;
  UINT32: Uint32Array;
  UINT64: BigUint64Array;
  FP16: Uint16Array;
  FP32: Float32Array;
  FP64: Float64Array;
  BYTES: readonly Uint8Array[];
}

export type TensorData = TensorDataOf[Datatype];
export type NumericData = TensorDataOf[Exclude<Datatype, 'BYTES'>];

/** A named tensor. `data` has exactly `elementCount(shape)` elements, of the array type that `datatype` names. */
export interface Tensor {
  readonly name: string;
  readonly datatype: Datatype;
  /** Dimensions, each a non-negative integer. An empty list is a scalar. */
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** What a model says of one input or output. */
export interface TensorSpec {
  readonly name: string;
  readonly datatype: Datatype;
  /** -1 stands for a dimension that may vary; null where the model does not say how many dimensions there are. */
  readonly shape: readonly number[] | null;
  /** Names that the model gives to dimensions that may vary, by axis. Those of one name are meant to have one size; not every runtime insists. */
  readonly symbols?: readonly (string | null)[];
  /** An input with a default: a request may leave it out. */
  readonly optional?: boolean;
  /** Of an input: what a request made from the signature has to have here, where ones were not answered. */
  readonly sampleShape?: readonly number[];
  /** Of an input: the value of every element of such a request; 1 where it is absent. */
  readonly sampleValue?: 0;
}

/** Inputs and outputs of a model, in the model's own order. */
export interface Signature {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

/** Thrown when a tensor contradicts itself or the signature it is meant for: the caller's mistake, never the server's. */
export class TensorError extends Error {
  override readonly name = 'TensorError';
  /** The part of the request that is wrong, where that is known. */
  part: RequestPart | undefined;

  constructor(message: string, options?: ErrorOptions & { readonly part?: RequestPart }) {
    super(message, options);
    this.part = options?.part;
  }
}

/** A part of an inference request, for programs: messages say the same in words. */
export interface RequestPart {
  readonly field: 'model' | 'version' | 'inputs' | 'outputs' | 'parameters';
  /** The name of the input or output. */
  readonly tensor?: string;
}

/**
 * Runs `work` on one part of a request. A TensorError that does not say yet which part is wrong gets this one.
 * @param tensor the input or output as it came; its name is told where it has one
 */
export function inPart<T>(field: RequestPart['field'], tensor: unknown, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof TensorError) error.part ??= partOf(field, (tensor as { readonly name?: unknown } | null | undefined)?.name);
    throw error;
  }
}

const partOf = (field: RequestPart['field'], name: unknown): RequestPart => (typeof name === 'string' && name !== '' ? { field, tensor: name } : { field });

const ARRAY_OF = {
  BOOL: Uint8Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  FP16: Uint16Array,
  FP32: Float32Array,
  FP64: Float64Array,
} as const;

export type NumericDatatype = keyof typeof ARRAY_OF;

export function isDatatype(name: unknown): name is Datatype {
  return typeof name === 'string' && (DATATYPES as readonly string[]).includes(name);
}

/** Bytes of one element. BYTES has no fixed size and is not accepted. */
export function elementSize(datatype: NumericDatatype): number {
  return ARRAY_OF[datatype].BYTES_PER_ELEMENT;
}

/** What every runtime can index by; ONNX Runtime fails beyond it even where another dimension is 0. */
const MAX_DIMENSION = 2 ** 31 - 1;

/**
 * The number of elements of a shape; 1 for a scalar.
 * @throws TensorError for a negative or fractional dimension, a product beyond 2^53 - 1, or a dimension beside a 0 that no runtime can index.
 */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  let empty = false;
  for (const dimension of shape) {
    if (!Number.isSafeInteger(dimension) || dimension < 0) {
      throw new TensorError(`dimension ${String(dimension)} of shape [${shape.join(', ')}] is not a non-negative integer`);
    }
    // A zero must not hide an overflow of the dimensions beside it.
    if (dimension === 0) empty = true;
    else count *= dimension;
    if (!Number.isSafeInteger(count)) throw new TensorError(`shape [${shape.join(', ')}] has more elements than can be addressed`);
  }
  if (!empty) return count;
  const long = shape.find((dimension) => dimension > MAX_DIMENSION);
  if (long !== undefined) throw new TensorError(`dimension ${long} of shape [${shape.join(', ')}] is beyond ${MAX_DIMENSION}`);
  return 0;
}

/** Each is an object of its own in memory, of a hundred bytes and more, whatever it holds. */
const MAX_BYTES_ELEMENTS = 1024 * 1024;

/** @throws TensorError for more elements than a BYTES tensor may have; call it before they are made */
export function assertBytesCount(name: string, count: number): void {
  if (count > MAX_BYTES_ELEMENTS) throw new TensorError(`tensor "${name}" has ${count} BYTES elements; the limit is ${MAX_BYTES_ELEMENTS}`);
}

/** A new zeroed array for `count` elements. */
export function allocate<D extends NumericDatatype>(datatype: D, count: number): TensorDataOf[D] {
  return new ARRAY_OF[datatype](count) as TensorDataOf[D];
}

/**
 * A typed-array view of little-endian bytes; copied only where the bytes do not lie on the element's boundary.
 * @throws TensorError when the length is not a whole number of elements.
 */
export function viewOf<D extends NumericDatatype>(datatype: D, bytes: Uint8Array): TensorDataOf[D] {
  const size = elementSize(datatype);
  if (bytes.byteLength % size !== 0) {
    throw new TensorError(`${bytes.byteLength} bytes are not a whole number of ${datatype} elements of ${size} bytes`);
  }
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return new ARRAY_OF[datatype](aligned.buffer as ArrayBuffer, aligned.byteOffset, bytes.byteLength / size) as TensorDataOf[D];
}

/** The bytes behind a numeric tensor's data, without a copy. */
export function bytesOf(data: NumericData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Throws TensorError unless the data is of the array type and length that datatype and shape ask for. */
export function assertTensor(tensor: Tensor): void {
  const count = elementCount(tensor.shape);
  const expected = tensor.datatype === 'BYTES' ? Array : ARRAY_OF[tensor.datatype];
  if (!(tensor.data instanceof expected)) throw new TensorError(`tensor "${tensor.name}": the data of ${tensor.datatype} must be ${expected.name}`);
  if (tensor.data.length !== count) {
    throw new TensorError(`tensor "${tensor.name}": shape [${tensor.shape.join(', ')}] needs ${count} elements, the data has ${tensor.data.length}`);
  }
}

/**
 * Checks a request's inputs against a signature: every input there unless it is optional, once, none unknown, datatype and shape as declared.
 * @throws TensorError that names the input, what it is and what it should be.
 */
export function assertInputs(signature: Signature, inputs: readonly Tensor[]): void {
  if (inputs.length === signature.inputs.length && inputs.every((tensor, i) => fitsSpec(tensor, signature.inputs[i]!))) return;
  const declared = new Map(signature.inputs.map((spec) => [spec.name, spec]));
  const seen = new Set<string>();
  const refused = (name: string, reason: string) => new TensorError(`input "${name}" ${reason}`, { part: partOf('inputs', name) });
  for (const { name, datatype, shape } of inputs) {
    const spec = declared.get(name);
    if (!spec) throw refused(name, `is unknown; the model takes ${[...declared.keys()].map((n) => `"${n}"`).join(', ')}`);
    if (seen.has(name)) throw refused(name, 'is given twice');
    seen.add(name);
    if (datatype !== spec.datatype) throw refused(name, `is ${datatype}; the model takes ${spec.datatype}`);
    if (!fitsShape(shape, spec.shape))
      throw refused(name, `has shape [${shape.join(', ')}]; the model takes [${spec.shape!.join(', ')}], where -1 may be any size`);
  }
  for (const { name, optional } of signature.inputs) if (!optional && !seen.has(name)) throw refused(name, 'is missing');
}

/** The common case of `assertInputs`, in the signature's own order: it is on the path of every request. */
function fitsSpec(tensor: Tensor, spec: TensorSpec): boolean {
  return tensor.name === spec.name && tensor.datatype === spec.datatype && fitsShape(tensor.shape, spec.shape);
}

/** @param wanted of a signature, where -1 may be any size, and null any shape */
export function fitsShape(shape: readonly number[], wanted: readonly number[] | null): boolean {
  if (wanted === null) return true;
  if (shape.length !== wanted.length) return false;
  for (let i = 0; i < wanted.length; i++) if (wanted[i] !== -1 && wanted[i] !== shape[i]) return false;
  return true;
}

/**
 * Checks the names of requested outputs against a signature.
 * @throws TensorError that names the unknown or repeated one.
 */
export function assertOutputs(signature: Signature, requested: readonly string[]): void {
  const known = signature.outputs.map((spec) => spec.name);
  const refused = (name: string, reason: string) => new TensorError(`output "${name}" ${reason}`, { part: partOf('outputs', name) });
  requested.forEach((name, i) => {
    if (!known.includes(name)) throw refused(name, `is unknown; the model gives ${known.map((n) => `"${n}"`).join(', ')}`);
    if (requested.indexOf(name) !== i) throw refused(name, 'is requested twice');
  });
}
