/**
 * Open Inference Protocol messages in the binary tensor form: a JSON header, then the tensors' bytes in the order they are
 * listed, each with its `binary_data_size`. Little-endian and row-major; a BYTES element is a uint32 length and the bytes.
 */
import { PackedTensor } from './packed-tensor.js';
import { allocate, assertBytesCount, bytesOf, elementCount, elementSize, isDatatype, TensorError, viewOf, type Tensor, type TensorData } from '../tensor.js';

export type ParameterValue = string | number | boolean;
export type Parameters = Readonly<Record<string, ParameterValue>>;

export interface InferRequest {
  readonly id?: string;
  readonly parameters?: Parameters;
  readonly inputs: readonly Tensor[];
  /** Names of the outputs wanted, in order; undefined for all. */
  readonly outputs?: readonly string[];
}

export interface InferResponse {
  readonly id?: string;
  readonly parameters?: Parameters;
  readonly outputs: readonly Tensor[];
}

export interface TensorHeader {
  name: string;
  datatype: string;
  shape: readonly number[];
  parameters: { binary_data_size: number };
}

/** Tensors as a message has them: what it says of each, and their bytes. */
export interface EncodedTensors {
  readonly headers: readonly TensorHeader[];
  readonly binary: readonly Uint8Array[];
}

/** A message as buffers to be written one after the other: the JSON first, then each tensor, without a copy of numeric data. */
export interface EncodedMessage {
  readonly json: Buffer;
  readonly binary: readonly Uint8Array[];
}

export function encodeRequest(request: InferRequest): EncodedMessage {
  const { headers, binary } = encodeTensors(request.inputs);
  return { json: requestHeader(request, headers), binary };
}

/**
 * Several requests as one, their inputs joined by name along the first dimension. They must have the same inputs, which
 * differ in nothing but the first dimension, and the same outputs and parameters. An id of theirs is left out.
 */
export function encodeMerged(requests: readonly InferRequest[]): EncodedMessage {
  const [first] = requests;
  if (!first || requests.length === 1) return encodeRequest(first!);
  const binary: Uint8Array[] = [];
  const headers = first.inputs.map(({ name, datatype, shape }, i): TensorHeader => {
    let rows = 0;
    let size = 0;
    for (const { inputs } of requests) {
      const tensor = inputs[i]!.name === name ? inputs[i]! : inputs.find((input) => input.name === name)!;
      const bytes = tensorToBytes(tensor);
      rows += tensor.shape[0]!;
      size += bytes.byteLength;
      binary.push(bytes);
    }
    return { name, datatype, shape: [rows, ...shape.slice(1)], parameters: { binary_data_size: size } };
  });
  return { json: requestHeader({ ...first, id: undefined }, headers), binary };
}

export function encodeResponse(response: InferResponse): EncodedMessage {
  return responseOf(response, encodeTensors(response.outputs));
}

/** The same, where the outputs are encoded already. */
export function responseOf({ id, parameters }: Omit<InferResponse, 'outputs'>, { headers, binary }: EncodedTensors): EncodedMessage {
  return { json: Buffer.from(JSON.stringify({ id, parameters, outputs: headers })), binary };
}

/** @throws TensorError for a header or bytes that are not a well-formed message. */
export function decodeRequest(json: Uint8Array, binary: Uint8Array): InferRequest {
  const header = parse(json);
  return {
    ...common(header),
    inputs: decodeTensors(header['inputs'], binary),
    outputs: Array.isArray(header['outputs']) ? header['outputs'].map((o: { name: string }) => o.name) : undefined,
  };
}

/** @throws TensorError for a header or bytes that are not a well-formed message. */
export function decodeResponse(json: Uint8Array, binary: Uint8Array): InferResponse {
  const header = parse(json);
  return { ...common(header), outputs: decodeTensors(header['outputs'], binary) };
}

/** Packs BYTES elements: for each a uint32 length and the bytes. */
export function packBytes(elements: readonly Uint8Array[]): Buffer {
  const packed = Buffer.allocUnsafe(elements.reduce((sum, e) => sum + 4 + e.byteLength, 0));
  let at = 0;
  for (const element of elements) {
    at = packed.writeUInt32LE(element.byteLength, at);
    packed.set(element, at);
    at += element.byteLength;
  }
  return packed;
}

/** One tensor's bytes as they go over the wire. */
export function tensorToBytes(tensor: Tensor): Uint8Array {
  if (tensor instanceof PackedTensor) return tensor.packed;
  return tensor.datatype === 'BYTES' ? packBytes(tensor.data as readonly Uint8Array[]) : bytesOf(tensor.data as Exclude<TensorData, readonly Uint8Array[]>);
}

/** @throws TensorError when the number of bytes is not what datatype and shape ask for. */
export function tensorFromBytes(name: string, datatype: Tensor['datatype'], shape: readonly number[], bytes: Uint8Array): Tensor {
  const count = elementCount(shape);
  if (datatype === 'BYTES') {
    assertBytesCount(name, count);
    return PackedTensor.from(name, shape, bytes, count);
  }
  if (bytes.byteLength !== count * elementSize(datatype)) {
    throw new TensorError(`tensor "${name}": shape [${shape.join(', ')}] of ${datatype} is ${count * elementSize(datatype)} bytes, ${bytes.byteLength} came`);
  }
  return { name, datatype, shape, data: count === 0 ? allocate(datatype, 0) : viewOf(datatype, bytes) };
}

function requestHeader({ id, parameters, outputs }: { id?: string | undefined } & Omit<InferRequest, 'id'>, inputs: readonly TensorHeader[]): Buffer {
  return Buffer.from(JSON.stringify({ id, parameters, inputs, outputs: outputs?.map((name) => ({ name })) }));
}

export function encodeTensors(tensors: readonly Tensor[]): EncodedTensors {
  const binary = tensors.map(tensorToBytes);
  const headers = tensors.map(({ name, datatype, shape }, i) => ({ name, datatype, shape, parameters: { binary_data_size: binary[i]!.byteLength } }));
  return { headers, binary };
}

function decodeTensors(list: unknown, binary: Uint8Array): Tensor[] {
  if (!Array.isArray(list)) throw new TensorError('the message has no list of tensors');
  let at = 0;
  const tensors = list.map(({ name, datatype, shape, parameters }: TensorHeader) => {
    if (!isDatatype(datatype)) throw new TensorError(`tensor "${name}": unknown datatype "${datatype}"`);
    const end = at + (parameters?.binary_data_size ?? 0);
    if (end > binary.byteLength) throw new TensorError(`tensor "${name}" claims to end at byte ${end} of ${binary.byteLength}`);
    const tensor = tensorFromBytes(name, datatype, shape, binary.subarray(at, end));
    at = end;
    return tensor;
  });
  if (at !== binary.byteLength) throw new TensorError(`${binary.byteLength - at} bytes belong to no tensor`);
  return tensors;
}

function parse(json: Uint8Array): Record<string, unknown> {
  try {
    return JSON.parse(Buffer.from(json.buffer, json.byteOffset, json.byteLength).toString()) as Record<string, unknown>;
  } catch (cause) {
    throw new TensorError('the header is not JSON', { cause });
  }
}

function common(header: Record<string, unknown>): { id?: string; parameters?: Parameters } {
  return {
    ...(typeof header['id'] === 'string' && { id: header['id'] }),
    ...(header['parameters'] !== undefined && { parameters: header['parameters'] as Parameters }),
  };
}
