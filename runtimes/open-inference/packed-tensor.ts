/**
 * A BYTES tensor as it goes over the wire: for each element a uint32 length and the bytes. Its elements become objects when somebody
 * asks for `data`, which a replica does and the gateway, for what it only passes on, does not: a million of them take a second.
 */
import { TensorError, type Tensor } from '../tensor.js';

export class PackedTensor implements Tensor {
  readonly datatype = 'BYTES';
  private elements: readonly Uint8Array[] | undefined;
  /** The element that was looked up last, and where it begins: a tensor is cut into parts from its front to its end. */
  private element = 0;
  private at = 0;

  private constructor(
    readonly name: string,
    readonly shape: readonly number[],
    readonly packed: Buffer,
    readonly count: number,
  ) {}

  /** @throws TensorError unless the bytes hold exactly `count` elements. */
  static from(name: string, shape: readonly number[], bytes: Uint8Array, count: number): PackedTensor {
    const packed = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { length } = packed;
    let at = 0;
    for (let element = 0; element < count; element++) {
      if (at + 4 > length) throw new TensorError(`BYTES data ends after ${element} of ${count} elements`);
      const end = at + 4 + packed.readUInt32LE(at);
      if (end > length) throw new TensorError(`BYTES element ${element} claims to end at byte ${end} of ${length}`);
      at = end;
    }
    if (at !== length) throw new TensorError(`BYTES data has ${length - at} bytes after its ${count} elements`);
    return new PackedTensor(name, shape, packed, count);
  }

  get data(): readonly Uint8Array[] {
    return (this.elements ??= this.unpack());
  }

  /** The elements from `from` up to `to`, as a tensor of that shape; a view. */
  part(shape: readonly number[], from: number, to: number): PackedTensor {
    const start = this.startOf(from);
    return new PackedTensor(this.name, shape, this.packed.subarray(start, this.startOf(to)), to - from);
  }

  /** The same elements; the shape must have as many. */
  withShape(shape: readonly number[]): PackedTensor {
    return new PackedTensor(this.name, shape, this.packed, this.count);
  }

  private unpack(): readonly Uint8Array[] {
    const { packed } = this;
    const elements: Uint8Array[] = [];
    for (let at = 0; at < packed.length;) {
      const end = at + 4 + packed.readUInt32LE(at);
      elements.push(packed.subarray(at + 4, end));
      at = end;
    }
    return elements;
  }

  private startOf(element: number): number {
    if (element < this.element) this.element = this.at = 0;
    for (; this.element < element; this.element++) this.at += 4 + this.packed.readUInt32LE(this.at);
    return this.at;
  }
}
