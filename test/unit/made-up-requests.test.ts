import { describe, expect, it } from 'vitest';
import { answerMadeUp, answerRecorded } from '../../runtimes/host/made-up-sample.js';
import { fillings, inputsFromSignature, requestOf, suggestedFillings, withRequest } from '../../runtimes/made-up-requests.js';
import type { LoadedModel } from '../../runtimes/contract.js';
import type { Signature, Tensor } from '../../runtimes/tensor.js';

const images: Signature = {
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, -1, -1], symbols: ['n', 'c', null] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: null }],
};
const shapesOf = (signature: Signature): (readonly number[])[] => fillings(signature).map((filling) => requestOf(signature, filling)[0]!.shape);

describe('requests made from a signature', () => {
  it('begin with ones, then leave the first dimension alone', () => {
    expect(shapesOf(images).slice(0, 3)).toEqual([
      [1, 1, 1],
      [1, 8, 8],
      [1, 16, 16],
    ]);
  });

  it('try integers of 0 after everything with 1, and are made again from what was found', () => {
    const indexed: Signature = {
      inputs: [
        { name: 'x', datatype: 'FP32', shape: [-1, -1] },
        { name: 'i', datatype: 'INT32', shape: [2] },
        { name: 'n', datatype: 'INT64', shape: [1], optional: true },
      ],
      outputs: [],
    };
    const all = fillings(indexed).map((filling) => requestOf(indexed, filling).map(({ data }) => Number(data[0])));
    expect(all.slice(0, all.length / 2).every(([x, i]) => x === 1 && i === 1)).toBe(true);
    expect(all.slice(all.length / 2).every(([x, i]) => x === 1 && i === 0)).toBe(true);
    const found = fillings(indexed)[all.length / 2 + 1]!;
    expect(inputsFromSignature(withRequest(indexed, found))).toEqual(requestOf(indexed, found));
  });

  it('never have an input of more than four million elements', () => {
    const cube: Signature = { inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, -1, -1, -1] }], outputs: [] };
    expect(shapesOf(cube).every((shape) => shape.reduce((a, b) => a * b, 1) <= 4 * 1024 ** 2)).toBe(true);
    expect(shapesOf(cube)).toContainEqual([512, 1, 1, 1]);
  });

  it('leave out what has a default, and use the shapes that a validation found', () => {
    const signature: Signature = {
      inputs: [
        { name: 'x', datatype: 'FP32', shape: [-1, -1], sampleShape: [1, 8] },
        { name: 'b', datatype: 'FP32', shape: [2], optional: true },
      ],
      outputs: [],
    };
    expect(inputsFromSignature(signature).map(({ name, shape }) => [name, shape])).toEqual([['x', [1, 8]]]);
  });

  it.each([
    ['Input channels C is not equal to kernel channels * group. C: 1 kernel channels: 3 group: 1', 3],
    ['Got: 1 Expected: 28 Please fix either the inputs', 28],
    ['requested shape:{-1,48}', 48],
    ['element_wise_ops.h:563 axis == 1 was false. 24 by 1', 24],
  ])('take a size from "%s"', (message, size) => {
    const found = suggestedFillings(images, fillings(images)[0]!, message).map((filling) => requestOf(images, filling)[0]!.shape);
    expect(found).toContainEqual([1, size, 1]);
    expect(found.flat()).not.toContain(563);
  });
});

describe('a model without a sample', () => {
  const model = (answers: (x: Tensor) => boolean, message: (x: Tensor) => string): LoadedModel => ({
    signature: images,
    backend: 'test',
    infer: ([x]) => (answers(x!) ? Promise.resolve([{ ...x!, name: 'y' }]) : Promise.reject(new Error(message(x!)))),
    dispose: () => Promise.resolve(),
  });
  const never = new AbortController().signal;

  it('is asked with sizes that the runtime names one after the other', async () => {
    const picky = model(
      ({ shape: [, c, w] }) => c === 3 && w === 29,
      ({ shape: [, c] }) => (c === 3 ? 'width must be 29' : 'channels must be 3'),
    );
    const { inputs, signature } = await answerMadeUp(picky, never);
    expect(inputs[0]!.shape.slice(1)).toEqual([3, 29]);
    expect(signature.inputs[0]!.sampleShape).toEqual(inputs[0]!.shape);
  });

  it('is asked with a scalar again where it was recorded with one, though it may take any shape', async () => {
    const open: Signature = { ...images, inputs: [{ name: 'x', datatype: 'FP32', shape: null }] };
    const scalar: LoadedModel = { ...model(({ shape }) => shape.length === 0, String), signature: open };
    const recorded: Signature = { ...images, inputs: [{ name: 'x', datatype: 'FP32', shape: [] }] };
    expect((await answerRecorded(scalar, recorded, never)).inputs).toMatchObject([{ name: 'x', shape: [] }]);
  });

  it('keeps its signature as it is where ones are answered', async () => {
    expect(
      (
        await answerMadeUp(
          model(() => true, String),
          never,
        )
      ).signature,
    ).toBe(images);
  });

  it('is told off with what was tried, and whether the runtime always said the same', async () => {
    const useless = answerMadeUp(
      model(
        () => false,
        () => 'no',
      ),
      never,
    );
    await expect(useless).rejects.toMatchObject({ name: 'NoSampleError', alike: true, message: expect.stringContaining('x FP32 [-1 (n), -1 (c), -1]') });
  });

  it('is not asked again and again by one that always names other sizes', async () => {
    let asked = 0;
    const endless = model(
      () => false,
      () => `wants ${2 + (asked++ % 4000)} and ${2 + ((asked * 7) % 4000)}`,
    );
    await expect(answerMadeUp(endless, never)).rejects.toThrow(/none of the 200 requests/);
    expect(asked).toBe(200);
  });
});
