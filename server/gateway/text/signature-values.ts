/**
 * Tensors from plain JSON values that carry neither datatype nor shape: TensorFlow Serving's and MLflow's `instances` (by row) and
 * `inputs` (by column). The model's signature says what they are.
 */
import { tensorFromJson } from '../../../runtimes/open-inference/json.js';
import { objectOf } from '../../../runtimes/open-inference/rest-request.js';
import { inPart, TensorError, type Signature, type Tensor, type TensorSpec } from '../../../runtimes/tensor.js';

/** No model has more dimensions. */
const MAX_RANK = 64;

/**
 * @param instances one value for each row: an object by input name, or the row itself where the model has one input
 * @throws TensorError
 */
export function tensorsByRow({ inputs }: Signature, instances: unknown, path = 'instances'): Tensor[] {
  if (!Array.isArray(instances)) throw new TensorError(`"${path}" must be an array of rows`);
  const only = onlyInput(inputs);
  const named = instances.length > 0 ? isNamed(instances[0]) : only === undefined;
  if (only && !named) return [tensorByValue(only, instances, path)];
  const rows = instances.map((row: unknown, i) => {
    if (!isNamed(row))
      throw new TensorError(`${path}[${i}] must be an object with a value for each input of the model: ${inputs.map(({ name }) => `"${name}"`).join(', ')}`);
    assertKnown(inputs, row, `${path}[${i}]`);
    return row;
  });
  const given = inputs.filter(({ name, optional }) => !optional || rows.some((row) => Object.hasOwn(row, name)));
  return given.map((spec) => {
    const column = rows.map((row, i) => {
      if (!Object.hasOwn(row, spec.name)) throw new TensorError(`${path}[${i}]: input "${spec.name}" is missing`);
      return row[spec.name];
    });
    return tensorByValue(spec, column, path);
  });
}

/**
 * Whether `inputs` is a list of rows, each with a value for every input by name. TensorFlow Serving has no such form; KServe V1 takes rows
 * under both names.
 */
export const areNamedRows = (inputs: unknown): boolean => Array.isArray(inputs) && inputs.length > 0 && isNamed(inputs[0]);

/**
 * @param values an object of whole tensors by input name, or the tensor itself where the model has one input
 * @throws TensorError
 */
export function tensorsByColumn({ inputs }: Signature, values: unknown, path = 'inputs'): Tensor[] {
  const only = onlyInput(inputs);
  if (only && !isNamed(values)) return [tensorByValue(only, values, path)];
  const columns = objectOf(values, `"${path}"`);
  assertKnown(inputs, columns, `"${path}"`);
  // What is missing is told where every request is checked against the signature.
  return inputs.filter(({ name }) => Object.hasOwn(columns, name)).map((spec) => tensorByValue(spec, columns[spec.name], path));
}

/** The one input that a request has to give; undefined where there are several. */
export function onlyInput(inputs: readonly TensorSpec[]): TensorSpec | undefined {
  const required = inputs.length === 1 ? inputs : inputs.filter(({ optional }) => !optional);
  return required.length === 1 ? required[0] : undefined;
}

/** A tensor whose shape is that of the nested arrays. @throws TensorError for ragged ones, and elements that do not fit the datatype */
export function tensorByValue(spec: TensorSpec, value: unknown, path: string): Tensor {
  const { name, datatype } = spec;
  return inPart('inputs', spec, () => {
    const data = datatype === 'BYTES' ? withBytes(value, path, 0) : value;
    return tensorFromJson({ name, datatype, shape: shapeOf(data, spec), data }, path);
  });
}

/** An empty array does not tell what would be in it: there the signature does, with 0 for what may vary. */
function shapeOf(value: unknown, spec: TensorSpec): number[] {
  const shape: number[] = [];
  for (let at = value; Array.isArray(at) && shape.length <= MAX_RANK; at = at[0] as unknown) {
    shape.push(at.length);
    if (at.length > 0) continue;
    for (const dimension of spec.shape?.slice(shape.length) ?? []) shape.push(Math.max(dimension, 0));
    break;
  }
  return shape;
}

function assertKnown(inputs: readonly TensorSpec[], row: Record<string, unknown>, where: string): void {
  for (const key of Object.keys(row)) {
    if (!inputs.some(({ name }) => name === key))
      throw new TensorError(`${where}: input "${key.slice(0, 100)}" is unknown; the model takes ${inputs.map(({ name }) => `"${name}"`).join(', ')}`);
  }
}

/** An object that is no `{"b64": …}`. */
function isNamed(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isBase64(value);
}

function isBase64(value: object): value is { b64: unknown } {
  return 'b64' in value && Object.keys(value).length === 1;
}

/** `{"b64": "…"}`, at any depth, as the bytes it stands for. */
function withBytes(value: unknown, path: string, depth: number): unknown {
  if (Array.isArray(value)) {
    if (depth > MAX_RANK) throw new TensorError(`${path}: the data is nested more than ${MAX_RANK} deep`);
    return value.map((element: unknown) => withBytes(element, path, depth + 1));
  }
  if (typeof value !== 'object' || value === null || !isBase64(value)) return value;
  const { b64 } = value;
  if (typeof b64 !== 'string' || b64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(b64))
    throw new TensorError(`${path}: "b64" must be a string of padded base64, in the standard alphabet`);
  return Buffer.from(b64, 'base64');
}
