/** Layers models of every make: what their inputs and outputs are called, and that they answer as TensorFlow.js itself does. */
import type { Tensor as TfTensor } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { afterAll, describe, expect, it } from 'vitest';
import type { RuntimePlugin } from '../../runtimes/contract.js';
import type { Converter, Core, Layers } from '../../runtimes/tfjs/library.js';
import { allocate, elementCount, type NumericDatatype, type TensorSpec, type Tensor } from '../../runtimes/tensor.js';
import { modelFolder, removeModelFolders, type ModelFiles } from '../support/models/folder.js';
import { downloadedFiles } from '../support/models/saved-layers.js';
import { never, options } from './runtimes.suite.js';

type Tf = Core & Layers & Converter;

interface LayersCase {
  readonly title: string;
  readonly make: (tf: Tf) => LayersModel;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

const spec = (name: string, shape: readonly number[], datatype: NumericDatatype = 'FP32'): TensorSpec => ({ name, datatype, shape });

const CASES: readonly LayersCase[] = [
  {
    title: 'Sequential without an input layer',
    make: ({ sequential, layers }) =>
      sequential({ layers: [layers.dense({ name: 'hidden', units: 4, inputShape: [3], activation: 'relu' }), layers.dense({ name: 'scores', units: 2 })] }),
    inputs: [spec('hidden_input', [-1, 3])],
    outputs: [spec('scores', [-1, 2])],
  },
  {
    title: 'Sequential with an input layer',
    make: ({ sequential, layers }) =>
      sequential({ layers: [layers.inputLayer({ name: 'pixels', inputShape: [3] }), layers.dense({ name: 'scores', units: 2 })] }),
    inputs: [spec('pixels', [-1, 3])],
    outputs: [spec('scores', [-1, 2])],
  },
  {
    title: 'Sequential of one layer',
    make: ({ sequential, layers }) => sequential({ layers: [layers.dense({ name: 'only', units: 2, inputShape: [3] })] }),
    inputs: [spec('only_input', [-1, 3])],
    outputs: [spec('only', [-1, 2])],
  },
  {
    title: 'Sequential that begins and ends with a Sequential',
    make: ({ sequential, layers }) => {
      const inner = (name: string, units: number, size: number) =>
        sequential({ name, layers: [layers.dense({ name: `${name}_dense`, units, inputShape: [size] })] });
      return sequential({ layers: [inner('encoder', 2, 3), inner('decoder', 3, 2)] });
    },
    inputs: [spec('encoder_dense_input', [-1, 3])],
    outputs: [spec('decoder', [-1, 3])],
  },
  {
    title: 'Sequential that was compiled and saved with its optimizer',
    make: ({ sequential, layers }) => {
      const model = sequential({ layers: [layers.dense({ name: 'y', units: 1, inputShape: [2] })] });
      model.compile({ loss: 'meanSquaredError', optimizer: 'adam' });
      return model;
    },
    inputs: [spec('y_input', [-1, 2])],
    outputs: [spec('y', [-1, 1])],
  },
  {
    title: 'several inputs and outputs through a shared layer',
    make: ({ input, layers, model }) => {
      const [left, right] = [input({ name: 'left', shape: [3] }), input({ name: 'right', shape: [3] })];
      const shared = layers.dense({ name: 'shared', units: 2 });
      const [a, b] = [shared.apply(left), shared.apply(right)] as never[];
      return model({
        inputs: [right, left],
        outputs: [layers.add({ name: 'sum' }).apply([a!, b!]) as never, layers.multiply({ name: 'product' }).apply([a!, b!]) as never],
      });
    },
    inputs: [spec('right', [-1, 3]), spec('left', [-1, 3])],
    outputs: [spec('sum', [-1, 2]), spec('product', [-1, 2])],
  },
  {
    title: 'one layer as two outputs, beside a layer with the name of the second',
    make: ({ input, layers, model }) => {
      const [left, right] = [input({ name: 'left', shape: [3] }), input({ name: 'right', shape: [3] })];
      const shared = layers.dense({ name: 'y', units: 2 });
      const other = layers.dense({ name: 'y_1', units: 1 }).apply(left) as never;
      return model({ inputs: [left, right], outputs: [shared.apply(left) as never, shared.apply(right) as never, other] });
    },
    inputs: [spec('left', [-1, 3]), spec('right', [-1, 3])],
    outputs: [spec('y', [-1, 2]), spec('y_1', [-1, 2]), spec('y_1_1', [-1, 1])],
  },
  {
    title: 'a layer with several outputs',
    make: ({ input, layers, model }) => {
      const x = input({ name: 'x', shape: [4, 2] });
      return model({ inputs: x, outputs: layers.lstm({ name: 'lstm', units: 3, returnState: true, recurrentInitializer: 'glorotUniform' }).apply(x) as never });
    },
    inputs: [spec('x', [-1, 4, 2])],
    outputs: [spec('lstm', [-1, 3]), spec('lstm_1', [-1, 3]), spec('lstm_2', [-1, 3])],
  },
  {
    title: 'a nested model with several outputs',
    make: ({ input, layers, model }) => {
      const inner = input({ name: 'inner', shape: [2] });
      const nested = model({
        name: 'nested',
        inputs: inner,
        outputs: [layers.dense({ units: 1 }).apply(inner) as never, layers.dense({ units: 3 }).apply(inner) as never],
      });
      const x = input({ name: 'x', shape: [2] });
      return model({ inputs: x, outputs: nested.apply(x) as never });
    },
    inputs: [spec('x', [-1, 2])],
    outputs: [spec('nested', [-1, 1]), spec('nested_1', [-1, 3])],
  },
  {
    title: 'integers that stay integers, and others that become numbers',
    make: ({ input, layers, model }) => {
      const tokens = input({ name: 'tokens', shape: [4], dtype: 'int32' });
      return model({
        inputs: tokens,
        outputs: [
          layers.reshape({ name: 'square', targetShape: [2, 2] }).apply(tokens) as never,
          layers.embedding({ name: 'vectors', inputDim: 9, outputDim: 2 }).apply(tokens) as never,
        ],
      });
    },
    inputs: [spec('tokens', [-1, 4], 'INT32')],
    outputs: [spec('square', [-1, 2, 2], 'INT32'), spec('vectors', [-1, 4, 2])],
  },
  {
    title: 'an input that is an output',
    make: ({ input, layers, model }) => {
      const x = input({ name: 'x', shape: [2] });
      return model({ inputs: x, outputs: [x, layers.activation({ name: 'y', activation: 'tanh' }).apply(x) as never] });
    },
    inputs: [spec('x', [-1, 2])],
    outputs: [spec('x', [-1, 2]), spec('y', [-1, 2])],
  },
];

const bytes = (data: unknown): number[] => [...(data as Float32Array)];

function requestOf(inputs: readonly TensorSpec[], rows: number): Tensor[] {
  return inputs.map(({ name, datatype, shape }) => {
    const concrete = shape!.map((dimension) => (dimension === -1 ? rows : dimension));
    const data = allocate(datatype as 'FP32' | 'INT32', elementCount(concrete));
    data.forEach((_, i) => (data[i] = datatype === 'INT32' ? i % 9 : Math.sin(i * 1.3 + name.length)));
    return { name, datatype, shape: concrete, data };
  });
}

export function tfjsLayersModels(plugin: RuntimePlugin, library: () => Tf, backend: string): void {
  describe(`layers models on ${backend}`, () => {
    afterAll(removeModelFolders);

    it.each(CASES)('$title', async ({ make, inputs, outputs }) => {
      // Loads the backend too, which the library called directly needs.
      await (await plugin.load(modelFolder('tfjs-layers', await plain()), options, never)).dispose();
      const tf = library();
      const original = make(tf);
      const files = await downloadedFiles(tf, original, 'my model');
      const model = await plugin.load(modelFolder('tfjs-layers', files), options, never);
      expect(model.signature).toEqual({ inputs, outputs });
      for (const rows of [1, 3]) {
        const request = requestOf(inputs, rows);
        const answer = await model.infer(request, undefined, never);
        const feeds = request.map(({ data, shape, datatype }) => tf.tensor(data as Float32Array, [...shape], datatype === 'INT32' ? 'int32' : 'float32'));
        const expected = [original.predict(feeds.length === 1 ? feeds[0]! : feeds, { batchSize: rows }) as TfTensor | TfTensor[]].flat();
        expect(answer.map(({ name, shape, data }) => ({ name, shape, data: bytes(data) }))).toEqual(
          expected.map((tensor, i) => ({ name: outputs[i]!.name, shape: tensor.shape, data: bytes(tensor.dataSync()) })),
        );
      }
      await model.dispose();
    });

    it.each([
      ['float64', 'float64'],
      ['mixed_float16', { class_name: 'Policy', config: { name: 'mixed_float16' } }],
    ])('refuses an input of %s, which TensorFlow.js takes no values for', async (name, dtype) => {
      const layers = [{ class_name: 'Activation', config: { name: 'y', activation: 'relu', batch_input_shape: [null, 2], dtype } }];
      const modelTopology = { keras_version: '2.9.0', model_config: { class_name: 'Sequential', config: { name: 's', layers } } };
      const files = { 'model.json': JSON.stringify({ format: 'layers-model', modelTopology, weightsManifest: [] }) };
      const load = plugin.load(modelFolder('tfjs-layers', files), options, never);
      await expect(load).rejects.toThrow(`input "y_input" is of type ${name}, which TensorFlow.js cannot carry`);
    });

    it('refuses what Keras 3 writes, and says what can be done', async () => {
      const topology = {
        class_name: 'Sequential',
        config: {
          name: 's',
          layers: [
            { module: 'keras.layers', class_name: 'InputLayer', config: { batch_shape: [null, 2], dtype: 'float32', name: 'x' }, registered_name: null },
          ],
        },
        keras_version: '3.4.1',
      };
      const files = { 'model.json': JSON.stringify({ format: 'layers-model', modelTopology: { model_config: topology }, weightsManifest: [] }) };
      await expect(plugin.load(modelFolder('tfjs-layers', files), options, never)).rejects.toThrow(
        /^the model was written by Keras 3, .* Save it with Keras 2/,
      );
    });
  });
}

/** A model without weights. */
function plain(): Promise<ModelFiles> {
  const layers = [{ class_name: 'Activation', config: { name: 'y', activation: 'relu', batch_input_shape: [null, 1], dtype: 'float32' } }];
  const model = { format: 'layers-model', modelTopology: { class_name: 'Sequential', config: { name: 's', layers } }, weightsManifest: [] };
  return Promise.resolve({ 'model.json': JSON.stringify(model) });
}
