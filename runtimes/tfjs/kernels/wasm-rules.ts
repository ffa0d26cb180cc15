/**
 * When WebAssembly computes a kernel. A kernel or a case that is not listed is computed by plain JavaScript: the sweep over every
 * kernel (docs/reference/tfjs-kernels.md) showed that WebAssembly answers it wrongly, refuses it, leaves the result unwritten,
 * or reads and writes outside of its tensors. What is listed is right in every case of the sweep.
 */
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { sizeOf, valuesOf, type KernelCall } from './call.js';
import { resultSizes } from './spatial.js';

export type Rule = (call: KernelCall) => boolean;

const numbers: Rule = ({ tensors }) => tensors.every(({ dtype }) => dtype === 'float32' || dtype === 'int32' || dtype === 'bool');
const floats: Rule = ({ tensors }) => tensors.every(({ dtype }) => dtype === 'float32');
const filled: Rule = ({ tensors }) => tensors.every(({ shape }) => shape.every((size) => size > 0));
const all =
  (...rules: readonly Rule[]): Rule =>
  (call) =>
    rules.every((rule) => rule(call));

const filledFloats = all(floats, filled);
const filledNumbers = all(numbers, filled);
const always: Rule = () => true;

/** Two tensors of one type, as WebAssembly takes for granted. */
const pair =
  (...dtypes: readonly string[]): Rule =>
  ({ tensors: [a, b] }) =>
    a!.dtype === b!.dtype && dtypes.includes(a!.dtype);

/** Of one type, and not empty: reductions over nothing stay unwritten. */
const reduced = (...dtypes: readonly string[]): Rule => all(filled, ({ inputs }) => dtypes.includes(inputs['x']!.dtype));

/** The bits of a float's exponent, which are all set for NaN and infinities. */
const EXPONENT = 0x7f800000;

/** Compares bits, which takes half the time of comparing numbers. */
function isFinite({ backend }: KernelCall, tensor: TensorInfo): boolean {
  const { buffer, byteOffset, length } = valuesOf(backend, tensor);
  const bits = new Int32Array(buffer, byteOffset, length);
  for (let i = 0; i < length; i++) if ((bits[i]! & EXPONENT) === EXPONENT) return false;
  return true;
}

/**
 * WebAssembly's minimum and maximum turn NaN into a number, and so do activations and pooling that are made of them. Infinities
 * count as well, since a sum of products makes NaN of them.
 */
const finite =
  (...names: readonly string[]): Rule =>
  (call) =>
    names.every((name) => isFinite(call, call.inputs[name]!));

/** Weights that were found to be finite. They never change, and are asked about at every inference. */
const finiteWeights = new WeakSet<object>();

/** The same for weights. */
const finiteOnce =
  (...names: readonly string[]): Rule =>
  (call) =>
    names.every((name) => {
      const tensor = call.inputs[name];
      if (tensor === undefined || finiteWeights.has(tensor.dataId)) return true;
      if (!isFinite(call, tensor)) return false;
      finiteWeights.add(tensor.dataId);
      return true;
    });

/** XNNPACK counts the sizes of the result by itself, and TensorFlow.js' own count must be the same. */
const sizesAgree: Rule = (call) => {
  const { pad, dimRoundingMode, dataFormat } = call.attrs;
  if (dataFormat !== undefined && dataFormat !== 'NHWC' && dataFormat !== 'NDHWC') return false;
  return typeof pad !== 'number' && (dimRoundingMode === undefined || dimRoundingMode === 'floor') && resultSizes(call).every((size) => size > 0);
};

const channelsAgree: Rule = ({ inputs }) => inputs['x']!.shape.at(-1) === inputs['filter']!.shape[2];
const image = all(filledFloats, sizesAgree);
const convolution = all(image, channelsAgree);

/** WebAssembly reads one bias and one slope for each channel, however many there are. */
const perChannel =
  (channels: (call: KernelCall) => number): Rule =>
  (call) =>
    ['bias', 'preluActivationWeights'].every((name) => {
      const tensor = call.inputs[name];
      return tensor === undefined || (tensor.shape.length === 1 && tensor.shape[0] === channels(call));
    });

/** With a bias only one product, and nothing transposed: WebAssembly adds the bias to the first numbers and no others. */
const biasOfMatrix: Rule = (call) => {
  const { a, b, bias, preluActivationWeights } = call.inputs;
  if (!bias && !preluActivationWeights) return true;
  const { transposeA, transposeB } = call.attrs;
  return !transposeA && !transposeB && a!.shape[0] === 1 && b!.shape[0] === 1 && perChannel(() => b!.shape.at(-1)!)(call);
};

const CLAMPED = new Set(['relu', 'relu6']);
/** With an activation that clamps: only finite numbers. */
const finiteIfClamped = (input: string, ...weights: readonly string[]): Rule => {
  const numbersAreFinite = all(finiteOnce(...weights), finite(input));
  return (call) => !CLAMPED.has(call.attrs['activation'] as string) || numbersAreFinite(call);
};

const sameShape = (a: TensorInfo, b: TensorInfo): boolean => a.shape.length === b.shape.length && a.shape.every((size, i) => size === b.shape[i]);

const selected: Rule = ({ inputs: { condition, t, e } }) => {
  const rows = condition!.shape.length === 1 && condition!.shape[0] === t!.shape[0];
  return (t!.dtype === 'float32' || t!.dtype === 'int32') && t!.dtype === e!.dtype && sameShape(t!, e!) && (rows || sameShape(condition!, t!));
};

const same = (rule: Rule, ...kernels: readonly string[]): Record<string, Rule> => Object.fromEntries(kernels.map((kernel) => [kernel, rule]));

/** The kernel's own rules; `all inputs are numbers` where it only moves them. */
export const WASM_COMPUTES: Readonly<Record<string, Rule>> = {
  ...same(floats, 'Abs', 'Acos', 'Acosh', 'Asin', 'Asinh', 'Atan', 'Atanh', 'Ceil', 'Elu', 'Erf', 'Exp', 'Expm1', 'Floor', 'LeakyRelu', 'Log', 'Log1p'),
  ...same(floats, 'Neg', 'Reciprocal', 'Relu', 'Round', 'Rsqrt', 'Selu', 'Sigmoid', 'Sinh', 'Softplus', 'Sqrt', 'Square', 'Step', 'Tan', 'Tanh'),
  ...same(floats, 'IsFinite', 'IsInf', 'IsNan'),
  ...same(numbers, 'Identity', 'OnesLike', 'ZerosLike'),
  Relu6: all(floats, finite('x')),
  ClipByValue: all(filledFloats, finite('x')),
  LogicalNot: ({ inputs }) => inputs['x']!.dtype === 'bool',
  Cast: ({ inputs, attrs }) => inputs['x']!.dtype !== 'string' && inputs['x']!.dtype !== 'complex64' && ['float32', 'int32'].includes(attrs['dtype'] as string),

  ...same(pair('float32', 'int32'), 'Add', 'Sub', 'Multiply', 'Equal', 'NotEqual', 'Greater', 'GreaterEqual', 'Less', 'LessEqual'),
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
  AvgPool: all(image, finite('x')),
  ...same(
    all(filledFloats, (call) => typeof call.attrs['pad'] !== 'number' && resultSizes(call).every((size) => size > 0)),
    'Conv3D',
    'AvgPool3D',
  ),
};
