/** Kernels whose inputs say where to read and write: what a caller sends may point anywhere. */
import { f32, i32, named, tensor, text } from '../tensors.mjs';

const BEYOND = [7, -1, -1000, 100000, 2 ** 31 - 1, -(2 ** 31)];
const DTYPES = ['float32', 'int32', 'bool'];

const gather = [
  ...[...DTYPES, 'string'].flatMap((dtype) => [
    ...[
      [[5], [0]],
      [[5], [3]],
      [[7, 3], [2]],
      [[0, 3], [0]],
      [[3, 0], [2]],
    ].map(([shape, count]) => ({
      title: `${dtype} ${count} of ${named(shape)}`,
      inputs: {
        x: tensor(dtype, shape),
        indices: i32(
          count,
          Array.from({ length: count[0] }, (_, i) => (i * 2) % Math.max(shape[0], 1)),
        ),
      },
      attrs: { axis: 0, batchDims: 0 },
    })),
    { title: `${dtype} over 1`, inputs: { x: tensor(dtype, [3, 5]), indices: i32([2, 2], [4, 0, 2, 2]) }, attrs: { axis: 1, batchDims: 0 } },
    { title: `${dtype} rows of a batch`, inputs: { x: tensor(dtype, [2, 3, 2]), indices: i32([2, 2], [2, 0, 1, 1]) }, attrs: { axis: 1, batchDims: 1 } },
  ]),
  { title: 'scalar index', inputs: { x: f32([5]), indices: i32([], [3]) }, attrs: { axis: 0, batchDims: 0 } },
  ...BEYOND.map((index) => ({ title: `index ${index}`, inputs: { x: f32([3, 2]), indices: i32([2], [1, index]) }, attrs: { axis: 0, batchDims: 0 } })),
  ...BEYOND.slice(0, 2).map((index) => ({
    title: `index ${index} over 1`,
    inputs: { x: f32([3, 2]), indices: i32([2], [1, index]) },
    attrs: { axis: 1, batchDims: 0 },
  })),
  { title: 'an index into nothing', inputs: { x: f32([0, 2]), indices: i32([1], [0]) }, attrs: { axis: 0, batchDims: 0 } },
];

const gatherNd = [
  ...[...DTYPES, 'string'].flatMap((dtype) => [
    { title: `${dtype} elements`, inputs: { params: tensor(dtype, [3, 5]), indices: i32([3, 2], [0, 4, 2, 0, 1, 3]) }, attrs: {} },
    { title: `${dtype} rows`, inputs: { params: tensor(dtype, [3, 5]), indices: i32([2, 1], [2, 0]) }, attrs: {} },
    { title: `${dtype} nothing`, inputs: { params: tensor(dtype, [3, 5]), indices: i32([0, 2]) }, attrs: {} },
    { title: `${dtype} of nothing`, inputs: { params: tensor(dtype, [3, 0]), indices: i32([2, 1], [2, 0]) }, attrs: {} },
  ]),
  ...BEYOND.map((index) => ({ title: `index ${index}`, inputs: { params: f32([3]), indices: i32([2, 1], [1, index]) }, attrs: {} })),
  ...BEYOND.map((index) => ({ title: `index ${index} in the second dimension`, inputs: { params: f32([3, 4]), indices: i32([1, 2], [0, index]) }, attrs: {} })),
];

const scatter = (make) => [
  ...[...DTYPES, 'string'].flatMap((dtype) => [
    make(`${dtype} elements`, i32([3, 1], [4, 1, 2]), tensor(dtype, [3]), [7]),
    make(`${dtype} rows`, i32([2, 1], [2, 0]), tensor(dtype, [2, 3]), [4, 3]),
    make(`${dtype} the same twice`, i32([2, 1], [1, 1]), tensor(dtype, [2]), [3]),
    make(`${dtype} nothing`, i32([0, 1]), tensor(dtype, [0]), [5]),
    make(`${dtype} into nothing`, i32([0, 1]), tensor(dtype, [0, 3]), [0, 3]),
    make(`${dtype} two dimensions`, i32([2, 2], [0, 1, 2, 0]), tensor(dtype, [2]), [3, 2]),
  ]),
  ...BEYOND.map((index) => make(`index ${index}`, i32([2, 1], [1, index]), f32([2]), [3])),
  ...BEYOND.map((index) => make(`index ${index} in the second dimension`, i32([1, 2], [0, index]), f32([1]), [3, 4])),
  ...BEYOND.slice(0, 3).map((index) => make(`row ${index}`, i32([2, 1], [1, index]), f32([2, 5]), [3, 5])),
];

const sparse = (make) => [
  ...DTYPES.flatMap((dtype) => [
    make(`${dtype} elements`, i32([3], [4, 1, 2]), tensor(dtype, [3]), [7], dtype),
    make(`${dtype} one value for all`, i32([3], [4, 1, 2]), tensor(dtype, []), [7], dtype),
    make(`${dtype} two dimensions`, i32([2, 2], [0, 1, 2, 0]), tensor(dtype, [2]), [3, 2], dtype),
    make(`${dtype} nothing`, i32([0, 1]), tensor(dtype, [0]), [5], dtype),
    make(`${dtype} into nothing`, i32([0, 1]), tensor(dtype, [0]), [0], dtype),
  ]),
  ...BEYOND.map((index) => make(`index ${index}`, i32([2, 1], [1, index]), f32([2]), [3], 'float32')),
  ...BEYOND.map((index) => make(`index ${index} in the second dimension`, i32([1, 2], [0, index]), f32([1]), [3, 4], 'float32')),
];

const segments = (numbers) => [
  { title: 'float32', inputs: { data: f32([5, 3]), indices: i32([4], [0, 4, 1, 2]), segmentIds: i32([4], [0, 0, 1, 2]) }, attrs: {} },
  { title: 'int32', inputs: { data: i32([5, 3]), indices: i32([3], [0, 4, 1]), segmentIds: i32([3], [0, 0, 1]) }, attrs: {} },
  { title: 'one dimension', inputs: { data: f32([5]), indices: i32([3], [0, 4, 1]), segmentIds: i32([3], [0, 0, 1]) }, attrs: {} },
  { title: 'a segment left out', inputs: { data: f32([5, 2]), indices: i32([2], [0, 4]), segmentIds: i32([2], [0, 3]) }, attrs: {} },
  { title: 'the first segments left out', inputs: { data: f32([5, 2]), indices: i32([2], [0, 4]), segmentIds: i32([2], [2, 3]) }, attrs: {} },
  { title: 'nothing', inputs: { data: f32([5, 2]), indices: i32([0]), segmentIds: i32([0]) }, attrs: {} },
  { title: 'of nothing', inputs: { data: f32([0, 2]), indices: i32([1], [0]), segmentIds: i32([1], [0]) }, attrs: {} },
  { title: 'empty rows', inputs: { data: f32([3, 0]), indices: i32([1], [0]), segmentIds: i32([1], [0]) }, attrs: {} },
  { title: 'segments that fall', inputs: { data: f32([5, 2]), indices: i32([2], [0, 4]), segmentIds: i32([2], [1, 0]) }, attrs: {} },
  { title: 'a negative segment', inputs: { data: f32([5, 2]), indices: i32([2], [0, 4]), segmentIds: i32([2], [-1, 0]) }, attrs: {} },
  { title: 'more segments than indices', inputs: { data: f32([5, 2]), indices: i32([2], [0, 4]), segmentIds: i32([3], [0, 0, 1]) }, attrs: {} },
  ...numbers.map((index) => ({
    title: `index ${index}`,
    inputs: { data: f32([3, 2]), indices: i32([2], [1, index]), segmentIds: i32([2], [0, 1]) },
    attrs: {},
  })),
];

const rows = (title, indices, values, dense, fallback = f32([], [9])) => ({
  title,
  inputs: { indices: i32([indices.length / 2, 2], indices), values, denseShape: i32([2], dense), defaultValue: fallback },
  attrs: {},
});

const counted = (two) => [
  { title: '[5]', inputs: { x: i32([5], [0, 2, 2, 4, 1]), weights: f32([0]) }, attrs: { size: 5, binaryOutput: false } },
  { title: 'weights', inputs: { x: i32([5], [0, 2, 2, 4, 1]), weights: f32([5]) }, attrs: { size: 5, binaryOutput: false } },
  { title: 'int32 weights', inputs: { x: i32([5], [0, 2, 2, 4, 1]), weights: i32([5]) }, attrs: { size: 5, binaryOutput: false } },
  { title: 'no values', inputs: { x: i32([0]), weights: f32([0]) }, attrs: { size: 3, binaryOutput: false } },
  { title: 'size 0', inputs: { x: i32([3], [0, 1, 2]), weights: f32([0]) }, attrs: { size: 0, binaryOutput: false } },
  { title: 'beyond the size', inputs: { x: i32([3], [0, 7, 2]), weights: f32([0]) }, attrs: { size: 3, binaryOutput: false } },
  { title: 'far beyond the size', inputs: { x: i32([3], [0, 2 ** 31 - 1, 2]), weights: f32([0]) }, attrs: { size: 3, binaryOutput: false } },
  { title: 'negative', inputs: { x: i32([3], [0, -1, 2]), weights: f32([0]) }, attrs: { size: 3, binaryOutput: false } },
  ...(two
    ? [
        { title: 'whether it occurs', inputs: { x: i32([5], [0, 2, 2, 4, 1]), weights: f32([0]) }, attrs: { size: 5, binaryOutput: true } },
        { title: '[2,3]', inputs: { x: i32([2, 3], [0, 2, 2, 1, 1, 0]), weights: f32([0]) }, attrs: { size: 3, binaryOutput: false } },
        { title: '[2,3], weights', inputs: { x: i32([2, 3], [0, 2, 2, 1, 1, 0]), weights: f32([2, 3]) }, attrs: { size: 3, binaryOutput: false } },
        { title: '[2,3], whether it occurs', inputs: { x: i32([2, 3], [0, 2, 2, 1, 1, 0]), weights: f32([0]) }, attrs: { size: 3, binaryOutput: true } },
        { title: '[2,3], beyond the size', inputs: { x: i32([2, 3], [0, 2, 7, 1, 100000, 0]), weights: f32([0]) }, attrs: { size: 3, binaryOutput: false } },
        { title: '[2,0]', inputs: { x: i32([2, 0]), weights: f32([0]) }, attrs: { size: 3, binaryOutput: false } },
      ]
    : []),
];

const reshapes = (title, indices, from, to) => ({
  title,
  inputs: {
    inputIndices: i32([indices.length / from.length || 0, from.length], indices),
    inputShape: i32([from.length], from),
    newShape: i32([to.length], to),
  },
  attrs: {},
});

export const INDICES = {
  GatherV2: gather,
  GatherNd: gatherNd,
  ScatterNd: scatter((title, indices, updates, shape) => ({ title, inputs: { indices, updates }, attrs: { shape } })),
  TensorScatterUpdate: scatter((title, indices, updates, shape) => ({ title, inputs: { tensor: tensor(updates.dtype, shape), indices, updates }, attrs: {} })),
  SparseToDense: sparse((title, sparseIndices, sparseValues, outputShape, dtype) => ({
    title,
    inputs: { sparseIndices, sparseValues, defaultValue: tensor(dtype, [], [1]) },
    attrs: { outputShape },
  })),
  SparseSegmentSum: segments(BEYOND),
  SparseSegmentMean: segments(BEYOND),
  SparseFillEmptyRows: [
    rows('float32', [0, 1, 2, 0, 3, 1], f32([3]), [5, 2]),
    rows('int32', [0, 1, 2, 0], i32([2]), [3, 2], i32([], [9])),
    rows('no empty row', [0, 0, 1, 1], f32([2]), [2, 2]),
    rows('rows out of order', [2, 0, 0, 1], f32([2]), [3, 2]),
    rows('no values', [], f32([0]), [3, 2]),
    rows('no rows', [], f32([0]), [0, 2]),
    rows('a value without rows', [0, 0], f32([1]), [0, 2]),
    rows('negative rows', [], f32([0]), [-3, 2]),
    rows('fewer values than indices', [0, 1, 2, 0, 3, 1], f32([2]), [5, 2]),
    rows('no default', [0, 1], f32([1]), [3, 2], f32([0])),
    ...BEYOND.map((index) => rows(`row ${index}`, [0, 1, index, 0], f32([2]), [3, 2])),
    { title: 'string', inputs: { indices: i32([1, 2], [1, 0]), values: text([1]), denseShape: i32([2], [2, 2]), defaultValue: text([], ['none']) }, attrs: {} },
  ],
  SparseReshape: [
    reshapes('[2,3] to [3,2]', [0, 1, 1, 2], [2, 3], [3, 2]),
    reshapes('[2,3] to [-1]', [0, 1, 1, 2], [2, 3], [-1]),
    reshapes('nothing', [], [2, 3], [6]),
    reshapes('of nothing', [], [0, 3], [0]),
    reshapes('two unknown sizes', [0, 1], [2, 3], [-1, -1]),
    reshapes('a negative size', [0, 1], [2, 3], [-2, 3]),
    reshapes('another number of elements', [0, 1], [2, 3], [5]),
    reshapes('an unknown size that does not fit', [0, 1], [2, 3], [4, -1]),
    reshapes('zero and unknown', [0, 1], [2, 3], [0, -1]),
    reshapes('large sizes', [0, 1], [2 ** 20, 2 ** 20], [2 ** 20, -1]),
    ...BEYOND.map((index) => reshapes(`index ${index}`, [0, index], [2, 3], [3, 2])),
  ],
  OneHot: [
    ...['float32', 'int32', 'bool'].flatMap((dtype) =>
      [
        [[0], 3],
        [[3], 4],
        [[2, 3], 5],
        [[1], 1],
        [[3], 0],
      ].map(([shape, depth]) => ({
        title: `${dtype} ${named(shape)} of ${depth}`,
        inputs: {
          indices: i32(
            shape,
            tensor('int32', shape).values.map((value) => Math.abs(value) % 4),
          ),
        },
        attrs: { dtype, depth, onValue: 1, offValue: 0 },
      })),
    ),
    { title: 'values of its own', inputs: { indices: i32([3], [0, 1, 2]) }, attrs: { dtype: 'float32', depth: 3, onValue: 5.5, offValue: -2.5 } },
    ...BEYOND.map((index) => ({
      title: `index ${index}`,
      inputs: { indices: i32([2], [1, index]) },
      attrs: { dtype: 'float32', depth: 3, onValue: 1, offValue: 0 },
    })),
  ],
  Bincount: counted(false),
  DenseBincount: counted(true),
};
