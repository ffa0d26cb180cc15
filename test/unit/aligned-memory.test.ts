import { openSync, readFileSync, readSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { AlignedMemory } from '../../runtimes/onnx/aligned-memory.js';

/** Where bytes lie in this process, which JavaScript does not say: they are looked for, and then changed, so that copies of them do not count. */
function addressOf(bytes: Uint8Array): number {
  const memory = openSync('/proc/self/mem', 'r');
  const at = (address: number, length: number): Buffer => {
    const read = Buffer.allocUnsafeSlow(length);
    try {
      return read.subarray(0, readSync(memory, read, 0, length, address));
    } catch {
      // Given back to the system in the meantime.
      return Buffer.alloc(0);
    }
  };
  const mark = Buffer.from(Array.from({ length: 16 }, () => Math.floor(Math.random() * 256)));
  bytes.set(mark);
  const found: number[] = [];
  for (const [, from, to] of readFileSync('/proc/self/maps', 'utf8').matchAll(/^([0-9a-f]+)-([0-9a-f]+) rw/gm)) {
    for (let start = parseInt(from!, 16); start < parseInt(to!, 16); start += 2 ** 20) {
      const chunk = at(start, Math.min(2 ** 20, parseInt(to!, 16) - start));
      for (let i = chunk.indexOf(mark); i >= 0; i = chunk.indexOf(mark, i + 1)) found.push(start + i);
    }
  }
  const other = Buffer.from(mark).reverse();
  bytes.set(other);
  const [address] = found.filter((candidate) => at(candidate, 16).equals(other));
  return address!;
}

const bytes = (length: number) => ({ data: new Uint8Array(length) });

describe.runIf(process.platform === 'linux')('memory for inputs', () => {
  it.each([16, 100, 5_000, 65_536, 1_000_000, 70_000_000])('begins at a multiple of 64: %d bytes', (length) => {
    const memory = new AlignedMemory();
    const piece = memory.take([bytes(3), bytes(length)]);
    piece.copyOf('UINT8', new Uint8Array(3));
    expect(addressOf(piece.copyOf('UINT8', new Uint8Array(length))) % 64).toBe(0);
  });
});

it('copies tensors without overlap, and views them as what they are', () => {
  const tensors = [Float64Array.of(1, NaN, -0), new Uint8Array(0), Uint8Array.of(1, 0, 1), BigInt64Array.of(-1n), Float32Array.of(0.5)] as const;
  const piece = new AlignedMemory().take(tensors.map((data) => ({ data })));
  const datatypes = ['FP64', 'UINT8', 'BOOL', 'INT64', 'FP32'] as const;
  const copies = tensors.map((data, i) => piece.copyOf(datatypes[i]!, data));
  copies.forEach((copy, i) => expect(copy).toEqual(tensors[i]));
  expect(copies.map(({ byteOffset }) => byteOffset)).toEqual([0, 64, 64, 128, 192]);
});

it('gives no memory to two inferences at a time, and uses it again afterwards', () => {
  const memory = new AlignedMemory();
  const [first, second] = [memory.take([bytes(5_000)]), memory.take([bytes(5_000)])];
  expect(first.memory).not.toBe(second.memory);
  memory.giveBack(first);
  expect(memory.take([bytes(6_000)]).memory).toBe(first.memory);
  expect(memory.take([bytes(6_000)]).memory).not.toBe(second.memory);
});

it('keeps 64 MiB at most', () => {
  const memory = new AlignedMemory();
  const pieces = Array.from({ length: 20 }, () => memory.take([bytes(4_000_000)]));
  pieces.forEach((piece) => memory.giveBack(piece));
  const again = Array.from({ length: 20 }, () => memory.take([bytes(4_000_000)]).memory);
  expect(again.filter((buffer) => pieces.some((piece) => piece.memory === buffer))).toHaveLength(16);
});
