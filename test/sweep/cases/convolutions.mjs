/** Convolution and pooling, and their gradients, of which transposed convolutions are made. */
import { f32, i32, named, positive, tensor } from '../tensors.mjs';

const PLANES = [
  [
    [1, 5, 5, 1],
    [3, 3, 1, 1],
  ],
  [
    [1, 7, 5, 3],
    [3, 2, 3, 5],
  ],
  [
    [2, 9, 9, 4],
    [3, 3, 4, 7],
  ],
  [
    [1, 5, 5, 3],
    [1, 1, 3, 2],
  ],
  [
    [1, 1, 1, 1],
    [1, 1, 1, 1],
  ],
  [
    [1, 33, 17, 3],
    [5, 5, 3, 9],
  ],
];
/** Images that are empty, or smaller than the filter. */
const EMPTY = [
  [
    [0, 5, 5, 1],
    [3, 3, 1, 1],
  ],
  [
    [1, 0, 5, 1],
    [3, 3, 1, 1],
  ],
  [
    [1, 0, 0, 1],
    [3, 3, 1, 1],
  ],
  [
    [1, 1, 1, 1],
    [3, 3, 1, 1],
  ],
  [
    [1, 2, 2, 1],
    [3, 3, 1, 1],
  ],
  [
    [1, 2, 5, 1],
    [3, 3, 1, 1],
  ],
];
const SETTINGS = [
  { strides: [1, 1], dilations: [1, 1], pad: 'valid' },
  { strides: [1, 1], dilations: [1, 1], pad: 'same' },
  { strides: [2, 2], dilations: [1, 1], pad: 'same' },
  { strides: [2, 3], dilations: [1, 1], pad: 'valid' },
  { strides: [1, 1], dilations: [2, 2], pad: 'same' },
  {
    strides: [1, 1],
    dilations: [1, 1],
    pad: [
      [0, 0],
      [1, 2],
      [2, 1],
      [0, 0],
    ],
  },
  { strides: [1, 1], dilations: [1, 1], pad: 2, dimRoundingMode: 'floor' },
];
const told = ({ strides, dilations, pad }) =>
  `strides ${strides}, ${dilations && String(dilations) !== '1,1' ? `dilations ${dilations}, ` : ''}${JSON.stringify(pad).replaceAll('"', '')}`;

const hostileImage = (size, channels) =>
  f32(
    [1, size, size, channels],
    Array.from({ length: size * size * channels }, (_, i) => [NaN, Infinity, -Infinity][i] ?? i % 5),
  );

/** Steps that leap over numbers, and padding that is larger than the filter or negative. */
const ODD = [
  { filter: [1, 2, 3, 2], strides: [5, 1], pad: 'same' },
  { filter: [1, 1, 3, 2], strides: [2, 2], pad: 'same' },
  { filter: [1, 2, 3, 2], strides: [3, 3], pad: 'valid' },
  {
    filter: [2, 2, 3, 2],
    strides: [1, 1],
    pad: [
      [0, 0],
      [3, 3],
      [3, 3],
      [0, 0],
    ],
  },
  {
    filter: [2, 2, 3, 2],
    strides: [1, 1],
    pad: [
      [0, 0],
      [-1, -1],
      [0, 0],
      [0, 0],
    ],
  },
];

const conv = (filterOf = (filter) => filter) => [
  ...[...PLANES, ...EMPTY].flatMap(([x, filter]) =>
    SETTINGS.map((attrs) => ({
      title: `${named(x)} by ${named(filterOf(filter))}, ${told(attrs)}`,
      inputs: { x: f32(x), filter: f32(filterOf(filter)) },
      attrs: { dataFormat: 'NHWC', ...attrs },
    })),
  ),
  ...[0, 1].map((i) => ({
    title: `NaN and infinity, ${told(SETTINGS[i])}`,
    inputs: { x: hostileImage(4, 2), filter: f32(filterOf([2, 2, 2, 3])) },
    attrs: { dataFormat: 'NHWC', ...SETTINGS[i] },
  })),
];

const depthwise = conv(([height, width, channels]) => [height, width, channels, 2]);

const fusedOf = (cases, channelsOf) =>
  cases.flatMap(({ title, inputs, attrs }, i) => {
    const bias = f32([channelsOf(inputs.filter.shape)]);
    const linear = { ...attrs, activation: 'linear' };
    return [
      { title, inputs: { ...inputs, bias }, attrs: { ...attrs, activation: ['linear', 'relu', 'relu6'][i % 3] } },
      ...(i % 7 === 0 || title.startsWith('NaN')
        ? [
            { title: `${title}, no bias`, inputs, attrs: linear },
            { title: `${title}, a bias of one`, inputs: { ...inputs, bias: f32([1]) }, attrs: linear },
            { title: `${title}, relu`, inputs: { ...inputs, bias }, attrs: { ...attrs, activation: 'relu' } },
            { title: `${title}, relu6`, inputs: { ...inputs, bias }, attrs: { ...attrs, activation: 'relu6' } },
            { title: `${title}, sigmoid`, inputs: { ...inputs, bias }, attrs: { ...attrs, activation: 'sigmoid' } },
            { title: `${title}, elu`, inputs: { ...inputs, bias }, attrs: { ...attrs, activation: 'elu' } },
            { title: `${title}, leakyrelu`, inputs: { ...inputs, bias }, attrs: { ...attrs, activation: 'leakyrelu', leakyreluAlpha: 0.3 } },
            { title: `${title}, prelu`, inputs: { ...inputs, bias, preluActivationWeights: bias }, attrs: { ...attrs, activation: 'prelu' } },
            { title: `${title}, prelu of one`, inputs: { ...inputs, bias, preluActivationWeights: f32([1]) }, attrs: { ...attrs, activation: 'prelu' } },
          ]
        : []),
    ];
  });

const POOLED = [
  [0, 4, 4, 2],
  [1, 0, 4, 2],
  [1, 4, 0, 2],
  [1, 0, 0, 1],
  [1, 3, 3, 0],
  [1, 1, 1, 1],
  [1, 2, 2, 3],
  [2, 5, 7, 3],
  [1, 9, 9, 17],
];
const POOLING = [
  { filterSize: [2, 2], strides: [2, 2], pad: 'valid' },
  { filterSize: [2, 2], strides: [1, 1], pad: 'same' },
  { filterSize: [3, 3], strides: [2, 2], pad: 'same' },
  { filterSize: [3, 2], strides: [1, 2], pad: 'valid' },
  { filterSize: [1, 1], strides: [1, 1], pad: 'valid' },
  { filterSize: [2, 2], strides: [2, 2], pad: 1, dimRoundingMode: 'floor' },
];
const pool = (dtypes) =>
  dtypes.flatMap((dtype) => [
    ...ODD.map(({ filter, ...rest }) => ({ ...rest, filterSize: filter.slice(0, 2) })).map((attrs) => ({
      title: `${dtype} [1,7,7,3], ${named(attrs.filterSize)}, ${told(attrs)}`,
      inputs: { x: tensor(dtype, [1, 7, 7, 3]) },
      attrs,
    })),
    ...POOLED.flatMap((shape) =>
      POOLING.map((attrs) => ({ title: `${dtype} ${named(shape)}, ${named(attrs.filterSize)}, ${told(attrs)}`, inputs: { x: tensor(dtype, shape) }, attrs })),
    ),
    {
      title: `${dtype} a filter as large as the image`,
      inputs: { x: tensor(dtype, [1, 3, 3, 2]) },
      attrs: { filterSize: [3, 3], strides: [3, 3], pad: 'valid' },
    },
    ...(dtype === 'float32'
      ? POOLING.slice(0, 3).map((attrs) => ({
          title: `NaN and infinity, ${named(attrs.filterSize)}, ${told(attrs)}`,
          inputs: { x: hostileImage(4, 2) },
          attrs,
        }))
      : []),
    {
      title: `${dtype} special values`,
      inputs: { x: tensor(dtype, [1, 2, 2, 1], dtype === 'float32' ? [NaN, -Infinity, 1, Infinity] : [-(2 ** 31), 2 ** 31 - 1, 0, 1]) },
      attrs: POOLING[1],
    },
  ]);

/** Sizes of the result: kernels that are asked with what the operation refuses are of no interest here. */
const length = (size, filter, stride, pad) => (pad === 'same' ? Math.ceil(size / stride) : Math.ceil((size - filter + 1) / stride));
const poolGrad = (inputs) =>
  POOLED.flatMap((shape) =>
    POOLING.slice(0, 5).flatMap((attrs) => {
      const out = [shape[0], ...[0, 1].map((i) => length(shape[i + 1], attrs.filterSize[i], attrs.strides[i], attrs.pad)), shape[3]];
      return out.some((size) => size < 0) ? [] : [{ title: `${named(shape)}, ${named(attrs.filterSize)}, ${told(attrs)}`, inputs: inputs(shape, out), attrs }];
    }),
  );

const CUBES = [
  [0, 4, 4, 4, 2],
  [1, 0, 4, 4, 2],
  [1, 1, 1, 1, 1],
  [1, 2, 2, 2, 1],
  [1, 3, 5, 4, 3],
  [2, 4, 4, 4, 2],
];
const CUBE_POOLING = [
  { filterSize: [2, 2, 2], strides: [2, 2, 2], pad: 'valid' },
  { filterSize: [2, 2, 2], strides: [1, 1, 1], pad: 'same' },
  { filterSize: [3, 3, 3], strides: [2, 2, 2], pad: 'same' },
];
const pool3d = (extra = {}) =>
  CUBES.flatMap((shape) =>
    CUBE_POOLING.map((attrs) => ({
      title: `${named(shape)}, ${named(attrs.filterSize)}, ${told(attrs)}`,
      inputs: { x: f32(shape) },
      attrs: { ...attrs, dataFormat: 'NDHWC', ...extra },
    })),
  );
const pool3dGrad = CUBES.flatMap((shape) =>
  CUBE_POOLING.flatMap((attrs) => {
    const out = [shape[0], ...[0, 1, 2].map((i) => length(shape[i + 1], attrs.filterSize[i], attrs.strides[i], attrs.pad)), shape[4]];
    return out.some((size) => size < 0)
      ? []
      : [{ title: `${named(shape)}, ${named(attrs.filterSize)}, ${told(attrs)}`, inputs: { dy: f32(out), input: f32(shape) }, attrs }];
  }),
);

const CUBE_SETTINGS = [
  { strides: [1, 1, 1], dilations: [1, 1, 1], pad: 'valid' },
  { strides: [2, 2, 2], dilations: [1, 1, 1], pad: 'same' },
  { strides: [1, 1, 1], dilations: [1, 1, 1], pad: 'same' },
];
const conv3d = (make) =>
  CUBES.flatMap((shape) =>
    CUBE_SETTINGS.flatMap((attrs) => {
      const filter = [2, 2, 2, shape[4], 3];
      const out = [shape[0], ...[0, 1, 2].map((i) => length(shape[i + 1], 2, attrs.strides[i], attrs.pad)), 3];
      return out.some((size) => size < 0) ? [] : [{ title: `${named(shape)} by ${named(filter)}, ${told(attrs)}`, ...make(shape, filter, out, attrs) }];
    }),
  );

const backInput = PLANES.concat(EMPTY.slice(0, 3)).flatMap(([shape, filter]) =>
  SETTINGS.slice(0, 4).flatMap((attrs) => {
    const out = [shape[0], ...[0, 1].map((i) => length(shape[i + 1], filter[i], attrs.strides[i], attrs.pad)), filter[3]];
    return out.some((size) => size < 0)
      ? []
      : [
          {
            title: `${named(shape)} by ${named(filter)}, ${told(attrs)}`,
            inputs: { dy: f32(out), filter: f32(filter) },
            attrs: { strides: attrs.strides, pad: attrs.pad, dataFormat: 'NHWC', inputShape: shape },
          },
        ];
  }),
);

const dilation = (extra) =>
  [
    [0, 4, 4, 2],
    [1, 0, 4, 2],
    [1, 1, 1, 1],
    [1, 5, 4, 3],
    [2, 6, 6, 1],
  ].flatMap((shape) =>
    [
      { strides: [1, 1], pad: 'same', dilations: [1, 1] },
      { strides: [2, 1], pad: 'valid', dilations: [1, 1] },
      { strides: [1, 1], pad: 'same', dilations: [2, 2] },
    ].flatMap((attrs) => {
      const out = [shape[0], ...[0, 1].map((i) => length(shape[i + 1], 2, attrs.strides[i], attrs.pad)), shape[3]];
      if (out.some((size) => size < 0)) return [];
      const inputs = { x: f32(shape), filter: f32([2, 2, shape[3]]), ...(extra && { dy: positive(out) }) };
      return [{ title: `${named(shape)}, ${told(attrs)}`, inputs, attrs }];
    }),
  );

export const CONVOLUTIONS = {
  Conv2D: [
    ...conv(),
    { title: 'NCHW', inputs: { x: f32([1, 3, 5, 5]), filter: f32([3, 3, 3, 2]) }, attrs: { ...SETTINGS[0], dataFormat: 'NCHW' } },
    { title: 'int32', inputs: { x: i32([1, 5, 5, 1]), filter: i32([3, 3, 1, 1]) }, attrs: { ...SETTINGS[0], dataFormat: 'NHWC' } },
    { title: 'channels in groups', inputs: { x: f32([1, 5, 5, 4]), filter: f32([3, 3, 2, 4]) }, attrs: { ...SETTINGS[0], dataFormat: 'NHWC' } },
  ],
  DepthwiseConv2dNative: depthwise,
  FusedConv2D: fusedOf(conv(), (filter) => filter[3]),
  FusedDepthwiseConv2D: fusedOf(depthwise, (filter) => filter[2] * filter[3]),
  Conv2DBackpropInput: [
    ...backInput,
    ...[
      [1, 50, 50, 1],
      [9, 5, 5, 1],
      [1, 5, 5, 7],
      [1, -5, -5, 1],
      [1, 2, 9, 1],
    ].map((inputShape) => ({
      title: `a result of ${named(inputShape)}`,
      inputs: { dy: f32([1, 3, 3, 1]), filter: f32([3, 3, 1, 1]) },
      attrs: { strides: [1, 1], pad: 'valid', dataFormat: 'NHWC', inputShape },
    })),
  ],
  MaxPool: pool(['float32', 'int32']),
  AvgPool: pool(['float32']),
  MaxPoolWithArgmax: [true, false].flatMap((includeBatchInIndex) =>
    pool(['float32']).map(({ title, inputs, attrs }) => ({
      title: `${title}${includeBatchInIndex ? ', batch in the index' : ''}`,
      inputs,
      attrs: { ...attrs, includeBatchInIndex },
    })),
  ),
  AvgPoolGrad: poolGrad((shape, out) => ({ dy: f32(out), input: f32(shape) })),
  MaxPoolGrad: poolGrad((shape, out) => ({ dy: f32(out), input: f32(shape), output: f32(out) })),
  AvgPool3D: pool3d(),
  MaxPool3D: pool3d(),
  AvgPool3DGrad: pool3dGrad,
  MaxPool3DGrad: pool3dGrad.map(({ title, inputs: { dy, input }, attrs }) => ({ title, inputs: { dy, input, output: dy }, attrs })),
  Conv3D: conv3d((shape, filter, out, attrs) => ({ inputs: { x: f32(shape), filter: f32(filter) }, attrs })),
  Conv3DBackpropFilterV2: conv3d((shape, filter, out, { strides, pad }) => ({
    inputs: { x: f32(shape), dy: f32(out) },
    attrs: { strides, pad, filterShape: filter },
  })),
  Conv3DBackpropInputV2: conv3d((shape, filter, out, { strides, pad }) => ({
    inputs: { dy: f32(out), filter: f32(filter) },
    attrs: { strides, pad, inputShape: shape },
  })),
  Dilation2D: dilation(false),
  Dilation2DBackpropFilter: dilation(true),
  Dilation2DBackpropInput: dilation(true),
};
