/**
 * Reads protocol buffers field by field, as their wire format has it (protobuf.dev, "Encoding"), without making an object of
 * anything. Inference requests are read with this and not with a general decoder: that makes an object of every 64-bit integer
 * and every empty element before anyone can look at its size, and a message of 64 MiB can hold sixty million of them.
 */
import { TensorError } from '../../../runtimes/tensor.js';

export const WIRE = { VARINT: 0, FIXED64: 1, LENGTH: 2, FIXED32: 5 } as const;

/** Every method throws a TensorError where the bytes end too early or are no protocol buffer. */
export class ProtobufReader {
  /** How the field that `tag` met last is written. */
  wire = 0;
  /** The halves of the last varint, each as a signed 32-bit integer. */
  low = 0;
  high = 0;

  constructor(
    private readonly buffer: Buffer,
    private at = 0,
    private readonly end = buffer.length,
  ) {}

  get left(): number {
    return this.end - this.at;
  }

  /** The next field's number, or 0 at the end. */
  tag(): number {
    if (this.at === this.end) return 0;
    this.varint();
    this.wire = this.low & 7;
    const field = this.low >>> 3;
    if (field === 0 || this.high !== 0) throw malformed('the number of a field is not valid');
    return field;
  }

  varint(): void {
    let byte = this.next();
    this.low = byte & 0x7f;
    this.high = 0;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      if (shift > 63) throw malformed('a number has more than ten bytes');
      byte = this.next();
      const bits = byte & 0x7f;
      if (shift < 32) this.low |= bits << shift;
      if (shift > 28) this.high |= bits << (shift - 32);
      else if (shift === 28) this.high |= bits >>> 4;
    }
  }

  /** A signed 64-bit integer; beyond 2^53 it is not exact, and never a safe integer. */
  integer(): number {
    this.expect(WIRE.VARINT);
    this.varint();
    return this.signed;
  }

  get signed(): number {
    return this.high * 2 ** 32 + (this.low >>> 0);
  }

  get unsigned(): number {
    return (this.high >>> 0) * 2 ** 32 + (this.low >>> 0);
  }

  double(): number {
    this.expect(WIRE.FIXED64);
    return this.take(8).readDoubleLE();
  }

  string(): string {
    return this.bytes().toString('utf8');
  }

  /** A view, no copy. */
  bytes(): Buffer {
    this.expect(WIRE.LENGTH);
    return this.take(this.length());
  }

  /** The same, copied to a place in a buffer that has room for it. @returns how many they are */
  bytesInto(target: Buffer, at: number): number {
    this.expect(WIRE.LENGTH);
    const length = this.length();
    const start = this.at;
    this.advance(length);
    if (length > 0) this.buffer.copy(target, at, start, start + length);
    return length;
  }

  /** A message within this one, or a packed list. */
  message(): ProtobufReader {
    this.expect(WIRE.LENGTH);
    const length = this.length();
    const start = this.at;
    this.advance(length);
    return new ProtobufReader(this.buffer, start, start + length);
  }

  /** The next bytes, as they are. */
  take(length: number): Buffer {
    const start = this.at;
    this.advance(length);
    return this.buffer.subarray(start, start + length);
  }

  /** Passes over the field whose tag was read. */
  skip(): void {
    if (this.wire === WIRE.VARINT) this.varint();
    else if (this.wire === WIRE.FIXED64) this.advance(8);
    else if (this.wire === WIRE.FIXED32) this.advance(4);
    else if (this.wire === WIRE.LENGTH) this.advance(this.length());
    else throw malformed(`a field has the unknown wire type ${this.wire}`);
  }

  private expect(wire: number): void {
    if (this.wire !== wire) throw malformed(`a field has wire type ${this.wire}; it must have ${wire}`);
  }

  private length(): number {
    this.varint();
    if (this.high !== 0) throw malformed('a length goes beyond the end of the message');
    return this.low >>> 0;
  }

  private advance(bytes: number): void {
    if (bytes > this.end - this.at) throw malformed('it ends within a field');
    this.at += bytes;
  }

  private next(): number {
    if (this.at === this.end) throw malformed('it ends within a number');
    return this.buffer[this.at++]!;
  }
}

/** Looks at every field's length, which a general decoder may take for less than it says. @throws TensorError */
export function assertWellFormed(message: Buffer): void {
  const reader = new ProtobufReader(message);
  while (reader.tag() !== 0) reader.skip();
}

const malformed = (why: string): TensorError => new TensorError(`the message is not a well-formed protocol buffer: ${why}`);
