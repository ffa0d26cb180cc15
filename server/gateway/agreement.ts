/**
 * Whether a shadow's answer agrees with the primary's: the same outputs by name, of the same datatype and shape, and
 * - integers, BOOL and BYTES equal;
 * - scores (a two-dimensional tensor of a floating datatype with more than one column) with their largest element in the same column of
 *   every row: the two say the same label;
 * - other floating-point numbers a (shadow) and b (primary) with |a - b| <= 1e-5 + 1e-5 |b|, or the same infinity, or both NaN.
 */
import { halfValue } from '../../runtimes/open-inference/half.js';
import type { Tensor } from '../../runtimes/tensor.js';

const ABSOLUTE = 1e-5;
const RELATIVE = 1e-5;

export function agrees(primary: readonly Tensor[], shadow: readonly Tensor[]): boolean {
  return (
    primary.length === shadow.length &&
    primary.every((tensor) =>
      sameTensor(
        tensor,
        shadow.find(({ name }) => name === tensor.name),
      ),
    )
  );
}

function sameTensor(primary: Tensor, shadow: Tensor | undefined): boolean {
  if (!shadow || shadow.datatype !== primary.datatype || shadow.shape.length !== primary.shape.length) return false;
  if (!primary.shape.every((dimension, i) => dimension === shadow.shape[i])) return false;
  if (primary.datatype === 'BYTES') {
    const [a, b] = [shadow.data, primary.data] as [readonly Uint8Array[], readonly Uint8Array[]];
    return b.every((bytes, i) => Buffer.compare(bytes, a[i]!) === 0);
  }
  const [a, b] = [floatsOf(shadow), floatsOf(primary)];
  if (!a || !b) return (primary.data as Int32Array).every((value, i) => value === shadow.data[i]);
  const columns = primary.shape[1] ?? 1;
  if (primary.shape.length === 2 && columns > 1) return sameLabels(a, b, columns);
  return b.every((value, i) => close(a[i]!, value));
}

/** undefined for what is no floating datatype. */
function floatsOf({ datatype, data }: Tensor): Float32Array | undefined {
  if (datatype === 'FP16') return Float32Array.from(data as Uint16Array, halfValue);
  return datatype === 'FP32' || datatype === 'FP64' ? (data as Float32Array) : undefined;
}

function sameLabels(a: Float32Array, b: Float32Array, columns: number): boolean {
  for (let row = 0; row < b.length; row += columns) if (largest(a, row, columns) !== largest(b, row, columns)) return false;
  return true;
}

/** The first column of the largest element; NaN is never the largest, and -1 stands for a row of nothing else. */
function largest(values: Float32Array, from: number, columns: number): number {
  let best = -1;
  for (let i = 0; i < columns; i++) {
    const value = values[from + i]!;
    if (!Number.isNaN(value) && (best < 0 || value > values[from + best]!)) best = i;
  }
  return best;
}

function close(a: number, b: number): boolean {
  if (!Number.isFinite(b)) return Object.is(a, b);
  return Math.abs(a - b) <= ABSOLUTE + RELATIVE * Math.abs(b);
}
