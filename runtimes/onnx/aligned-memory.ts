/**
 * Memory for a model's inputs, at addresses that are multiples of 64. ONNX Runtime's kernels read inputs where they lie, and some sum in
 * another order, and so round differently, at another address (docs/decisions/0034-aligned-inputs.md).
 *
 * JavaScript cannot ask for an address. But a resizable ArrayBuffer gets pages of its own from the operating system, so it begins at the start
 * of a page; an ordinary one begins wherever the allocator finds room. Fresh pages cost more than the copy into them: pieces are used again.
 */
import { bytesOf, elementSize, type NumericData, type NumericDatatype, type TensorDataOf, viewOf } from '../tensor.js';

const ALIGNMENT = 64;
const SMALLEST_PIECE = 4096;
/** What is kept for later inferences; what one inference takes beyond it is given back to the system. */
const KEPT_BYTES = 64 * 1024 ** 2;

const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

export class AlignedMemory {
  /** By their size, which is a power of two. */
  private readonly free = new Map<number, ArrayBuffer[]>();
  private kept = 0;

  /** @param tensors of one inference. To be given back when the library reads them no more. */
  take(tensors: readonly { readonly data: unknown }[]): AlignedPiece {
    let bytes = 0;
    for (const { data } of tensors) if (ArrayBuffer.isView(data)) bytes += aligned(data.byteLength);
    const size = Math.max(SMALLEST_PIECE, 2 ** Math.ceil(Math.log2(bytes)));
    const known = this.free.get(size)?.pop();
    if (known) this.kept -= size;
    // The larger ones are seldom kept: they need not be of a size that fits others.
    const length = size > KEPT_BYTES ? bytes : size;
    return new AlignedPiece(known ?? new ArrayBuffer(length, { maxByteLength: length }));
  }

  giveBack({ memory }: AlignedPiece): void {
    const size = memory.byteLength;
    if (this.kept + size > KEPT_BYTES) return;
    this.kept += size;
    const others = this.free.get(size);
    if (others) others.push(memory);
    else this.free.set(size, [memory]);
  }
}

/** The inputs of one inference. */
export class AlignedPiece {
  private used = 0;

  constructor(readonly memory: ArrayBuffer) {}

  /** The same elements in this memory. */
  copyOf<D extends NumericDatatype>(datatype: D, data: NumericData): TensorDataOf[D] {
    const bytes = new Uint8Array(this.memory, this.used, data.length * elementSize(datatype));
    bytes.set(bytesOf(data));
    this.used += aligned(bytes.length);
    return viewOf(datatype, bytes);
  }
}
