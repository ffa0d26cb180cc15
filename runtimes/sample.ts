/** Sample requests as they are written down (OIP JSON), and requests made up from a signature. */
import { tensorFromJson, tensorToJson, type PlainTensorJson } from './open-inference/json.js';
import { allocate, elementCount, type Datatype, type Signature, type Tensor, type TensorData } from './tensor.js';

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

/** A request that fits the signature: -1 becomes 1, numbers are 1, text is empty. */
export function inputsFromSignature(signature: Signature): Tensor[] {
  return signature.inputs.map(({ name, datatype, shape }) => {
    const concrete = shape.map((dimension) => (dimension === -1 ? 1 : dimension));
    return { name, datatype, shape: concrete, data: ones(datatype, elementCount(concrete)) };
  });
}

function ones(datatype: Datatype, count: number): TensorData {
  if (datatype === 'BYTES') return Array.from({ length: count }, () => new Uint8Array(0));
  const data = allocate(datatype, count);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) data.fill(1n);
  // 0x3c00 is one in half precision.
  else data.fill(datatype === 'FP16' ? 0x3c00 : 1);
  return data;
}
