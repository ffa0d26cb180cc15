/**
 * What TensorFlow.js does not check before it reads and writes: indices and sizes that come from a request. An index outside of
 * its dimension would read another row, which in a merged batch is another caller's, or memory of somebody else.
 */
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { KernelInputError, valuesOf, type KernelCall } from './call.js';
import { checkImage, resultSizes, SPATIAL } from './spatial.js';

type Check = (call: KernelCall) => void;

/** @param shape the sizes that the last dimension of `indices` points into, one after the other */
function checkIndices({ kernel, backend }: KernelCall, indices: TensorInfo, shape: readonly number[], width = indices.shape.at(-1) ?? 1): void {
  const values = valuesOf(backend, indices);
  for (let i = 0; i < values.length; i++) {
    const size = shape[i % width]!;
    if (!(values[i]! >= 0 && values[i]! < size))
      throw new KernelInputError(`${kernel}: the index ${values[i]} is outside of a dimension of size ${size}; indices start at 0`);
  }
}

const checkSizes =
  (what: string, of: (call: KernelCall) => readonly number[]): Check =>
  (call) => {
    const sizes = of(call);
    if (!sizes.every((size) => Number.isInteger(size) && size >= 0))
      throw new KernelInputError(`${call.kernel}: ${what} are [${sizes.join(',')}], and none may be negative`);
  };

/** Numbers before and after each dimension. */
const pairs = (name: string) => (call: KernelCall) => (call.attrs[name] as number[][]).flat();
const numbers = (name: string) => (call: KernelCall) => [call.attrs[name] as number | number[]].flat();

/** A wrong size of the result makes the kernel read beyond the gradient, which in inference is the image to be enlarged. */
function checkTransposed(call: KernelCall): void {
  const { kernel, inputs, attrs } = call;
  const [x, dy] = [attrs['inputShape'] as number[], inputs['dy']!];
  const forward = { ...call, kernel: 'Conv2D', inputs: { x: { ...dy, shape: x }, filter: inputs['filter'] } };
  const first = attrs['dataFormat'] === 'NCHW' ? 2 : 1;
  const sizes = resultSizes(forward);
  const channels = attrs['dataFormat'] === 'NCHW' ? 1 : 3;
  const [, , into, outOf] = inputs['filter']!.shape;
  const fits =
    x.every((size) => size >= 0) &&
    x[0] === dy.shape[0] &&
    x[channels] === into &&
    dy.shape[channels] === outOf &&
    sizes.every((size, i) => size === dy.shape[first + i]);
  if (!fits) throw new KernelInputError(`${kernel}: a result of [${x.join(',')}] cannot come from an image of [${dy.shape.join(',')}]`);
}

const indicesInto =
  (name: string, shape: (call: KernelCall) => readonly number[], width?: number): Check =>
  (call) =>
    checkIndices(call, call.inputs[name]!, shape(call), width);

/** Of a sparse tensor's places: rows of indices, or one column of them. */
const sparseIndices: Check = (call) => {
  const indices = call.inputs['sparseIndices']!;
  checkIndices(call, indices, call.attrs['outputShape'] as number[], indices.shape.length > 1 ? indices.shape[1] : 1);
};

/** Numbers of elements that have to agree, because the kernel counts by one and reads the other. */
const sameLength =
  (one: string, other: string): Check =>
  (call) => {
    const [left, right] = [call.inputs[one]!.shape[0], call.inputs[other]!.shape[0]];
    if (left !== right) throw new KernelInputError(`${call.kernel}: ${one} has ${left} rows and ${other} ${right}; they must be as many`);
  };

const both =
  (...checks: readonly Check[]): Check =>
  (call) =>
    checks.forEach((check) => check(call));

/** Run before a kernel, whatever computes it. Those that are absent read and write only what their shapes say. */
export const CHECKS: Readonly<Record<string, Check>> = {
  ...Object.fromEntries(Object.keys(SPATIAL).map((kernel) => [kernel, checkImage])),
  Conv2DBackpropInput: checkTransposed,
  GatherNd: indicesInto('indices', ({ inputs }) => inputs['params']!.shape),
  ScatterNd: indicesInto('indices', ({ attrs }) => attrs['shape'] as number[]),
  TensorScatterUpdate: indicesInto('indices', ({ inputs }) => inputs['tensor']!.shape),
  SparseToDense: sparseIndices,
  SparseSegmentSum: both(
    sameLength('indices', 'segmentIds'),
    indicesInto('indices', ({ inputs }) => inputs['data']!.shape, 1),
  ),
  SparseSegmentMean: both(
    sameLength('indices', 'segmentIds'),
    indicesInto('indices', ({ inputs }) => inputs['data']!.shape, 1),
  ),
  SparseFillEmptyRows: sameLength('indices', 'values'),
  SparseReshape: (call) => checkIndices(call, call.inputs['inputIndices']!, Array.from(valuesOf(call.backend, call.inputs['inputShape']!))),
  CropAndResize: both(
    sameLength('boxes', 'boxInd'),
    indicesInto('boxInd', ({ inputs }) => inputs['image']!.shape, 1),
    checkSizes('the sizes of the crop', numbers('cropSize')),
  ),
  Slice: checkSizes('the first places', numbers('begin')),
  PadV2: checkSizes('the paddings', pairs('paddings')),
  SpaceToBatchND: checkSizes('the paddings', pairs('paddings')),
  BatchToSpaceND: checkSizes('the crops', pairs('crops')),
  Tile: checkSizes('the repetitions', numbers('reps')),
  ResizeBilinear: checkSizes('the sizes', numbers('size')),
  ResizeNearestNeighbor: checkSizes('the sizes', numbers('size')),
  Transform: (call) => (call.attrs['outputShape'] ? checkSizes('the sizes', numbers('outputShape'))(call) : undefined),
};

/** The sizes before the matrix, without those of one in front. */
function batchOf(tensor: TensorInfo): number[] {
  const sizes = tensor.shape.slice(0, -2);
  const first = sizes.findIndex((size) => size !== 1);
  return first < 0 ? [] : sizes.slice(first);
}

/** WebAssembly and plain JavaScript repeat the matrices of the smaller side one after the other, which is right for a whole batch only. */
const checkBatches: Check = ({ kernel, inputs }) => {
  const [a, b] = [batchOf(inputs['a']!), batchOf(inputs['b']!)];
  const [shorter, longer] = a.length < b.length ? [a, b] : [b, a];
  if (shorter.every((size, i) => size === longer[longer.length - shorter.length + i])) return;
  const shapes = ['a', 'b'].map((name) => `[${inputs[name]!.shape.join(',')}]`).join(' and ');
  throw new KernelInputError(
    `${kernel}: the matrices ${shapes} have batches of which neither repeats the other; TensorFlow.js multiplies such with native TensorFlow only`,
  );
};

/** Where native TensorFlow is right. */
export const JAVASCRIPT_CHECKS: Readonly<Record<string, Check>> = { BatchMatMul: checkBatches, _FusedMatMul: checkBatches };
