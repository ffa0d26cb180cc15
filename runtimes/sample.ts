/** Sample requests as they are written down (OIP JSON). */
import { tensorFromJson, tensorToJson, type PlainTensorJson } from './open-inference/json.js';
import type { Tensor } from './tensor.js';

/** One tensor in the form of OIP JSON. 64-bit integers beyond 2^53 are strings, and so are `NaN`, `Infinity` and `-Infinity`. */
export interface SampleTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  /** Flat or nested. */
  readonly data: readonly unknown[];
}

/** @throws TensorError that names the tensor, the element and what would be right. */
export function tensorFromSample(sample: SampleTensor, path = 'sample'): Tensor {
  return tensorFromJson(sample, path);
}

/** A tensor as plain JSON values, as `tensorFromSample` reads it. @throws TensorError for BYTES that are not UTF-8. */
export function sampleFromTensor(tensor: Tensor): PlainTensorJson {
  return tensorToJson(tensor);
}
