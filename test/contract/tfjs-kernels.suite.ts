/** Right answers, or a clear refusal, of kernels that a backend of TensorFlow.js gets wrong when left alone. */
import { afterAll, describe, expect, it } from 'vitest';
import type { LoadedModel } from '../../runtimes/contract.js';
import type { Tensor } from '../../runtimes/tensor.js';
import type { Backend } from '../../runtimes/tfjs/library.js';
import { createTfjsPlugin } from '../../runtimes/tfjs/plugin.js';
import { modelFolder, removeModelFolders, type ModelFiles } from '../support/models/folder.js';
import {
  castToBool,
  clippedInts,
  einsum,
  floorOfQuotient,
  gathered,
  largestOfRows,
  mistyped,
  pooledImage,
  productOfInts,
  productOfMatrices,
  sliced,
  spectrum,
} from '../support/models/tfjs-kernels.js';
import { fp32, never, options } from './runtimes.suite.js';

const int32 = (name: string, shape: number[], values: readonly number[]): Tensor => ({ name, datatype: 'INT32', shape, data: Int32Array.from(values) });

/** @param backend the only one that may be used */
export function kernelContract(backend: Backend): void {
  const plugin = createTfjsPlugin([backend]);
  const models: LoadedModel[] = [];
  const load = async (files: ModelFiles, format = 'tfjs-graph'): Promise<LoadedModel> => {
    const model = await plugin.load(modelFolder(format, files), options, never);
    models.push(model);
    return model;
  };
  const answer = async (model: LoadedModel, ...inputs: Tensor[]): Promise<unknown[]> => {
    const [y] = await model.infer(inputs, undefined, never);
    return [y!.datatype, y!.shape, Array.from(y!.data as Float32Array)];
  };

  describe(`tfjs kernels on ${backend}`, () => {
    afterAll(async () => {
      for (const model of models) await model.dispose();
      removeModelFolders();
    });

    it('answers the maximum of empty rows with nothing of what another request left in memory', async () => {
      const model = await load(largestOfRows());
      const nothing = backend === 'tensorflow' ? -Infinity : NaN;
      for (const rows of [2, 3, 256]) {
        await answer(model, fp32('x', [rows, 1], new Array<number>(rows).fill(4711)));
        expect(await answer(model, fp32('x', [rows, 0], []))).toEqual(['FP32', [rows], new Array<number>(rows).fill(nothing)]);
      }
    });

    it('clips whole numbers', async () => {
      expect(await answer(await load(clippedInts()), int32('x', [3], [-5, 3, 99]))).toEqual(['INT32', [3], [0, 3, 10]]);
    });

    it('takes every number but 0 for true', async () => {
      expect(await answer(await load(castToBool()), fp32('x', [5], [0.5, 256, 0, -1, 1]))).toEqual(['BOOL', [5], [1, 1, 0, 1, 1]]);
    });

    it('multiplies matrices of whole numbers', async () => {
      expect(await answer(await load(productOfInts()), int32('x', [1, 2, 2], [1, 2, 3, 4]))).toEqual(['INT32', [1, 2, 2], [7, 10, 15, 22]]);
    });

    it('answers a slice that ends before it begins with nothing', async () => {
      const model = await load(sliced());
      const x = fp32('x', [1, 6], [0, 1, 2, 3, 4, 5]);
      const slice = (begin: number, end: number) => answer(model, x, int32('begin', [2], [0, begin]), int32('end', [2], [1, end]));
      for (const [begin, end] of [
        [3, 2],
        [5, 1],
        [1000, -2],
        [4, 4],
      ] as const)
        expect(await slice(begin, end)).toEqual(['FP32', [1, 0], []]);
      expect(await slice(-3, 5)).toEqual(['FP32', [1, 2], [3, 4]]);
    });

    it('answers the floor of a quotient of floats as floats, however large', async () => {
      expect(await answer(await load(floorOfQuotient()), fp32('x', [4], [1.6, -0.3, 2 ** 40, 0]))).toEqual(['FP32', [4], [3, -1, 2 ** 41, 0]]);
    });

    it('answers the product of no matrices with nothing', async () => {
      const product = answer(await load(productOfMatrices()), fp32('a', [0, 2, 3], []), fp32('b', [1, 3, 2], [1, 2, 3, 4, 5, 6]));
      expect(await product).toEqual(['FP32', [0, 2, 2], []]);
    });

    it('refuses an answer of another type than the signature says, unless it is the same as that type', async () => {
      const model = await load(mistyped());
      expect(await answer(model, fp32('x', [2], [1, -2]))).toEqual(['INT32', [2], [-1, 2]]);
      await expect(answer(model, fp32('x', [2], [1, 0.5]))).rejects.toThrow('output "y" came as float32, and the signature says INT32');
    });

    it.each([4, -1, 100_000, 2 ** 31 - 1])('refuses the index %i of 4, and answers the next request', async (index) => {
      const model = await load(gathered());
      const x = fp32('x', [2, 4], [0, 1, 2, 3, 4, 5, 6, 7]);
      const refusal = `GatherNd: the index ${index} is outside of a dimension of size 4; indices start at 0`;
      await expect(answer(model, x, int32('at', [1, 2], [0, index]))).rejects.toThrow(refusal);
      expect(await answer(model, x, int32('at', [2, 2], [1, 3, 0, 2]))).toEqual(['FP32', [2], [7, 2]]);
    });

    it('refuses an image that is smaller than the filter, and answers the next request', async () => {
      const model = await load(pooledImage(), 'tfjs-layers');
      const refusal = 'Conv2D: the image [1,1,1,1] is smaller than the filter [3,3]; send a larger one';
      await expect(answer(model, fp32('x', [1, 1, 1, 1], [1]))).rejects.toThrow(refusal);
      // Nothing is left of a height of 2, and plain JavaScript answers 0 for the mean of nothing.
      if (backend !== 'tensorflow') expect(await answer(model, fp32('x', [4, 2, 8, 1], new Array<number>(64).fill(1)))).toEqual(['FP32', [4, 1], [0, 0, 0, 0]]);
      expect(await answer(model, fp32('x', [1, 4, 4, 1], new Array<number>(16).fill(1)))).toEqual(['FP32', [1, 1], [9]]);
    });

    it('computes what the backend lacks in plain JavaScript, and stays what it is', async () => {
      const product = await load(einsum());
      expect(await answer(product, fp32('x', [2, 2], [1, 2, 3, 4]))).toEqual(['FP32', [2, 2], [7, 10, 15, 22]]);
      expect(product.backend).toBe(backend);
      const sizes = await load(spectrum());
      const [datatype, shape, values] = await answer(sizes, fp32('x', [4], [1, 0, 0, 0]));
      expect([datatype, shape]).toEqual(['FP32', [4]]);
      for (const value of values as number[]) expect(value).toBeCloseTo(Math.SQRT2, 5);
      expect(sizes.backend).toBe(backend);
    });
  });
}
