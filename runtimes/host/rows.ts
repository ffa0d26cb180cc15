/** Rows of tensors: taken apart along the first dimension, put together, varied, compared. Pure. */
import { halfBits, halfValue } from '../open-inference/half.js';
import { allocate, bytesOf, elementCount, type Datatype, type NumericData, type Tensor, type TensorData } from '../tensor.js';

/** One row of each input, or of each output: tensors whose first dimension is 1. */
export type Row = readonly Tensor[];

const LARGEST: Readonly<Partial<Record<Datatype, number>>> = { FP16: 65_504, FP32: 3.4028234663852886e38, FP64: Number.MAX_VALUE };

export const isFloat = (datatype: Datatype): boolean => datatype in LARGEST;

/** Row `index` of tensors that have as many rows each. */
export function rowOf(tensors: readonly Tensor[], index: number): Row {
  return tensors.map(({ name, datatype, shape, data }) => {
    const width = elementCount(shape.slice(1));
    return { name, datatype, shape: [1, ...shape.slice(1)], data: data.slice(index * width, (index + 1) * width) as TensorData };
  });
}

/** Rows of equal shapes as one batch. */
export function batchOf(rows: readonly Row[]): Tensor[] {
  return rows[0]!.map(({ name, datatype, shape }, column) => {
    const parts = rows.map((row) => row[column]!.data);
    return { name, datatype, shape: [rows.length, ...shape.slice(1)], data: concatenated(datatype, parts) };
  });
}

function concatenated(datatype: Datatype, parts: readonly TensorData[]): TensorData {
  if (datatype === 'BYTES') return (parts as readonly (readonly Uint8Array[])[]).flat();
  const all = allocate(
    datatype,
    parts.reduce((sum, part) => sum + part.length, 0),
  );
  let at = 0;
  for (const part of parts) {
    (all as Uint8Array).set(part as Uint8Array, at);
    at += part.length;
  }
  return all;
}

/** Whether two tensors hold the same bits; shapes are the caller's business. */
export function sameBits(a: Tensor, b: Tensor): boolean {
  if (a.datatype !== 'BYTES') return Buffer.compare(bytesOf(a.data as NumericData), bytesOf(b.data as NumericData)) === 0;
  const [left, right] = [a.data, b.data] as readonly (readonly Uint8Array[])[];
  return left!.length === right!.length && left!.every((value, i) => Buffer.compare(value, right![i]!) === 0);
}

export const sameRow = (a: Row, b: Row): boolean => a.every((tensor, i) => sameBits(tensor, b[i]!));

/** Element `i` of a numeric tensor as a number; 64-bit integers lose what is beyond 2^53. */
export function numberAt({ datatype, data }: Tensor, i: number): number {
  return datatype === 'FP16' ? halfValue(data[i] as number) : Number(data[i]);
}

/**
 * A row unlike the given one that the model should take as well: numbers nearer to zero, by a factor between a quarter and one, so that they
 * stay within a feature's range and an index stays a valid one; truth values at random; texts among those of the row.
 * @param random numbers from 0 up to 1
 */
export function variedRow(row: Row, random: () => number): Row {
  return row.map((tensor) => {
    if (tensor.datatype === 'BYTES') {
      const texts = tensor.data as readonly Uint8Array[];
      return { ...tensor, data: texts.map(() => texts[Math.floor(random() * texts.length)]!) };
    }
    if (tensor.datatype === 'BOOL') return { ...tensor, data: (tensor.data as Uint8Array).map(() => Math.floor(random() * 2)) };
    return mapped(tensor, (value) => value * (0.25 + 0.75 * random()));
  });
}

/**
 * A neighbour that shows itself where rows depend on each other: floats `factor` times as large (a zero becomes as large as the largest), and
 * all integers of an input its largest or, for a negative factor, its smallest one, since a larger index may be none. Never beyond the datatype.
 */
export function scaledRow(row: Row, factor: number): Row {
  return row.map((tensor) => {
    if (tensor.datatype === 'BYTES' || tensor.data.length === 0) return tensor;
    if (tensor.datatype === 'BOOL') return { ...tensor, data: (tensor.data as Uint8Array).map(() => (factor > 0 ? 1 : 0)) };
    let [low, high, size] = [Infinity, -Infinity, 0];
    for (let i = 0; i < tensor.data.length; i++) {
      const value = numberAt(tensor, i);
      low = Math.min(low, value);
      high = Math.max(high, value);
      if (Number.isFinite(value)) size = Math.max(size, Math.abs(value));
    }
    if (!isFloat(tensor.datatype)) return mapped(tensor, () => (factor > 0 ? high : low));
    return mapped(tensor, (value) => factor * (value === 0 ? size || 1 : value));
  });
}

/** A numeric tensor with each element changed; one that a double cannot hold exactly stays as it is. */
function mapped(tensor: Tensor, change: (value: number) => number): Tensor {
  const { datatype } = tensor;
  const limit = LARGEST[datatype];
  const next = (value: number): number => (limit === undefined ? Math.round(change(value)) : clamped(change(value), limit));
  if (tensor.data instanceof BigInt64Array || tensor.data instanceof BigUint64Array) {
    const exact = (value: bigint): bigint => (Number.isSafeInteger(Number(value)) ? BigInt(next(Number(value))) : value);
    return { ...tensor, data: (tensor.data as BigInt64Array).map(exact) };
  }
  const change1 = datatype === 'FP16' ? (bits: number) => halfBits(next(halfValue(bits))) : next;
  return { ...tensor, data: (tensor.data as Float32Array).map(change1) };
}

/** NaN stays NaN. */
const clamped = (value: number, limit: number): number => Math.max(-limit, Math.min(limit, value));
