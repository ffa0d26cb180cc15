/**
 * Triton's classification extension: instead of an output's tensor, its highest values with their indices
 * (https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_classification.md).
 */
import { halfValue } from '../../../runtimes/open-inference/half.js';
import { assertBytesCount, TensorError, type Tensor } from '../../../runtimes/tensor.js';
import { highest, type Ranked } from './highest.js';

/** So many values are looked at in the time in which one is written as text, at worst. */
const LOOKED_AT = 4;

/**
 * BYTES of `value:index`, highest value first, lower index first between equals, at most as many as there are classes. The first
 * of several dimensions is the batch's: each row has its own classes.
 * @throws TensorError for BYTES, which have no order, and for more classes in all than a BYTES tensor may have elements
 */
export function classify(tensor: Tensor, classes: number): Tensor {
  const { name, datatype, data } = tensor;
  if (datatype === 'BYTES' || datatype === 'BOOL') throw new TensorError(`output "${name}" is ${datatype}; classification needs numbers`);
  const { byRow, rows, width, count } = sizesOf(tensor, classes);
  const shape = byRow ? [rows, count] : [count];
  // As Triton does it. Rows without elements take no bytes, so there may be more of them than can be counted to.
  if (count === 0) return { name, datatype: 'BYTES', shape, data: [] };
  assertBytesCount(name, rows * count);
  const written = datatype.startsWith('FP') ? (value: number | bigint) => (value as number).toFixed(6) : String;
  const named: Uint8Array[] = [];
  for (let row = 0; row < rows; row++) {
    const part = (data as Float32Array).subarray(row * width, (row + 1) * width);
    const values: Ranked = datatype === 'FP16' ? halves(part) : part;
    for (const index of highest(values, count)) named.push(Buffer.from(`${written(values[index]!)}:${index}`));
  }
  return { name, datatype: 'BYTES', shape, data: named };
}

/** How much work that is, in elements that are written as text. */
export function classifiedElements(tensor: Tensor, classes: number): number {
  const { rows, width, count } = sizesOf(tensor, classes);
  return count === 0 ? 0 : rows * count + (rows * width) / LOOKED_AT;
}

function halves(bits: Float32Array): Float32Array {
  // Not through `from`, which takes several times as long.
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = halfValue(bits[i]!);
  return values;
}

function sizesOf({ shape, data }: Tensor, classes: number): { byRow: boolean; rows: number; width: number; count: number } {
  const byRow = shape.length > 1;
  const rows = byRow ? shape[0]! : 1;
  const width = rows === 0 ? 0 : data.length / rows;
  return { byRow, rows, width, count: Math.min(classes, width) };
}
