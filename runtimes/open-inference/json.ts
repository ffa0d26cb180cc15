/**
 * Tensors as JSON values: what the protocol's REST form and the GraphQL `infer` mutation share. Works on values that are parsed
 * already; `data` may be nested as the shape says, or flat in row-major order.
 *
 * What JSON itself cannot say: `NaN`, `Infinity` and `-Infinity` are strings, both ways, in tensors of a floating datatype (numpy
 * and JavaScript read them back as they are; bare words would make the whole document unreadable to a strict parser). 64-bit
 * integers come as numbers, BigInts or decimal strings, and a number too large to be exact is refused rather than guessed.
 */
import { halfValue } from './half.js';
import { describe, fillElements } from './json-elements.js';
import {
  allocate,
  assertBytesCount,
  elementCount,
  isDatatype,
  TensorError,
  type Datatype,
  type NumericDatatype,
  type Tensor,
  type TensorData,
} from '../tensor.js';

export { InexactNumberError } from './json-elements.js';

/** No model has more dimensions, and nested data is walked by recursion. */
const MAX_RANK = 64;

/** One tensor as it comes, nothing of it checked yet. */
export interface TensorJson {
  readonly name: unknown;
  readonly datatype: unknown;
  readonly shape: unknown;
  readonly data: unknown;
}

/** One tensor as it goes: flat data, 64-bit integers and what is not finite as strings. */
export interface PlainTensorJson {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: (number | string | boolean)[];
}

/**
 * @param path where the tensor stands in the request, for the message: `inputs[0]`
 * @throws TensorError that names the tensor, the element and what would be right; its subclass InexactNumberError for a 64-bit
 *   integer that came as a number beyond 2^53
 */
export function tensorFromJson(json: TensorJson, path: string): Tensor {
  const { name, datatype, shape, data } = json;
  if (typeof name !== 'string' || name === '') throw new TensorError(`${path}: "name" must be a non-empty string, not ${describe(name)}`);
  const where = `${path} "${name}"`;
  if (!isDatatype(datatype))
    throw new TensorError(`${where}: ${describe(datatype)} is not a datatype; use BOOL, INT8 to INT64, UINT8 to UINT64, FP16, FP32, FP64 and BYTES`);
  const dimensions = shapeFromJson(shape, where);
  const count = countOf(dimensions, where);
  if (data == null) throw new TensorError(`${where}: "data" is missing`);
  const scalar = dimensions.length === 0 && !Array.isArray(data);
  const values: unknown = scalar ? [data] : data;
  if (!Array.isArray(values)) throw new TensorError(`${where}: "data" must be an array, not ${describe(data)}`);
  const nested = dimensions.length > 1 && Array.isArray(values[0]);
  // Everything is measured before anything is allocated: a small body must not ask for a large array.
  if (nested) assertNested(values, dimensions, 0, where);
  else if (values.length !== count) {
    const dims = dimensions.join(', ');
    throw new TensorError(
      `${where}: shape [${dims}] needs ${count} elements, the data has ${values.length}${dimensions.length > 1 ? ' at its outermost level' : ''}`,
    );
  }
  if (datatype === 'BYTES') assertBytesCount(name, count);
  const out: TensorData | Uint8Array[] = datatype === 'BYTES' ? new Array<Uint8Array>(count) : allocate(datatype as NumericDatatype, count);
  if (nested) fillNested(datatype, out, values, dimensions.length - 1, 0, where);
  else fillElements(datatype, out, values, 0, where);
  return { name, datatype, shape: dimensions, data: out };
}

/** A tensor as plain JSON values. BYTES must be UTF-8. @throws TensorError where they are not. */
export function tensorToJson(tensor: Tensor): PlainTensorJson {
  const { name, datatype, shape } = tensor;
  return { name, datatype, shape, data: Array.from({ length: tensor.data.length }, (_, i) => plain(tensor, i)) };
}

/**
 * A tensor's data as JSON text, flat: 64-bit integers as bare digits with every bit, negative zero kept.
 * @throws TensorError for BYTES that are not UTF-8
 */
export function tensorDataText(tensor: Tensor): string {
  const { datatype, data } = tensor;
  if (datatype === 'BYTES') return `[${(data as readonly Uint8Array[]).map((_, i) => JSON.stringify(plain(tensor, i))).join(',')}]`;
  if (datatype === 'FP32' || datatype === 'FP64') return floatsText(data as Float32Array | Float64Array);
  if (datatype === 'FP16') return floatsText(Float32Array.from(data as Uint16Array, halfValue));
  if (datatype === 'BOOL') return `[${Array.from(data as Uint8Array, (v) => (v ? 'true' : 'false')).join(',')}]`;
  return `[${(data as Int32Array).join(',')}]`;
}

/** @throws TensorError unless it is an array of numbers, not too many */
export function shapeFromJson(shape: unknown, where: string): readonly number[] {
  if (!Array.isArray(shape)) throw new TensorError(`${where}: "shape" must be an array of dimensions, not ${describe(shape)}`);
  if (shape.length > MAX_RANK) throw new TensorError(`${where}: a shape of ${shape.length} dimensions, the limit is ${MAX_RANK}`);
  for (const dimension of shape as unknown[]) {
    if (typeof dimension !== 'number') throw new TensorError(`${where}: dimension ${describe(dimension)} of "shape" is not a non-negative integer below 2^53`);
  }
  return shape as number[];
}

/** @throws TensorError as `elementCount`, with the place */
export function countOf(shape: readonly number[], where: string): number {
  try {
    return elementCount(shape);
  } catch (error) {
    throw new TensorError(`${where}: ${(error as Error).message}`);
  }
}

function assertNested(values: unknown, shape: readonly number[], level: number, where: string): void {
  if (!Array.isArray(values))
    throw new TensorError(
      `${where}: the data is ragged: ${describe(values)} stands at nesting level ${level}, where shape [${shape.join(', ')}] wants an array`,
    );
  if (values.length !== shape[level]) {
    throw new TensorError(
      `${where}: the data is ragged: an array of ${values.length} stands at nesting level ${level}, where shape [${shape.join(', ')}] needs ${shape[level]}`,
    );
  }
  if (level + 1 < shape.length) for (const value of values as unknown[]) assertNested(value, shape, level + 1, where);
}

function fillNested(datatype: Datatype, out: TensorData | Uint8Array[], values: readonly unknown[], depth: number, at: number, where: string): number {
  if (depth === 0) {
    fillElements(datatype, out, values, at, where);
    return at + values.length;
  }
  let next = at;
  for (const value of values) next = fillNested(datatype, out, value as readonly unknown[], depth - 1, next, where);
  return next;
}

function floatsText(data: Float32Array | Float64Array): string {
  if (data.length === 0) return '[]';
  let text = '[';
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if (i > 0) text += ',';
    // Infinity and NaN are the only values that are not zero when taken from themselves.
    if (value - value !== 0) text += `"${value}"`;
    else if (value === 0 && 1 / value < 0) text += '-0.0';
    else text += value;
  }
  return text + ']';
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function plain(tensor: Tensor, i: number): number | string | boolean {
  const element = tensor.data[i]!;
  if (typeof element === 'bigint') return element.toString();
  if (typeof element === 'number') {
    if (tensor.datatype === 'BOOL') return element !== 0;
    const value = tensor.datatype === 'FP16' ? halfValue(element) : element;
    return Number.isFinite(value) ? value : String(value);
  }
  return elementText(tensor.name, i, element);
}

/** A BYTES element as text. @throws TensorError where it is not UTF-8 */
export function elementText(name: string, i: number, element: Uint8Array, instead = 'ask for this output as binary data'): string {
  try {
    return strictUtf8.decode(element);
  } catch {
    throw new TensorError(`output "${name}": element ${i} has bytes that are not UTF-8, which JSON cannot represent; ${instead}`);
  }
}
