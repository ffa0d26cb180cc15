/** Inference through the gateway: typed arrays to the Open Inference Protocol's JSON, and back. */
import { parse } from 'lossless-json';
import { InexactNumberError, tensorDataText, tensorFromJson, type TensorJson } from '../../../runtimes/open-inference/json.js';
import { assertTensor, TensorError, type Datatype, type NumericData, type Tensor } from '../../../runtimes/tensor.js';
import { PilothouseError } from './errors.js';
import { fromResponse, reached } from './http.js';
import type { Platform } from './platform.js';

/** The elements of one input: a typed array, or an array (nested as the shape, or flat) of numbers, BigInts, booleans or strings. */
export type InputData = NumericData | readonly unknown[];

export interface InputTensor {
  readonly data: InputData;
  /** Left out: one dimension, as long as the data. */
  readonly shape?: readonly number[];
  /** Left out: what the typed array says; BYTES for strings and BOOL for booleans. Needed for plain numbers, and for FP16 (bit patterns in a Uint16Array). */
  readonly datatype?: Datatype;
}

export interface InferenceOptions {
  /** Names of the outputs wanted; all of them where it is left out. */
  readonly outputs?: readonly string[];
  /** Echoed by the answer. */
  readonly id?: string;
  readonly parameters?: Readonly<Record<string, string | number | boolean>>;
  readonly signal?: AbortSignal | undefined;
}

export interface Inference {
  readonly model: string;
  /** Number of the version that answered. */
  readonly version: string | undefined;
  readonly id: string | undefined;
  /** By name. INT64 is a BigInt64Array, FP16 the bit patterns in a Uint16Array, BYTES one Uint8Array an element. */
  readonly outputs: Readonly<Record<string, Tensor>>;
}

const DATATYPE_OF: ReadonlyMap<unknown, Datatype> = new Map<unknown, Datatype>([
  [Float32Array, 'FP32'],
  [Float64Array, 'FP64'],
  [Int8Array, 'INT8'],
  [Int16Array, 'INT16'],
  [Int32Array, 'INT32'],
  [BigInt64Array, 'INT64'],
  [Uint8Array, 'UINT8'],
  [Uint16Array, 'UINT16'],
  [Uint32Array, 'UINT32'],
  [BigUint64Array, 'UINT64'],
]);

/** @throws PilothouseError INVALID that names the input and what would be right */
export function toTensor(name: string, { data, shape, datatype }: InputTensor): Tensor {
  const known = datatype ?? DATATYPE_OF.get(data.constructor) ?? datatypeOfElements(data);
  if (!known) throw new PilothouseError('INVALID', `input "${name}": plain numbers have no datatype; give one, or a typed array (Float32Array is FP32)`);
  const dimensions = shape ?? shapeOf(data);
  try {
    if (ArrayBuffer.isView(data)) {
      const tensor: Tensor = { name, datatype: known, shape: dimensions, data };
      assertTensor(tensor);
      return tensor;
    }
    return tensorFromJson({ name, datatype: known, shape: dimensions, data }, 'input');
  } catch (error) {
    throw error instanceof TensorError ? new PilothouseError('INVALID', error.message, { cause: error }) : error;
  }
}

function datatypeOfElements(data: InputData): Datatype | undefined {
  let first: unknown = data[0];
  while (Array.isArray(first)) first = first[0];
  return typeof first === 'string' ? 'BYTES' : typeof first === 'boolean' ? 'BOOL' : undefined;
}

function shapeOf(data: InputData): number[] {
  const shape: number[] = [];
  for (let level: unknown = data; Array.isArray(level) || (level === data && ArrayBuffer.isView(data)); level = (level as readonly unknown[])[0]) {
    shape.push((level as readonly unknown[]).length);
    if (ArrayBuffer.isView(level)) break;
  }
  return shape;
}

/** The body of a request as text. */
export function requestText(inputs: Readonly<Record<string, InputTensor>>, { outputs, id, parameters }: InferenceOptions): string {
  const tensors = Object.entries(inputs).map(([name, input]) => {
    const { datatype, shape, ...tensor } = toTensor(name, input);
    return `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":${JSON.stringify(shape)},"data":${tensorDataText({ datatype, shape, ...tensor })}}`;
  });
  const rest = { ...(id !== undefined && { id }), ...(parameters && { parameters }), ...(outputs && { outputs: outputs.map((name) => ({ name })) }) };
  const head = JSON.stringify(rest).slice(1, -1);
  return `{${head}${head && ','}"inputs":[${tensors.join(',')}]}`;
}

interface Answer {
  readonly model_name: string;
  readonly model_version?: string;
  readonly id?: string;
  readonly outputs: readonly TensorJson[];
}

/** An answer's text, 64-bit integers with every bit: the engine's own parser where that is exact, a slower one where it rounds. */
export function readAnswer(text: string): Inference {
  try {
    return toInference(JSON.parse(text) as Answer);
  } catch (error) {
    if (!(error instanceof InexactNumberError))
      throw new PilothouseError('INTERNAL', `the gateway's answer cannot be read: ${(error as Error).message}`, { cause: error });
    const parseNumber = (digits: string) => (/^-?\d{16,}$/.test(digits) ? BigInt(digits) : Number(digits));
    return toInference(parse(text, null, { parseNumber }) as Answer);
  }
}

function toInference({ model_name: model, model_version: version, id, outputs }: Answer): Inference {
  return { model, version, id, outputs: Object.fromEntries(outputs.map((output) => [output.name as string, tensorFromJson(output, 'output')])) };
}

export interface Endpoint {
  readonly gatewayUrl: string;
  readonly token: string;
  readonly name: string;
}

/** @throws PilothouseError */
export async function inferAt(
  platform: Platform,
  { gatewayUrl, token, name }: Endpoint,
  inputs: Readonly<Record<string, InputTensor>>,
  options: InferenceOptions,
): Promise<Inference> {
  const url = `${gatewayUrl}/v2/models/${encodeURIComponent(name)}/infer`;
  const body = requestText(inputs, options);
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const { signal } = options;
  const answer = await reached(`POST ${url}`, signal, () => platform.post({ url, headers, body, signal }));
  if (answer.status !== 200) throw await fromResponse(new Response(answer.text, answer), `infer "${name}"`);
  return readAnswer(answer.text);
}
