import { expect, test } from 'vitest';
import type { LoadedModel } from '../../../runtimes/contract.js';
import { underRecordedNames } from '../../../runtimes/host/recorded-names.js';
import { PackedTensor } from '../../../runtimes/open-inference/packed-tensor.js';
import type { Signature, Tensor, TensorSpec } from '../../../runtimes/tensor.js';

const spec = (name: string, shape: readonly number[] = [-1]): TensorSpec => ({ name, datatype: 'FP32', shape });
const tensor = (name: string, ...values: number[]): Tensor => ({ name, datatype: 'FP32', shape: [values.length], data: Float32Array.from(values) });
const signature = (inputs: TensorSpec[], outputs: TensorSpec[]): Signature => ({ inputs, outputs });

/** `difference` = `a` - `b`, and `a` itself. */
const own = signature([spec('a'), spec('b')], [spec('difference'), spec('copy')]);
const model: LoadedModel = {
  signature: own,
  backend: 'test',
  infer: (inputs, requested = ['difference', 'copy']) => {
    const [a, b] = ['a', 'b'].map((name) => inputs.find((input) => input.name === name)!.data[0] as number);
    return Promise.resolve(requested.map((name) => tensor(name, name === 'copy' ? a! : a! - b!)));
  },
  dispose: () => Promise.resolve(),
};
const never = new AbortController().signal;

test('a model goes by the names that its version was validated with', async () => {
  const recorded = signature([spec('undefined_0'), spec('b')], [spec('undefined_1'), spec('copy')]);
  const renamed = underRecordedNames(model, recorded);
  expect(renamed.signature).toEqual(recorded);
  expect(await renamed.infer([tensor('b', 2), tensor('undefined_0', 5)], undefined, never)).toEqual([tensor('undefined_1', 3), tensor('copy', 5)]);
  expect(await renamed.infer([tensor('b', 2), tensor('undefined_0', 5)], ['copy', 'undefined_1'], never)).toEqual([
    tensor('copy', 5),
    tensor('undefined_1', 3),
  ]);
});

test('an input of texts that came packed reaches the model whole', async () => {
  const texts = { name: 'texts', datatype: 'BYTES', shape: [1] } as const;
  const echo: LoadedModel = { ...model, signature: signature([texts], [texts]), infer: ([given]) => Promise.resolve([{ ...texts, data: given!.data }]) };
  const renamed = underRecordedNames(echo, signature([{ ...texts, name: 'words' }], [texts]));
  const packed = PackedTensor.from('words', [1], Buffer.from([2, 0, 0, 0, 104, 105]), 1);
  expect(await renamed.infer([packed], undefined, never)).toEqual([{ ...texts, data: [Buffer.from('hi')] }]);
});

test.each<[string, Signature | null]>([
  ['nothing was recorded', null],
  ['the same was recorded', own],
  ['only what validation adds differs', signature([{ ...spec('a'), sampleShape: [8] }, spec('b')], own.outputs as TensorSpec[])],
  ['the order differs: a name must not lead to another tensor', signature([spec('b'), spec('a')], own.outputs as TensorSpec[])],
  ['a shape differs', signature([spec('x', [-1, 2]), spec('b')], own.outputs as TensorSpec[])],
  ['a number differs', signature([spec('x')], own.outputs as TensorSpec[])],
])('its own names hold where %s', (_title, recorded) => {
  expect(underRecordedNames(model, recorded)).toBe(model);
});
