/** What a generated module says of a model, and how a changed signature is told. */
import { expect, test } from 'vitest';
import { differences, readSignatures, signaturesLine, type GeneratedModel } from '../../clients/cli/generate/model.js';
import { pythonModule } from '../../clients/cli/generate/python.js';
import { typescriptModule } from '../../clients/cli/generate/typescript.js';
import { typedInput, typedOutputs } from '../../clients/typescript/src/index.js';

const churn: GeneratedModel = {
  project: 'default',
  name: 'churn',
  endpoint: 'churn',
  inputs: [
    { name: 'age', datatype: 'FP32', shape: [-1, 1] },
    { name: 'plan', datatype: 'BYTES', shape: [-1, 1] },
  ],
  outputs: [{ name: 'label', datatype: 'INT64', shape: [-1] }],
};
const [age, plan] = churn.inputs as [GeneratedModel['inputs'][0], GeneratedModel['inputs'][0]];

test.each([
  ['nothing', churn, []],
  ['another datatype', { ...churn, inputs: [{ ...age, datatype: 'FP64' }, plan] }, ['churn: input "age" was FP32 [any, 1] and is FP64 [any, 1]']],
  ['another shape', { ...churn, outputs: [{ ...churn.outputs[0]!, shape: null }] }, ['churn: output "label" was INT64 [any] and is INT64 of any shape']],
  ['another name', { ...churn, inputs: [age, { ...plan, name: 'tariff' }] }, ['churn: input "tariff" BYTES [any, 1] is new', 'churn: input "plan" is gone']],
  ['another model', { ...churn, endpoint: 'risk' }, ['risk is new', 'churn was removed']],
])('%s changed', (_what, now, expected) => {
  for (const write of [typescriptModule, pythonModule]) expect(differences(readSignatures(write([churn]))!, [now])).toEqual(expected);
});

test('names that are no identifiers, keywords and comments are written so that they stand', () => {
  const odd: GeneratedModel = { ...churn, name: 'class', endpoint: 'vision.class', inputs: [{ name: 'a b*/', datatype: 'INT64', shape: [] }] };
  expect(typescriptModule([odd])).toContain('readonly "a b*/": TypedInput<BigInt64Array, readonly []>;');
  expect(pythonModule([odd, { ...odd, endpoint: 'class' }])).toMatch(/def vision_class\([\s\S]*a_b__: np\.ndarray\[tuple\[\(\)\], [\s\S]*def class_\(/);
  expect(readSignatures('export const x = 1;')).toBeUndefined();
  expect(readSignatures(signaturesLine([odd]))).toHaveProperty(['vision.class', 'inputs', '0', 'name'], 'a b*/');
});

test('an input gets the shape that follows from its elements', () => {
  expect(typedInput('x', new Float32Array(8), 'FP32', [-1, 4]).shape).toEqual([2, 4]);
  expect(typedInput('x', ['a', 'b'], 'BYTES', [-1]).shape).toEqual([2]);
  expect(typedInput('x', new Float32Array(8), 'FP32', null).shape).toEqual([8]);
  expect(typedInput('x', { data: new Float32Array(8), shape: [4, 2] }, 'FP32', [-1, -1]).shape).toEqual([4, 2]);
});

test.each([
  [new Float32Array(7), [-1, 4], 'input "x" has 7 elements; the model takes FP32 [any, 4]'],
  [new Float32Array(7), [2, 4], 'input "x" has 7 elements; the model takes FP32 [2, 4]'],
  [new Float32Array(8), [-1, -1], 'input "x" needs its shape: the model takes FP32 [any, any]; give { data, shape }'],
  [{ data: new Float32Array(8), shape: [8] }, [-1, 4], 'input "x" has the shape [8]; the model takes FP32 [any, 4]'],
  [{ data: new Float32Array(8), shape: [4, 2] }, [-1, 4], 'input "x" has the shape [4, 2]; the model takes FP32 [any, 4]'],
])('an input of %o for %j is refused', (input, shape, message) => {
  expect(() => typedInput('x', input, 'FP32', shape)).toThrow(expect.objectContaining({ code: 'INVALID', message }));
});

test('outputs of another datatype are refused', () => {
  const outputs = { label: { name: 'label', datatype: 'FP32', shape: [1], data: new Float32Array(1) } } as const;
  expect(typedOutputs('churn', outputs, { label: 'FP32' })).toBe(outputs);
  const message = 'the output "label" of churn is FP32, and this module was generated for INT64; run "pilothouse generate" again';
  expect(() => typedOutputs('churn', outputs, { label: 'INT64' })).toThrow(expect.objectContaining({ code: 'FAILED_PRECONDITION', message }));
});
