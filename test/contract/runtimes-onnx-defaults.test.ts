/**
 * ONNX models whose inputs have a default: an initializer of the same name. The expected values are what Python's onnxruntime answers, which
 * takes a value for such an input as `get_overridable_initializers` lists it.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { nodePlugin } from '../support/node-plugin.js';
import type { Tensor } from '../../runtimes/tensor.js';
import { modelFolder, removeModelFolders } from '../support/models/folder.js';
import { floats, initializer, node, ONNX_TYPE, onnxModel, scaledModel, tensorValue, type OnnxType } from '../support/models/onnx.js';
import { message } from '../support/models/protobuf.js';
import { fp32, never, options } from './runtimes.suite.js';

const plugin = await nodePlugin('onnx');
const load = (files: Parameters<typeof modelFolder>[1]) => plugin.load(modelFolder('onnx', files), options, never);
afterAll(removeModelFolders);

const value = (name: string, type: OnnxType, shape: readonly (number | string)[] | null) => tensorValue({ name, type, shape });

/** `y` is `x`, whose default has `type`. */
const defaultOnly = (type: OnnxType, shape: readonly number[], content: Buffer): Buffer =>
  onnxModel({
    nodes: [node('Identity', ['x'], ['y'])],
    inputs: [
      value(
        'x',
        type,
        shape.map((_, i) => `d${i}`),
      ),
    ],
    outputs: [value('y', type, null)],
    initializers: [content],
  });

const x = fp32('x', [1, 2], [1, 2]);

describe('onnx inputs with a default', () => {
  it.each<[string, Parameters<typeof modelFolder>[1]]>([
    ['inside the model', { 'model.onnx': scaledModel() }],
    [
      'in an external file',
      { 'part/model.onnx': scaledModel(initializer('scale', 'FP32', [2], { location: 'weights.bin', length: 8 })), 'part/weights.bin': floats(2, 3) },
    ],
  ])('may be given or left out: %s', async (_, files) => {
    const model = await load(files);
    expect(model.signature.inputs).toEqual([
      { name: 'x', datatype: 'FP32', shape: [-1, 2], symbols: ['n', null] },
      { name: 'scale', datatype: 'FP32', shape: [2], optional: true },
      { name: 'bias', datatype: 'FP32', shape: [-1, 2], symbols: ['n', null], optional: true },
    ]);
    const ask = (...more: Tensor[]) => model.infer([x, ...more], undefined, never);
    const scale = fp32('scale', [2], [5, 6]);
    const bias = fp32('bias', [2, 2], [1, 1, 2, 2]);
    expect(await ask()).toEqual([fp32('y', [1, 2], [12, 26])]);
    expect(await ask(scale)).toEqual([fp32('y', [1, 2], [15, 32])]);
    expect(await ask(bias)).toEqual([fp32('y', [2, 2], [3, 7, 4, 8])]);
    expect(await ask(scale, bias)).toEqual([fp32('y', [2, 2], [6, 13, 7, 14])]);
    // What one request gave is not kept for the next.
    expect(await ask()).toEqual([fp32('y', [1, 2], [12, 26])]);
    await model.dispose();
  });

  it('are constants in a file of IR version 3, where every initializer had to be an input', async () => {
    const model = await load({ 'model.onnx': scaledModel(undefined, 3) });
    expect(model.signature.inputs.map(({ name }) => name)).toEqual(['x']);
    expect(await model.infer([x], undefined, never)).toEqual([fp32('y', [1, 2], [12, 26])]);
    await model.dispose();
  });

  it('are constants where they are as large as weights', async () => {
    const large = 256 * 1024 + 1;
    const model = await load({
      'model.onnx': onnxModel({
        nodes: [node('ReduceSum', ['w'], ['sum'], [{ name: 'keepdims', int: 0 }]), node('Add', ['x', 'sum'], ['y'])],
        inputs: [value('x', 'FP32', ['n']), value('w', 'FP32', [large])],
        outputs: [value('y', 'FP32', ['n'])],
        initializers: [initializer('w', 'FP32', [large], Buffer.alloc(4 * large))],
      }),
    });
    expect(model.signature.inputs.map(({ name }) => name)).toEqual(['x']);
    await model.dispose();
  });

  it('are constants where they are of a datatype that cannot be carried', async () => {
    const model = await load({
      'model.onnx': onnxModel({
        nodes: [node('Cast', ['b'], ['float'], [{ name: 'to', int: ONNX_TYPE.FP32 }]), node('Add', ['x', 'float'], ['y'])],
        inputs: [value('x', 'FP32', [1]), value('b', 'BF16', [1])],
        outputs: [value('y', 'FP32', [1])],
        // 0x3f80 is 1.
        initializers: [initializer('b', 'BF16', [1], Buffer.from([0x80, 0x3f]))],
      }),
    });
    expect(model.signature.inputs.map(({ name }) => name)).toEqual(['x']);
    expect(await model.infer([fp32('x', [1], [2])], undefined, never)).toEqual([fp32('y', [1], [3])]);
    await model.dispose();
  });

  it.each<[OnnxType & Tensor['datatype'], readonly number[], Buffer, Tensor['data'], Tensor['data']]>([
    ['FP16', [2], initializer('x', 'FP16', [2], Buffer.from([1, 0x3c, 0, 0xfc])), Uint16Array.of(0x3c01, 0xfc00), Uint16Array.of(0, 1)],
    ['INT64', [], initializer('x', 'INT64', [], Buffer.from(BigInt64Array.of(-(2n ** 63n)).buffer)), BigInt64Array.of(-(2n ** 63n)), BigInt64Array.of(1n)],
    ['BOOL', [2], initializer('x', 'BOOL', [2], Buffer.from([1, 0])), Uint8Array.of(1, 0), Uint8Array.of(0, 1)],
    ['FP32', [0], initializer('x', 'FP32', [0], Buffer.alloc(0)), new Float32Array(0), new Float32Array(0)],
    [
      'BYTES',
      [2],
      message([1, 2], [2, ONNX_TYPE.BYTES], [6, 'grün 🌲'], [6, ''], [8, 'x']),
      [Buffer.from('grün 🌲'), Buffer.alloc(0)],
      [Buffer.from('a'), Buffer.from('b')],
    ],
  ])('keep every bit of a default, and may be all that a model takes: %s %j', async (datatype, shape, content, expected, other) => {
    const model = await load({ 'model.onnx': defaultOnly(datatype, shape, content) });
    expect(model.signature.inputs).toMatchObject([{ name: 'x', datatype, optional: true }]);
    const ask = async (...inputs: Tensor[]) => (await model.infer(inputs, undefined, never))[0];
    expect(await ask()).toEqual({ name: 'y', datatype, shape, data: expected });
    expect(await ask({ name: 'x', datatype, shape, data: other })).toEqual({ name: 'y', datatype, shape, data: other });
    expect(await ask()).toEqual({ name: 'y', datatype, shape, data: expected });
    await model.dispose();
  });

  it('are constants where they hold bytes that the library would change', async () => {
    const model = await load({
      'model.onnx': onnxModel({
        nodes: [node('Identity', ['s'], ['t']), node('Identity', ['x'], ['y'])],
        inputs: [value('x', 'FP32', [1]), value('s', 'BYTES', [1])],
        outputs: [value('y', 'FP32', [1])],
        initializers: [message([1, 1], [2, ONNX_TYPE.BYTES], [6, Buffer.from([0xff])], [8, 's'])],
      }),
    });
    expect(model.signature.inputs.map(({ name }) => name)).toEqual(['x']);
    await model.dispose();
  });
});
