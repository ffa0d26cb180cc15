import { expect, test } from 'vitest';
import { packBytes, tensorFromBytes } from '../../../runtimes/open-inference/message.js';
import type { Signature, Tensor } from '../../../runtimes/tensor.js';
import { BatchRule } from '../../../server/gateway/dispatch/batch-rule.js';
import { fitShapes } from '../../../server/gateway/dispatch/fit-shape.js';

const spec = (name: string, ...shape: number[]) => ({ name, datatype: 'FP32', shape }) as const;
const tensor = (name: string, ...shape: number[]): Tensor => ({ name, datatype: 'FP32', shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) });
const fitted = (wanted: number[], given: number[]): readonly number[] =>
  fitShapes({ inputs: [tensor('x', ...given)] }, { inputs: [spec('x', ...wanted)], outputs: [] }).inputs[0]!.shape;

test.each([
  ['a column', [-1], [3, 1], [3]],
  ['a column of a fixed size', [3], [3, 1], [3]],
  ['no rows', [-1], [0, 1], [0]],
  ['a scalar', [], [1], []],
  ['more dimensions', [-1, 4], [2, 4, 1], [2, 4]],
  ['what fits as it is', [-1, 1], [3, 1], [3, 1]],
  ['another size', [4], [3, 1], [3, 1]],
  ['another last dimension', [-1], [1, 3], [1, 3]],
  ['two dimensions more', [-1], [3, 1, 1], [3, 1, 1]],
])('%s: signature %j, given %j, taken as %j', (_what, wanted, given, taken) => {
  expect(fitted(wanted, given)).toEqual(taken);
});

test('inputs are told by name, strings keep their bytes, and nothing is copied where nothing changes', () => {
  const signature: Signature = { inputs: [spec('a', -1), { name: 'b', datatype: 'BYTES', shape: [-1] }], outputs: [] };
  const packed = packBytes([Buffer.from('one'), Buffer.from('two')]);
  const text = tensorFromBytes('b', 'BYTES', [2, 1], packed);
  const plain = { inputs: [tensor('a', 2)] };
  expect(fitShapes(plain, signature)).toBe(plain);
  const { inputs } = fitShapes({ inputs: [text, tensor('a', 2, 1), tensor('c', 2, 1)] }, signature);
  expect(inputs.map(({ name, shape }) => [name, shape])).toEqual([
    ['b', [2]],
    ['a', [2]],
    ['c', [2, 1]],
  ]);
  expect((inputs[0]!.data as Uint8Array[]).map(String)).toEqual(['one', 'two']);
});

test('a column and a vector are merged: they are the same by then', () => {
  const signature: Signature = { inputs: [spec('x', -1)], outputs: [] };
  const rule = new BatchRule(signature, { maxBatchSize: 8, maxDelayMs: 0 });
  const keyOf = (...shape: number[]) => {
    const request = fitShapes({ inputs: [tensor('x', ...shape)] }, signature);
    return [rule.rowsOf(request), rule.keyOf(request, rule.rowsOf(request))];
  };
  expect(keyOf(3, 1)).toEqual([3, '']);
  expect(keyOf(3)).toEqual(keyOf(3, 1));
});
