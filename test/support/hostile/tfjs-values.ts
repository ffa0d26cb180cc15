/** TensorFlow.js models of the hostile-callers test that compute values, each with requests and with the right answers, counted in plain JavaScript. */
import { operation, placeholder } from '../models/tensorflow.js';
import { graph, int, pooledImage, type } from '../models/tfjs-kernels.js';
import { FAR, range, vector, type Caller, type HostileModel, type Question, type Value } from './question.js';

const keep = { keep_dims: { b: false } };

/** Max, Min, Mean and Sum over axis 1. */
export const reductions: HostileModel = {
  name: 'reductions',
  files: graph(
    [placeholder('x', [-1, -1]), ...['Max', 'Min', 'Mean', 'Sum'].map((op) => operation(op, op, ['x', 'axis'], { ...type('DT_FLOAT'), ...keep }))],
    [int('axis', 1)],
    { Max: [[-1]], Min: [[-1]], Mean: [[-1]], Sum: [[-1]] },
  ),
  good: (caller) => reduced(caller, [caller.between(1, 6), caller.between(1, 40)]),
  hostile: (caller) =>
    reduced(
      caller,
      caller.oneOf([
        [caller.between(1, 256), 0],
        [0, caller.between(0, 9)],
        [1, 1],
      ]),
    ),
};

function reduced(caller: Caller, [rows, columns]: readonly number[]): Question {
  const x = caller.tensor('x', [rows!, columns!]);
  const lines = range(rows!).map((r) => x.data.slice(r * columns!, (r + 1) * columns!));
  const sum = (line: readonly number[]) => line.reduce((total, value) => total + value, 0);
  const output = (name: string, of: (line: readonly number[]) => number) => vector(name, lines.map(of), 'FP32');
  return {
    inputs: [x],
    answer: [
      // Of nothing: as plain TensorFlow.js answers.
      output('Max', (line) => (line.length === 0 ? NaN : Math.max(...line))),
      output('Min', (line) => (line.length === 0 ? NaN : Math.min(...line))),
      output('Mean', (line) => (line.length === 0 ? 0 : sum(line) / line.length)),
      output('Sum', sum),
    ],
  };
}

/** Whole rows by their number (GatherV2), and single values by two indices (GatherNd). */
export const gathers: HostileModel = {
  name: 'gathers',
  files: graph(
    [
      placeholder('x', [-1, -1]),
      placeholder('rows', [-1], 'DT_INT32'),
      placeholder('at', [-1, 2], 'DT_INT32'),
      operation('picked', 'GatherV2', ['x', 'rows', 'axis'], { Tparams: { type: 'DT_FLOAT' }, batch_dims: { i: '0' } }),
      operation('values', 'GatherNd', ['x', 'at'], { Tparams: { type: 'DT_FLOAT' }, Tindices: { type: 'DT_INT32' } }),
    ],
    [int('axis', 0)],
    { picked: [[-1, -1]], values: [[-1]] },
  ),
  sample: [vector('x', [1, 2], 'FP32', [1, 2]), vector('rows', [0]), vector('at', [0, 1], 'INT32', [1, 2])],
  good: (caller) => gathered(caller, 0),
  hostile: (caller) => gathered(caller, caller.between(1, 3)),
};

/** @param wrong 0 for none, 1 for a row, 2 for a place, 3 for a place in an empty tensor */
function gathered(caller: Caller, wrong: number): Question {
  const [rows, columns] = wrong === 3 ? [0, 3] : [caller.between(1, 6), caller.between(1, 5)];
  const x = caller.tensor('x', [rows, columns]);
  const picked = caller.list(wrong === 3 ? 0 : caller.between(1, 6), 0, rows - 1);
  const at = range(caller.between(1, 6)).flatMap(() => [caller.between(0, Math.max(0, rows - 1)), caller.between(0, columns - 1)]);
  if (wrong === 1) picked[caller.between(0, picked.length - 1)] = caller.oneOf([...FAR, rows]);
  // One column too far is the first value of the next row, or of the next tensor.
  if (wrong === 2) at[1] = caller.oneOf([...FAR, columns]);
  const places = range(at.length / 2).map((i) => at[2 * i]! * columns + at[2 * i + 1]!);
  return {
    inputs: [x, vector('rows', picked), vector('at', at, 'INT32', [at.length / 2, 2])],
    answer:
      wrong > 0
        ? 'refused'
        : [
            vector(
              'picked',
              picked.flatMap((row) => x.data.slice(row * columns, (row + 1) * columns)),
              'FP32',
              [picked.length, columns],
            ),
            vector(
              'values',
              places.map((place) => x.data[place]!),
              'FP32',
            ),
          ],
  };
}

/** `y` has the caller's value where an index says so, and 0 elsewhere. An index out of range stands for none, as TensorFlow defines it. */
export const oneHot: HostileModel = {
  name: 'one-hot',
  files: graph(
    [
      placeholder('at', [-1], 'DT_INT32'),
      placeholder('on', []),
      operation('y', 'OneHot', ['at', 'depth', 'on', 'off'], { ...type('DT_FLOAT'), axis: { i: '-1' } }),
    ],
    [int('depth', 5), { name: 'off', shape: [], values: Float32Array.of(0) }],
    { y: [[-1, 5]] },
  ),
  good: (caller) => hot(caller, caller.list(caller.between(1, 9), 0, 4)),
  hostile: (caller) =>
    hot(
      caller,
      range(caller.between(0, 9)).map(() => caller.oneOf([...FAR, 5])),
    ),
};

function hot(caller: Caller, at: readonly number[]): Question {
  const on = caller.tensor('on', []);
  return {
    inputs: [vector('at', at), on],
    answer: [
      vector(
        'y',
        at.flatMap((index) => range(5).map((i) => (i === index ? on.data[0]! : 0))),
        'FP32',
        [at.length, 5],
      ),
    ],
  };
}

/** A convolution 3 by 3, pooling 2 by 2, the mean of what is left: a layers model over images of any size. */
export const images: HostileModel = {
  name: 'images',
  files: pooledImage(),
  good: (caller) => pooled(caller, [caller.between(1, 4), caller.between(4, 9), caller.between(4, 9), 1]),
  hostile: (caller) =>
    pooled(
      caller,
      caller.oneOf([
        [1, 1, 1, 1],
        [caller.between(1, 4), caller.between(0, 3), caller.between(0, 9), 1],
        [4, 8, 2, 1],
        [0, 8, 8, 1],
        [2, 3, 3, 1],
      ]),
    ),
};

function pooled(caller: Caller, shape: readonly number[]): Question {
  const [count, height, width] = shape as [number, number, number];
  const x = caller.tensor('x', shape);
  const at = (n: number, r: number, c: number): number => x.data[(n * height + r) * width + c]!;
  const convolved = (n: number, r: number, c: number): number => range(9).reduce((sum, i) => sum + at(n, r + Math.floor(i / 3), c + (i % 3)), 0);
  const largest = (n: number, r: number, c: number): number => Math.max(...range(4).map((i) => convolved(n, r + (i >> 1), c + (i & 1))));
  const [rows, columns] = [Math.floor((height - 2) / 2), Math.floor((width - 2) / 2)];
  // The mean of nothing is 0, as plain TensorFlow.js answers.
  const mean = (n: number): number =>
    range(rows * columns).reduce((sum, i) => sum + largest(n, 2 * Math.floor(i / columns), 2 * (i % columns)), 0) / Math.max(1, rows * columns);
  // The filter is larger by more than one step.
  if (height < 2 || width < 2) return { inputs: [x], answer: 'refused' };
  return { inputs: [x], answer: [vector('y', range(count).map(mean), 'FP32', [count, 1])] };
}

/** Whole numbers between 150,000 and 850,000 (ClipByValue), as floats and as whether they are not 0 (Cast). */
export const casts: HostileModel = {
  name: 'casts',
  files: graph(
    [
      placeholder('x', [-1], 'DT_INT32'),
      operation('clipped', 'ClipByValue', ['x', 'low', 'high'], type('DT_INT32')),
      operation('floats', 'Cast', ['x'], { SrcT: { type: 'DT_INT32' }, DstT: { type: 'DT_FLOAT' } }),
      operation('isTrue', 'Cast', ['floats'], { SrcT: { type: 'DT_FLOAT' }, DstT: { type: 'DT_BOOL' } }),
      operation('asFloat', 'Identity', ['floats'], type('DT_FLOAT')),
    ],
    [int('low', 150_000), int('high', 850_000)],
    { clipped: [[-1], 'DT_INT32'], isTrue: [[-1], 'DT_BOOL'], asFloat: [[-1]] },
  ),
  good: (caller) => cast(caller.tensor('x', [caller.between(1, 40)], 'INT32')),
  hostile: (caller) =>
    cast(
      vector(
        'x',
        range(caller.between(0, 40)).map(() => caller.oneOf([0, -1, 2 ** 31 - 1, -(2 ** 31), 16_777_217, caller.value()])),
      ),
    ),
};

function cast(x: Value): Question {
  const answer = [
    vector(
      'clipped',
      x.data.map((value) => Math.min(850_000, Math.max(150_000, value))),
    ),
    vector(
      'isTrue',
      x.data.map((value) => Number(value !== 0)),
      'BOOL',
    ),
    vector('asFloat', x.data.map(Math.fround), 'FP32'),
  ];
  return { inputs: [x], answer };
}

/** The product of matrices. */
export const products: HostileModel = {
  name: 'products',
  files: graph(
    [
      placeholder('a', [-1, -1, -1]),
      placeholder('b', [-1, -1, -1]),
      operation('y', 'BatchMatMulV2', ['a', 'b'], { ...type('DT_FLOAT'), adj_x: { b: false }, adj_y: { b: false } }),
    ],
    [],
    { y: [[-1, -1, -1]] },
  ),
  good: (caller) => {
    const [batch, inner] = caller.list(2, 1, 5) as [number, number];
    return multiplied(caller, [caller.oneOf([1, batch]), caller.between(1, 5), inner], [batch, inner, caller.between(1, 5)]);
  },
  hostile: (caller) => multiplied(caller, caller.list(3, 0, 3), caller.list(3, 0, 4)),
};

function multiplied(caller: Caller, left: readonly number[], right: readonly number[]): Question {
  const [a, b] = [caller.tensor('a', left), caller.tensor('b', right)];
  const [n, rows, inner] = left as [number, number, number];
  const [m, innerRight, columns] = right as [number, number, number];
  if (inner !== innerRight || (n !== m && n !== 1 && m !== 1)) return { inputs: [a, b], answer: 'refused' };
  const batch = n === 1 ? m : n;
  const at = (k: number, r: number, c: number): number =>
    range(inner).reduce((sum, i) => sum + a.data[((k % n) * rows + r) * inner + i]! * b.data[((k % m) * inner + i) * columns + c]!, 0);
  const data = range(batch * rows * columns).map((i) => at(Math.floor(i / (rows * columns)), Math.floor(i / columns) % rows, i % columns));
  return { inputs: [a, b], answer: [vector('y', data, 'FP32', [batch, rows, columns])] };
}
