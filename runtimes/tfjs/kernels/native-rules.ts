/** When native TensorFlow does not compute a kernel that it has. */
import { all, filled, filledFloats, sameShape, type Rule } from './rules.js';
import { resultSizes } from './spatial.js';

/** Its binding answers a convolution of nothing, or with nothing left, in the shape of the image and with what lies in memory. */
const image: Rule = all(filled, (call) => resultSizes(call).every((size) => size > 0));

/** It takes images only, one parameter for each channel, and fails where the offset or the scale is left out. */
const normalised: Rule = all(filledFloats, ({ inputs: { x, mean, variance, offset, scale } }) => {
  const channels = x!.shape.at(-1);
  return x!.shape.length === 4 && [mean, variance, offset, scale].every((tensor) => tensor?.shape.length === 1 && tensor.shape[0] === channels);
});

/** It repeats a condition for each row along the other dimension. */
const elementwise: Rule = ({ inputs: { condition, t } }) => sameShape(condition!, t!);

export const NATIVE_COMPUTES: Readonly<Record<string, Rule>> = {
  Conv2D: image,
  DepthwiseConv2dNative: image,
  FusedConv2D: image,
  FusedDepthwiseConv2D: image,
  Conv3D: image,
  Select: elementwise,
  FusedBatchNorm: normalised,
  // It answers whole numbers where booleans are asked for.
  ClipByValue: ({ inputs }) => inputs['x']!.dtype !== 'bool',
  // It refuses a list of one.
  Concat: ({ tensors }) => tensors.length > 1,
  // It refuses whole numbers, and takes the smallest floats for 0.
  Step: () => false,
};

/** What it says of a datatype or a padding that it does not take, before it has computed anything. */
export const NATIVE_REFUSAL = /is not in the list of allowed values|Invalid TF_Status: (5|12)\b|supports only 'valid' and 'same' padding/;
