/** What callers of the hostile-callers test ask, and what the answer must be. */
import type { ModelFiles } from '../models/folder.js';

export type ValueType = 'FP32' | 'INT32' | 'INT64' | 'BOOL';

export interface Value {
  readonly name: string;
  readonly datatype: ValueType;
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

export interface Question {
  readonly inputs: readonly Value[];
  /** Every output, or that the request is the caller's mistake (status 4xx). */
  readonly answer: readonly Value[] | 'refused';
}

/** A model of the test, with what callers ask it. */
export interface HostileModel {
  readonly name: string;
  readonly files: ModelFiles;
  /** Where validation cannot make one up. */
  readonly sample?: readonly Value[];
  good(caller: Caller): Question;
  hostile(caller: Caller): Question;
}

/** Values of one caller lie between `MARK` times its number and `MARK` times the next number, so that each value says whose it is. */
export const MARK = 100_000;

/** A caller: a sequence of random numbers of its own, and values of its own range. */
export class Caller {
  private state: number;

  /** @param number from 1 on */
  constructor(
    readonly number: number,
    seed: number,
  ) {
    this.state = (seed * 7919 + number * 104_729) >>> 0;
  }

  /** From 0 to below 1: mulberry32. */
  random(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number, both ends included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.random() * (high - low + 1));
  }

  oneOf<T>(choices: readonly T[]): T {
    return choices[this.between(0, choices.length - 1)]!;
  }

  list(count: number, low: number, high: number): number[] {
    return Array.from({ length: count }, () => this.between(low, high));
  }

  /** A value of this caller, which FP32 and INT32 hold exactly. */
  value(): number {
    return MARK * this.number + this.between(0, MARK - 1);
  }

  tensor(name: string, shape: readonly number[], datatype: ValueType = 'FP32'): Value {
    return { name, datatype, shape, data: Array.from({ length: sizeOf(shape) }, () => this.value()) };
  }
}

/** Indices and sizes that are out of range for every tensor of the test. */
export const FAR = [-(2 ** 31), -1000, -2, -1, 1000, 2 ** 24, 2 ** 31 - 1];
export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
export const vector = (name: string, data: readonly number[], datatype: ValueType = 'INT32', shape: readonly number[] = [data.length]): Value => ({
  name,
  datatype,
  shape,
  data,
});

/** Mistakes that any model must refuse, made of a good request. */
const MISTAKES: readonly ((input: Value, caller: Caller, all: readonly Value[]) => readonly object[])[] = [
  // More elements than are sent: of the next request, where nobody counts. Their number has the mark of no caller.
  (input, caller) => [{ ...input, shape: [...input.shape, caller.between(2 ** 21, 2 ** 22)] }],
  (input) => [{ ...input, data: [...input.data, 1, 1] }],
  (input) => [{ ...input, shape: [...input.shape.slice(0, -1), -1] }],
  (input, caller) => [{ ...input, shape: [caller.oneOf([2 ** 31, 2 ** 32, 2 ** 53]), ...input.shape.slice(1)] }],
  (input, caller) => [{ ...input, shape: input.shape.map(() => caller.oneOf([65_536, 2 ** 31 - 1])).concat(4096, 4096) }],
  (input, caller) => [{ ...input, datatype: caller.oneOf(['FP64', 'UINT8', 'BYTES', 'FP16', 'COMPLEX64', '']) }],
  (input) => [{ ...input, name: `${input.name}_` }],
  (input) => [input, input],
  () => [],
];

/** @returns the inputs with one mistake, for which the only right answer is a refusal */
export function withMistake({ inputs }: Question, caller: Caller): readonly object[] {
  const at = caller.between(0, inputs.length - 1);
  return inputs.flatMap((input, i) => (i === at ? caller.oneOf(MISTAKES)(input, caller, inputs) : [input]));
}
