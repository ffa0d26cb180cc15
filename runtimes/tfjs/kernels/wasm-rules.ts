/**
 * When WebAssembly computes a kernel. A kernel or a case that is not listed is computed by plain JavaScript: the sweep over every
 * kernel (docs/reference/tfjs-kernels.md) showed that WebAssembly answers it wrongly, refuses it, leaves the result unwritten,
 * or reads and writes outside of its tensors. What is listed is right in every case of the sweep.
 */
import { sizeOf } from './call.js';
import {
  all,
  always,
  biasOfMatrix,
  convolution,
  filled,
  filledFloats,
  filledNumbers,
  finite,
  finiteIfClamped,
  finiteOnce,
  floats,
  image,
  numbers,
  pair,
  perChannel,
  reduced,
  same,
  selected,
  type Rule,
} from './rules.js';
import { resultSizes } from './spatial.js';

export const WASM_COMPUTES: Readonly<Record<string, Rule>> = {
  ...same(floats, 'Abs', 'Acos', 'Acosh', 'Asin', 'Asinh', 'Atan', 'Atanh', 'Ceil', 'Elu', 'Erf', 'Exp', 'Expm1', 'Floor', 'LeakyRelu', 'Log', 'Log1p'),
  ...same(floats, 'Neg', 'Reciprocal', 'Relu', 'Round', 'Rsqrt', 'Selu', 'Sigmoid', 'Sinh', 'Softplus', 'Sqrt', 'Square', 'Step', 'Tan', 'Tanh'),
  ...same(floats, 'IsFinite', 'IsInf', 'IsNan'),
  ...same(numbers, 'Identity', 'OnesLike', 'ZerosLike'),
  Relu6: all(floats, finite('x')),
  // XNNPACK refuses an empty range, and the result would stay unwritten.
  ClipByValue: all(filledFloats, finite('x'), ({ attrs }) => (attrs['clipValueMin'] as number) < (attrs['clipValueMax'] as number)),
  LogicalNot: ({ inputs }) => inputs['x']!.dtype === 'bool',
  Cast: ({ inputs, attrs }) => inputs['x']!.dtype !== 'string' && inputs['x']!.dtype !== 'complex64' && ['float32', 'int32'].includes(attrs['dtype'] as string),

  ...same(pair('float32', 'int32'), 'Add', 'Sub', 'Multiply', 'Equal', 'NotEqual', 'Greater', 'GreaterEqual', 'Less', 'LessEqual'),
  // Plain JavaScript answers the floor of floats as int32, and TensorFlow as float32.
  FloorDiv: pair('float32'),
  ...same(pair('float32'), 'RealDiv', 'SquaredDifference', 'Pow'),
  ...same(all(pair('float32'), finite('a', 'b')), 'Maximum', 'Minimum'),
  ...same(pair('bool'), 'LogicalAnd', 'LogicalOr'),
  Prelu: all(
    filledFloats,
    ({ inputs: { x, alpha } }) => sizeOf(alpha!.shape) === x!.shape.at(-1) && alpha!.shape.at(-1) === x!.shape.at(-1),
    finiteOnce('alpha'),
  ),
  AddN: all(filledNumbers, ({ tensors }) => tensors.every(({ dtype }) => dtype === tensors[0]!.dtype && dtype !== 'bool')),
  Select: all(filled, selected),

  ...same(reduced('float32', 'int32'), 'Max', 'Min', 'Sum', 'Mean'),
  ...same(reduced('float32'), 'Prod'),
  ...same(reduced('bool'), 'All', 'Any'),
  ...same(reduced('float32', 'int32'), 'ArgMax', 'ArgMin', 'Cumsum', 'Cumprod'),
  BatchMatMul: filledFloats,
  _FusedMatMul: all(filledFloats, biasOfMatrix, finiteIfClamped('a', 'b', 'bias')),
  FusedBatchNorm: filledFloats,
  Softmax: all(filledFloats, ({ inputs, attrs }) => attrs['dim'] === inputs['logits']!.shape.length - 1),
  LRN: filledFloats,

  ...same(numbers, 'Concat', 'Pack', 'SplitV', 'Unpack', 'Reshape', 'ExpandDims', 'Slice'),
  StridedSlice: filledFloats,
  ...same(filledNumbers, 'PadV2', 'Transpose', 'Tile', 'BatchToSpaceND', 'SpaceToBatchND'),
  Reverse: all(filledNumbers, ({ inputs }) => inputs['x']!.dtype !== 'bool'),
  MirrorPad: all(filledNumbers, ({ inputs }) => inputs['x']!.shape.length > 0),
  DepthToSpace: all(filledFloats, ({ attrs }) => attrs['dataFormat'] === 'NHWC'),
  Fill: ({ attrs }) => attrs['dtype'] !== 'string' && typeof attrs['value'] !== 'string',
  ...same(always, 'Range', 'LinSpace', 'BroadcastArgs'),
  // The kernel itself compares each index with the dimension.
  GatherV2: filledNumbers,

  ResizeBilinear: filledFloats,
  ResizeNearestNeighbor: filledFloats,
  ...same(convolution, 'Conv2D', 'DepthwiseConv2dNative'),
  FusedConv2D: all(
    convolution,
    perChannel(({ inputs }) => inputs['filter']!.shape[3]!),
    finiteIfClamped('x', 'filter', 'bias'),
  ),
  FusedDepthwiseConv2D: all(
    convolution,
    perChannel(({ inputs }) => inputs['filter']!.shape[2]! * inputs['filter']!.shape[3]!),
    finiteIfClamped('x', 'filter', 'bias'),
  ),
  Conv2DBackpropInput: all(filledFloats, ({ attrs }) => typeof attrs['pad'] !== 'number' && attrs['dataFormat'] === 'NHWC'),
  MaxPool: all(image, finite('x')),
  // Where a window lies in the padding, its mean is NaN and not an infinity.
  AvgPool: all(image, finite('x'), ({ attrs }) => typeof attrs['pad'] === 'string'),
  ...same(
    all(filledFloats, (call) => typeof call.attrs['pad'] !== 'number' && resultSizes(call).every((size) => size > 0)),
    'Conv3D',
    'AvgPool3D',
  ),
};
