/**
 * Triton's classification extension: instead of an output's tensor, its highest values with their indices
 * (https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_classification.md).
 */
import { halfValue } from '../../../runtimes/open-inference/half.js';
import { TensorError, type Tensor } from '../../../runtimes/tensor.js';

/**
 * BYTES of `value:index`, highest value first, lower index first between equals, at most as many as there are classes. The first
 * of several dimensions is the batch's: each row has its own classes.
 * @throws TensorError for BYTES, which have no order
 */
export function classify(tensor: Tensor, classes: number): Tensor {
  const { name, datatype, shape } = tensor;
  if (datatype === 'BYTES' || datatype === 'BOOL') throw new TensorError(`output "${name}" is ${datatype}; classification needs numbers`);
  const values = datatype === 'FP16' ? Float32Array.from(tensor.data as Uint16Array, halfValue) : (tensor.data as Float32Array);
  const byRow = shape.length > 1;
  const rows = byRow ? shape[0]! : 1;
  const width = rows === 0 ? 0 : values.length / rows;
  const count = Math.min(classes, width);
  // As Triton does it. Rows without elements cost nobody a byte: there may be more of them than can be counted to.
  if (count === 0) return { name, datatype: 'BYTES', shape: byRow ? [rows, 0] : [0], data: [] };
  const written = datatype.startsWith('FP') ? (value: number) => value.toFixed(6) : String;
  const data: Uint8Array[] = [];
  for (let row = 0; row < rows; row++) {
    for (const index of highest(values.subarray(row * width, (row + 1) * width), count)) {
      data.push(Buffer.from(`${written(values[row * width + index]!)}:${index}`));
    }
  }
  return { name, datatype: 'BYTES', shape: byRow ? [rows, count] : [count], data };
}

/** Indices of the highest values. NaN is lower than any. */
function highest(values: Float32Array, count: number): number[] {
  const rank = (value: number): number => (Number.isNaN(value) ? -Infinity : value);
  const order = Array.from({ length: values.length }, (_, i) => i);
  order.sort((a, b) => {
    const [x, y] = [rank(values[a]!), rank(values[b]!)];
    return x < y ? 1 : x > y ? -1 : a - b;
  });
  return order.slice(0, count);
}
