/** How the answer to a row differs from the answer to the same row alone: by rounding, or really. Pure. */
import type { Datatype, Tensor } from '../tensor.js';
import { isFloat, numberAt, sameBits, type Row } from './rows.js';

export interface Difference {
  /** Small enough to come from summing in another order. */
  readonly rounding: boolean;
  /** Where it was seen, and what was seen. */
  readonly text: string;
}

/**
 * Rounding relative to the largest value of the row's output: values near zero are often what is left when large ones cancel out, and lose as
 * much as those did. FP16 has an epsilon of 2^-10 by itself.
 */
const TOLERANCE: Readonly<Partial<Record<Datatype, number>>> = { FP16: 1e-3, FP32: 1e-5, FP64: 1e-5 };

/** undefined where every output has the same shape and bits. The worst one is told otherwise. */
export function differenceOf(alone: Row, beside: Row, row: number, where: string): Difference | undefined {
  let rounding: Difference | undefined;
  for (const [i, expected] of alone.entries()) {
    const found = tensorDifference(expected, beside[i]!, row, where);
    if (found && !found.rounding) return found;
    rounding ??= found;
  }
  return rounding;
}

function tensorDifference(alone: Tensor, beside: Tensor, row: number, where: string): Difference | undefined {
  const what = `output "${alone.name}" of row ${row}`;
  if (alone.shape.join() !== beside.shape.join()) {
    return { rounding: false, text: `${what} had the shape [${beside.shape.slice(1).join(', ')}] ${where} and [${alone.shape.slice(1).join(', ')}] alone` };
  }
  if (sameBits(alone, beside)) return undefined;
  const tell = (a: string, b: string): string => `${what} was ${b} ${where} and ${a} alone`;
  if (!isFloat(alone.datatype)) {
    const at = firstDifference(alone, beside);
    return { rounding: false, text: tell(shown(alone.data[at]!), shown(beside.data[at]!)) };
  }
  let [largest, worst, at] = [0, -1, 0];
  for (let i = 0; i < alone.data.length; i++) {
    const [a, b] = [numberAt(alone, i), numberAt(beside, i)];
    if (Number.isFinite(a)) largest = Math.max(largest, Math.abs(a));
    // NaN or infinity on one side only is as far apart as can be.
    const distance = Object.is(a, b) ? -1 : Number.isFinite(a) && Number.isFinite(b) ? Math.abs(a - b) : Infinity;
    if (distance > worst) [worst, at] = [distance, i];
  }
  return { rounding: worst <= TOLERANCE[alone.datatype]! * largest, text: tell(...shownApart(numberAt(alone, at), numberAt(beside, at))) };
}

function firstDifference(a: Tensor, b: Tensor): number {
  for (let i = 0; i < a.data.length; i++) if (shown(a.data[i]!) !== shown(b.data[i]!)) return i;
  return 0;
}

const shown = (value: number | bigint | Uint8Array): string =>
  value instanceof Uint8Array ? JSON.stringify(Buffer.from(value).toString('latin1').slice(0, 40)) : String(value);

/** Two numbers with as few digits as tell them apart. */
function shownApart(a: number, b: number): [string, string] {
  for (const digits of [4, 9]) {
    const pair: [string, string] = [String(Number(a.toPrecision(digits))), String(Number(b.toPrecision(digits)))];
    if (pair[0] !== pair[1]) return pair;
  }
  return [String(a), String(b)];
}
