/** What counts as long of an answer that is nested text. */
import { expect, test } from 'vitest';
import { MAX_ELEMENTS_WRITTEN_HERE } from '../../../server/gateway/limits.js';
import { mlflowText } from '../../../server/gateway/protocols/mlflow-text.js';
import { tensorFlowServingText } from '../../../server/gateway/protocols/tensorflow-serving-text.js';
import { elementCount } from '../../../runtimes/tensor.js';

test.each([
  ['a scalar', [], 1],
  ['nothing', [0], 0],
  ['rows', [2, 3], 6],
  ['rows of nothing', [20_000_001, 0], 20_000_001],
  ['nothing of rows', [0, 20_000_001], 0],
  ['rows of rows of nothing', [2_000, 2_000, 0, 5], 4_000_000],
])('%s: %j counts %d', (_, shape, expected) => {
  const outputs = [{ name: 'y', datatype: 'FP32' as const, shape, data: new Float32Array(elementCount(shape)) }];
  for (const { elements } of [tensorFlowServingText, mlflowText]) for (const byRow of [true, false]) expect(elements(outputs, { byRow })).toBe(expected);
});

test('twenty million rows of nothing are not written between other requests', () => {
  const outputs = [{ name: 'y', datatype: 'FP32' as const, shape: [20_000_001, 0], data: new Float32Array(0) }];
  expect(tensorFlowServingText.elements(outputs, { byRow: true })).toBeGreaterThan(MAX_ELEMENTS_WRITTEN_HERE);
});
