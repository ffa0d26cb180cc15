/**
 * Whether a shadow's answer agrees with the primary's: the same outputs by name, of the same datatype and shape, and row by row, a row
 * being what belongs to one entry of the first dimension,
 * - integers, BOOL and BYTES equal;
 * - class scores (a row of a two-dimensional floating-point tensor with several columns, none negative, which sum up to 1 within 0.01 in
 *   both answers) with their largest element in the same column: the two say the same label;
 * - other floating-point numbers a (shadow) and b (primary) with |a - b| <= 1e-6 + 1e-3 m, where m is the largest finite magnitude in
 *   the primary's row, or the same infinity, or both NaN. What another runtime or half precision rounds off is within it.
 */
import { halfValue } from '../../runtimes/open-inference/half.js';
import { tensorToBytes } from '../../runtimes/open-inference/message.js';
import type { Tensor } from '../../runtimes/tensor.js';

const ABSOLUTE = 1e-6;
const RELATIVE = 1e-3;
/** Half precision over a thousand classes rounds off this much. */
const SUM_WITHIN = 0.01;

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
  // Each element's length is before it.
  if (primary.datatype === 'BYTES') return Buffer.compare(tensorToBytes(primary), tensorToBytes(shadow)) === 0;
  const [a, b] = [floatsOf(shadow), floatsOf(primary)];
  if (!a || !b) return (primary.data as Int32Array).every((value, i) => value === shadow.data[i]);
  const width = b.length / (primary.shape[0] ?? 1);
  for (let at = 0; at < b.length; at += width) {
    const [row, expected] = [a.subarray(at, at + width), b.subarray(at, at + width)];
    const scores = primary.shape.length === 2 && width > 1 && areScores(expected) && areScores(row);
    if (!(scores ? largest(row) === largest(expected) : areClose(row, expected))) return false;
  }
  return true;
}

/** undefined for what is no floating datatype. */
function floatsOf({ datatype, data }: Tensor): Float32Array | undefined {
  if (datatype === 'FP16') return Float32Array.from(data as Uint16Array, halfValue);
  return datatype === 'FP32' || datatype === 'FP64' ? (data as Float32Array) : undefined;
}

function areScores(row: Float32Array): boolean {
  let sum = 0;
  for (const value of row) {
    // NaN is refused too.
    if (!(value >= 0)) return false;
    sum += value;
  }
  return Math.abs(sum - 1) <= SUM_WITHIN;
}

/** The first column of the largest element. */
function largest(row: Float32Array): number {
  let best = 0;
  for (let i = 1; i < row.length; i++) if (row[i]! > row[best]!) best = i;
  return best;
}

function areClose(row: Float32Array, expected: Float32Array): boolean {
  let magnitude = 0;
  for (const value of expected) if (Number.isFinite(value)) magnitude = Math.max(magnitude, Math.abs(value));
  const within = ABSOLUTE + RELATIVE * magnitude;
  return expected.every((value, i) => (Number.isFinite(value) ? Math.abs(row[i]! - value) <= within : Object.is(row[i], value)));
}
