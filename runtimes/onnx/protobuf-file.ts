/** Protocol buffers in a file, field by field (protobuf.dev, "Encoding"): what is not asked for is passed over and never in memory. */
import { readSync } from 'node:fs';

const WIRE = { VARINT: 0, FIXED64: 1, LENGTH: 2, FIXED32: 5 };

/** A field's number, where its tag begins, and where its content lies. */
export interface Field {
  readonly number: number;
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

/** Bytes, or where they lie in the file. */
export type Part = Uint8Array | Pick<Field, 'start' | 'end'>;

export const lengthOf = (parts: readonly Part[]): number =>
  parts.reduce((sum, part) => sum + (part instanceof Uint8Array ? part.length : part.end - part.start), 0);

const WINDOW_BYTES = 4096;

export class ProtobufFile {
  private readonly window = Buffer.alloc(WINDOW_BYTES);
  private windowStart = 0;
  private windowLength = 0;
  private at = 0;

  /** @param file a descriptor that stays open meanwhile */
  constructor(private readonly file: number) {}

  /** The fields between two places of the file. @throws Error where there are none */
  *fields(start: number, end: number): Generator<Field> {
    let next = start;
    while (next < end) {
      const tag = next;
      this.at = tag;
      const key = this.varint();
      const length = this.contentLength(key % 8);
      const start = this.at;
      next = start + length;
      yield { number: Math.floor(key / 8), tag, start, end: next };
    }
  }

  find(within: Field, number: number): Field | undefined {
    for (const field of this.fields(within.start, within.end)) if (field.number === number) return field;
    return undefined;
  }

  /** One number, or a packed list of them. */
  numbers({ start, end }: Field): number[] {
    const numbers: number[] = [];
    for (this.at = start; this.at < end;) numbers.push(this.varint());
    return numbers;
  }

  text({ start, end }: Field): string {
    return this.bytes(start, end).toString();
  }

  bytes(start: number, end: number): Buffer {
    return this.joined([{ start, end }]);
  }

  /** One after the other, each read to its place: models are large. */
  joined(parts: readonly Part[]): Buffer {
    const bytes = Buffer.allocUnsafe(lengthOf(parts));
    let at = 0;
    for (const part of parts) {
      if (part instanceof Uint8Array) bytes.set(part, at);
      else this.readInto(bytes.subarray(at, at + part.end - part.start), part.start);
      at += lengthOf([part]);
    }
    return bytes;
  }

  private readInto(bytes: Buffer, start: number): void {
    // One call reads 2 GiB at most.
    for (let read = 0; read < bytes.length;) {
      const more = readSync(this.file, bytes, read, Math.min(bytes.length - read, 2 ** 30), start + read);
      if (more === 0) throw new Error('the file ends within a field');
      read += more;
    }
  }

  /** How many bytes of content come next. */
  private contentLength(wire: number): number {
    if (wire === WIRE.LENGTH) return this.varint();
    if (wire === WIRE.FIXED64) return 8;
    if (wire === WIRE.FIXED32) return 4;
    if (wire !== WIRE.VARINT) throw new Error(`a field has the wire type ${wire}`);
    const start = this.at;
    this.varint();
    const length = this.at - start;
    this.at = start;
    return length;
  }

  private varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte % 128) * scale;
      if (byte < 128) return value;
    }
  }

  private byte(): number {
    if (this.at < this.windowStart || this.at >= this.windowStart + this.windowLength) {
      this.windowStart = this.at;
      this.windowLength = readSync(this.file, this.window, 0, WINDOW_BYTES, this.at);
      if (this.windowLength === 0) throw new Error('the file ends within a field');
    }
    return this.window[this.at++ - this.windowStart]!;
  }
}

/** What begins a field of bytes, or of a message, of this length. */
export const fieldHeader = (number: number, length: number): Buffer => Buffer.concat([varint(number * 8 + WIRE.LENGTH), varint(length)]);

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}
