/** Versions without a sample: validation looks for a request that the model answers. */
import { afterAll, expect, test, vi } from 'vitest';
import { validateVersion, type ValidationRequest, type ValidationResult } from '../../server/registry/validation.js';
import { GatewayBench, onnx } from '../support/gateway.js';
import { modelFolder, nothingDeclared, removeModelFolders, type ModelFiles } from '../support/models/folder.js';
import { initializer, node, onnxModel, tensorValue, type Attribute, type Dimension } from '../support/models/onnx.js';

// Each test starts processes that load a runtime.
vi.setConfig({ testTimeout: 120_000 });
afterAll(removeModelFolders);

function validate(files: ModelFiles, changes: Partial<ValidationRequest> = {}): Promise<ValidationResult> {
  const format = changes.format ?? 'onnx';
  const { folder, files: paths } = modelFolder(format, files);
  return validateVersion({
    folder,
    files: paths,
    format,
    runtime: 'onnx',
    sample: null,
    ...nothingDeclared(),
    outsideModules: [],
    timeoutMs: 60_000,
    memoryBytes: 512 * 1024 ** 2,
    ...changes,
  });
}

const int64 = (...values: number[]): Buffer => Buffer.from(BigInt64Array.from(values, BigInt).buffer);
const zeros = (name: string, shape: readonly number[]): Buffer => initializer(name, 'FP32', shape, Buffer.alloc(4 * shape.reduce((a, b) => a * b, 1)));

/** One operator over `x`, with a constant beside it. */
const model = (op: string, shape: readonly Dimension[] | null, constant?: Buffer, attributes: readonly Attribute[] = []): Buffer =>
  onnxModel({
    nodes: [node(op, constant ? ['x', 'c'] : ['x'], ['y'], attributes)],
    inputs: [tensorValue({ name: 'x', type: 'FP32', shape })],
    outputs: [tensorValue({ name: 'y', type: 'FP32', shape: null })],
    initializers: constant ? [constant] : [],
  });

const reshapeLayers: ModelFiles = {
  'model.json': JSON.stringify({
    format: 'layers-model',
    modelTopology: {
      keras_version: '2',
      backend: 'tensorflow',
      model_config: {
        class_name: 'Sequential',
        config: {
          name: 's',
          layers: [{ class_name: 'Reshape', config: { name: 'r', target_shape: [-1, 8], batch_input_shape: [null, null], dtype: 'float32' } }],
        },
      },
    },
    weightsManifest: [],
  }),
};

test.each<[string, ModelFiles, readonly number[], Partial<ValidationRequest>]>([
  [
    'a convolution over images of any size and any number of channels',
    { 'm.onnx': model('Conv', ['n', 'c', 'h', 'w'], zeros('c', [4, 3, 7, 7])) },
    [1, 3, 8, 8],
    {},
  ],
  ['a pool of 5 by 5', { 'm.onnx': model('AveragePool', ['n', 'c', 'h', 'w'], undefined, [{ name: 'kernel_shape', ints: [5, 5] }]) }, [1, 8, 8, 8], {}],
  ['a reshape by 8', { 'm.onnx': model('Reshape', ['n'], initializer('c', 'INT64', [2], int64(-1, 8))) }, [8], {}],
  ['a product with 37 rows, which only the graph tells', { 'm.onnx': model('MatMul', ['n', 'k'], zeros('c', [37, 2])) }, [1, 37], {}],
  ['a convolution over an input of unknown rank', { 'm.onnx': model('Conv', null, zeros('c', [4, 8, 3, 3])) }, [1, 8, 8, 8], {}],
  ['a reshape by 8, on TensorFlow.js', reshapeLayers, [1, 8], { runtime: 'tfjs', format: 'tfjs-layers' }],
])('READY: %s', async (_, files, shape, changes) => {
  const result = await validate(files, changes);
  if (result.state === 'REJECTED') throw new Error(result.reason);
  expect(result.signature.inputs).toEqual([expect.objectContaining({ sampleShape: shape })]);
});

test.each<[string, Buffer, readonly object[]]>([
  [
    'an index into one row',
    onnxModel({
      nodes: [node('Gather', ['rows', 'i'], ['y'])],
      inputs: [tensorValue({ name: 'rows', type: 'FP32', shape: [1, 4] }), tensorValue({ name: 'i', type: 'INT64', shape: [2] })],
      outputs: [tensorValue({ name: 'y', type: 'FP32', shape: null })],
    }),
    [{ sampleShape: [1, 4] }, { sampleShape: [2], sampleValue: 0 }],
  ],
  [
    'indices into a table of one element, any number of them',
    onnxModel({
      nodes: [node('GatherND', ['c', 'i'], ['y'])],
      inputs: [tensorValue({ name: 'i', type: 'INT64', shape: ['k', 2] })],
      outputs: [tensorValue({ name: 'y', type: 'FP32', shape: null })],
      initializers: [zeros('c', [1, 1])],
    }),
    [{ sampleShape: [1, 2], sampleValue: 0 }],
  ],
  [
    // As speech models have it: a window of sound, a state of the same batch, a rate.
    'a window of sound beside a state and a rate',
    onnxModel({
      nodes: [
        node('Unsqueeze', ['sound', 'one'], ['channel']),
        node('Conv', ['channel', 'filter'], ['frames'], [{ name: 'strides', ints: [64] }]),
        node(
          'ReduceMean',
          ['frames'],
          ['mean'],
          [
            { name: 'axes', ints: [2] },
            { name: 'keepdims', int: 0 },
          ],
        ),
        node('Concat', ['mean', 'state'], ['both'], [{ name: 'axis', int: 1 }]),
        node('Cast', ['rate'], ['factor'], [{ name: 'to', int: 1 }]),
        node('Mul', ['both', 'factor'], ['y']),
      ],
      inputs: [
        tensorValue({ name: 'sound', type: 'FP32', shape: ['batch', 'samples'] }),
        tensorValue({ name: 'state', type: 'FP32', shape: ['batch', 8] }),
        tensorValue({ name: 'rate', type: 'INT64', shape: [] }),
      ],
      outputs: [tensorValue({ name: 'y', type: 'FP32', shape: null })],
      initializers: [initializer('one', 'INT64', [1], int64(1)), zeros('filter', [4, 1, 256])],
    }),
    [{ sampleShape: [1, 256] }, { sampleShape: [1, 8] }, { sampleShape: [] }],
  ],
])('READY: %s, in a replica too', async (_, file, inputs) => {
  const result = await validate({ 'm.onnx': file });
  if (result.state === 'REJECTED') throw new Error(result.reason);
  expect(result.signature.inputs).toMatchObject(inputs);
  const bench = new GatewayBench();
  try {
    expect((await bench.replica(onnx(file))).signature).toEqual(result.signature);
  } finally {
    await bench.close();
  }
});

test('dimensions of one name are filled in with one size', async () => {
  const sum = onnxModel({
    nodes: [node('Add', ['a', 'b'], ['s']), node('Reshape', ['s', 'c'], ['y'])],
    inputs: ['a', 'b'].map((name) => tensorValue({ name, type: 'FP32', shape: ['n', 't'] })),
    outputs: [tensorValue({ name: 'y', type: 'FP32', shape: null })],
    initializers: [initializer('c', 'INT64', [2], int64(-1, 16))],
  });
  const result = await validate({ 'm.onnx': sum });
  if (result.state === 'REJECTED') throw new Error(result.reason);
  const [a, b] = result.signature.inputs.map(({ sampleShape }) => sampleShape!);
  expect(a).toEqual(b);
  expect((a![0]! * a![1]!) % 16).toBe(0);
});

test('a replica finds the same request, and becomes READY', async () => {
  const bench = new GatewayBench();
  try {
    const replica = await bench.replica(onnx(model('Reshape', ['n'], initializer('c', 'INT64', [2], int64(-1, 8)))));
    expect(replica.signature.inputs).toEqual([expect.objectContaining({ sampleShape: [8] })]);
  } finally {
    await bench.close();
  }
});

test('where nothing is answered, the reason says what was tried, what was read, and how to give a sample', async () => {
  const files = { 'm.onnx': model('Reshape', ['n', 'width'], initializer('c', 'INT64', [2], int64(3, 5003))) };
  const result = await validate(files);
  if (result.state === 'READY') throw new Error('it became READY');
  expect(result.reason).toMatch(
    /^the model answered none of the \d+ requests made from its signature: x FP32 \[-1 \(n\), -1 \(width\)\]\. Give createVersion a `sample` that it answers: \[\{name: "x", datatype: "FP32", shape: \[…\], data: \[…\]\}\]\. Tried: x \[1, 1\]; x \[1, .* and \d+ more\. To x \[1, 1\] the runtime said: .*[Rr]eshape/s,
  );
  expect(result.reason).not.toContain('needs more memory');
  const sample = [{ name: 'x', datatype: 'FP32', shape: [3, 5003], data: Array<number>(3 * 5003).fill(0) }];
  expect(await validate(files, { sample })).toMatchObject({ state: 'READY' });
});

test('padding that takes more away than one element leaves is tried with more', async () => {
  const cropped = model('Pad', ['n'], initializer('c', 'INT64', [2], int64(-3, -3)));
  expect(await validate({ 'm.onnx': cropped })).toMatchObject({ state: 'READY', signature: { inputs: [{ sampleShape: [8] }] } });
});

test('a reason names files as the version has them', async () => {
  const result = await validate({ 'part/m.onnx': 'no model' });
  if (result.state === 'READY') throw new Error('it became READY');
  expect(result.reason).toMatch(/Load model from part\/m\.onnx failed/);
  expect(result.reason + result.logTail).not.toContain('/tmp/');
});
