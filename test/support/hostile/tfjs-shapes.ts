/** TensorFlow.js models of the hostile-callers test that take places and sizes from their callers. */
import { operation, placeholder } from '../models/tensorflow.js';
import { graph, type } from '../models/tfjs-kernels.js';
import { FAR, range, sizeOf, vector, type Caller, type HostileModel, type Question, type Value } from './question.js';

/** StridedSlice with places, ends and steps that the caller gives. */
export const slices: HostileModel = {
  name: 'slices',
  files: graph(
    [
      placeholder('x', [-1, -1]),
      ...['begin', 'end', 'step'].map((name) => placeholder(name, [2], 'DT_INT32')),
      operation('y', 'StridedSlice', ['x', 'begin', 'end', 'step'], {
        ...type('DT_FLOAT'),
        ...Object.fromEntries(['begin', 'end', 'ellipsis', 'new_axis', 'shrink_axis'].map((mask) => [`${mask}_mask`, { i: '0' }])),
      }),
    ],
    [],
    { y: [[-1, -1]] },
  ),
  sample: [vector('x', [1, 2], 'FP32', [1, 2]), vector('begin', [0, 0]), vector('end', [1, 2]), vector('step', [1, 1])],
  good: (caller) => sliced(caller, caller.list(2, 0, 3), caller.list(2, 3, 8), caller.list(2, 1, 3)),
  hostile: (caller) => {
    const far = () => [caller.oneOf(FAR), caller.oneOf([...FAR, 0, 3])];
    return sliced(caller, far(), far(), [caller.oneOf([-2, -1, 0, 1, 3, 1000, 2 ** 31 - 1]), caller.oneOf([-3, -1, 1, 2])]);
  },
};

function sliced(caller: Caller, begin: readonly number[], end: readonly number[], step: readonly number[]): Question {
  const shape = [caller.between(1, 8), caller.between(1, 8)];
  const x = caller.tensor('x', shape);
  const inputs = [x, vector('begin', begin), vector('end', end), vector('step', step)];
  if (step.includes(0)) return { inputs, answer: 'refused' };
  // As Python slices.
  const places = shape.map((size, axis) => {
    const [low, high] = step[axis]! > 0 ? [0, size] : [-1, size - 1];
    const inside = (place: number): number => Math.min(high, Math.max(low, place < 0 ? place + size : place));
    const [from, to] = [inside(begin[axis]!), inside(end[axis]!)];
    return range(Math.max(0, Math.ceil((to - from) / step[axis]!))).map((i) => from + i * step[axis]!);
  });
  const [rows, columns] = places as [number[], number[]];
  return {
    inputs,
    answer: [
      vector(
        'y',
        rows.flatMap((r) => columns.map((c) => x.data[r * shape[1]! + c]!)),
        'FP32',
        [rows.length, columns.length],
      ),
    ],
  };
}

/** Zeros around `x` (PadV2), and `x` repeated (Tile), as often as the caller says. */
export const enlarged: HostileModel = {
  name: 'enlarged',
  files: graph(
    [
      placeholder('x', [-1, -1]),
      placeholder('around', [2, 2], 'DT_INT32'),
      placeholder('times', [2], 'DT_INT32'),
      operation('padded', 'PadV2', ['x', 'around', 'zero'], type('DT_FLOAT')),
      operation('tiled', 'Tile', ['x', 'times'], { ...type('DT_FLOAT'), Tmultiples: { type: 'DT_INT32' } }),
    ],
    [{ name: 'zero', shape: [], values: Float32Array.of(0) }],
    { padded: [[-1, -1]], tiled: [[-1, -1]] },
  ),
  sample: [vector('x', [1, 2], 'FP32', [1, 2]), vector('around', [1, 1, 1, 1], 'INT32', [2, 2]), vector('times', [1, 2])],
  good: (caller) => larger(caller, caller.list(4, 0, 3), caller.list(2, 1, 3)),
  hostile: (caller) =>
    caller.random() < 0.5
      ? larger(caller, [0, caller.oneOf([-1, -2, -1000, 2 ** 31 - 1]), 1, 0], [1, 1], true)
      : larger(
          caller,
          [0, 0, 0, 0],
          caller.oneOf([
            [0, 2],
            [0, 0],
            [-1, 1],
            [-2, -2],
            [2 ** 31 - 1, 2 ** 31 - 1],
            [1, -(2 ** 31)],
            [2 ** 30, 4],
          ]),
        ),
};

function larger(caller: Caller, around: readonly number[], times: readonly number[], wrong = times.some((count) => count < 0 || count > 1000)): Question {
  const [rows, columns] = [caller.between(1, 5), caller.between(1, 5)];
  const x = caller.tensor('x', [rows, columns]);
  const inputs = [x, vector('around', around, 'INT32', [2, 2]), vector('times', times)];
  if (wrong) return { inputs, answer: 'refused' };
  const [above, below, before, after] = around as [number, number, number, number];
  const at = (r: number, c: number): number => (r >= 0 && r < rows && c >= 0 && c < columns ? x.data[r * columns + c]! : 0);
  const grid = (name: string, height: number, width: number, of: (r: number, c: number) => number): Value =>
    vector(
      name,
      range(height).flatMap((r) => range(width).map((c) => of(r, c))),
      'FP32',
      [height, width],
    );
  return {
    inputs,
    answer: [
      grid('padded', above + rows + below, before + columns + after, (r, c) => at(r - above, c - before)),
      grid('tiled', rows * times[0]!, columns * times[1]!, (r, c) => at(r % rows, c % columns)),
    ],
  };
}

/** `x` in the shape that the caller says. */
export const reshaped: HostileModel = {
  name: 'reshaped',
  files: graph([
    placeholder('x', [-1, -1]),
    placeholder('shape', [-1], 'DT_INT32'),
    operation('y', 'Reshape', ['x', 'shape'], { ...type('DT_FLOAT'), Tshape: { type: 'DT_INT32' } }),
  ]),
  sample: [vector('x', [1, 2], 'FP32', [1, 2]), vector('shape', [2, 1])],
  good: (caller) => {
    const [rows, columns] = caller.list(2, 1, 6) as [number, number];
    const shape = caller.oneOf([[columns, rows], [-1], [rows * columns], [1, rows, columns, 1], [columns, -1]]);
    return shapedAs(
      caller,
      [rows, columns],
      shape,
      shape.map((size) => (size === -1 ? (shape.length === 1 ? rows * columns : rows) : size)),
    );
  },
  hostile: (caller) =>
    shapedAs(caller, [2, 3], caller.oneOf([[7], [2, 4], [2000, 3], [-1, -1], [-6], [-2, -3], [4, -1], [2 ** 31 - 1, 2], [0, -1], [65_536, 65_536, 6], []])),
};

function shapedAs(caller: Caller, from: readonly number[], shape: readonly number[], result?: readonly number[]): Question {
  const x = caller.tensor('x', from);
  const inputs = [x, vector('shape', shape)];
  return { inputs, answer: result && sizeOf(result) === x.data.length ? [vector('y', x.data, 'FP32', result)] : 'refused' };
}
