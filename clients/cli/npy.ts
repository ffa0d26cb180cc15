/** NumPy's files: `.npy`, one array, and `.npz`, a zip archive of them. */
import { inflateRawSync } from 'node:zlib';
import type { Datatype } from '../../runtimes/tensor.js';
import { wrongUse } from './exit-codes.js';

export interface NumpyArray {
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: unknown[];
}

type Read = (view: DataView, at: number) => unknown;
const READERS: Readonly<Record<string, readonly [Datatype, number, Read]>> = {
  f8: ['FP64', 8, (view, at) => view.getFloat64(at, true)],
  f4: ['FP32', 4, (view, at) => view.getFloat32(at, true)],
  i1: ['INT8', 1, (view, at) => view.getInt8(at)],
  i2: ['INT16', 2, (view, at) => view.getInt16(at, true)],
  i4: ['INT32', 4, (view, at) => view.getInt32(at, true)],
  i8: ['INT64', 8, (view, at) => view.getBigInt64(at, true)],
  u1: ['UINT8', 1, (view, at) => view.getUint8(at)],
  u2: ['UINT16', 2, (view, at) => view.getUint16(at, true)],
  u4: ['UINT32', 4, (view, at) => view.getUint32(at, true)],
  u8: ['UINT64', 8, (view, at) => view.getBigUint64(at, true)],
  b1: ['BOOL', 1, (view, at) => view.getUint8(at) !== 0],
};

export function readNpy(bytes: Uint8Array, path: string): NumpyArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < 12 || bytes[0] !== 0x93 || Buffer.from(bytes.subarray(1, 6)).toString('latin1') !== 'NUMPY')
    throw wrongUse(`${path} is not a .npy file`);
  const long = bytes[6]! >= 2;
  const start = (long ? 12 : 10) + (long ? view.getUint32(8, true) : view.getUint16(8, true));
  const header = Buffer.from(bytes.subarray(long ? 12 : 10, start)).toString('latin1');
  const code = /'descr':\s*'([<>|=])(\w+)'/.exec(header);
  const shapeText = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1];
  const reader = code && READERS[code[2]!];
  if (!reader || shapeText === undefined || (code[1] === '>' && reader[1] > 1))
    throw wrongUse(`${path} holds ${code?.[2] ?? 'objects'}, which cannot be sent; save it with a little-endian number type`);
  if (/'fortran_order':\s*True/.test(header)) throw wrongUse(`${path} is in Fortran order; save numpy.ascontiguousarray(array)`);
  const shape = shapeText
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(Number);
  const [datatype, size, read] = reader;
  const count = shape.reduce((product, dimension) => product * dimension, 1);
  if (start + count * size > bytes.byteLength)
    throw wrongUse(`${path} is cut off: it has ${bytes.byteLength - start} bytes of data, and its shape needs ${count * size}`);
  return { datatype, shape, data: Array.from({ length: count }, (_, i) => read(view, start + i * size)) };
}

/** The arrays of a `.npz` file, by name. */
export function readNpz(bytes: Buffer, path: string): Record<string, NumpyArray> {
  const end = bytes.lastIndexOf(Buffer.from('PK\u0005\u0006', 'latin1'));
  if (end < 0) throw wrongUse(`${path} is not a .npz file`);
  const arrays: Record<string, NumpyArray> = {};
  let at = bytes.readUInt32LE(end + 16);
  for (let left = bytes.readUInt16LE(end + 10); left > 0; left--) {
    const [method, packed, nameLength, extraLength, commentLength, local] = [
      bytes.readUInt16LE(at + 10),
      bytes.readUInt32LE(at + 20),
      bytes.readUInt16LE(at + 28),
      bytes.readUInt16LE(at + 30),
      bytes.readUInt16LE(at + 32),
      bytes.readUInt32LE(at + 42),
    ];
    const name = bytes.toString('utf8', at + 46, at + 46 + nameLength);
    const data = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    const content = bytes.subarray(data, data + packed);
    arrays[name.replace(/\.npy$/, '')] = readNpy(method === 0 ? content : inflateRawSync(content), `${path}:${name}`);
    at += 46 + nameLength + extraLength + commentLength;
  }
  return arrays;
}
