/** Triton's classification: which values are named, and at what cost. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Tensor } from '../../../runtimes/tensor.js';
import { classifiedElements, classify } from '../../../server/gateway/text/classification.js';
import { highest } from '../../../server/gateway/text/highest.js';
import { openInferenceText } from '../../../server/gateway/text/open-inference-text.js';

test('rows without classes are answered at once, however many they are', () => {
  // Of the processor, not of the clock: others may have it meanwhile.
  const before = process.cpuUsage();
  expect(classify({ name: 'y', datatype: 'FP32', shape: [2 ** 31 - 1, 0], data: new Float32Array(0) }, 1)).toEqual({
    name: 'y',
    datatype: 'BYTES',
    shape: [2 ** 31 - 1, 0],
    data: [],
  });
  expect(classify({ name: 'y', datatype: 'INT64', shape: [0, 7], data: new BigInt64Array(0) }, 1)).toMatchObject({ shape: [0, 0], data: [] });
  expect(classify({ name: 'y', datatype: 'FP32', shape: [0], data: new Float32Array(0) }, 1)).toMatchObject({ shape: [0], data: [] });
  expect(process.cpuUsage(before).user).toBeLessThan(1_000_000);
});

test('the highest are those that sorting everything finds', () => {
  const value = fc.oneof(fc.double(), fc.constantFrom(0, -0, 1, NaN, Infinity, -Infinity));
  fc.assert(
    fc.property(fc.array(value, { maxLength: 60 }), fc.nat({ max: 70 }), (list, count) => {
      const values = Float64Array.from(list);
      const ranks = [...values].map((each, index) => ({ each, index }));
      ranks.sort((a, b) => {
        if (Number.isNaN(a.each) || Number.isNaN(b.each)) return Number(Number.isNaN(a.each)) - Number(Number.isNaN(b.each)) || a.index - b.index;
        return a.each < b.each ? 1 : a.each > b.each ? -1 : a.index - b.index;
      });
      expect(highest(values, count)).toEqual(ranks.slice(0, count).map(({ index }) => index));
    }),
  );
  expect(highest(BigInt64Array.of(2n ** 60n, 2n ** 60n + 1n, -1n), 2)).toEqual([1, 0]);
});

test('one class of very many costs neither a sort nor memory for each', () => {
  const data = Float32Array.from({ length: 8_000_000 }, (_, i) => (i * 7_919) % 8_000_000);
  const before = process.memoryUsage().rss;
  expect(classify({ name: 'y', datatype: 'FP32', shape: [1, data.length], data }, 1).data).toHaveLength(1);
  // An index for each would be 64 MB, and sorting them as much again.
  expect(process.memoryUsage().rss - before).toBeLessThan(40_000_000);
});

test('half precision by value, row by row', () => {
  const tensor: Tensor = { name: 'y', datatype: 'FP16', shape: [2, 2], data: Uint16Array.of(0x3c00, 0xc000, 0xc000, 0x3c00) };
  expect(classify(tensor, 1)).toMatchObject({ shape: [2, 1], data: [Buffer.from('1.000000:0'), Buffer.from('1.000000:1')] });
});

test('more classes in all than a BYTES tensor may have are refused before they are made', () => {
  const tensor: Tensor = { name: 'y', datatype: 'INT8', shape: [2 ** 20 + 1, 1], data: new Int8Array(2 ** 20 + 1) };
  expect(() => classify(tensor, 1)).toThrow('tensor "y" has 1048577 BYTES elements; the limit is 1048576');
});

test('the work counts as text, also where the answer is binary', () => {
  const outputs: Tensor[] = [{ name: 'y', datatype: 'FP32', shape: [10, 1_000], data: new Float32Array(10_000) }];
  const form = (binary: boolean, classes: number) => ({ forms: [{ name: 'y', binary, classes, base64: false }], binaryOutputs: false });
  expect([true, false].map((binary) => openInferenceText.elements(outputs, form(binary, 5)))).toEqual([50 + 2_500, 50 + 2_500]);
  expect([true, false].map((binary) => openInferenceText.elements(outputs, form(binary, 0)))).toEqual([0, 10_000]);
  // Where a row has fewer, no more are written.
  expect(classifiedElements(outputs[0]!, 1_024)).toBe(12_500);
  expect(classifiedElements({ name: 'y', datatype: 'FP32', shape: [2 ** 31 - 1, 0], data: new Float32Array(0) }, 1)).toBe(0);
});
