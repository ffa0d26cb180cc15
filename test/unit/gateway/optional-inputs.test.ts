import { describe, expect, it } from 'vitest';
import { assertInputs, type Signature, type Tensor } from '../../../runtimes/tensor.js';
import { BatchRule } from '../../../server/gateway/dispatch/batch-rule.js';
import { tensorsByColumn, tensorsByRow } from '../../../server/gateway/text/signature-values.js';

const signature: Signature = {
  inputs: [
    { name: 'x', datatype: 'FP32', shape: [-1, 2] },
    { name: 'scale', datatype: 'FP32', shape: [-1, 1], optional: true },
  ],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }],
};
const x: Tensor = { name: 'x', datatype: 'FP32', shape: [1, 2], data: Float32Array.of(1, 2) };
const scale: Tensor = { name: 'scale', datatype: 'FP32', shape: [1, 1], data: Float32Array.of(3) };

describe('an optional input', () => {
  it('may be given or left out, and a required one may not', () => {
    expect(() => assertInputs(signature, [x])).not.toThrow();
    expect(() => assertInputs(signature, [x, scale])).not.toThrow();
    expect(() => assertInputs(signature, [scale])).toThrow('input "x" is missing');
  });

  it('keeps a request that gives it from being merged: rows were compared without it', () => {
    const rule = new BatchRule(signature, { maxBatchSize: 8, maxDelayMs: 0 });
    expect(rule.keyOf({ inputs: [x] }, rule.rowsOf({ inputs: [x] }))).toBe('');
    expect(rule.rowsOf({ inputs: [x, scale] })).toBeUndefined();
    expect(rule.keyOf({ inputs: [x, scale] }, undefined)).toBeUndefined();
  });

  it('need not be named where only the required one is meant', () => {
    expect(tensorsByRow(signature, [[1, 2]]).map(({ name }) => name)).toEqual(['x']);
    expect(tensorsByRow(signature, [{ x: [1, 2] }]).map(({ name }) => name)).toEqual(['x']);
    expect(tensorsByRow(signature, [{ x: [1, 2], scale: [3] }]).map(({ name }) => name)).toEqual(['x', 'scale']);
    expect(() => tensorsByRow(signature, [{ x: [1, 2], scale: [3] }, { x: [1, 2] }])).toThrow('instances[1]: input "scale" is missing');
    expect(tensorsByColumn(signature, [[1, 2]]).map(({ name }) => name)).toEqual(['x']);
  });
});

it('an input of unknown rank is never merged', () => {
  const open = new BatchRule({ ...signature, inputs: [{ name: 'x', datatype: 'FP32', shape: null }] }, { maxBatchSize: 8, maxDelayMs: 0 });
  expect(open.rowsOf({ inputs: [x] })).toBeUndefined();
});
