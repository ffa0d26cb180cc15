/** Small TensorFlow models: as TensorFlow.js layers and graph models, and as SavedModels. */
import { message } from './protobuf.js';
import type { ModelFiles } from './folder.js';

const f32 = (values: readonly number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);

/** A dense layer 2 → 2 with the weights [[1.5, -2], [0.25, 3]] and the bias [0.5, -0.5], then tanh. */
export const DENSE_WEIGHTS = [1.5, -2, 0.25, 3, 0.5, -0.5];

const inputLayer = (name: string, shape: readonly (number | null)[], dtype = 'float32') => ({
  class_name: 'InputLayer',
  config: { batch_input_shape: shape, dtype, sparse: false, name },
  name,
  inbound_nodes: [],
});

const layer = (className: string, name: string, inputs: readonly string[], config: object = {}) => ({
  class_name: className,
  config: { name, trainable: false, ...config },
  name,
  inbound_nodes: [inputs.map((input) => [input, 0, 0, {}])],
});

function layersModel(layers: readonly object[], inputs: readonly string[], outputs: readonly string[], weights: readonly object[], shards: Readonly<Record<string, Buffer>>): ModelFiles {
  const places = (names: readonly string[]) => names.map((name) => [name, 0, 0]);
  const model = {
    format: 'layers-model',
    generatedBy: 'test',
    modelTopology: {
      class_name: 'Model',
      config: { name: 'test', layers, input_layers: places(inputs), output_layers: places(outputs) },
      keras_version: 'tfjs-layers 4.22.0',
      backend: 'tensor_flow.js',
    },
    weightsManifest: [{ paths: Object.keys(shards), weights }],
  };
  return { 'model.json': JSON.stringify(model), ...shards };
}

/** `sum = a + b`, `product = a * b`, `maximum = max(a, b)` over FP32 [-1, 3]. */
export const arithmeticLayers = (): ModelFiles =>
  layersModel(
    [
      inputLayer('a', [null, 3]),
      inputLayer('b', [null, 3]),
      layer('Add', 'sum', ['a', 'b']),
      layer('Multiply', 'product', ['a', 'b']),
      layer('Maximum', 'maximum', ['a', 'b']),
    ],
    ['a', 'b'],
    ['sum', 'product', 'maximum'],
    [],
    {},
  );

/** FP32 [-1, 2] through the dense layer, its weights in two shards that cut a number in half. */
export const denseLayers = (): ModelFiles => {
  const bytes = f32(DENSE_WEIGHTS);
  return layersModel(
    [inputLayer('x', [null, 2]), layer('Dense', 'y', ['x'], { units: 2, activation: 'tanh', use_bias: true })],
    ['x'],
    ['y'],
    [
      { name: 'y/kernel', shape: [2, 2], dtype: 'float32' },
      { name: 'y/bias', shape: [2], dtype: 'float32' },
    ],
    { 'group1-shard1of2.bin': bytes.subarray(0, 10), 'group1-shard2of2.bin': bytes.subarray(10) },
  );
};

/** A Lambda layer, which TensorFlow.js does not know. */
export const lambdaLayers = (): ModelFiles => layersModel([inputLayer('x', [null, 2]), layer('Lambda', 'y', ['x'], { function: 'x' })], ['x'], ['y'], [], {});

export interface GraphNode {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
  readonly attr?: Readonly<Record<string, object>>;
}

const typeAttr = (type: string) => ({ T: { type } });
const shapeAttr = (shape: readonly number[]) => ({ shape: { dim: shape.map((size) => ({ size: String(size) })) } });

export const placeholder = (name: string, shape: readonly number[], type = 'DT_FLOAT'): GraphNode => ({ name, op: 'Placeholder', attr: { dtype: { type }, shape: shapeAttr(shape) } });

export const operation = (name: string, op: string, input: readonly string[], attr: Readonly<Record<string, object>> = typeAttr('DT_FLOAT')): GraphNode => ({ name, op, input, attr });

/** @param signature absent in models that were not converted from a SavedModel */
export function graphModel(nodes: readonly GraphNode[], options: { weights?: readonly object[]; shards?: Readonly<Record<string, Buffer>>; signature?: object } = {}): ModelFiles {
  const { weights = [], shards = {}, signature } = options;
  const model = {
    format: 'graph-model',
    modelTopology: { node: nodes, library: {}, versions: { producer: 1395 } },
    ...(signature && { signature }),
    weightsManifest: [{ paths: Object.keys(shards), weights }],
  };
  return { 'model.json': JSON.stringify(model), ...shards };
}

/** A value of a graph model's signature. */
export const declared = (name: string, shape: readonly number[], dtype = 'DT_FLOAT') => ({ name: `${name}:0`, dtype, tensorShape: { dim: shape.map((size) => ({ size: String(size) })) } });

export const arithmeticGraph = (): ModelFiles =>
  graphModel(
    [
      placeholder('a', [-1, 3]),
      placeholder('b', [-1, 3]),
      operation('sum', 'AddV2', ['a', 'b']),
      operation('product', 'Mul', ['a', 'b']),
      operation('maximum', 'Maximum', ['a', 'b']),
    ],
    {
      signature: {
        inputs: { a: declared('a', [-1, 3]), b: declared('b', [-1, 3]) },
        outputs: { sum: declared('sum', [-1, 3]), product: declared('product', [-1, 3]), maximum: declared('maximum', [-1, 3]) },
      },
    },
  );

/** The dense layer as operations, and without a signature: what its output is like has to be found out. */
export const denseGraph = (): ModelFiles =>
  graphModel(
    [
      placeholder('x', [-1, 2]),
      { name: 'kernel', op: 'Const', attr: { dtype: { type: 'DT_FLOAT' } } },
      { name: 'bias', op: 'Const', attr: { dtype: { type: 'DT_FLOAT' } } },
      operation('xw', 'MatMul', ['x', 'kernel'], { ...typeAttr('DT_FLOAT'), transpose_a: { b: false }, transpose_b: { b: false } }),
      operation('z', 'BiasAdd', ['xw', 'bias']),
      operation('y', 'Tanh', ['z']),
    ],
    {
      weights: [
        { name: 'kernel', shape: [2, 2], dtype: 'float32' },
        { name: 'bias', shape: [2], dtype: 'float32' },
      ],
      shards: { 'weights.bin': f32(DENSE_WEIGHTS) },
    },
  );

/** Numbers of TensorFlow's DataType. */
export const DT = { FLOAT: 1, DOUBLE: 2, INT32: 3, UINT8: 4, STRING: 7, INT64: 9, BOOL: 10 } as const;
export type DtName = keyof typeof DT;

type AttrValue = Buffer;
const attrType = (type: DtName): AttrValue => message([6, DT[type]]);
const attrShape = (shape: readonly number[]): AttrValue => message([7, shapeProto(shape)]);
const attrBool = (value: boolean): AttrValue => message([5, value ? 1 : 0]);
const shapeProto = (shape: readonly number[]): Buffer => message(...shape.map((size) => [2, message([1, size])] as const));

/** TensorProto of floats. */
const attrTensor = (shape: readonly number[], values: readonly number[]): AttrValue =>
  message([8, message([1, DT.FLOAT], [2, shapeProto(shape)], [4, f32(values)])]);

export const nodeDef = (name: string, op: string, inputs: readonly string[], attributes: Readonly<Record<string, AttrValue>>): Buffer =>
  message(
    [1, name],
    [2, op],
    ...inputs.map((input) => [3, input] as const),
    ...Object.entries(attributes).map(([key, value]) => [5, message([1, key], [2, value])] as const),
  );

export interface SavedValue {
  readonly name: string;
  readonly type: DtName;
  /** undefined: not even the number of dimensions is said. */
  readonly shape: readonly number[] | undefined;
}

const tensorInfo = ({ name, type, shape }: SavedValue): Buffer => message([1, `${name}:0`], [2, DT[type]], [3, shape ? shapeProto(shape) : message([3, 1])]);

/** A SavedModel without variables: one graph, one signature. */
export function savedModel(nodes: readonly Buffer[], inputs: readonly SavedValue[], outputs: readonly SavedValue[], signature = 'serving_default'): ModelFiles {
  const graphDef = message(...nodes.map((entry) => [1, entry] as const), [4, message([1, 1395])]);
  const named = (values: readonly SavedValue[], field: number) => values.map((value) => [field, message([1, value.name], [2, tensorInfo(value)])] as const);
  const signatureDef = message(...named(inputs, 1), ...named(outputs, 2), [3, 'tensorflow/serving/predict']);
  const metaGraph = message([1, message([4, 'serve'])], [2, graphDef], [5, message([1, signature], [2, signatureDef])]);
  return { 'saved_model.pb': message([1, 1], [2, metaGraph]) };
}

const floatPlaceholder = (name: string, shape: readonly number[]) => nodeDef(name, 'Placeholder', [], { dtype: attrType('FLOAT'), shape: attrShape(shape) });

export const arithmeticSavedModel = (): ModelFiles => {
  const shape = [-1, 3];
  const ops = [['sum', 'AddV2'], ['product', 'Mul'], ['maximum', 'Maximum']] as const;
  return savedModel(
    [floatPlaceholder('a', shape), floatPlaceholder('b', shape), ...ops.map(([name, op]) => nodeDef(name, op, ['a', 'b'], { T: attrType('FLOAT') }))],
    ['a', 'b'].map((name) => ({ name, type: 'FLOAT', shape })),
    ops.map(([name]) => ({ name, type: 'FLOAT', shape })),
  );
};

export const denseSavedModel = (): ModelFiles =>
  savedModel(
    [
      floatPlaceholder('x', [-1, 2]),
      nodeDef('kernel', 'Const', [], { dtype: attrType('FLOAT'), value: attrTensor([2, 2], DENSE_WEIGHTS.slice(0, 4)) }),
      nodeDef('bias', 'Const', [], { dtype: attrType('FLOAT'), value: attrTensor([2], DENSE_WEIGHTS.slice(4)) }),
      nodeDef('xw', 'MatMul', ['x', 'kernel'], { T: attrType('FLOAT'), transpose_a: attrBool(false), transpose_b: attrBool(false) }),
      nodeDef('z', 'BiasAdd', ['xw', 'bias'], { T: attrType('FLOAT') }),
      nodeDef('y', 'Tanh', ['z'], { T: attrType('FLOAT') }),
    ],
    [{ name: 'x', type: 'FLOAT', shape: [-1, 2] }],
    [{ name: 'y', type: 'FLOAT', shape: [-1, 2] }],
  );

/** `y = x` of any type. */
export const identitySavedModel = (type: DtName, shape: readonly number[], signature?: string, said: { x?: readonly number[]; y?: readonly number[] } = { x: shape, y: shape }): ModelFiles =>
  savedModel(
    [nodeDef('x', 'Placeholder', [], { dtype: attrType(type), shape: attrShape(shape) }), nodeDef('y', 'Identity', ['x'], { T: attrType(type) })],
    [{ name: 'x', type, shape: said.x }],
    [{ name: 'y', type, shape: said.y }],
    signature,
  );

/** `y` = `x` as floats. */
export const castSavedModel = (type: DtName, shape: readonly number[]): ModelFiles =>
  savedModel(
    [nodeDef('x', 'Placeholder', [], { dtype: attrType(type), shape: attrShape(shape) }), nodeDef('y', 'Cast', ['x'], { SrcT: attrType(type), DstT: attrType('FLOAT'), Truncate: attrBool(false) })],
    [{ name: 'x', type, shape }],
    [{ name: 'y', type: 'FLOAT', shape }],
  );
