/** Graph models of every make: what their inputs and outputs are called, of which datatype they are, and what they answer. */
import { afterAll, describe, expect, it } from 'vitest';
import type { RuntimePlugin } from '../../runtimes/contract.js';
import type { Tensor } from '../../runtimes/tensor.js';
import { modelFolder, removeModelFolders, type ModelFiles } from '../support/models/folder.js';
import { declared, graphModel, operation, placeholder, type GraphNode } from '../support/models/tensorflow.js';
import { graph } from '../support/models/tfjs-kernels.js';
import { fp32, never, options } from './runtimes.suite.js';

const int32 = (name: string, shape: readonly number[], values: readonly number[]): Tensor => ({
  name,
  datatype: 'INT32',
  shape,
  data: Int32Array.from(values),
});
const constant = (name: string, type = 'DT_FLOAT'): GraphNode => ({ name, op: 'Const', attr: { dtype: { type } } });
const f32 = (...values: number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);
const i32 = (...values: number[]): Buffer => Buffer.from(Int32Array.from(values).buffer);
const value = (name: string, shape: readonly number[], dtype = 'DT_FLOAT') => ({ ...declared('', shape, dtype), name });
const renamed = (model: ModelFiles, json: string): ModelFiles => {
  const { 'model.json': text, ...rest } = model;
  return { ...rest, [json]: text! };
};

/** The two largest of each row, and where they are. */
const topK = (outputs: object): ModelFiles =>
  graphModel(
    [
      placeholder('serving_default_images', [-1, 3]),
      constant('k', 'DT_INT32'),
      operation('top', 'TopKV2', ['serving_default_images', 'k'], { T: { type: 'DT_FLOAT' }, sorted: { b: true } }),
    ],
    {
      weights: [{ name: 'k', shape: [], dtype: 'int32' }],
      shards: { 'weights.bin': i32(2) },
      signature: { inputs: { images: value('serving_default_images:0', [-1, 3]) }, outputs },
    },
  );

interface GraphCase {
  readonly title: string;
  readonly files: ModelFiles;
  /** Each with the shape that the signature has, then what is sent. */
  readonly inputs: readonly (readonly [shape: readonly number[], tensor: Tensor])[];
  readonly outputs: readonly (readonly [shape: readonly number[], tensor: Tensor])[];
}

const images = fp32('images', [1, 3], [5, 7, 6]);
const CASES: readonly GraphCase[] = [
  {
    title: 'the keys of the signature, with two outputs of one node',
    files: topK({ values: value('top:0', [-1, 2]), indices: value('top:1', [-1, 2], 'DT_INT32') }),
    inputs: [[[-1, 3], images]],
    outputs: [
      [[-1, 2], fp32('values', [1, 2], [7, 6])],
      [[-1, 2], int32('indices', [1, 2], [1, 2])],
    ],
  },
  {
    title: 'the outputs of a frozen graph, of which only the tensors are known',
    files: topK({ 'top:1': { name: 'top:1' }, 'top:0': { name: 'top:0' } }),
    inputs: [[[-1, 3], images]],
    outputs: [
      [[-1, 2], int32('top:1', [1, 2], [1, 2])],
      [[-1, 2], fp32('top:0', [1, 2], [7, 6])],
    ],
  },
  {
    title: 'one tensor under two keys, and keys that are names of other tensors',
    files: graphModel([placeholder('a', [-1]), placeholder('b', [-1]), operation('y', 'Sub', ['a', 'b'])], {
      signature: { inputs: { b: value('a:0', [-1]), a: value('b:0', [-1]) }, outputs: { one: value('y:0', [-1]), two: value('y:0', [-1]) } },
    }),
    inputs: [
      [[-1], fp32('b', [2], [5, 6])],
      [[-1], fp32('a', [2], [1, 3])],
    ],
    outputs: [
      [[-1], fp32('one', [2], [4, 3])],
      [[-1], fp32('two', [2], [4, 3])],
    ],
  },
  {
    title: 'a signature in the metadata, with an input that became a constant',
    files: {
      'model.json': JSON.stringify({
        ...(JSON.parse(String(graphModel([placeholder('x', [-1]), operation('y', 'Neg', ['x'])])['model.json'])) as object),
        userDefinedMetadata: { signature: { inputs: { gone: value('frozen:0', [2]), words: value('x:0', [-1]) }, outputs: { negative: value('y:0', [-1]) } } },
      }),
    },
    inputs: [[[-1], fp32('words', [2], [1, -2])]],
    outputs: [[[-1], fp32('negative', [2], [-1, 2])]],
  },
  {
    title: 'an output that is a constant, time after time',
    files: graphModel([placeholder('x', [-1]), constant('labels'), operation('y', 'Neg', ['x'])], {
      weights: [{ name: 'labels', shape: [2], dtype: 'float32' }],
      shards: { 'weights.bin': f32(7, 8) },
      signature: { inputs: { x: value('x:0', [-1]) }, outputs: { labels: value('labels:0', [2]), y: value('y:0', [-1]) } },
    }),
    inputs: [[[-1], fp32('x', [1], [3])]],
    outputs: [
      [[2], fp32('labels', [2], [7, 8])],
      [[-1], fp32('y', [1], [-3])],
    ],
  },
  // TensorFlow.js has no narrower integers and no other floats: what it computes is told as what it is.
  ...(['DT_UINT8', 'DT_INT8', 'DT_INT64'] as const).map((type) => ({
    title: `an output of ${type} comes as INT32, with the values that TensorFlow.js computes`,
    files: graphModel([placeholder('x', [-1], type), operation('y', 'AddV2', ['x', 'x'], { T: { type } })], {
      signature: { inputs: { x: value('x:0', [-1], type) }, outputs: { y: value('y:0', [-1], type) } },
    }),
    inputs: [[[-1], int32('x', [3], [100, 200, -3])]] as const,
    outputs: [[[-1], int32('y', [3], [200, 400, -6])]] as const,
  })),
  ...(['DT_HALF', 'DT_DOUBLE'] as const).map((type) => ({
    title: `an output of ${type} comes as FP32, with the values that TensorFlow.js computes`,
    files: graphModel([placeholder('x', [-1], type), operation('y', 'AddV2', ['x', 'x'], { T: { type } })], {
      signature: { inputs: { x: value('x:0', [-1], type) }, outputs: { y: value('y:0', [-1], type) } },
    }),
    inputs: [[[-1], fp32('x', [2], [0.1, 70_000])]] as const,
    outputs: [[[-1], fp32('y', [2], [Math.fround(0.1) * 2, 140_000])]] as const,
  })),
  {
    title: 'an output of a type that the signature does not say',
    files: graphModel(
      [
        placeholder('x', [-1, 2]),
        constant('axis', 'DT_INT32'),
        operation('y', 'ArgMax', ['x', 'axis'], { T: { type: 'DT_FLOAT' }, output_type: { type: 'DT_INT16' } }),
      ],
      {
        weights: [{ name: 'axis', shape: [], dtype: 'int32' }],
        shards: { 'weights.bin': i32(1) },
        signature: { inputs: { x: value('x:0', [-1, 2]) }, outputs: { y: value('y:0', [-1], 'DT_INT16') } },
      },
    ),
    inputs: [[[-1, 2], fp32('x', [2, 2], [1, 5, 9, 2])]],
    outputs: [[[-1], int32('y', [2], [1, 0])]],
  },
  {
    title: 'a branch, which needs the asynchronous call',
    files: graphModel(
      [
        placeholder('x', [-1]),
        placeholder('flag', [], 'DT_BOOL'),
        operation('switch', 'Switch', ['x', 'flag']),
        operation('no', 'Neg', ['switch:0']),
        operation('yes', 'Square', ['switch:1']),
        operation('y', 'Merge', ['no', 'yes'], { T: { type: 'DT_FLOAT' }, N: { i: '2' } }),
      ],
      { signature: { inputs: { values: value('x:0', [-1]), squared: value('flag:0', [], 'DT_BOOL') }, outputs: { result: value('y:0', [-1]) } } },
    ),
    inputs: [
      [[-1], fp32('values', [2], [3, -4])],
      [[], { name: 'squared', datatype: 'BOOL', shape: [], data: Uint8Array.of(1) }],
    ],
    outputs: [[[-1], fp32('result', [2], [9, 16])]],
  },
  {
    title: 'weights in groups, sharded and quantised, beside a JSON file of another name',
    files: (() => {
      const nodes = [placeholder('x', [-1]), constant('bytes'), constant('shorts'), constant('halves'), constant('plain')];
      const sums = [
        operation('s1', 'AddV2', ['x', 'bytes']),
        operation('s2', 'AddV2', ['s1', 'shorts']),
        operation('s3', 'AddV2', ['s2', 'halves']),
        operation('y', 'AddV2', ['s3', 'plain']),
      ];
      const model = JSON.parse(String(graphModel([...nodes, ...sums])['model.json'])) as object;
      const weightsManifest = [
        {
          paths: ['./pets.shard1.bin', 'pets.shard2.bin'],
          weights: [
            { name: 'bytes', shape: [1], dtype: 'float32', quantization: { dtype: 'uint8', min: 1, scale: 0.5 } },
            { name: 'shorts', shape: [1], dtype: 'float32', quantization: { dtype: 'uint16', min: -2, scale: 2 } },
            { name: 'halves', shape: [1], dtype: 'float32', quantization: { dtype: 'float16' } },
          ],
        },
        { paths: ['deep/plain.bin'], weights: [{ name: 'plain', shape: [1], dtype: 'float32' }] },
      ];
      return renamed(
        {
          'model.json': JSON.stringify({ ...model, signature: { inputs: { x: value('x:0', [-1]) }, outputs: { y: value('y:0', [-1]) } }, weightsManifest }),
          'labels.json': '["cat","dog"]',
          // 6 · 0.5 + 1 = 4, 515 · 2 - 2 = 1028, 0x3e00 = 1.5
          'pets.shard1.bin': Buffer.from([6, 3]),
          'pets.shard2.bin': Buffer.from([2, 0x00, 0x3e]),
          'deep/plain.bin': f32(0.25),
        },
        'pets.json',
      );
    })(),
    inputs: [[[-1], fp32('x', [1], [1000])]],
    outputs: [[[-1], fp32('y', [1], [2033.75])]],
  },
  {
    title: 'a table of words that the model fills itself',
    files: (() => {
      const table = { key_dtype: { type: 'DT_STRING' }, value_dtype: { type: 'DT_INT32' } };
      const types = { Tin: { type: 'DT_STRING' }, Tout: { type: 'DT_INT32' } };
      const model = JSON.parse(
        String(
          graphModel([
            placeholder('words', [-1], 'DT_STRING'),
            placeholder('table', [], 'DT_RESOURCE'),
            constant('other', 'DT_INT32'),
            operation('find', 'LookupTableFindV2', ['table', 'words', 'other'], types),
          ])['model.json'],
        ),
      ) as object;
      const modelInitializer = {
        node: [
          { name: 'keys', op: 'Const', attr: { dtype: { type: 'DT_STRING' } } },
          { name: 'values', op: 'Const', attr: { dtype: { type: 'DT_INT32' } } },
          operation('hash', 'HashTableV2', [], { ...table, shared_name: { s: Buffer.from('t').toString('base64') } }),
          operation('fill', 'LookupTableImportV2', ['hash', 'keys', 'values'], types),
          operation('handle', 'Identity', ['hash', '^fill'], { T: { type: 'DT_RESOURCE' } }),
        ],
        versions: { producer: 1395 },
      };
      const text = (word: string): Buffer => Buffer.concat([Buffer.from(Uint32Array.of(word.length).buffer), Buffer.from(word)]);
      const weights = [
        { name: 'other', shape: [], dtype: 'int32' },
        { name: 'values', shape: [2], dtype: 'int32' },
        { name: 'keys', shape: [2], dtype: 'string' },
      ];
      return {
        'model.json': JSON.stringify({
          ...model,
          modelInitializer,
          initializerSignature: { outputs: { handle: { ...value('handle:0', [], 'DT_RESOURCE'), resourceId: 7 } } },
          signature: {
            inputs: { text: value('words:0', [-1], 'DT_STRING'), captured: { ...value('table:0', [], 'DT_RESOURCE'), resourceId: 7 } },
            outputs: { ids: value('find:0', [-1], 'DT_INT32') },
          },
          weightsManifest: [{ paths: ['weights.bin'], weights }],
        }),
        'weights.bin': Buffer.concat([i32(-1, 10, 20), text('cat'), text('dog')]),
      };
    })(),
    inputs: [[[-1], { name: 'text', datatype: 'BYTES', shape: [3], data: ['dog', 'fish', 'cat'].map((word) => Buffer.from(word)) }]],
    outputs: [[[-1], int32('ids', [3], [20, -1, 10])]],
  },
];

export function tfjsGraphModels(plugin: RuntimePlugin, backend: string): void {
  describe(`graph models on ${backend}`, () => {
    afterAll(removeModelFolders);

    it.each(CASES)('$title', async ({ files, inputs, outputs }) => {
      const model = await plugin.load(modelFolder('tfjs-graph', files), options, never);
      const specs = (values: GraphCase['inputs']) => values.map(([shape, { name, datatype }]) => ({ name, datatype, shape }));
      expect(model.signature).toEqual({ inputs: specs(inputs), outputs: specs(outputs) });
      const request = inputs.map(([, tensor]) => tensor);
      const before = model.memoryBytes?.();
      let after: number | undefined;
      for (let i = 0; i < 3; i++) {
        const answer = await model.infer(request, undefined, never);
        expect(answer).toEqual(outputs.map(([, tensor]) => tensor));
        if (i === 0) after = model.memoryBytes?.();
      }
      // The first inference may fill tables.
      expect(model.memoryBytes?.()).toBe(after);
      expect(before).toBeTypeOf('number');
      await model.dispose();
    });

    it.each<[string, object | undefined]>([
      ['without a signature', undefined],
      [
        'with a signature that says so too',
        { inputs: { x: { name: 'x:0', dtype: 'DT_FLOAT', tensorShape: { unknownRank: true } } }, outputs: { y: { name: 'y:0', dtype: 'DT_FLOAT' } } },
      ],
    ])('takes an input of unknown rank, %s', async (_, signature) => {
      const x: GraphNode = { name: 'x', op: 'Placeholder', attr: { dtype: { type: 'DT_FLOAT' }, shape: { shape: { unknownRank: true } } } };
      const files = graphModel([x, operation('y', 'Neg', ['x'])], signature && { signature });
      const model = await plugin.load(modelFolder('tfjs-graph', files), options, never);
      expect(model.signature).toEqual({ inputs: [{ name: 'x', datatype: 'FP32', shape: null }], outputs: [{ name: 'y', datatype: 'FP32', shape: null }] });
      for (const shape of [[], [3], [1, 2, 2], [2, 1, 1, 1]]) {
        const values = Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i + 1);
        expect(await model.infer([fp32('x', shape, values)], undefined, never)).toEqual([
          fp32(
            'y',
            shape,
            values.map((value) => -value),
          ),
        ]);
      }
      await model.dispose();
    });

    it('refuses an input of a type that TensorFlow.js does not have, by its name', async () => {
      const load = plugin.load(modelFolder('tfjs-graph', graphModel([placeholder('x', [-1], 'DT_INT16'), operation('y', 'Neg', ['x'])])), options, never);
      await expect(load).rejects.toThrow(/^input "x" is of type DT_INT16, which TensorFlow\.js cannot carry/);
    });

    it('refuses two inputs that are one tensor, and an output that is none', async () => {
      const nodes = [placeholder('x', [-1]), operation('y', 'Neg', ['x'])];
      const x = value('x:0', [-1]);
      const load = (signature: object) => plugin.load(modelFolder('tfjs-graph', graphModel(nodes, { signature })), options, never);
      await expect(load({ inputs: { a: x, b: x }, outputs: { y: value('y:0', [-1]) } })).rejects.toThrow(
        'the inputs "a" and "b" of the signature are one tensor, x',
      );
      await expect(load({ inputs: { x }, outputs: { third: { name: 'y:2' } } })).rejects.toThrow(
        'the graph gives nothing for the output "third" of its signature',
      );
    });

    it('finds out what outputs are like with larger sizes, or with the sample, where ones are not answered', async () => {
      const none = { i: '0' };
      const masks = { begin_mask: none, end_mask: none, ellipsis_mask: none, new_axis_mask: none, shrink_axis_mask: none };
      // Rows of 8, of which a request of ones has too few elements.
      const eights = graph(
        [placeholder('x', [-1, -1]), operation('y', 'Reshape', ['x', 'shape'], { T: { type: 'DT_FLOAT' }, Tshape: { type: 'DT_INT32' } })],
        [{ name: 'shape', shape: [2], values: Int32Array.of(-1, 8) }],
      );
      const reshaped = await plugin.load(modelFolder('tfjs-graph', eights), options, never);
      expect(reshaped.signature.outputs).toEqual([{ name: 'y', datatype: 'FP32', shape: [-1, -1] }]);
      await reshaped.dispose();

      const inputs = [placeholder('x', [-1]), ...['begin', 'end', 'step'].map((name) => placeholder(name, [1], 'DT_INT32'))];
      const strided = graph(
        [...inputs, operation('z', 'StridedSlice', ['x', 'begin', 'end', 'step'], masks), operation('y', 'Reshape', ['z', 'two'], {})],
        [{ name: 'two', shape: [1], values: Int32Array.of(2) }],
      );
      const sample = [fp32('x', [3], [1, 2, 3]), int32('begin', [1], [0]), int32('end', [1], [2]), int32('step', [1], [1])];
      const folder = modelFolder('tfjs-graph', strided);
      await expect(plugin.load(folder, options, never)).rejects.toThrow(
        /^the model does not say what its outputs are like, [^]* or give createVersion a `sample`/,
      );
      const model = await plugin.load(folder, { ...options, sample }, never);
      expect(model.signature.outputs).toEqual([{ name: 'y', datatype: 'FP32', shape: [-1] }]);
      expect(await model.infer(sample, undefined, never)).toEqual([fp32('y', [2], [1, 2])]);
      await model.dispose();
    });

    it('refuses two models in one version, by name', async () => {
      const one = String(graphModel([placeholder('x', [-1]), operation('y', 'Neg', ['x'])])['model.json']);
      const load = plugin.load(modelFolder('tfjs-graph', { 'cats.json': one, 'dogs.json': one }), options, never);
      await expect(load).rejects.toThrow('several models (cats.json, dogs.json); the one to load must be called model.json and lie at the top');
    });
  });
}
