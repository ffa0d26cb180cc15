/** Conditions of a call on which it depends who computes a kernel. */
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { valuesOf, type KernelCall } from './call.js';
import { paddingIsPositive, resultSizes } from './spatial.js';

export type Rule = (call: KernelCall) => boolean;

export const numbers: Rule = ({ tensors }) => tensors.every(({ dtype }) => dtype === 'float32' || dtype === 'int32' || dtype === 'bool');
export const floats: Rule = ({ tensors }) => tensors.every(({ dtype }) => dtype === 'float32');
export const filled: Rule = ({ tensors }) => tensors.every(({ shape }) => shape.every((size) => size > 0));
export const all =
  (...rules: readonly Rule[]): Rule =>
  (call) =>
    rules.every((rule) => rule(call));

export const filledFloats = all(floats, filled);
export const filledNumbers = all(numbers, filled);
export const always: Rule = () => true;

/** Two tensors of one type, as WebAssembly takes for granted. */
export const pair =
  (...dtypes: readonly string[]): Rule =>
  ({ tensors: [a, b] }) =>
    a!.dtype === b!.dtype && dtypes.includes(a!.dtype);

/** Of one type, and not empty: reductions over nothing stay unwritten. */
export const reduced = (...dtypes: readonly string[]): Rule => all(filled, ({ inputs }) => dtypes.includes(inputs['x']!.dtype));

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
export const finite =
  (...names: readonly string[]): Rule =>
  (call) =>
    names.every((name) => isFinite(call, call.inputs[name]!));

/** Weights that were found to be finite. They never change, and are asked about at every inference. */
const finiteWeights = new WeakSet<object>();

/** The same for weights. */
export const finiteOnce =
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
  return (
    typeof pad !== 'number' &&
    (dimRoundingMode === undefined || dimRoundingMode === 'floor') &&
    paddingIsPositive(call) &&
    resultSizes(call).every((size) => size > 0)
  );
};

const channelsAgree: Rule = ({ inputs }) => inputs['x']!.shape.at(-1) === inputs['filter']!.shape[2];
export const image = all(filledFloats, sizesAgree);
export const convolution = all(image, channelsAgree);

/** WebAssembly reads one bias and one slope for each channel, however many there are. */
export const perChannel =
  (channels: (call: KernelCall) => number): Rule =>
  (call) =>
    ['bias', 'preluActivationWeights'].every((name) => {
      const tensor = call.inputs[name];
      return tensor === undefined || (tensor.shape.length === 1 && tensor.shape[0] === channels(call));
    });

/** With a bias only one product, and nothing transposed: WebAssembly adds the bias to the first numbers and no others. */
export const biasOfMatrix: Rule = (call) => {
  const { a, b, bias, preluActivationWeights } = call.inputs;
  if (!bias && !preluActivationWeights) return true;
  const { transposeA, transposeB } = call.attrs;
  return !transposeA && !transposeB && a!.shape[0] === 1 && b!.shape[0] === 1 && perChannel(() => b!.shape.at(-1)!)(call);
};

const CLAMPED = new Set(['relu', 'relu6']);
/** With an activation that clamps: only finite numbers. */
export const finiteIfClamped = (input: string, ...weights: readonly string[]): Rule => {
  const numbersAreFinite = all(finiteOnce(...weights), finite(input));
  return (call) => !CLAMPED.has(call.attrs['activation'] as string) || numbersAreFinite(call);
};

export const sameShape = (a: TensorInfo, b: TensorInfo): boolean => a.shape.length === b.shape.length && a.shape.every((size, i) => size === b.shape[i]);

export const selected: Rule = ({ inputs: { condition, t, e } }) => {
  const rows = condition!.shape.length === 1 && condition!.shape[0] === t!.shape[0];
  return (t!.dtype === 'float32' || t!.dtype === 'int32') && t!.dtype === e!.dtype && sameShape(t!, e!) && (rows || sameShape(condition!, t!));
};

export const same = (rule: Rule, ...kernels: readonly string[]): Record<string, Rule> => Object.fromEntries(kernels.map((kernel) => [kernel, rule]));
