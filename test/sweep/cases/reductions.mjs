/** Kernels that make one number of many: reductions, scans, normalisation, products of matrices. */
import { bool, f32, i32, named, positive, SPECIAL, tensor } from '../tensors.mjs';

const REDUCED = [
  [[2, 0], [1]],
  [[0, 3], [0]],
  [[0, 3], [1]],
  [[0], [0]],
  [[3, 0, 2], [1]],
  [
    [3, 0, 2],
    [0, 2],
  ],
  [[256, 0], [1]],
  [[1], [0]],
  [[5], [0]],
  [[7, 3], [0]],
  [[7, 3], [1]],
  [
    [7, 3],
    [0, 1],
  ],
  [[2, 3, 5], [1]],
  [
    [2, 3, 5],
    [0, 2],
  ],
  [
    [1, 4, 1, 3],
    [1, 2],
  ],
  [[3, 1025], [1]],
  [[], []],
];

const reduce = (key, dtypes = ['float32', 'int32', 'bool']) =>
  dtypes.flatMap((dtype) => [
    ...REDUCED.flatMap(([shape, axis]) =>
      [false, true].map((keepDims) => ({
        title: `${dtype} ${named(shape)} over ${named(axis)}${keepDims ? ', dimensions kept' : ''}`,
        inputs: { x: tensor(dtype, shape) },
        attrs: { [key]: axis, keepDims },
      })),
    ),
    { title: `${dtype} special values`, inputs: { x: tensor(dtype, [SPECIAL[dtype].length], SPECIAL[dtype]) }, attrs: { [key]: [0], keepDims: false } },
    {
      title: `${dtype} special values, each by itself`,
      inputs: { x: tensor(dtype, [SPECIAL[dtype].length, 1], SPECIAL[dtype]) },
      attrs: { [key]: [1], keepDims: false },
    },
  ]);

const best = ['float32', 'int32', 'bool'].flatMap((dtype) => [
  ...[
    [[2, 0], 1],
    [[0, 3], 1],
    [[0, 3], 0],
    [[1], 0],
    [[5], 0],
    [[7, 3], 0],
    [[7, 3], 1],
    [[2, 3, 5], 1],
    [[3, 1025], 1],
  ].map(([shape, axis]) => ({
    title: `${dtype} ${named(shape)} over ${axis}`,
    inputs: { x: tensor(dtype, shape) },
    attrs: { axis },
  })),
  { title: `${dtype} special values`, inputs: { x: tensor(dtype, [SPECIAL[dtype].length], SPECIAL[dtype]) }, attrs: { axis: 0 } },
  { title: `${dtype} equal values`, inputs: { x: tensor(dtype, [2, 3], Array(6).fill(1)) }, attrs: { axis: 1 } },
]);

const scan = ['float32', 'int32'].flatMap((dtype) =>
  [
    [[0], 0],
    [[2, 0], 1],
    [[0, 3], 0],
    [[1], 0],
    [[5], 0],
    [[7, 3], 0],
    [[7, 3], 1],
    [[2, 3, 5], 1],
    [[2, 1025], 1],
  ].flatMap(([shape, axis]) =>
    [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ].map(([exclusive, reverse]) => ({
      title: `${dtype} ${named(shape)} over ${axis}${exclusive ? ', exclusive' : ''}${reverse ? ', reverse' : ''}`,
      inputs: {
        x: tensor(
          dtype,
          shape,
          tensor(dtype, shape).values.map((value) => (dtype === 'int32' ? Math.sign(value) * 2 || 1 : value / 4.4)),
        ),
      },
      attrs: { axis, exclusive, reverse },
    })),
  ),
);

const MATRICES = [
  [
    [1, 0, 3],
    [1, 3, 2],
  ],
  [
    [1, 2, 0],
    [1, 0, 3],
  ],
  [
    [1, 2, 3],
    [1, 3, 0],
  ],
  [
    [0, 2, 3],
    [0, 3, 2],
  ],
  [
    [0, 2, 3],
    [1, 3, 2],
  ],
  [
    [1, 1, 1],
    [1, 1, 1],
  ],
  [
    [1, 3, 5],
    [1, 5, 7],
  ],
  [
    [3, 3, 5],
    [3, 5, 7],
  ],
  [
    [3, 3, 5],
    [1, 5, 7],
  ],
  [
    [1, 3, 5],
    [3, 5, 7],
  ],
  [
    [2, 1, 3, 5],
    [2, 3, 5, 2],
  ],
  [
    [2, 3, 1, 5],
    [1, 3, 5, 2],
  ],
  [
    [1, 33, 65],
    [1, 65, 129],
  ],
];
const turned = (shape) => [...shape.slice(0, -2), shape.at(-1), shape.at(-2)];

const HOSTILE = f32([1, 3, 2], [NaN, 1, Infinity, 2, -Infinity, 0]);

const products = (dtypes) =>
  dtypes.flatMap((dtype) =>
    MATRICES.flatMap(([a, b]) =>
      [
        [false, false],
        [true, false],
        [false, true],
        [true, true],
      ].map(([transposeA, transposeB]) => {
        const [left, right] = [transposeA ? turned(a) : a, transposeB ? turned(b) : b];
        return {
          title: `${dtype} ${named(left)} and ${named(right)}${transposeA ? ', a transposed' : ''}${transposeB ? ', b transposed' : ''}`,
          inputs: { a: tensor(dtype, left), b: tensor(dtype, right) },
          attrs: { transposeA, transposeB },
        };
      }),
    ),
  );

const fused = products(['float32'])
  .filter(({ inputs: { a } }) => a.shape.length === 3)
  .flatMap(({ title, inputs, attrs }) => {
    const width = attrs.transposeB ? inputs.b.shape.at(-2) : inputs.b.shape.at(-1);
    const plain = { inputs, attrs: { ...attrs, activation: 'linear' } };
    return [
      { ...plain, title },
      { ...plain, title: `${title}, bias`, inputs: { ...inputs, bias: f32([width]) } },
      ...(attrs.transposeA || attrs.transposeB
        ? []
        : [
            { ...plain, title: `${title}, a bias of one`, inputs: { ...inputs, bias: f32([1]) } },
            { ...plain, title: `${title}, a bias of two dimensions`, inputs: { ...inputs, bias: f32([1, width]) } },
            ...['relu', 'relu6', 'elu', 'sigmoid'].map((activation) => ({ ...plain, title: `${title}, ${activation}`, attrs: { ...attrs, activation } })),
            { ...plain, title: `${title}, leakyrelu`, attrs: { ...attrs, activation: 'leakyrelu', leakyreluAlpha: 0.3 } },
            { ...plain, title: `${title}, prelu`, inputs: { ...inputs, preluActivationWeights: f32([width]) }, attrs: { ...attrs, activation: 'prelu' } },
          ]),
    ];
  });

const norm = [
  [0, 3],
  [1, 1],
  [7, 3],
  [2, 3, 3, 5],
  [0, 3, 3, 5],
].flatMap((shape) => {
  const width = shape.at(-1);
  const all = { x: f32(shape), mean: f32([width]), variance: positive([width]), offset: f32([width]), scale: f32([width]) };
  return [
    { title: named(shape), inputs: all, attrs: { varianceEpsilon: 1e-3 } },
    { title: `${named(shape)}, neither offset nor scale`, inputs: { ...all, offset: undefined, scale: undefined }, attrs: { varianceEpsilon: 1e-3 } },
    {
      title: `${named(shape)}, parameters of one`,
      inputs: { x: all.x, mean: f32([1]), variance: positive([1]), offset: f32([1]), scale: f32([1]) },
      attrs: { varianceEpsilon: 1e-3 },
    },
    { title: `${named(shape)}, an offset of one`, inputs: { ...all, offset: f32([1]) }, attrs: { varianceEpsilon: 1e-3 } },
    {
      title: `${named(shape)}, parameters as large as x`,
      inputs: { x: all.x, mean: f32(shape), variance: positive(shape), offset: f32(shape), scale: f32(shape) },
      attrs: { varianceEpsilon: 1e-3 },
    },
  ];
});

const LRN_SHAPES = [
  [0, 3, 3, 5],
  [1, 3, 0, 5],
  [1, 3, 3, 0],
  [1, 1, 1, 1],
  [2, 3, 3, 5],
  [1, 2, 2, 17],
];
const LRN_ATTRS = { depthRadius: 2, bias: 1, alpha: 0.5, beta: 0.75 };

export const REDUCTIONS = {
  Max: reduce('reductionIndices'),
  ...Object.fromEntries(['Mean', 'Min', 'Prod', 'Sum'].map((name) => [name, reduce('axis')])),
  ...Object.fromEntries(['All', 'Any'].map((name) => [name, reduce('axis', ['bool'])])),
  ArgMax: best,
  ArgMin: best,
  Cumsum: scan,
  Cumprod: scan,
  BatchMatMul: [
    ...products(['float32', 'int32']),
    { title: 'NaN and infinity', inputs: { a: HOSTILE, b: f32([1, 2, 3]) }, attrs: { transposeA: false, transposeB: false } },
    { title: 'int32 and float32', inputs: { a: i32([1, 2, 3]), b: f32([1, 3, 2]) }, attrs: { transposeA: false, transposeB: false } },
    { title: 'bool', inputs: { a: bool([1, 2, 3]), b: bool([1, 3, 2]) }, attrs: { transposeA: false, transposeB: false } },
  ],
  _FusedMatMul: [
    ...fused,
    ...['linear', 'relu', 'relu6', 'elu', 'sigmoid'].map((activation) => ({
      title: `NaN and infinity, ${activation}`,
      inputs: { a: HOSTILE, b: f32([1, 2, 3]), bias: f32([3]) },
      attrs: { transposeA: false, transposeB: false, activation },
    })),
    { title: 'int32', inputs: { a: i32([1, 2, 3]), b: i32([1, 3, 2]) }, attrs: { transposeA: false, transposeB: false, activation: 'linear' } },
  ],
  FusedBatchNorm: [
    ...norm,
    {
      title: 'NaN and infinity',
      inputs: { x: f32([2, 2], [NaN, Infinity, -Infinity, 1]), mean: f32([2]), variance: f32([2], [-1, 0.5]) },
      attrs: { varianceEpsilon: 1e-3 },
    },
    { title: 'int32', inputs: { x: i32([2, 3]), mean: f32([3]), variance: positive([3]) }, attrs: { varianceEpsilon: 1e-3 } },
  ],
  Softmax: [
    ...[
      [0, 3],
      [3, 0],
      [1, 1],
      [7, 3],
      [2, 3, 5],
      [2, 1025],
    ].map((shape) => ({ title: named(shape), inputs: { logits: f32(shape) }, attrs: { dim: shape.length - 1 } })),
    { title: 'large numbers', inputs: { logits: f32([2, 3], [1000, 999, -1000, 1e38, 1e38, -1e38]) }, attrs: { dim: 1 } },
    { title: 'NaN and infinity', inputs: { logits: f32([3, 2], [NaN, 1, Infinity, 1, -Infinity, -Infinity]) }, attrs: { dim: 1 } },
    { title: '-1', inputs: { logits: f32([2, 3]) }, attrs: { dim: -1 } },
    { title: 'int32', inputs: { logits: i32([2, 3]) }, attrs: { dim: 1 } },
  ],
  LRN: LRN_SHAPES.map((shape) => ({ title: named(shape), inputs: { x: f32(shape) }, attrs: LRN_ATTRS })),
  LRNGrad: LRN_SHAPES.map((shape) => ({ title: named(shape), inputs: { x: f32(shape), y: f32(shape), dy: positive(shape) }, attrs: LRN_ATTRS })),
};
