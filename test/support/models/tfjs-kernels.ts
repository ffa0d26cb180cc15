/** Small TensorFlow.js models, each around one kernel that the WebAssembly backend gets wrong when left alone. */
import type { ModelFiles } from './folder.js';
import { declared, graphModel, operation, placeholder, type GraphNode } from './tensorflow.js';

interface Constant {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array | Int32Array;
}

const dtypeOf = ({ values }: Constant) => (values instanceof Int32Array ? (['int32', 'DT_INT32'] as const) : (['float32', 'DT_FLOAT'] as const));

/** What a graph's signature says of a tensor: its shape, and its type where it is not float. */
export type Declaration = readonly [shape: readonly number[], dtype?: string];

/**
 * A graph of placeholders, constants and operations.
 * @param outputs what the signature says of them; without it there is no signature
 */
export function graph(nodes: readonly GraphNode[], constants: readonly Constant[] = [], outputs?: Readonly<Record<string, Declaration>>): ModelFiles {
  const nodesOfConstants = constants.map((constant): GraphNode => ({ name: constant.name, op: 'Const', attr: { dtype: { type: dtypeOf(constant)[1] } } }));
  const weights = constants.map((constant) => ({ name: constant.name, shape: constant.shape, dtype: dtypeOf(constant)[0] }));
  const bytes = Buffer.concat(constants.map(({ values }) => Buffer.from(values.buffer)));
  const [first, ...rest] = [...nodes];
  return graphModel([first!, ...nodesOfConstants, ...rest], {
    ...(constants.length > 0 && { weights, shards: { 'weights.bin': bytes } }),
    ...(outputs && { signature: signatureOf(nodes, outputs) }),
  });
}

function signatureOf(nodes: readonly GraphNode[], outputs: Readonly<Record<string, Declaration>>): object {
  const inputs = nodes.filter(({ op }) => op === 'Placeholder').map(({ name, attr }) => [name, { name: `${name}:0`, dtype: (attr!['dtype'] as { type: string }).type, tensorShape: attr!['shape']!['shape' as never] }]);
  return {
    inputs: Object.fromEntries(inputs) as object,
    outputs: Object.fromEntries(Object.entries(outputs).map(([name, [shape, dtype]]) => [name, declared(name, shape, dtype)])),
  };
}

export const int = (name: string, ...values: readonly number[]): Constant => ({ name, shape: [], values: Int32Array.from(values) });
export const type = (name: string) => ({ T: { type: name } });

/** `y` is the largest of each row of FP32 [-1, -1]. */
export const largestOfRows = (): ModelFiles => graph([placeholder('x', [-1, -1]), operation('y', 'Max', ['x', 'axis'], { ...type('DT_FLOAT'), keep_dims: { b: false } })], [int('axis', 1)]);

/** `y` is INT32 [-1] between 0 and 10. */
export const clippedInts = (): ModelFiles =>
  graph([placeholder('x', [-1], 'DT_INT32'), operation('y', 'ClipByValue', ['x', 'low', 'high'], type('DT_INT32'))], [int('low', 0), int('high', 10)]);

/** `y` is whether FP32 [-1] is not 0. */
export const castToBool = (): ModelFiles => graph([placeholder('x', [-1]), operation('y', 'Cast', ['x'], { SrcT: { type: 'DT_FLOAT' }, DstT: { type: 'DT_BOOL' } })]);

/** `y` is the product of INT32 [-1, 2, 2] with itself. */
export const productOfInts = (): ModelFiles =>
  graph([placeholder('x', [-1, 2, 2], 'DT_INT32'), operation('y', 'BatchMatMulV2', ['x', 'x'], { ...type('DT_INT32'), adj_x: { b: false }, adj_y: { b: false } })]);

/** `y` is what lies in FP32 `x` [2, 4] at the places INT32 `at` [-1, 2]. */
export const gathered = (): ModelFiles =>
  graph([placeholder('x', [2, 4]), placeholder('at', [-1, 2], 'DT_INT32'), operation('y', 'GatherNd', ['x', 'at'], { Tparams: { type: 'DT_FLOAT' }, Tindices: { type: 'DT_INT32' } })]);

/** `y` is FP32 `x` [-1, -1] from the places INT32 `begin` to the places `end`. */
export const sliced = (): ModelFiles => {
  const masks = ['begin', 'end', 'ellipsis', 'new_axis', 'shrink_axis'].map((mask) => [`${mask}_mask`, { i: '0' }]);
  const ones: Constant = { name: 'step', shape: [2], values: Int32Array.of(1, 1) };
  return graph(
    [placeholder('x', [-1, -1]), placeholder('begin', [2], 'DT_INT32'), placeholder('end', [2], 'DT_INT32'), operation('y', 'StridedSlice', ['x', 'begin', 'end', 'step'], { ...type('DT_FLOAT'), ...(Object.fromEntries(masks) as object) })],
    [ones],
    { y: [[-1, -1]] },
  );
};

/** `y` is the largest whole number up to FP32 [-1] / 0.5. */
export const floorOfQuotient = (): ModelFiles => graph([placeholder('x', [-1]), operation('y', 'FloorDiv', ['x', 'half'])], [{ name: 'half', shape: [], values: Float32Array.of(0.5) }], { y: [[-1]] });

/** `y` is the product of the matrices FP32 `a` and `b` [-1, -1, -1]. */
export const productOfMatrices = (): ModelFiles =>
  graph([placeholder('a', [-1, -1, -1]), placeholder('b', [-1, -1, -1]), operation('y', 'BatchMatMulV2', ['a', 'b'], { ...type('DT_FLOAT'), adj_x: { b: false }, adj_y: { b: false } })], [], { y: [[-1, -1, -1]] });

/** A signature that says INT32 of `y`, which is FP32 `x` [-1] as it is. */
export const mistyped = (): ModelFiles => graph([placeholder('x', [-1]), operation('y', 'Neg', ['x'])], [], { y: [[-1], 'DT_INT32'] });

/** `y` is FP32 [-1, 2] times itself, by an operation that WebAssembly lacks. The equation is base64, as protobuf's JSON has bytes. */
export const einsum = (): ModelFiles =>
  graph([placeholder('x', [2, 2]), operation('y', 'Einsum', ['x', 'x'], { ...type('DT_FLOAT'), N: { i: '2' }, equation: { s: Buffer.from('ij,jk->ik').toString('base64') } })]);

/** `y` is the size of FP32 [4] in its complex spectrum, by operations that WebAssembly lacks. */
export const spectrum = (): ModelFiles =>
  graph([
    placeholder('x', [4]),
    operation('z', 'Complex', ['x', 'x'], { T: { type: 'DT_FLOAT' }, Tout: { type: 'DT_COMPLEX64' } }),
    operation('f', 'FFT', ['z'], { Tcomplex: { type: 'DT_COMPLEX64' } }),
    operation('y', 'ComplexAbs', ['f'], { T: { type: 'DT_COMPLEX64' }, Tout: { type: 'DT_FLOAT' } }),
  ]);

/** A layers model over images of any size: convolution 3 by 3, pooling 2 by 2, the mean of what is left. All weights are 1. */
export const pooledImage = (): ModelFiles => {
  const layer = (className: string, name: string, input: string, config: object) => ({
    class_name: className,
    config: { name, trainable: false, ...config },
    name,
    inbound_nodes: [[[input, 0, 0, {}]]],
  });
  const layers = [
    { class_name: 'InputLayer', config: { batch_input_shape: [null, null, null, 1], dtype: 'float32', sparse: false, name: 'x' }, name: 'x', inbound_nodes: [] },
    layer('Conv2D', 'conv', 'x', { filters: 1, kernel_size: [3, 3], strides: [1, 1], padding: 'valid', use_bias: false, activation: 'linear', data_format: 'channels_last' }),
    layer('MaxPooling2D', 'pool', 'conv', { pool_size: [2, 2], strides: [2, 2], padding: 'valid', data_format: 'channels_last' }),
    layer('GlobalAveragePooling2D', 'y', 'pool', { data_format: 'channels_last' }),
  ];
  const model = {
    format: 'layers-model',
    generatedBy: 'test',
    modelTopology: {
      class_name: 'Model',
      config: { name: 'test', layers, input_layers: [['x', 0, 0]], output_layers: [['y', 0, 0]] },
      keras_version: 'tfjs-layers 4.22.0',
      backend: 'tensor_flow.js',
    },
    weightsManifest: [{ paths: ['weights.bin'], weights: [{ name: 'conv/kernel', shape: [3, 3, 1, 1], dtype: 'float32' }] }],
  };
  return { 'model.json': JSON.stringify(model), 'weights.bin': Buffer.from(new Float32Array(9).fill(1).buffer) };
};
