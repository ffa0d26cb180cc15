/** Kernels that move numbers without computing: cut, join, pad, turn, repeat; and those that make tensors from nothing. */
import { f32, i32, named, positive, tensor, text } from '../tensors.mjs';

const DTYPES = ['float32', 'int32', 'bool', 'string'];
const each = (dtypes, list, make) => dtypes.flatMap((dtype) => list.map((entry) => make(dtype, entry)));

const joined = each(
  DTYPES,
  [
    [[[0], [0]], 0],
    [[[0], [3]], 0],
    [
      [
        [0, 3],
        [0, 3],
      ],
      1,
    ],
    [
      [
        [2, 0],
        [2, 3],
      ],
      1,
    ],
    [[[1], [1], [1]], 0],
    [[[3], [5], [7]], 0],
    [
      [
        [2, 3],
        [4, 3],
      ],
      0,
    ],
    [
      [
        [2, 3],
        [2, 5],
      ],
      1,
    ],
    [
      [
        [2, 3, 1],
        [2, 3, 2],
      ],
      -1,
    ],
    [
      [
        [2, 3, 5],
        [2, 1, 5],
      ],
      1,
    ],
    [[[513], [1024]], 0],
    [[[3]], 0],
  ],
  (dtype, [shapes, axis]) => ({
    title: `${dtype} ${shapes.map(named).join(' ')} over ${axis}`,
    inputs: shapes.map((shape) => tensor(dtype, shape)),
    attrs: { axis },
  }),
);

const stacked = each(
  DTYPES,
  [
    [[0], 2],
    [[], 3],
    [[], 1],
    [[3], 1],
    [[3], 2],
    [[2, 3], 3],
  ],
  (dtype, [shape, count]) => ({
    title: `${count} of ${dtype} ${named(shape)}`,
    inputs: Array.from({ length: count }, () => tensor(dtype, shape)),
    attrs: { axis: 0 },
  }),
);

const SLICES = [
  [[0], [0], [0]],
  [[5], [0], [0]],
  [[5], [5], [0]],
  [[5], [1], [3]],
  [
    [0, 3],
    [0, 1],
    [0, 2],
  ],
  [
    [4, 0],
    [1, 0],
    [2, 0],
  ],
  [
    [7, 3],
    [2, 1],
    [3, 2],
  ],
  [
    [7, 3],
    [2, 1],
    [-1, -1],
  ],
  [
    [3, 4, 5],
    [1, 1, 1],
    [2, 2, 3],
  ],
  [
    [2, 3, 4, 5],
    [1, 0, 1, 2],
    [1, 3, 2, 3],
  ],
  [
    [2, 2, 2, 2, 3],
    [1, 0, 1, 0, 1],
    [1, 2, 1, 2, 2],
  ],
  [[5], [-2], [2]],
  [
    [3, 2],
    [-2, 0],
    [2, 2],
  ],
  [
    [3, 2],
    [0, -1],
    [2, 2],
  ],
];

const strided = (x, begin, end, strides, masks = {}) => ({
  title: `${x.dtype} ${named(x.shape)} from ${named(begin)} to ${named(end)} by ${named(strides)}${Object.keys(masks).length > 0 ? ` ${JSON.stringify(masks)}` : ''}`,
  inputs: { x },
  attrs: { begin, end, strides, beginMask: 0, endMask: 0, ellipsisMask: 0, newAxisMask: 0, shrinkAxisMask: 0, ...masks },
});

const stridedSlices = DTYPES.flatMap((dtype) => {
  const x = (shape) => tensor(dtype, shape);
  return [
    strided(x([0]), [0], [0], [1]),
    strided(x([0]), [0], [9], [2]),
    strided(x([5]), [0], [5], [1]),
    strided(x([5]), [1], [4], [2]),
    strided(x([5]), [4], [0], [-1]),
    strided(x([5]), [-1], [-9], [-2]),
    // Empty, as TensorFlow defines it. Plain JavaScript fails.
    { ...strided(x([5]), [3], [1], [1]), answer: { dtype, shape: [0], values: [] } },
    strided(x([5]), [100], [200], [1]),
    strided(x([5]), [-100], [200], [3]),
    strided(x([7, 3]), [1, 0], [6, 3], [2, 2]),
    strided(x([7, 3]), [9, 0], [12, 3], [2, 2]),
    strided(x([0, 3]), [0, 0], [0, 3], [1, 2]),
    strided(x([3, 4, 5]), [0, 1, 4], [3, 4, 0], [2, 2, -2]),
    strided(x([7, 3]), [1, 1], [5, 2], [1, 1], { shrinkAxisMask: 2 }),
    strided(x([7, 3]), [1, 1], [5, 2], [2, 2], { beginMask: 1, endMask: 2 }),
    strided(x([2, 2, 2, 2, 2, 2]), [0, 0, 0, 0, 0, 0], [2, 2, 2, 2, 2, 2], [2, 1, 2, 1, 2, 1]),
  ];
});

const pads = (extra) =>
  each(
    ['float32', 'int32', 'bool'],
    [
      [[0], [[0, 0]]],
      [[0], [[2, 1]]],
      [
        [0, 3],
        [
          [1, 0],
          [0, 2],
        ],
      ],
      [[3], [[0, 0]]],
      [[5], [[1, 2]]],
      [
        [7, 3],
        [
          [1, 2],
          [2, 1],
        ],
      ],
      [
        [2, 3, 5],
        [
          [0, 1],
          [1, 0],
          [2, 2],
        ],
      ],
      [
        [1, 3, 3, 2],
        [
          [0, 0],
          [1, 1],
          [2, 1],
          [0, 0],
        ],
      ],
      [
        [2, 2, 2, 2, 2],
        [
          [1, 0],
          [0, 1],
          [1, 1],
          [0, 0],
          [1, 0],
        ],
      ],
      [[], []],
      [[5], [[-2, 0]]],
      [
        [7, 3],
        [
          [2, -9],
          [-1, 1],
        ],
      ],
    ],
    (dtype, [shape, paddings]) => ({
      title: `${dtype} ${named(shape)} by ${JSON.stringify(paddings)}`,
      inputs: { x: tensor(dtype, shape) },
      attrs: { paddings, ...extra(dtype) },
    }),
  );

const turns = each(
  DTYPES,
  [
    [[0], [0]],
    [
      [2, 0, 3],
      [2, 0, 1],
    ],
    [[], []],
    [[5], [0]],
    [
      [7, 3],
      [1, 0],
    ],
    [
      [1, 5],
      [1, 0],
    ],
    [
      [2, 3, 5],
      [2, 1, 0],
    ],
    [
      [2, 3, 5],
      [0, 2, 1],
    ],
    [
      [2, 3, 5, 2],
      [3, 1, 0, 2],
    ],
    [
      [2, 1, 3, 2, 3],
      [4, 2, 0, 1, 3],
    ],
    [
      [2, 1, 3, 2, 3, 2],
      [5, 4, 2, 0, 1, 3],
    ],
    [
      [33, 65],
      [1, 0],
    ],
  ],
  (dtype, [shape, perm]) => ({ title: `${dtype} ${named(shape)} to ${named(perm)}`, inputs: { x: tensor(dtype, shape) }, attrs: { perm } }),
);

const repeats = each(
  DTYPES,
  [
    [[0], [3]],
    [[3], [0]],
    [[1], [1]],
    [[3], [2]],
    [
      [2, 3],
      [2, 3],
    ],
    [
      [2, 0],
      [2, 3],
    ],
    [
      [1, 3, 5],
      [3, 1, 2],
    ],
    [
      [1, 2, 2, 3],
      [1, 2, 2, 1],
    ],
    [
      [1, 2, 1, 2, 3],
      [2, 1, 2, 1, 1],
    ],
    [[], []],
    [[3], [-1]],
    [
      [3, 2],
      [-2, -3],
    ],
  ],
  (dtype, [shape, reps]) => ({ title: `${dtype} ${named(shape)} by ${named(reps)}`, inputs: { x: tensor(dtype, shape) }, attrs: { reps } }),
);

const reversed = each(
  DTYPES,
  [
    [[0], [0]],
    [[0, 3], [1]],
    [[], []],
    [[1], [0]],
    [[5], [0]],
    [[5], []],
    [[7, 3], [0]],
    [[7, 3], [1]],
    [
      [2, 3, 5],
      [0, 2],
    ],
    [[2, 3, 5], [-1]],
    [
      [2, 2, 2, 3, 2],
      [1, 3],
    ],
  ],
  (dtype, [shape, dims]) => ({ title: `${dtype} ${named(shape)} over ${named(dims)}`, inputs: { x: tensor(dtype, shape) }, attrs: { dims } }),
);

const splits = each(
  DTYPES,
  [
    [[0, 3], 3, 1],
    [[0], 1, 0],
    [[6], 3, 0],
    [[7, 3], [2, 0, 5], 0],
    [[7, 3], [1, -1], 1],
    [[2, 4, 3], 2, 1],
  ],
  (dtype, [shape, numOrSizeSplits, axis]) => ({
    title: `${dtype} ${named(shape)} into ${numOrSizeSplits} over ${axis}`,
    inputs: { x: tensor(dtype, shape) },
    attrs: { numOrSizeSplits, axis },
  }),
);

const unpacked = each(
  DTYPES,
  [
    [[0, 3], 0],
    [[3, 0], 0],
    [[3], 0],
    [[2, 3], 1],
    [[2, 3, 2], -1],
  ],
  (dtype, [shape, axis]) => ({ title: `${dtype} ${named(shape)} over ${axis}`, inputs: { value: tensor(dtype, shape) }, attrs: { axis } }),
);

const blocks = (make) =>
  [
    [0, 4, 4, 2],
    [1, 0, 4, 2],
    [1, 2, 2, 1],
    [2, 4, 6, 3],
  ].flatMap((shape) => ['float32', 'int32', 'bool'].map((dtype) => make(tensor(dtype, shape))));

export const SHAPING = {
  Concat: joined,
  Pack: stacked,
  Slice: each(DTYPES, SLICES, (dtype, [shape, begin, size]) => ({
    title: `${dtype} ${named(shape)} at ${named(begin)} of ${named(size)}`,
    inputs: { x: tensor(dtype, shape) },
    attrs: { begin, size },
  })),
  StridedSlice: stridedSlices,
  PadV2: pads((dtype) => ({ constantValue: dtype === 'float32' ? 1.5 : 1 })),
  MirrorPad: ['reflect', 'symmetric'].flatMap((mode) =>
    pads(() => ({ mode }))
      .filter(({ inputs: { x }, attrs: { paddings } }) =>
        paddings.every(([before, after], i) => Math.min(before, after) >= 0 && Math.max(before, after) <= x.shape[i] - (mode === 'reflect' ? 1 : 0)),
      )
      .map(({ title, ...rest }) => ({ title: `${title}, ${mode}`, ...rest })),
  ),
  Transpose: turns,
  Tile: repeats,
  Reverse: reversed,
  SplitV: splits,
  Unpack: unpacked,
  Reshape: each(
    DTYPES,
    [
      [[0], [0, 3]],
      [[6], [2, -1]],
      [[2, 3], [6]],
      [[1], []],
    ],
    (dtype, [from, shape]) => ({ title: `${dtype} ${named(from)} to ${named(shape)}`, inputs: { x: tensor(dtype, from) }, attrs: { shape } }),
  ),
  ExpandDims: each(
    DTYPES,
    [
      [[0], 0],
      [[3], -1],
      [[2, 3], 1],
      [[], 0],
    ],
    (dtype, [shape, dim]) => ({ title: `${dtype} ${named(shape)} at ${dim}`, inputs: { input: tensor(dtype, shape) }, attrs: { dim } }),
  ),
  BatchToSpaceND: blocks((x) => ({
    title: `${x.dtype} ${named(x.shape)}`,
    inputs: { x: tensor(x.dtype, [x.shape[0] * 4, ...x.shape.slice(1)]) },
    attrs: {
      blockShape: [2, 2],
      crops:
        x.shape[1] > 2
          ? [
              [0, 1],
              [1, 0],
            ]
          : [
              [0, 0],
              [0, 0],
            ],
    },
  })),
  SpaceToBatchND: blocks((x) => ({
    title: `${x.dtype} ${named(x.shape)}`,
    inputs: { x },
    attrs: {
      blockShape: [2, 2],
      paddings: [
        [0, 2],
        [1, 1],
      ],
    },
  })),
  DepthToSpace: ['float32', 'int32'].flatMap((dtype) =>
    [
      [0, 2, 2, 4],
      [1, 0, 2, 4],
      [1, 1, 1, 4],
      [2, 3, 2, 12],
    ].flatMap((shape) =>
      ['NHWC', 'NCHW'].map((dataFormat) => {
        const given = dataFormat === 'NHWC' ? shape : [shape[0], shape[3], shape[1], shape[2]];
        return { title: `${dtype} ${named(given)} ${dataFormat}`, inputs: { x: tensor(dtype, given) }, attrs: { blockSize: 2, dataFormat } };
      }),
    ),
  ),
  Diag: each(['float32', 'int32', 'bool'], [[0], [1], [5], [2, 3], [2, 2, 2]], (dtype, shape) => ({
    title: `${dtype} ${named(shape)}`,
    inputs: { x: tensor(dtype, shape) },
    attrs: {},
  })),
  Fill: [
    ...[[0], [], [3], [7, 3], [4099]].flatMap((shape) =>
      [
        ['float32', 1.5],
        ['int32', 7],
        ['bool', 1],
      ].map(([dtype, value]) => ({ title: `${dtype} ${named(shape)}`, inputs: {}, attrs: { shape, value, dtype } })),
    ),
    { title: 'string [2]', inputs: {}, attrs: { shape: [2], value: 'a', dtype: 'string' } },
  ],
  Range: [
    [0, 0, 1],
    [0, 5, 1],
    [5, 0, -2],
    [0, 5, -1],
    [1, 7, 2],
    [0, 4099, 1],
  ].flatMap(([start, stop, step]) =>
    ['float32', 'int32'].map((dtype) => ({ title: `${dtype} ${start} to ${stop} by ${step}`, inputs: {}, attrs: { start, stop, step, dtype } })),
  ),
  LinSpace: [
    [0, 1, 1],
    [0, 1, 2],
    [1, 5, 7],
    [5, 1, 4099],
  ].map(([start, stop, num]) => ({ title: `${num} from ${start} to ${stop}`, inputs: {}, attrs: { start, stop, num } })),
  BroadcastArgs: [
    { title: '[2,1] and [3]', inputs: { s0: i32([2], [2, 1]), s1: i32([1], [3]) }, attrs: {} },
    { title: 'nothing', inputs: { s0: i32([0]), s1: i32([2], [2, 3]) }, attrs: {} },
    { title: 'shapes that do not fit', inputs: { s0: i32([1], [2]), s1: i32([1], [3]) }, attrs: {} },
  ],
  Unique: [
    ...each(
      DTYPES,
      [
        [[0], 0],
        [[1], 0],
        [[7], 0],
        [[5, 2], 0],
        [[2, 5], 1],
      ],
      (dtype, [shape, axis]) => ({ title: `${dtype} ${named(shape)} over ${axis}`, inputs: { x: tensor(dtype, shape) }, attrs: { axis } }),
    ),
    { title: 'string, twice', inputs: { x: text([3], ['a', 'b', 'a']) }, attrs: { axis: 0 } },
  ],
  TopK: [
    ...each(
      ['float32', 'int32'],
      [
        [[5], 0],
        [[0, 5], 2],
        [[5], 1],
        [[5], 5],
        [[7, 3], 2],
        [[2, 3, 5], 3],
        [[2, 1025], 7],
        [[3, 0], 0],
      ],
      (dtype, [shape, k]) => ({ title: `${k} of ${dtype} ${named(shape)}`, inputs: { x: tensor(dtype, shape) }, attrs: { k, sorted: true } }),
    ),
    { title: 'equal values', inputs: { x: f32([2, 3], [1, 1, 1, 2, 3, 3]) }, attrs: { k: 2, sorted: true } },
    { title: 'NaN', inputs: { x: f32([4], [1, NaN, 3, 2]) }, attrs: { k: 2, sorted: true } },
    { title: 'infinity', inputs: { x: f32([4], [-Infinity, Infinity, -Infinity, -Infinity]) }, attrs: { k: 3, sorted: true } },
  ],
  SearchSorted: ['left', 'right'].flatMap((side) => [
    { title: `${side} float32`, inputs: { sortedSequence: f32([2, 4], [1, 2, 2, 5, 0, 1, 3, 9]), values: f32([2, 3], [2, 0, 9, 2, 3, -1]) }, attrs: { side } },
    { title: `${side} int32`, inputs: { sortedSequence: i32([1, 3], [1, 2, 5]), values: i32([1, 5], [2, 0, 9, 1, 5]) }, attrs: { side } },
    { title: `${side} of nothing`, inputs: { sortedSequence: f32([2, 0]), values: f32([2, 3]) }, attrs: { side } },
    { title: `${side} nothing`, inputs: { sortedSequence: f32([2, 3], [1, 2, 3, 1, 2, 3]), values: f32([2, 0]) }, attrs: { side } },
    { title: `${side} NaN`, inputs: { sortedSequence: f32([1, 3], [1, 2, 3]), values: f32([1, 2], [NaN, Infinity]) }, attrs: { side } },
  ]),
  Multinomial: [
    { title: 'a certain outcome', inputs: { logits: f32([2, 3], [0, 0, 1, 1, 0, 0]) }, attrs: { numSamples: 5, seed: 1, normalized: true } },
    { title: 'probabilities', inputs: { logits: f32([2, 3], [0.2, 0.3, 0.5, 0.1, 0.1, 0.8]) }, attrs: { numSamples: 7, seed: 3, normalized: true } },
    { title: 'logits', inputs: { logits: positive([2, 5]) }, attrs: { numSamples: 7, seed: 3, normalized: false } },
    { title: 'no samples', inputs: { logits: positive([2, 5]) }, attrs: { numSamples: 0, seed: 3, normalized: false } },
    { title: 'NaN', inputs: { logits: f32([1, 3], [NaN, NaN, NaN]) }, attrs: { numSamples: 3, seed: 3, normalized: true } },
    { title: 'no outcomes', inputs: { logits: f32([2, 0]) }, attrs: { numSamples: 3, seed: 3, normalized: true } },
    { title: 'probabilities below one', inputs: { logits: f32([1, 3], [0.001, 0.001, 0.001]) }, attrs: { numSamples: 9, seed: 3, normalized: true } },
  ],
};
