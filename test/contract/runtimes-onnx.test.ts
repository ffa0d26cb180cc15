import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { afterAll, describe, expect, it } from 'vitest';
import type { ModelArtifact } from '../../runtimes/contract.js';
import { nodePlugin } from '../support/node-plugin.js';
import type { Tensor, TensorData } from '../../runtimes/tensor.js';
import { modelFolder, removeModelFolders } from '../support/models/folder.js';
import {
  AFFINE_WEIGHTS,
  affineModel,
  arithmeticModel,
  identityModel,
  initializer,
  node,
  onnxModel,
  rowMeansModel,
  sequenceValue,
  tensorValue,
  type OnnxType,
} from '../support/models/onnx.js';
import { fp32, never, options, runtimeContract } from './runtimes.suite.js';

const plugin = await nodePlugin('onnx');
const load = (files: Parameters<typeof modelFolder>[1]) => plugin.load(modelFolder('onnx', files), options, never);

async function direct({ folder, files }: ModelArtifact, x: Float32Array): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(join(folder, files[0]!));
  const { y } = await session.run({ x: new ort.Tensor('float32', x, [x.length / 2, 2]) });
  await session.release();
  return y!.data as Float32Array;
}

const one = (type: OnnxType) => [tensorValue({ name: 'x', type, shape: [2] })];

runtimeContract({
  title: 'onnx',
  plugin: () => Promise.resolve(plugin),
  format: 'onnx',
  backend: 'cpu',
  arithmetic: { 'model.onnx': arithmeticModel() },
  direct: { model: { 'model.onnx': affineModel() }, answer: direct },
  broken: [
    { title: 'a corrupt file', files: { 'model.onnx': 'this is no model' }, message: /protobuf parsing failed/i },
    { title: 'an empty file', files: { 'model.onnx': '' }, message: /model/i },
    { title: 'half a file', files: { 'model.onnx': affineModel().subarray(0, 80) }, message: /protobuf parsing failed/i },
    {
      title: 'an unknown operator',
      files: {
        'm.onnx': onnxModel({ nodes: [node('Sorcery', ['x'], ['y'])], inputs: one('FP32'), outputs: [tensorValue({ name: 'y', type: 'FP32', shape: [2] })] }),
      },
      message: /Sorcery/,
    },
    {
      title: 'bfloat16',
      files: { 'm.onnx': identityModel('BF16', [2]) },
      message: /datatype bfloat16, which is not supported; the supported types are bool, int8/,
    },
    { title: 'float8', files: { 'm.onnx': identityModel('FP8', [2], 19) }, message: /datatype float8e4m3fn, which is not supported/ },
    {
      title: 'int4',
      files: {
        'm.onnx': onnxModel(
          {
            nodes: [node('DequantizeLinear', ['x', 'scale'], ['y'])],
            inputs: one('INT4'),
            outputs: [tensorValue({ name: 'y', type: 'FP32', shape: [2] })],
            initializers: [initializer('scale', 'FP32', [], Buffer.from(Float32Array.of(1).buffer))],
          },
          21,
          10,
        ),
      },
      message: /input "x" is of datatype int4, which is not supported/,
    },
    {
      title: 'an output that is a sequence',
      files: {
        'm.onnx': onnxModel({
          nodes: [node('SequenceConstruct', ['x'], ['y'])],
          inputs: one('FP32'),
          outputs: [sequenceValue({ name: 'y', type: 'FP32', shape: [2] })],
        }),
      },
      message: /output "y" is a sequence, a map or an optional.*zipmap/,
    },
    {
      title: 'several models',
      files: { 'a.onnx': affineModel(), 'b.onnx': affineModel() },
      message: /several \.onnx files \(a\.onnx, b\.onnx\); the one to load must be called model\.onnx/,
    },
    { title: 'a missing external file', files: { 'model.onnx': affineModel('weights.bin') }, message: /weights\.bin/ },
    { title: 'external data outside of the folder', files: { 'model.onnx': affineModel('../weights.bin') }, message: /weights\.bin/ },
  ],
});

describe('onnx tensors', () => {
  afterAll(removeModelFolders);

  const values: readonly (readonly [OnnxType & Tensor['datatype'], TensorData])[] = [
    ['BOOL', Uint8Array.of(1, 0)],
    ['INT8', Int8Array.of(-128, 127)],
    ['INT16', Int16Array.of(-32768, 32767)],
    ['INT32', Int32Array.of(-(2 ** 31), 2 ** 31 - 1)],
    ['INT64', BigInt64Array.of(-(2n ** 63n), 9007199254740993n)],
    ['UINT8', Uint8Array.of(0, 255)],
    ['UINT16', Uint16Array.of(0, 65535)],
    ['UINT32', Uint32Array.of(0, 2 ** 32 - 1)],
    ['UINT64', BigUint64Array.of(0n, 2n ** 64n - 1n)],
    ['FP16', Uint16Array.of(0x3c01, 0xfc00)],
    ['FP32', Float32Array.of(-0, 1e-45)],
    ['FP64', Float64Array.of(Math.PI, -Infinity)],
    ['BYTES', [Buffer.from('grün 🌲'), Buffer.alloc(0)]],
  ];

  it.each(values)('%s keeps every bit, there and back', async (datatype, data) => {
    const model = await load({ 'model.onnx': identityModel(datatype, ['n']) });
    expect(model.signature.inputs).toEqual([{ name: 'x', datatype, shape: [-1], symbols: ['n'] }]);
    for (const [shape, part] of [
      [[2], data],
      [[0], data.slice(0, 0)],
    ] as const) {
      const [y] = await model.infer([{ name: 'x', datatype, shape, data: part }], undefined, never);
      expect(y).toEqual({ name: 'y', datatype, shape, data: part });
      expect(y!.data.constructor).toBe(data.constructor);
    }
    await model.dispose();
  });

  it('gives the same bits wherever the input lies in memory', async () => {
    const model = await load({ 'model.onnx': rowMeansModel(12) });
    const values = Float32Array.from({ length: 12 }, (_, i) => Math.sin(i * 7.3) * 10);
    const found = new Set<number>();
    // On a page boundary, so that every offset is another address modulo 64.
    const page = new ArrayBuffer(4096, { maxByteLength: 4096 });
    for (let at = 0; at < 128; at += 4) {
      const data = new Float32Array(page, at, 12);
      data.set(values);
      const [mean] = await model.infer([{ name: 'x', datatype: 'FP32', shape: [1, 12], data }], undefined, never);
      found.add((mean!.data as Float32Array)[0]!);
    }
    expect([...found]).toEqual([0.1977178007364273]);
    await model.dispose();
  });

  it.each<[string, Buffer[], string]>([
    ['the input itself', [node('Relu', ['x'], ['z'])], 'x'],
    ['its Identity', [node('Identity', ['x'], ['y'])], 'y'],
    ['its Flatten', [node('Flatten', ['x'], ['y'])], 'y'],
    ['its Dropout', [node('Dropout', ['x'], ['y'])], 'y'],
  ])('keeps an answer that is %s when the next inference comes', async (_, nodes, name) => {
    const outputs = (name === 'x' ? ['x', 'z'] : ['y']).map((output) => tensorValue({ name: output, type: 'FP32', shape: ['n', 2] }));
    const model = await load({ 'model.onnx': onnxModel({ nodes, inputs: [tensorValue({ name: 'x', type: 'FP32', shape: ['n', 2] })], outputs }) });
    const ask = async (...values: number[]) => (await model.infer([fp32('x', [1, 2], values)], [name], never))[0]!;
    const first = await ask(1, 2);
    const second = await ask(3, 4);
    expect([first, second]).toEqual([fp32(name, [1, 2], [1, 2]), fp32(name, [1, 2], [3, 4])]);
    await model.dispose();
  });

  it('carries scalars', async () => {
    const model = await load({ 'model.onnx': identityModel('FP32', []) });
    expect(model.signature.outputs).toEqual([{ name: 'y', datatype: 'FP32', shape: [] }]);
    expect(await model.infer([fp32('x', [], [2.5])], undefined, never)).toEqual([fp32('y', [], [2.5])]);
    await model.dispose();
  });

  it('reads external data that lies beside the model', async () => {
    const model = await load({ 'model.onnx': affineModel('data/weights.bin'), 'data/weights.bin': AFFINE_WEIGHTS });
    expect(await model.infer([fp32('x', [1, 2], [2, 4])], undefined, never)).toEqual([fp32('y', [1, 2], [4.5, 7.5])]);
    await model.dispose();
  });

  it('takes model.onnx where there are several files', async () => {
    const model = await load({ 'a.onnx': identityModel('FP32', [1]), 'model.onnx': affineModel() });
    expect(model.signature.inputs[0]!.shape).toEqual([-1, 2]);
    await model.dispose();
  });

  it('refuses text that the library would change, by element', async () => {
    const model = await load({ 'model.onnx': identityModel('BYTES', ['n']) });
    const ask = (...data: Uint8Array[]) => model.infer([{ name: 'x', datatype: 'BYTES', shape: [data.length], data }], undefined, never);
    await expect(ask(Buffer.from('fine'), Buffer.from('a\0b'))).rejects.toThrow('input "x": element 1 holds a zero byte');
    await expect(ask(Buffer.from([0xff]))).rejects.toThrow('input "x": element 0 is not UTF-8 text');
    await model.dispose();
  });

  it('passes on what the runtime says of a shape that only the graph refuses', async () => {
    const files = {
      'model.onnx': onnxModel({
        nodes: [node('Add', ['a', 'b'], ['y'])],
        inputs: ['a', 'b'].map((name) => tensorValue({ name, type: 'FP32', shape: [`n_${name}`] })),
        outputs: [tensorValue({ name: 'y', type: 'FP32', shape: ['m'] })],
      }),
    };
    const model = await load(files);
    await expect(model.infer([fp32('a', [2], [1, 2]), fp32('b', [3], [1, 2, 3])], undefined, never)).rejects.toThrow(/broadcast/i);
    await model.dispose();
  });

  it('keeps what it does to itself: nothing of it is left in the home or the temporary folder', () => {
    const model = modelFolder('onnx', { 'model.onnx': affineModel() });
    const { folder: home } = modelFolder('onnx', {});
    const { folder: temporary } = modelFolder('onnx', {});
    const script = `
      import { loadPlugin } from ${JSON.stringify(join(import.meta.dirname, '..', '..', 'dist', 'runtimes', 'catalog.js'))};
      const plugin = await loadPlugin('onnx', []);
      const model = await plugin.load(${JSON.stringify(model)}, { threads: 1, log: () => {}, options: {}, scratch: '' }, new AbortController().signal);
      console.log(model.signature.inputs[0].name);`;
    const env = { PATH: process.env['PATH'], HOME: home, XDG_CACHE_HOME: home, TMPDIR: temporary };
    expect(execFileSync(process.execPath, ['--input-type=module', '-e', script], { env, encoding: 'utf8' })).toBe('x\n');
    expect([...readdirSync(home), ...readdirSync(temporary)]).toEqual([]);
  });
});
