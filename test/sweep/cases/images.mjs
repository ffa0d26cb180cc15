/** Kernels over images and boxes. */
import { f32, i32, named, tensor } from '../tensors.mjs';

const IMAGES = [
  [0, 3, 3, 2],
  [1, 0, 3, 2],
  [1, 3, 3, 0],
  [1, 1, 1, 1],
  [1, 3, 5, 3],
  [2, 5, 3, 2],
  [1, 33, 17, 3],
];
const SIZES = [
  [0, 3],
  [1, 1],
  [2, 7],
  [9, 4],
  [-2, -3],
];
const MODES = [
  [false, false],
  [true, false],
  [false, true],
];

const resize = IMAGES.flatMap((shape) =>
  SIZES.flatMap((size) =>
    MODES.flatMap(([alignCorners, halfPixelCenters]) =>
      ['float32', 'int32'].map((dtype) => ({
        title: `${dtype} ${named(shape)} to ${named(size)}${alignCorners ? ', corners aligned' : ''}${halfPixelCenters ? ', half pixels' : ''}`,
        inputs: { images: tensor(dtype, shape) },
        attrs: { alignCorners, halfPixelCenters, size },
      })),
    ),
  ),
);

/** Not [1,1,1,1] to larger sizes with corners aligned: there plain JavaScript does not end. No inference calls a gradient of resizing. */
const resizeGrad = IMAGES.filter((shape) => shape[1] !== 1).flatMap((shape) =>
  [
    [1, 1],
    [2, 7],
  ].flatMap((size) =>
    [false, true].map((alignCorners) => ({
      title: `${named(shape)} from ${named(size)}${alignCorners ? ', corners aligned' : ''}`,
      inputs: { images: f32(shape), dy: f32([shape[0], ...size, shape[3]]) },
      attrs: { alignCorners },
    })),
  ),
);

const crop = (title, image, boxes, boxInd, extra = {}) => ({
  title,
  inputs: { image, boxes: f32([boxes.length / 4, 4], boxes), boxInd: i32([boxInd.length], boxInd) },
  attrs: { method: 'bilinear', extrapolationValue: 0.5, cropSize: [3, 3], ...extra },
});

const crops = [
  ...['bilinear', 'nearest'].flatMap((method) => [
    ...['float32', 'int32'].map((dtype) => crop(`${dtype} ${method}`, tensor(dtype, [2, 5, 4, 3]), [0, 0, 1, 1, 0.2, 0.1, 0.7, 0.9], [0, 1], { method })),
    crop(`${method}, one pixel`, f32([1, 5, 4, 3]), [0.2, 0.1, 0.7, 0.9], [0], { method, cropSize: [1, 1] }),
    crop(`${method}, beyond the image`, f32([1, 5, 4, 3]), [-1, -1, 2, 2], [0], { method }),
    crop(`${method}, turned round`, f32([1, 5, 4, 3]), [1, 1, 0, 0], [0], { method }),
    crop(`${method}, far beyond the image`, f32([1, 5, 4, 3]), [1e9, 1e9, 2e9, 2e9], [0], { method }),
    crop(`${method}, NaN`, f32([1, 5, 4, 3]), [NaN, 0, 1, 1], [0], { method }),
    crop(`${method}, infinity`, f32([1, 5, 4, 3]), [-Infinity, 0, Infinity, 1], [0], { method }),
    crop(`${method}, no boxes`, f32([1, 5, 4, 3]), [], [], { method }),
    crop(`${method}, no images`, f32([0, 5, 4, 3]), [0, 0, 1, 1], [0], { method }),
    crop(`${method}, an empty image`, f32([1, 0, 4, 3]), [0, 0, 1, 1], [0], { method }),
    crop(`${method}, one pixel of an image`, f32([1, 1, 1, 1]), [0, 0, 1, 1], [0], { method }),
    ...[7, -1, -1000, 100000, 2 ** 31 - 1].map((index) => crop(`${method}, image ${index}`, f32([1, 5, 4, 3]), [0, 0, 1, 1], [index], { method })),
  ]),
];

const BOXES = [0, 0, 1, 1, 0, 0.1, 1, 1.1, 0, -0.1, 1, 0.9, 0, 10, 1, 11, 0, 10.1, 1, 11.1, 0, 100, 1, 101];
const SCORES = [0.9, 0.75, 0.6, 0.95, 0.5, 0.3];
const suppress = (extra) =>
  [
    ['six boxes', f32([6, 4], BOXES), f32([6], SCORES), {}],
    ['at most two', f32([6, 4], BOXES), f32([6], SCORES), { maxOutputSize: 2 }],
    ['at most none', f32([6, 4], BOXES), f32([6], SCORES), { maxOutputSize: 0 }],
    ['at most more than there are', f32([6, 4], BOXES), f32([6], SCORES), { maxOutputSize: 100 }],
    ['a threshold of scores', f32([6, 4], BOXES), f32([6], SCORES), { scoreThreshold: 0.7 }],
    ['none above the threshold', f32([6, 4], BOXES), f32([6], SCORES), { scoreThreshold: 2 }],
    ['no boxes', f32([0, 4]), f32([0]), {}],
    ['corners in another order', f32([2, 4], [1, 1, 0, 0, 0, 0, 1, 1]), f32([2], [0.9, 0.8]), {}],
    ['boxes without area', f32([2, 4], [1, 1, 1, 1, 1, 1, 1, 1]), f32([2], [0.9, 0.8]), {}],
    ['equal scores', f32([6, 4], BOXES), f32([6], Array(6).fill(0.5)), {}],
    ['scores that are NaN', f32([6, 4], BOXES), f32([6], [0.9, NaN, 0.6, 0.95, NaN, 0.3]), {}],
    ['boxes that are NaN', f32([2, 4], [NaN, 0, 1, 1, 0, 0, 1, 1]), f32([2], [0.9, 0.8]), {}],
  ].map(([title, boxes, scores, attrs]) => ({
    title,
    inputs: { boxes, scores },
    attrs: { maxOutputSize: 3, iouThreshold: 0.5, scoreThreshold: 0, ...extra, ...attrs },
  }));

const TURN = [0.9, -0.2, 1, 0.2, 0.9, -1, 0.001, 0.002];
const transforms = IMAGES.flatMap((shape) =>
  ['nearest', 'bilinear'].flatMap((interpolation) =>
    ['constant', 'reflect', 'wrap', 'nearest'].map((fillMode) => ({
      title: `${named(shape)} ${interpolation} ${fillMode}`,
      inputs: { image: f32(shape), transforms: f32([1, 8], TURN) },
      attrs: { interpolation, fillMode, fillValue: 0.5, outputShape: [4, 6] },
    })),
  ),
);
const hostile = ['nearest', 'bilinear'].flatMap((interpolation) =>
  ['constant', 'reflect', 'wrap', 'nearest'].flatMap((fillMode) =>
    [
      [1e9, 0, 1e9, 0, 1e9, -1e9, 0, 0],
      [NaN, 0, 0, 0, NaN, 0, 0, 0],
      [1, 0, 0, 0, 1, 0, 1e9, -1e9],
      [-1e30, 0, 0, 0, 1e30, 0, 0, 0],
    ].map((values) => ({
      title: `${interpolation} ${fillMode} by ${values.slice(0, 3)}`,
      inputs: { image: f32([1, 4, 4, 2]), transforms: f32([1, 8], values) },
      attrs: { interpolation, fillMode, fillValue: 0.5, outputShape: [4, 4] },
    })),
  ),
);

export const PICTURES = {
  ResizeBilinear: resize,
  ResizeNearestNeighbor: resize,
  ResizeBilinearGrad: resizeGrad,
  ResizeNearestNeighborGrad: resizeGrad,
  CropAndResize: crops,
  NonMaxSuppressionV3: suppress({}),
  NonMaxSuppressionV4: [
    ...suppress({ padToMaxOutputSize: false }),
    ...suppress({ padToMaxOutputSize: true }).map(({ title, ...rest }) => ({ title: `${title}, padded`, ...rest })),
  ],
  NonMaxSuppressionV5: suppress({ softNmsSigma: 0.5 }),
  FlipLeftRight: IMAGES.flatMap((shape) =>
    ['float32', 'int32', 'bool'].map((dtype) => ({ title: `${dtype} ${named(shape)}`, inputs: { image: tensor(dtype, shape) }, attrs: {} })),
  ),
  RotateWithOffset: IMAGES.flatMap((shape) =>
    ['float32', 'int32'].flatMap((dtype) =>
      [0, 0.7, 3.2].map((radians) => ({
        title: `${dtype} ${named(shape)} by ${radians}`,
        inputs: { image: tensor(dtype, shape) },
        attrs: { radians, fillValue: 0, center: 0.5 },
      })),
    ),
  ),
  Transform: [
    ...transforms,
    ...hostile,
    {
      title: 'int32',
      inputs: { image: i32([1, 4, 4, 1]), transforms: f32([1, 8], TURN) },
      attrs: { interpolation: 'nearest', fillMode: 'constant', fillValue: 0, outputShape: [4, 4] },
    },
    {
      title: 'one transform an image',
      inputs: { image: f32([2, 4, 4, 1]), transforms: f32([2, 8], [...TURN, ...TURN]) },
      attrs: { interpolation: 'nearest', fillMode: 'constant', fillValue: 0, outputShape: [4, 4] },
    },
  ],
};
