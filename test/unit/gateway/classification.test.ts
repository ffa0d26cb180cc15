/** Triton's classification: which values are named, and at what cost. */
import { expect, test } from 'vitest';
import { classify } from '../../../server/gateway/protocols/classification.js';

test('rows without classes are answered at once, however many they are', () => {
  const before = performance.now();
  expect(classify({ name: 'y', datatype: 'FP32', shape: [2 ** 31 - 1, 0], data: new Float32Array(0) }, 1)).toEqual({
    name: 'y',
    datatype: 'BYTES',
    shape: [2 ** 31 - 1, 0],
    data: [],
  });
  expect(classify({ name: 'y', datatype: 'INT64', shape: [0, 7], data: new BigInt64Array(0) }, 1)).toMatchObject({ shape: [0, 0], data: [] });
  expect(classify({ name: 'y', datatype: 'FP32', shape: [0], data: new Float32Array(0) }, 1)).toMatchObject({ shape: [0], data: [] });
  expect(performance.now() - before).toBeLessThan(1_000);
});
