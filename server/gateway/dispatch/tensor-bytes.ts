/** What tensors weigh, the same over every protocol. */
import { PackedTensor } from '../../../runtimes/open-inference/packed-tensor.js';
import type { Tensor } from '../../../runtimes/tensor.js';

/** Bytes of the tensors' elements in the protocol's binary form, where a byte string has its length before it; without names and shapes. */
export function tensorBytes(tensors: readonly Tensor[]): number {
  let bytes = 0;
  for (const tensor of tensors) {
    if (tensor instanceof PackedTensor) bytes += tensor.packed.byteLength;
    else if (tensor.datatype !== 'BYTES') bytes += (tensor.data as Uint8Array).byteLength;
    else for (const element of tensor.data as readonly Uint8Array[]) bytes += 4 + element.byteLength;
  }
  return bytes;
}
