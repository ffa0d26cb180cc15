/** The elements of a tensor from JSON values, one loop a kind of datatype: this is where a request's time goes. */
import { halfBits } from './half.js';
import { TensorError, type Datatype, type TensorData } from '../tensor.js';

/** Thrown for a 64-bit integer that came as a number beyond 2^53: its last bits are lost already. A caller that still has the text may parse it exactly. */
export class InexactNumberError extends TensorError {}

/** Thrown for an element that does not fit the datatype. */
export class ElementError extends TensorError {
  constructor(
    where: string,
    /** Its place in the data, in row-major order. */
    readonly index: number,
    /** What it is, and what would be right. */
    readonly problem: string,
  ) {
    super(`${where}: element ${index} of the data is ${problem}`);
  }
}

type Numbers = Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array;

const RANGES: Partial<Record<Datatype, readonly [number, number]>> = {
  INT8: [-128, 127],
  INT16: [-32768, 32767],
  INT32: [-(2 ** 31), 2 ** 31 - 1],
  UINT8: [0, 255],
  UINT16: [0, 65535],
  UINT32: [0, 2 ** 32 - 1],
};
const RANGES_64: Partial<Record<Datatype, readonly [bigint, bigint]>> = { INT64: [-(2n ** 63n), 2n ** 63n - 1n], UINT64: [0n, 2n ** 64n - 1n] };

/** The first magnitudes that round to infinity in FP32 and FP16. */
const FP32_OVERFLOW = 2 ** 128 - 2 ** 103;
const FP16_OVERFLOW = 65520;

/** Lone surrogates have no UTF-8 form. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Writes `values` into `out` from `at` on. @throws TensorError that names the first element that does not fit. */
export function fillElements(datatype: Datatype, out: TensorData | Uint8Array[], values: readonly unknown[], at: number, where: string): void {
  switch (datatype) {
    case 'FP32':
      return fillFloats(out as Float32Array, values, at, where, datatype, FP32_OVERFLOW);
    case 'FP64':
      return fillFloats(out as Float64Array, values, at, where, datatype, Infinity);
    case 'FP16':
      return fillHalves(out as Uint16Array, values, at, where);
    case 'INT64':
    case 'UINT64':
      return fillLongs(out as BigInt64Array, values, at, where, datatype);
    case 'BOOL':
      return fillBooleans(out as Uint8Array, values, at, where);
    case 'BYTES':
      return fillBytes(out as Uint8Array[], values, at, where);
    default:
      return fillIntegers(out as Numbers, values, at, where, datatype);
  }
}

/** A value as it may stand in a message: short, and never an object's content. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  return String(value).slice(0, 40);
}

function fillFloats(out: Float32Array | Float64Array, values: readonly unknown[], at: number, where: string, datatype: Datatype, overflow: number): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    out[at + i] = typeof value === 'number' && value < overflow && value > -overflow ? value : oddFloat(value, overflow, datatype, at + i, where);
  }
}

function fillHalves(out: Uint16Array, values: readonly unknown[], at: number, where: string): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    out[at + i] = halfBits(
      typeof value === 'number' && value < FP16_OVERFLOW && value > -FP16_OVERFLOW ? value : oddFloat(value, FP16_OVERFLOW, 'FP16', at + i, where),
    );
  }
}

/** What is no plain number: the three words, or an integer that was parsed exactly because another tensor needed it. */
function oddFloat(value: unknown, overflow: number, datatype: Datatype, index: number, where: string): number {
  if (value === 'NaN') return NaN;
  if (value === 'Infinity') return Infinity;
  if (value === '-Infinity') return -Infinity;
  const number = typeof value === 'bigint' ? Number(value) : value;
  if (typeof number !== 'number') throw wrong(value, index, where, `${datatype} takes numbers, "NaN", "Infinity" and "-Infinity"`);
  if (!(number < overflow && number > -overflow)) throw wrong(value, index, where, `it is beyond the range of ${datatype}`);
  return number;
}

function fillIntegers(out: Numbers, values: readonly unknown[], at: number, where: string, datatype: Datatype): void {
  const [low, high] = RANGES[datatype]!;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value !== 'number' || value < low || value > high || value !== Math.trunc(value)) {
      throw wrong(value, at + i, where, `${datatype} takes integers from ${low} to ${high}`);
    }
    out[at + i] = value;
  }
}

function fillLongs(out: BigInt64Array | BigUint64Array, values: readonly unknown[], at: number, where: string, datatype: Datatype): void {
  const [low, high] = RANGES_64[datatype]!;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    let long: bigint | undefined;
    if (typeof value === 'bigint') long = value;
    else if (typeof value === 'string' && /^-?\d{1,20}$/.test(value)) long = BigInt(value);
    else if (typeof value === 'number' && Number.isInteger(value)) {
      if (!Number.isSafeInteger(value)) {
        throw new InexactNumberError(
          `${where}: element ${at + i} of the data, ${value}, is too large to be exact as a number; write its digits out, or as a string`,
        );
      }
      long = BigInt(value);
    }
    if (long === undefined || long < low || long > high) throw wrong(value, at + i, where, `${datatype} takes integers from ${low} to ${high}`);
    out[at + i] = long;
  }
}

function fillBooleans(out: Uint8Array, values: readonly unknown[], at: number, where: string): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value !== true && value !== false && value !== 0 && value !== 1) throw wrong(value, at + i, where, 'BOOL takes true, false, 0 and 1');
    out[at + i] = value ? 1 : 0;
  }
}

/** Browsers have no Buffer. In Node it is faster than a TextEncoder for short texts. */
const utf8: (text: string) => Uint8Array = typeof Buffer === 'undefined' ? (text) => new TextEncoder().encode(text) : (text) => Buffer.from(text);

function fillBytes(out: Uint8Array[], values: readonly unknown[], at: number, where: string): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    // No JSON value is one: a protocol has decoded its own form of bytes (base64) already.
    if (value instanceof Uint8Array) {
      out[at + i] = value;
      continue;
    }
    if (typeof value !== 'string') throw wrong(value, at + i, where, 'BYTES takes strings');
    if (LONE_SURROGATE.test(value)) throw wrong(value, at + i, where, 'it has an unpaired surrogate, which UTF-8 cannot encode');
    out[at + i] = utf8(value);
  }
}

function wrong(value: unknown, index: number, where: string, want: string): TensorError {
  return new ElementError(where, index, `${describe(value)}; ${want}`);
}
