/**
 * An inference request in the protocol's REST form: JSON tensors, binary tensors after the JSON
 * (https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md), or any mix.
 */
import { decodeBase64, hasNullForNaN, isBase64, nanForNull, withoutContentType } from './content-type.js';
import { describe } from './json-elements.js';
import { countOf, shapeFromJson, tensorFromJson, type TensorJson } from './json.js';
import { tensorFromBytes, type InferRequest, type Parameters, type ParameterValue } from './message.js';
import { isDatatype, inPart, TensorError, type Tensor } from '../tensor.js';

/** Each class that is named is a text of its own, in every row. */
export const MAX_CLASSES = 1_024;

/** How one requested output is to be answered. */
export interface OutputForm {
  readonly name: string;
  /** undefined: as the request says for all outputs. */
  readonly binary: boolean | undefined;
  /** Triton's classification extension: the number of classes to name instead of the tensor; 0 for the tensor itself. */
  readonly classes: number;
  /** MLServer's content type `base64`: whether the elements are answered as base64. */
  readonly base64: boolean;
}

export interface RestRequest extends InferRequest {
  /** In the order of `outputs`; undefined for all outputs of the model. */
  readonly forms: readonly OutputForm[] | undefined;
  /** Whether outputs that say nothing else are answered as binary data. */
  readonly binaryOutputs: boolean;
}

const NO_PARAMETERS: RequestParameters = { own: undefined, binaryOutputs: false, parameters: {} };

interface RequestParameters {
  readonly own: Parameters | undefined;
  readonly binaryOutputs: boolean;
  /** Without those that are not the model's. */
  readonly parameters: Parameters;
}

/** Cuts the bytes after the JSON into tensors, in the order in which they are listed. */
class BinarySection {
  private at = 0;

  /** @param bytes undefined where the request has no such section */
  constructor(private readonly bytes: Uint8Array | undefined) {}

  take(size: ParameterValue, where: string): Uint8Array {
    const { bytes } = this;
    if (!bytes) throw new TensorError(`${where}: "binary_data_size" says that binary data follows, but the request has no Inference-Header-Content-Length`);
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
      throw new TensorError(`${where}: "binary_data_size" is ${describe(size)}; it must be a whole number of bytes`);
    const end = this.at + size;
    if (end > bytes.byteLength)
      throw new TensorError(`${where}: "binary_data_size" is ${size}, but ${bytes.byteLength - this.at} bytes of the binary section are left`);
    const part = bytes.subarray(this.at, end);
    this.at = end;
    return part;
  }

  assertUsedUp(): void {
    const rest = (this.bytes?.byteLength ?? 0) - this.at;
    if (rest > 0) throw new TensorError(`${rest} bytes of the binary section belong to no tensor`);
  }
}

/**
 * @param value the request's JSON, parsed
 * @param binary what follows the JSON; undefined where there is no such section
 * @throws TensorError that says where and what; its subclass InexactNumberError as in `tensorFromJson`
 */
export function restRequestFrom(value: unknown, binary?: Uint8Array): RestRequest {
  const body = objectOf(value, 'the request');
  const { outputs } = body;
  // Typed clients send null for what is absent, here and below.
  const id = body['id'] ?? undefined;
  if (id !== undefined && typeof id !== 'string') throw new TensorError(`"id" must be a string, not ${describe(id)}`);
  const inputs = inPart('inputs', undefined, () => listOfInputs(body['inputs']));
  const { own, binaryOutputs, parameters } = inPart('parameters', undefined, () => requestParameters(body['parameters']));
  const forms = outputs === undefined || outputs === null ? undefined : inPart('outputs', undefined, () => outputForms(outputs));
  return {
    ...(id !== undefined && { id }),
    ...(Object.keys(parameters).length > 0 && { parameters }),
    inputs: inPart('inputs', undefined, () => inputsFrom(inputs, new BinarySection(binary), own)),
    ...(forms && { outputs: forms.map((form) => form.name) }),
    forms,
    binaryOutputs,
  };
}

function listOfInputs(inputs: unknown): unknown[] {
  if (Array.isArray(inputs)) return inputs as unknown[];
  throw new TensorError(inputs == null ? '"inputs" is missing' : `"inputs" must be an array of tensors, not ${describe(inputs)}`);
}

function requestParameters(given: unknown): RequestParameters {
  const own = parametersFrom(given, 'parameters');
  if (!own) return NO_PARAMETERS;
  const { binary_data_output: binaryOutputs = false, ...parameters } = withoutContentType(own);
  if (typeof binaryOutputs !== 'boolean') throw new TensorError(`parameter "binary_data_output" must be true or false, not ${describe(binaryOutputs)}`);
  return { own, binaryOutputs, parameters };
}

/** @param common parameters of the request */
function inputsFrom(inputs: readonly unknown[], section: BinarySection, common: Parameters | undefined): Tensor[] {
  const tensors = inputs.map((input, i) => inPart('inputs', input, () => inputFrom(input, `inputs[${i}]`, section, common)));
  section.assertUsedUp();
  return tensors;
}

function inputFrom(value: unknown, path: string, section: BinarySection, common: Parameters | undefined): Tensor {
  const input = objectOf(value, path);
  const parameters = parametersFrom(input['parameters'], `${path}.parameters`);
  refuseSharedMemory(parameters, path);
  const size = parameters?.['binary_data_size'];
  const { datatype, data } = input;
  const nan = size === undefined && data !== null && hasNullForNaN(parameters, common) && typeof datatype === 'string' && datatype.startsWith('FP');
  const json = nan ? { ...input, data: nanForNull(data) } : input;
  const tensor = size === undefined ? tensorFromJson(json as unknown as TensorJson, path) : binaryTensor(input, section.take(size, path), path);
  if (!parameters) return tensor;
  const where = `${path} "${tensor.name}"`;
  return isBase64(parameters, where) ? decodeBase64(tensor, where) : tensor;
}

function binaryTensor({ name, datatype, shape, data }: Record<string, unknown>, bytes: Uint8Array, path: string): Tensor {
  if (typeof name !== 'string' || name === '') throw new TensorError(`${path}: "name" must be a non-empty string, not ${describe(name)}`);
  const where = `${path} "${name}"`;
  if (data != null) throw new TensorError(`${where}: it has both "data" and "binary_data_size"; remove one of them`);
  if (!isDatatype(datatype)) throw new TensorError(`${where}: ${describe(datatype)} is not a datatype that binary data can have here`);
  const dimensions = shapeFromJson(shape, where);
  countOf(dimensions, where);
  const tensor = tensorFromBytes(name, datatype, dimensions, bytes);
  if (datatype === 'BOOL') assertBooleans(tensor.data as Uint8Array, where);
  return tensor;
}

/** For a caller's bytes: a library in C++ may take any other than 0 and 1 for anything. @throws TensorError */
export function assertBooleans(data: Uint8Array, where: string): void {
  // Not through `findIndex`, which calls out for each of what may be 64 million.
  for (let i = 0; i < data.length; i++) if (data[i]! > 1) throw new TensorError(`${where}: byte ${i} of the data is ${data[i]}; BOOL takes 0 and 1`);
}

function outputForms(outputs: unknown): OutputForm[] | undefined {
  if (!Array.isArray(outputs)) throw new TensorError(`"outputs" must be an array, not ${describe(outputs)}`);
  const forms = outputs.map((output: unknown, i) => inPart('outputs', output, () => outputForm(output, `outputs[${i}]`)));
  return forms.length > 0 ? forms : undefined;
}

function outputForm(value: unknown, path: string): OutputForm {
  const output = objectOf(value, path);
  const { name } = output;
  if (typeof name !== 'string' || name === '') throw new TensorError(`${path}: "name" must be a non-empty string, not ${describe(name)}`);
  const where = `${path} "${name}"`;
  const parameters = parametersFrom(output['parameters'], `${path}.parameters`);
  refuseSharedMemory(parameters, where);
  const { binary_data: binary, classification: classes = 0 } = parameters ?? {};
  if (binary !== undefined && typeof binary !== 'boolean') throw new TensorError(`${where}: "binary_data" must be true or false, not ${describe(binary)}`);
  if (!isClassCount(classes))
    throw new TensorError(`${where}: "classification" is ${describe(classes)}; it must be the number of classes wanted, at most ${MAX_CLASSES}`);
  const base64 = isBase64(parameters, where);
  if (base64 && classes > 0) throw new TensorError(`${where}: it has both "classification" and the "content_type" "base64"; remove one of them`);
  return { name, binary, classes, base64 };
}

export const isClassCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= MAX_CLASSES;

function refuseSharedMemory(parameters: Parameters | undefined, where: string): void {
  if (parameters && 'shared_memory_region' in parameters)
    throw new TensorError(`${where}: shared memory is not supported; send and ask for tensors in the message itself`);
}

/** null stands for a parameter that is absent. @throws TensorError unless the others are strings, finite numbers or booleans */
export function parametersFrom(value: unknown, path: string): Parameters | undefined {
  if (value === undefined || value === null) return undefined;
  const given = objectOf(value, `"${path}"`);
  for (const key of Object.keys(given)) {
    if (given[key] === null) {
      delete given[key];
      continue;
    }
    // Long integers are BigInts where the body was parsed exactly for a tensor's sake; a parameter is a plain number.
    if (typeof given[key] === 'bigint') given[key] = Number(given[key]);
    const parameter = given[key];
    const scalar = typeof parameter === 'string' || typeof parameter === 'boolean' || (typeof parameter === 'number' && Number.isFinite(parameter));
    if (!scalar) throw new TensorError(`parameter "${key}" of "${path}" must be a string, a number or a boolean, not ${describe(parameter)}`);
  }
  return given as Record<string, ParameterValue>;
}

/** @throws TensorError unless it is an object and no array */
export function objectOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TensorError(`${what} must be an object, not ${describe(value)}`);
  return value as Record<string, unknown>;
}
