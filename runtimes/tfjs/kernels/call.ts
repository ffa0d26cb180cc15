/** One call of a TensorFlow.js kernel, as checks and rules read it. */
import type { KernelBackend, TensorInfo, TypedArray } from '@tensorflow/tfjs-core';

export interface KernelCall {
  readonly kernel: string;
  /** By name; some kernels take a list. An optional input may be absent. */
  readonly inputs: Readonly<Record<string, TensorInfo | undefined>>;
  /** The inputs that are there. */
  readonly tensors: readonly TensorInfo[];
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly backend: KernelBackend;
}

/** An input that the kernel cannot take: the request is at fault, and nothing was computed. */
export class KernelInputError extends Error {
  override readonly name = 'KernelInputError';
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** WebAssembly's backend can show a tensor's values without copying them; they are gone when its memory grows. */
interface WithHeap extends KernelBackend {
  typedArrayFromHeap?(tensor: TensorInfo): TypedArray;
}

/** The values of a tensor of numbers, to be read at once. */
export function valuesOf(backend: KernelBackend, tensor: TensorInfo): TypedArray {
  return (backend as WithHeap).typedArrayFromHeap?.(tensor) ?? (backend.readSync(tensor.dataId) as TypedArray);
}
