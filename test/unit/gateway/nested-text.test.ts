/** What counts as long of an answer that is text. */
import { expect, test } from 'vitest';
import { MAX_ELEMENTS_WRITTEN_HERE } from '../../../server/gateway/limits.js';
import { mlflowText } from '../../../server/gateway/text/mlflow-text.js';
import { openInferenceText } from '../../../server/gateway/text/open-inference-text.js';
import { tensorFlowServingText } from '../../../server/gateway/text/tensorflow-serving-text.js';
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

test('a text that is not UTF-8 is refused with what would be right, and not with what the protocol cannot do', () => {
  const outputs = [{ name: 'y', datatype: 'BYTES' as const, shape: [1], data: [Buffer.of(0xff)] }];
  for (const { write } of [tensorFlowServingText, mlflowText])
    expect(() => write(outputs, { byRow: true }, { model: 'm', version: 1 })).toThrow(
      'output "y": element 0 has bytes that are not UTF-8, which JSON cannot represent; ask over the Open Inference Protocol (/v2, or gRPC), which has binary data',
    );
});

test('one string of a megabyte is not one number', () => {
  const outputs = [{ name: 's', datatype: 'BYTES' as const, shape: [1, 1], data: [Buffer.alloc(1024 * 1024, 1)] }];
  const written = [
    openInferenceText.elements(outputs, { forms: undefined, binaryOutputs: false }),
    tensorFlowServingText.elements(outputs, { byRow: true }),
    mlflowText.elements(outputs, { byRow: false }),
  ];
  for (const elements of written) expect(elements).toBeGreaterThan(MAX_ELEMENTS_WRITTEN_HERE);
  expect(openInferenceText.elements(outputs, { forms: undefined, binaryOutputs: true })).toBe(0);
});

test('short strings count as numbers do, and are written at once', () => {
  const outputs = [{ name: 's', datatype: 'BYTES' as const, shape: [8_000, 1], data: new Array<Buffer>(8_000).fill(Buffer.from('word')) }];
  expect(tensorFlowServingText.elements(outputs, { byRow: true })).toBeLessThanOrEqual(MAX_ELEMENTS_WRITTEN_HERE);
});
