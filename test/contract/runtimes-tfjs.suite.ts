/** The TensorFlow.js plugin on one backend: the contract for each format, and what only this plugin has. */
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { ModelArtifact } from '../../runtimes/contract.js';
import { createTfjsPlugin } from '../../runtimes/tfjs/plugin.js';
import type { Backend, Converter, Core, Layers } from '../../runtimes/tfjs/library.js';
import { modelFolder, removeModelFolders, type ModelFiles } from '../support/models/folder.js';
import { arithmeticGraph, arithmeticLayers, denseGraph, denseLayers, graphModel, lambdaLayers, operation, placeholder } from '../support/models/tensorflow.js';
import { tfjsGraphModels } from './runtimes-tfjs-graphs.suite.js';
import { tfjsLayersModels } from './runtimes-tfjs-layers.suite.js';
import { fp32, never, options, runtimeContract } from './runtimes.suite.js';

const require = createRequire(import.meta.url);

const without = (files: ModelFiles, path: string): ModelFiles => Object.fromEntries(Object.entries(files).filter(([name]) => name !== path));
const format = (files: ModelFiles, name: string): ModelFiles => ({
  ...files,
  'model.json': String(files['model.json']).replace(/"format":"[^"]+"/, `"format":"${name}"`),
});

/** The library as anybody would use it: its own loaders, `predict`, and nothing of ours. */
function libraryOf(backend: Backend, nativePath: string): Core & Layers & Converter {
  if (backend === 'tensorflow') return require(nativePath) as Core & Layers & Converter;
  return {
    ...(require('@tensorflow/tfjs-core') as Core),
    ...(require('@tensorflow/tfjs-layers') as Layers),
    ...(require('@tensorflow/tfjs-converter') as Converter),
  };
}

export function tfjsContract(backend: Backend, nativePath = ''): void {
  const plugin = createTfjsPlugin([backend]);

  const direct = async ({ folder, files, format: kind }: ModelArtifact, x: Float32Array): Promise<Float32Array> => {
    const tf = libraryOf(backend, nativePath);
    const { modelTopology, weightsManifest } = JSON.parse(readFileSync(join(folder, 'model.json'), 'utf8')) as {
      modelTopology: object;
      weightsManifest: { weights: never[] }[];
    };
    const weightData = new Uint8Array(Buffer.concat(files.filter((file) => file.endsWith('.bin')).map((file) => readFileSync(join(folder, file))))).buffer;
    const handler = { load: () => Promise.resolve({ modelTopology, weightSpecs: weightsManifest.flatMap((group) => group.weights), weightData }) };
    const model = kind === 'tfjs-layers' ? await tf.loadLayersModel(handler) : await tf.loadGraphModel(handler);
    const y = model.predict(tf.tensor(x, [x.length / 2, 2])) as { dataSync(): Float32Array };
    return y.dataSync();
  };

  runtimeContract({
    title: `tfjs layers on ${backend}`,
    plugin: () => Promise.resolve(plugin),
    format: 'tfjs-layers',
    backend,
    arithmetic: arithmeticLayers(),
    direct: { model: denseLayers(), answer: direct },
    broken: [
      { title: 'what is no JSON', files: { 'model.json': '{"format"' }, message: /model\.json is not JSON/ },
      { title: 'JSON that is null', files: { 'model.json': 'null' }, message: /^model\.json is null, and a model is a JSON object$/ },
      { title: 'JSON that is a text', files: { 'model.json': '"layers-model"' }, message: /^model\.json is "layers-model", and a model is a JSON object$/ },
      { title: 'JSON that is a list', files: { 'model.json': '[{}]' }, message: /^model\.json is a list, and a model is a JSON object$/ },
      { title: 'JSON without a topology', files: { 'model.json': '{"format":"layers-model"}' }, message: /model\.json has no modelTopology/ },
      {
        title: 'a missing weight shard',
        files: without(denseLayers(), 'group1-shard2of2.bin'),
        message: /weight shard "group1-shard2of2\.bin" that model\.json lists is not among the version's files: model\.json, group1-shard1of2\.bin/,
      },
      {
        title: 'a truncated weight shard',
        files: { ...denseLayers(), 'group1-shard2of2.bin': Buffer.alloc(3) },
        message: /have 13 bytes, and model\.json describes 24/,
      },
      {
        title: 'a shard outside of the version',
        files: { 'model.json': String(denseLayers()['model.json']).replace('group1-shard1of2.bin', '../../etc/passwd') },
        message: /weight shard "..\/..\/etc\/passwd"/,
      },
      { title: 'a Lambda layer', files: lambdaLayers(), message: /Lambda/ },
      { title: 'a graph model', files: arithmeticGraph(), message: /holds a graph-model, and the version's format is tfjs-layers; register it as tfjs-graph/ },
      { title: 'a model of no known kind', files: format(arithmeticLayers(), 'other'), message: /holds a other/ },
      { title: 'no model', files: { 'readme.txt': '' }, message: /no model\.json among readme\.txt/ },
    ],
  });

  runtimeContract({
    title: `tfjs graph on ${backend}`,
    plugin: () => Promise.resolve(plugin),
    format: 'tfjs-graph',
    backend,
    arithmetic: arithmeticGraph(),
    direct: { model: denseGraph(), answer: direct },
    broken: [
      { title: 'an unknown operation', files: graphModel([placeholder('x', [-1, 2]), operation('y', 'Sorcery', ['x'])]), message: /Sorcery/ },
      {
        title: 'a missing weight shard',
        files: without(denseGraph(), 'weights.bin'),
        message: /weight shard "weights\.bin" that model\.json lists is not among/,
      },
      { title: 'a layers model', files: arithmeticLayers(), message: /register it as tfjs-layers/ },
      {
        title: 'an input of unknown rank that is no vector, and outputs that nothing is said of',
        files: graphModel([{ name: 'x', op: 'Placeholder', attr: { dtype: { type: 'DT_FLOAT' } } }, operation('y', 'MatMul', ['x', 'x'])]),
        message: /input "x" has no known number of dimensions, and the signature does not say what the outputs are/,
      },
    ],
  });

  tfjsLayersModels(plugin, () => libraryOf(backend, nativePath), backend);

  tfjsGraphModels(plugin, backend);

  describe(`tfjs tensors on ${backend}`, () => {
    afterAll(removeModelFolders);
    const identity = (type: string, shape: readonly number[]) =>
      graphModel([placeholder('x', shape, type), operation('y', 'Identity', ['x'], { T: { type } })]);

    it.each([
      ['INT32', 'DT_INT32', Int32Array.of(-(2 ** 31), 2 ** 31 - 1)],
      ['BOOL', 'DT_BOOL', Uint8Array.of(1, 0)],
      ['FP32', 'DT_FLOAT', Float32Array.of(1e-30, -Infinity)],
      ['BYTES', 'DT_STRING', [Buffer.from('grün'), Buffer.from([0xff, 0x00])]],
    ] as const)('%s keeps every bit, there and back', async (datatype, type, data) => {
      const model = await plugin.load(modelFolder('tfjs-graph', identity(type, [-1])), options, never);
      expect(model.signature).toEqual({ inputs: [{ name: 'x', datatype, shape: [-1] }], outputs: [{ name: 'y', datatype, shape: [-1] }] });
      const [y] = await model.infer([{ name: 'x', datatype, shape: [2], data }], undefined, never);
      expect({ ...y, data: Array.from(y!.data as ArrayLike<number | Uint8Array>, (e) => (typeof e === 'number' ? e : Buffer.from(e))) }).toEqual({
        name: 'y',
        datatype,
        shape: [2],
        data: Array.from(data as ArrayLike<unknown>),
      });
      await model.dispose();
    });

    it('finds out which dimensions of an undeclared output vary', async () => {
      const model = await plugin.load(modelFolder('tfjs-graph', denseGraph()), options, never);
      expect(model.signature.outputs).toEqual([{ name: 'y', datatype: 'FP32', shape: [-1, 2] }]);
      await model.dispose();
    });

    it('carries scalars', async () => {
      const model = await plugin.load(modelFolder('tfjs-graph', identity('DT_FLOAT', [])), options, never);
      expect(await model.infer([fp32('x', [], [2.5])], undefined, never)).toEqual([fp32('y', [], [2.5])]);
      await model.dispose();
    });
  });
}
