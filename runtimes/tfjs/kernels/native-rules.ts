/** When native TensorFlow does not compute a kernel that it has. */
import { filled, selected, all, type Rule } from './rules.js';
import { resultSizes } from './spatial.js';

/** Its binding answers a convolution of nothing, or with nothing left, in the shape of the image and with what lies in memory. */
const image: Rule = all(filled, (call) => resultSizes(call).every((size) => size > 0));

export const NATIVE_COMPUTES: Readonly<Record<string, Rule>> = {
  Conv2D: image,
  DepthwiseConv2dNative: image,
  FusedConv2D: image,
  FusedDepthwiseConv2D: image,
  Conv3D: image,
  Select: (call) => call.inputs['t']!.dtype === 'string' || selected(call),
};

/** What it says of a datatype or a padding that it does not take, before it has computed anything. */
export const NATIVE_REFUSAL = /is not in the list of allowed values|Invalid TF_Status: (5|12)\b|supports only 'valid' and 'same' padding/;
