/** Kernels that compute each number by itself: of one tensor, and of two that are broadcast. */
import { bool, f32, i32, named, positive, SHAPES, SPECIAL, tensor, text } from '../tensors.mjs';

const NUMBERS = ['float32', 'int32', 'bool'];

const unary = (attrs = {}, dtypes = NUMBERS) =>
  dtypes.flatMap((dtype) => [
    ...SHAPES.map((shape) => ({ title: `${dtype} ${named(shape)}`, inputs: { x: tensor(dtype, shape) }, attrs })),
    { title: `${dtype} special values`, inputs: { x: tensor(dtype, [SPECIAL[dtype].length], SPECIAL[dtype]) }, attrs },
  ]);

const PAIRS = [
  [[0], [0]],
  [[0, 3], [3]],
  [
    [2, 0],
    [2, 1],
  ],
  [[0], [1]],
  [[], []],
  [[1], [1]],
  [[3], []],
  [[], [5]],
  [
    [7, 3],
    [7, 3],
  ],
  [[7, 3], [3]],
  [
    [7, 3],
    [7, 1],
  ],
  [
    [7, 1],
    [1, 3],
  ],
  [
    [2, 1, 5],
    [1, 3, 1],
  ],
  [
    [2, 1, 3, 1, 2],
    [1, 2, 1, 2, 1],
  ],
  [
    [2, 1, 3, 1, 2, 1],
    [2, 2, 1],
  ],
  [[4099], [4099]],
  [[2, 1024], [1024]],
];

const SPECIAL_PAIRS = {
  float32: [f32([6, 1], [NaN, Infinity, -Infinity, 0, -2.5, 3]), f32([1, 7], [NaN, Infinity, 0, -0, 2, -3, 0.5])],
  int32: [i32([6, 1], [-(2 ** 31), 2 ** 31 - 1, 0, -7, 7, 46341]), i32([1, 6], [-3, 3, 2, 1, -1, 46341])],
  bool: [bool([2, 1], [0, 1]), bool([1, 2], [0, 1])],
};

const binary = (dtypes = NUMBERS, names = ['a', 'b']) =>
  dtypes.flatMap((dtype) => [
    ...PAIRS.map(([left, right]) => ({
      title: `${dtype} ${named(left)} and ${named(right)}`,
      inputs: {
        [names[0]]: tensor(dtype, left),
        [names[1]]: tensor(
          dtype,
          right,
          tensor(dtype, right).values.map((value, i) => (dtype === 'int32' && value === 0 ? i + 1 : value)),
        ),
      },
      attrs: {},
    })),
    { title: `${dtype} special values`, inputs: { [names[0]]: SPECIAL_PAIRS[dtype][0], [names[1]]: SPECIAL_PAIRS[dtype][1] }, attrs: {} },
    ...(dtype === 'int32' ? [{ title: 'int32 by zero', inputs: { [names[0]]: i32([3], [5, 0, -5]), [names[1]]: i32([3], [0, 0, 0]) }, attrs: {} }] : []),
  ]);

const texts = [
  { title: 'string [3]', inputs: { a: text([3], ['a', 'b', 'c']), b: text([3], ['a', 'x', 'c']) }, attrs: {} },
  { title: 'string [2,1] and [2]', inputs: { a: text([2, 1], ['a', 'b']), b: text([2], ['a', 'x']) }, attrs: {} },
];

const shaped = (make) => [[0], [], [1], [3], [7, 3], [4099]].map((shape) => make(shape));

export const ELEMENTWISE = {
  ...Object.fromEntries(
    [
      'Abs',
      'Acos',
      'Acosh',
      'Asin',
      'Asinh',
      'Atan',
      'Atanh',
      'Ceil',
      'Cos',
      'Cosh',
      'Elu',
      'Erf',
      'Exp',
      'Expm1',
      'Floor',
      'IsFinite',
      'IsInf',
      'IsNan',
      'Log',
      'Log1p',
      'Neg',
    ].map((name) => [name, unary()]),
  ),
  ...Object.fromEntries(
    [
      'Reciprocal',
      'Relu',
      'Relu6',
      'Round',
      'Rsqrt',
      'Selu',
      'Sigmoid',
      'Sign',
      'Sin',
      'Sinh',
      'Softplus',
      'Sqrt',
      'Square',
      'Tan',
      'Tanh',
      'OnesLike',
      'ZerosLike',
      'Identity',
    ].map((name) => [name, unary()]),
  ),
  LogicalNot: unary({}, ['bool']),
  LeakyRelu: unary({ alpha: 0.3 }),
  Step: unary({ alpha: 0.2 }),
  ClipByValue: [
    ...unary({ clipValueMin: -1.5, clipValueMax: 2.25 }),
    { title: 'float32 to one number', inputs: { x: f32([5]) }, attrs: { clipValueMin: 2, clipValueMax: 2 } },
    { title: 'int32 [-5,3,99] to [0,10]', inputs: { x: i32([3], [-5, 3, 99]) }, attrs: { clipValueMin: 0, clipValueMax: 10 } },
  ],
  Cast: ['float32', 'int32', 'bool']
    .flatMap((dtype) => [
      ...unary({ dtype }),
      { title: `0.5, 256, 0, -1, 1 to ${dtype}`, inputs: { x: f32([5], [0.5, 256, 0, -1, 1]) }, attrs: { dtype } },
      { title: `int32 256, 0, -1, 512 to ${dtype}`, inputs: { x: i32([4], [256, 0, -1, 512]) }, attrs: { dtype } },
    ])
    .map(({ title, ...rest }) => ({ title: `${title} as ${rest.attrs.dtype}`, ...rest })),
  ...Object.fromEntries(
    [
      'Add',
      'Atan2',
      'FloorDiv',
      'Maximum',
      'Minimum',
      'Mod',
      'Multiply',
      'Pow',
      'RealDiv',
      'SquaredDifference',
      'Sub',
      'Greater',
      'GreaterEqual',
      'Less',
      'LessEqual',
    ].map((name) => [name, binary()]),
  ),
  Equal: [...binary(), ...texts],
  NotEqual: [...binary(), ...texts],
  // Plain JavaScript answers the floor of floats as int32, where NaN and infinities are lost, and divides doubles: large quotients may round to the next number.
  FloorDiv: [
    ...binary(['float32'])
      .filter(({ title }) => !/special|1024/.test(title))
      .map((given) => ({ ...given, dtype: 'float32' })),
    ...binary(['int32', 'bool']),
  ],
  BitwiseAnd: binary(['int32']),
  ...Object.fromEntries(['LogicalAnd', 'LogicalOr'].map((name) => [name, binary(['bool'])])),
  Prelu: [
    ...['float32', 'int32'].flatMap((dtype) =>
      [
        [[0], [0]],
        [[1], [1]],
        [[3], []],
        [[7, 3], [3]],
        [
          [7, 3],
          [7, 1],
        ],
        [
          [2, 3, 5],
          [1, 1, 5],
        ],
        [[2, 1024], [1024]],
      ].map(([x, alpha]) => ({
        title: `${dtype} ${named(x)} and ${named(alpha)}`,
        inputs: { x: tensor(dtype, x), alpha: tensor(dtype, alpha) },
        attrs: {},
      })),
    ),
    { title: 'special values', inputs: { x: f32([2, 3], [NaN, Infinity, -Infinity, -0, -1e-40, 1]), alpha: f32([3], [0, -2, NaN]) }, attrs: {} },
    { title: 'an alpha for each place', inputs: { x: f32([2, 3, 2]), alpha: f32([3, 2]) }, attrs: {} },
    { title: 'an alpha longer than the last dimension', inputs: { x: f32([2, 1]), alpha: f32([5]) }, attrs: {} },
  ],
  EluGrad: shaped((shape) => ({ title: named(shape), inputs: { dy: f32(shape), y: positive(shape) }, attrs: {} })),
  AddN: [
    ...[[0], [], [3], [7, 3], [4099]].flatMap((shape) =>
      ['float32', 'int32', 'bool'].map((dtype) => ({
        title: `${dtype} ${named(shape)}`,
        inputs: [tensor(dtype, shape), tensor(dtype, shape), tensor(dtype, shape)],
        attrs: {},
      })),
    ),
    { title: 'one tensor', inputs: [f32([3])], attrs: {} },
  ],
  Select: [
    ...['float32', 'int32', 'bool'].flatMap((dtype) =>
      [[0], [], [1], [3], [7, 3], [2, 3, 5], [4099]].map((shape) => ({
        title: `${dtype} ${named(shape)}`,
        inputs: {
          condition: bool(shape),
          t: tensor(dtype, shape),
          e: tensor(
            dtype,
            shape,
            tensor(dtype, shape).values.map((value) => (dtype === 'bool' ? 1 - value : value + 1)),
          ),
        },
        attrs: {},
      })),
    ),
    { title: 'a condition for each row', inputs: { condition: bool([3]), t: f32([3, 5]), e: f32([3, 5], Array(15).fill(9)) }, attrs: {} },
    { title: 'a condition for each of no rows', inputs: { condition: bool([0]), t: f32([0, 5]), e: f32([0, 5]) }, attrs: {} },
    { title: 'a condition for each empty row', inputs: { condition: bool([3]), t: f32([3, 0]), e: f32([3, 0]) }, attrs: {} },
    { title: 'string', inputs: { condition: bool([2], [0, 1]), t: text([2], ['a', 'b']), e: text([2], ['c', 'd']) }, attrs: {} },
  ],
};
