/** Messages that the gateway writes itself: the answers to inferences, whose tensors are most of what it sends. */
import { promisify } from 'node:util';
import { deflate, gzip } from 'node:zlib';

/** How gRPC names what a message is compressed with; undefined for nothing. */
export type Encoding = 'gzip' | 'deflate';

const FRAME_HEAD = 5;
const compressors = { gzip: promisify(gzip), deflate: promisify(deflate) };

/**
 * A serialized message in parts. To its server grpc-js wants a Buffer here, of which it uses two things: how long it is, and that it
 * copies itself behind the five bytes of the frame's head. Doing just that copies tensors once instead of twice, and lets a
 * compressed message say so in the head, for which grpc-js has no option.
 */
export class WireMessage {
  readonly byteLength: number;

  constructor(
    private readonly parts: readonly Uint8Array[],
    private readonly compressed = false,
  ) {
    this.byteLength = parts.reduce((sum, part) => sum + part.byteLength, 0);
  }

  copy(target: Buffer, start: number): void {
    let at = start;
    for (const part of this.parts) {
      target.set(part, at);
      at += part.byteLength;
    }
    if (this.compressed) target[start - FRAME_HEAD] = 1;
  }

  /** Off this thread. */
  async compress(encoding: Encoding): Promise<WireMessage> {
    return new WireMessage([await compressors[encoding](Buffer.concat(this.parts))], true);
  }
}

/** Takes the fields of one message. */
export class ProtobufWriter {
  private buffer = Buffer.allocUnsafe(256);
  private at = 0;

  bytes(): Buffer {
    return this.buffer.subarray(0, this.at);
  }

  /** Leaves out what is empty, as proto3 does. */
  string(field: number, text: string): this {
    if (text !== '') this.block(field, Buffer.from(text));
    return this;
  }

  block(field: number, bytes: Uint8Array): this {
    this.head(field, bytes.byteLength);
    this.room(bytes.byteLength);
    this.buffer.set(bytes, this.at);
    this.at += bytes.byteLength;
    return this;
  }

  /** A list of non-negative integers, packed. */
  packed(field: number, values: readonly number[]): this {
    const list = new ProtobufWriter();
    for (const value of values) list.varint(value);
    return values.length === 0 ? this : this.block(field, list.bytes());
  }

  flag(field: number, value: boolean): this {
    this.varint(field << 3);
    this.varint(value ? 1 : 0);
    return this;
  }

  /** Of a field whose bytes follow somewhere else. */
  head(field: number, length: number): this {
    this.varint((field << 3) | 2);
    this.varint(length);
    return this;
  }

  /** @param value a non-negative safe integer */
  private varint(value: number): void {
    this.room(8);
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.buffer[this.at++] = (rest % 0x80) | 0x80;
    this.buffer[this.at++] = rest;
  }

  private room(bytes: number): void {
    if (this.at + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.at + bytes));
    this.buffer.copy(larger, 0, 0, this.at);
    this.buffer = larger;
  }
}
