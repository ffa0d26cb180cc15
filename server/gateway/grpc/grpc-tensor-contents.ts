/** The typed form of a tensor's data over gRPC, `InferTensorContents`: one list for each family of datatypes. */
import { PackedTensor } from '../../../runtimes/open-inference/packed-tensor.js';
import { allocate, assertBytesCount, bytesOf, elementCount, TensorError, type Datatype, type NumericData, type Tensor } from '../../../runtimes/tensor.js';
import { WIRE, type ProtobufReader } from './protobuf-reader.js';

const FIELDS = [
  '',
  'bool_contents',
  'int_contents',
  'int64_contents',
  'uint_contents',
  'uint64_contents',
  'fp32_contents',
  'fp64_contents',
  'bytes_contents',
] as const;

/** Integers are read one by one, and everybody else waits. */
const MAX_VARINTS = 4 * 1024 * 1024;

const FIELD_OF: Readonly<Record<Exclude<Datatype, 'FP16'>, number>> = {
  BOOL: 1,
  INT8: 2,
  INT16: 2,
  INT32: 2,
  INT64: 3,
  UINT8: 4,
  UINT16: 4,
  UINT32: 4,
  UINT64: 5,
  FP32: 6,
  FP64: 7,
  BYTES: 8,
};

/**
 * @param contents the message, in as many parts as it came (a field that comes twice is one message, merged)
 * @throws TensorError that names the tensor, what is wrong with its data, and what would be right
 */
export function tensorFromContents(name: string, datatype: Datatype, shape: readonly number[], contents: readonly ProtobufReader[]): Tensor {
  const where = `input "${name}"`;
  if (datatype === 'FP16') throw new TensorError(`${where}: FP16 has no typed contents; send it in raw_input_contents`);
  const count = elementCount(shape);
  const bytes = contents.reduce((sum, part) => sum + part.left, 0);
  // Before anything is allocated: every element takes a byte at least.
  if (count > bytes) throw new TensorError(`${where}: shape [${shape.join(', ')}] needs ${count} elements, its contents have fewer`);
  if (datatype === 'BYTES') assertBytesCount(name, count);
  else if (!datatype.startsWith('FP') && count > MAX_VARINTS)
    throw new TensorError(`${where}: ${count} elements as typed contents; the limit is ${MAX_VARINTS}: send them in raw_input_contents`);
  const filler = datatype === 'BYTES' ? new BytesFiller(count, bytes) : new NumberFiller(datatype, allocate(datatype, count));
  const wanted = FIELD_OF[datatype];
  try {
    for (const part of contents) {
      for (let field = part.tag(); field !== 0; field = part.tag()) {
        if (field === wanted) filler.take(part);
        else if (field < FIELDS.length && !isEmptyList(part))
          throw new TensorError(`the values of ${datatype} go into ${FIELDS[wanted]}, not into ${FIELDS[field]}`);
        else if (field >= FIELDS.length) part.skip();
      }
    }
    if (filler.at < count) throw new TensorError(`shape [${shape.join(', ')}] needs ${count} elements, its contents have ${filler.at}`);
  } catch (error) {
    throw error instanceof TensorError ? new TensorError(`${where}: ${error.message}`) : error;
  }
  return filler.tensor(name, shape);
}

/** Some writers put an empty list where they have nothing to say. Passes over the field. */
function isEmptyList(reader: ProtobufReader): boolean {
  if (reader.wire !== WIRE.LENGTH) return false;
  return reader.bytes().length === 0;
}

/** Packs elements as they come: a million of them as objects would take a second. */
class BytesFiller {
  at = 0;
  private end = 0;
  private readonly packed: Buffer;

  /** @param contentBytes of the message, where each element has two bytes at least beside its own */
  constructor(
    private readonly count: number,
    contentBytes: number,
  ) {
    this.packed = Buffer.allocUnsafe(contentBytes + 2 * count);
  }

  take(reader: ProtobufReader): void {
    if (this.at++ === this.count) throw tooMany(this.count);
    const length = reader.bytesInto(this.packed, this.end + 4);
    this.packed.writeUInt32LE(length, this.end);
    this.end += 4 + length;
  }

  tensor(name: string, shape: readonly number[]): Tensor {
    return PackedTensor.from(name, shape, this.packed.subarray(0, this.end), this.count);
  }
}

class NumberFiller {
  at = 0;
  private readonly raw: Uint8Array;
  private readonly words: Int32Array;

  constructor(
    private readonly datatype: Exclude<Datatype, 'FP16' | 'BYTES'>,
    private readonly data: NumericData,
  ) {
    this.raw = bytesOf(data);
    this.words = new Int32Array(data.buffer, data.byteOffset, data.BYTES_PER_ELEMENT === 8 ? data.length * 2 : 0);
  }

  tensor(name: string, shape: readonly number[]): Tensor {
    return { name, datatype: this.datatype, shape, data: this.data };
  }

  /** One element, or a packed list of them. */
  take(reader: ProtobufReader): void {
    const { datatype } = this;
    if (datatype === 'FP32' || datatype === 'FP64') {
      if (reader.wire === WIRE.LENGTH) return this.block(reader.bytes());
      const wire = datatype === 'FP32' ? WIRE.FIXED32 : WIRE.FIXED64;
      if (reader.wire !== wire) throw new TensorError(`an element has wire type ${reader.wire}; it must have ${wire}`);
      return this.block(reader.take(this.data.BYTES_PER_ELEMENT));
    }
    if (reader.wire === WIRE.VARINT) return this.element(reader);
    const list = reader.message();
    while (list.left > 0) this.element(list);
  }

  private block(bytes: Buffer): void {
    const size = this.data.BYTES_PER_ELEMENT;
    if (bytes.length % size !== 0) throw new TensorError(`${bytes.length} bytes are not a whole number of ${this.datatype} elements`);
    if (this.at + bytes.length / size > this.data.length) throw tooMany(this.data.length);
    this.raw.set(bytes, this.at * size);
    this.at += bytes.length / size;
  }

  private element(reader: ProtobufReader): void {
    const { at, data, datatype } = this;
    if (at === data.length) throw tooMany(data.length);
    reader.varint();
    if (datatype === 'INT64' || datatype === 'UINT64') {
      this.words[2 * at] = reader.low;
      this.words[2 * at + 1] = reader.high;
    } else if (datatype === 'BOOL') data[at] = reader.low !== 0 || reader.high !== 0 ? 1 : 0;
    else {
      const value = datatype.startsWith('U') ? reader.unsigned : reader.signed;
      data[at] = value;
      if (data[at] !== value) throw new TensorError(`element ${at} is ${value}, which ${datatype} cannot hold`);
    }
    this.at++;
  }
}

const tooMany = (count: number): TensorError => new TensorError(`its shape needs ${count} elements, its contents have more`);
