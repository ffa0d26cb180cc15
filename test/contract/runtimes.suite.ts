/** What every runtime plugin must do, on every backend: one suite, run by a file for each (they cannot share a process). */
import { resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { LoadedModel, ModelArtifact, RuntimePlugin } from '../../runtimes/contract.js';
import { assertTensor, type Tensor } from '../../runtimes/tensor.js';
import { modelFolder, removeModelFolders, type ModelFiles } from '../support/models/folder.js';

export interface ContractCase {
  readonly title: string;
  readonly plugin: () => Promise<RuntimePlugin>;
  readonly format: string;
  readonly backend: string;
  /** `sum`, `product` and `maximum` of the inputs `a` and `b`, FP32 [-1, 3]. */
  readonly arithmetic: ModelFiles;
  /** Absent where the plugin has no library to be compared with. */
  readonly direct?: {
    /** FP32 `x` [-1, 2] to `y` [-1, 2]. */
    readonly model: ModelFiles;
    /** The answer of the library when it is called without this plugin. */
    readonly answer: (artifact: ModelArtifact, x: Float32Array) => Promise<Float32Array>;
  };
  /** Files that are no model of the format, and what the message must say. */
  readonly broken: readonly { readonly title: string; readonly files: ModelFiles; readonly message: RegExp }[];
}

export const never = new AbortController().signal;
/** Where the tests of native TensorFlow find a build that is not this installation's own. */
export const nativeCache = process.env['PILOTHOUSE_TFJS_NODE_CACHE'] ? resolve(process.env['PILOTHOUSE_TFJS_NODE_CACHE']) : undefined;
export const options = { threads: 1, log: () => undefined, nativeCache, options: {}, scratch: modelFolder('scratch', {}).folder };

export const fp32 = (name: string, shape: readonly number[], values: readonly number[]): Tensor => ({
  name,
  datatype: 'FP32',
  shape,
  data: Float32Array.from(values),
});

const pair = (rows: number, seed = 1): Tensor[] =>
  ['a', 'b'].map((name, k) =>
    fp32(
      name,
      [rows, 3],
      Array.from({ length: rows * 3 }, (_, i) => Math.sin(seed * 7 + k * 3 + i * 1.7) * 10 ** ((i % 5) - 2)),
    ),
  );

const EXPECTED: Readonly<Record<string, (a: number, b: number) => number>> = { sum: (a, b) => a + b, product: (a, b) => a * b, maximum: Math.max };

function expected(name: string, [a, b]: readonly Tensor[]): Float32Array {
  return (a!.data as Float32Array).map((value, i) => EXPECTED[name]!(value, (b!.data as Float32Array)[i]!));
}

const bits = (data: unknown): string =>
  Buffer.from((data as Float32Array).buffer, (data as Float32Array).byteOffset, (data as Float32Array).byteLength).toString('hex');

export function runtimeContract(contract: ContractCase): void {
  describe(`runtime contract: ${contract.title}`, () => {
    let plugin: RuntimePlugin;
    let model: LoadedModel;
    beforeAll(async () => {
      plugin = await contract.plugin();
      model = await plugin.load(modelFolder(contract.format, contract.arithmetic), options, never);
    });
    afterAll(async () => {
      await model.dispose();
      removeModelFolders();
    });

    it('claims the format and says what computes', () => {
      expect(plugin.formats.map((format) => format.name)).toContain(contract.format);
      expect(model.backend).toBe(contract.backend);
    });

    it('tells the signature, in the order of the model, with -1 for what may vary', () => {
      const names = model.signature.outputs.map((output) => output.name);
      expect(model.signature.inputs).toMatchObject(['a', 'b'].map((name) => ({ name, datatype: 'FP32', shape: [-1, 3] })));
      expect([...names].sort()).toEqual(['maximum', 'product', 'sum']);
      for (const output of model.signature.outputs) expect(output).toMatchObject({ datatype: 'FP32', shape: [-1, 3] });
    });

    it.each([1, 2, 33])('answers %i rows exactly, all outputs in the order of the signature', async (rows) => {
      const inputs = pair(rows);
      const outputs = await model.infer(inputs, undefined, never);
      expect(outputs.map((output) => output.name)).toEqual(model.signature.outputs.map((output) => output.name));
      for (const output of outputs) {
        assertTensor(output);
        expect(output).toMatchObject({ datatype: 'FP32', shape: [rows, 3] });
        expect(bits(output.data)).toBe(bits(expected(output.name, inputs)));
      }
    });

    it('takes the inputs by name, in any order', async () => {
      const [a, b] = pair(2);
      const one = await model.infer([a!, b!], ['sum', 'product'], never);
      const other = await model.infer([b!, a!], ['sum', 'product'], never);
      expect(other.map((output) => bits(output.data))).toEqual(one.map((output) => bits(output.data)));
    });

    it('gives the requested outputs only, in the order asked for', async () => {
      const inputs = pair(2);
      const outputs = await model.infer(inputs, ['maximum', 'sum'], never);
      expect(outputs.map((output) => output.name)).toEqual(['maximum', 'sum']);
      for (const output of outputs) expect(bits(output.data)).toBe(bits(expected(output.name, inputs)));
    });

    it('answers an empty batch with empty outputs', async () => {
      const outputs = await model.infer(pair(0), undefined, never);
      for (const output of outputs) {
        assertTensor(output);
        expect(output.shape).toEqual([0, 3]);
      }
    });

    it('leaves the caller the inputs as they were', async () => {
      const inputs = pair(2);
      const before = inputs.map((input) => bits(input.data));
      const outputs = await model.infer(inputs, undefined, never);
      (outputs[0]!.data as Float32Array).fill(0);
      expect(inputs.map((input) => bits(input.data))).toEqual(before);
    });

    it('keeps concurrent requests apart', async () => {
      const requests = Array.from({ length: 20 }, (_, i) => pair((i % 4) + 1, i));
      const answers = await Promise.all(requests.map((inputs) => model.infer(inputs, ['sum'], never)));
      answers.forEach(([sum], i) => expect(bits(sum!.data)).toBe(bits(expected('sum', requests[i]!))));
    });

    it('carries what is not finite', async () => {
      const inputs = [fp32('a', [1, 3], [NaN, Infinity, -0]), fp32('b', [1, 3], [1, -Infinity, -0])];
      const [sum] = await model.infer(inputs, ['sum'], never);
      expect([...(sum!.data as Float32Array)]).toEqual([NaN, NaN, -0]);
    });

    it('does not begin what is aborted already', async () => {
      await expect(model.infer(pair(1), undefined, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    });

    it('does not grow over many inferences', async () => {
      const memory = model.memoryBytes?.();
      for (let i = 0; i < 50; i++) await model.infer(pair(2, i), undefined, never);
      expect(model.memoryBytes?.()).toBe(memory);
    });

    it('loads twice beside itself, and disposing one leaves the other', async () => {
      const second = await plugin.load(modelFolder(contract.format, contract.arithmetic), options, never);
      const inputs = pair(1);
      await second.dispose();
      const [sum] = await model.infer(inputs, ['sum'], never);
      expect(bits(sum!.data)).toBe(bits(expected('sum', inputs)));
    });

    it('does not load what is aborted already', async () => {
      const artifact = modelFolder(contract.format, contract.arithmetic);
      await expect(plugin.load(artifact, options, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    });

    it.each(contract.broken)('refuses $title', async ({ files, message }) => {
      await expect(plugin.load(modelFolder(contract.format, files), options, never)).rejects.toThrow(message);
    });

    const { direct } = contract;
    describe.runIf(direct)('against the library called directly', () => {
      const loaded: LoadedModel[] = [];
      afterEach(async () => {
        for (const other of loaded.splice(0)) await other.dispose();
      });

      it('gives the same bits, alone and in a batch', async () => {
        const artifact = modelFolder(contract.format, direct!.model);
        const dense = await plugin.load(artifact, options, never);
        loaded.push(dense);
        expect(dense.signature).toMatchObject({
          inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
          outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }],
        });
        for (const rows of [1, 5]) {
          const x = Float32Array.from({ length: rows * 2 }, (_, i) => Math.cos(i * 3.3));
          const [y] = await dense.infer([{ name: 'x', datatype: 'FP32', shape: [rows, 2], data: x }], undefined, never);
          expect(bits(y!.data)).toBe(bits(await direct!.answer(artifact, x)));
        }
      });
    });
  });
}
