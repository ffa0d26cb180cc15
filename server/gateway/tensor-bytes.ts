/** What tensors weigh, the same over every protocol. */
import type { Tensor } from '../../runtimes/tensor.js';

/** Bytes of the tensors' elements in the protocol's binary form, where a byte string has its length before it; without names and shapes. */
export function tensorBytes(tensors: readonly Tensor[]): number {
  let bytes = 0;
  for (const { datatype, data } of tensors) {
    if (datatype !== 'BYTES') bytes += (data as Uint8Array).byteLength;
    else for (const element of data as readonly Uint8Array[]) bytes += 4 + element.byteLength;
  }
  return bytes;
}
