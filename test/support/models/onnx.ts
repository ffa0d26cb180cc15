/** Small ONNX models, made on the spot. */
import { message } from './protobuf.js';

export const ONNX_TYPE = {
  FP32: 1, UINT8: 2, INT8: 3, UINT16: 4, INT16: 5, INT32: 6, INT64: 7, BYTES: 8, BOOL: 9, FP16: 10, FP64: 11, UINT32: 12, UINT64: 13,
  BF16: 16, FP8: 17, INT4: 22,
} as const;

export type OnnxType = keyof typeof ONNX_TYPE;
/** A number, or the name of a dimension that may vary. */
export type Dimension = number | string;

export interface Value {
  readonly name: string;
  readonly type: OnnxType;
  /** null: the value has a type and no shape. */
  readonly shape: readonly Dimension[] | null;
}

export interface Attribute {
  readonly name: string;
  readonly int?: number;
  readonly ints?: readonly number[];
  readonly graph?: Buffer;
}

const typeProto = ({ type, shape }: Omit<Value, 'name'>): Buffer => {
  if (shape === null) return message([1, message([1, ONNX_TYPE[type]])]);
  const dims = shape.map((dim) => message([1, typeof dim === 'number' ? message([1, dim]) : message([2, dim])]));
  return message([1, message([1, ONNX_TYPE[type]], [2, Buffer.concat(dims)])]);
};

export const tensorValue = (value: Value): Buffer => message([1, value.name], [2, typeProto(value)]);

/** A sequence of tensors. */
export const sequenceValue = (value: Value): Buffer => message([1, value.name], [2, message([4, message([1, typeProto(value)])])]);

export function node(op: string, inputs: readonly string[], outputs: readonly string[], attributes: readonly Attribute[] = [], domain = ''): Buffer {
  return message(
    ...inputs.map((name) => [1, name] as const),
    ...outputs.map((name) => [2, name] as const),
    [4, op],
    ...attributes.map((attribute) => [5, attributeProto(attribute)] as const),
    domain !== '' && [7, domain],
  );
}

function attributeProto({ name, int, ints, graph: body }: Attribute): Buffer {
  if (int !== undefined) return message([1, name], [3, int], [20, 2]);
  if (ints !== undefined) return message([1, name], ...ints.map((value) => [8, value] as const), [20, 7]);
  return message([1, name], [6, body!], [20, 5]);
}

/** A constant tensor by its raw little-endian bytes, or by where an external file has them. */
export function initializer(name: string, type: OnnxType, shape: readonly number[], raw: Uint8Array | { location: string; length: number }): Buffer {
  const head = [...shape.map((dim) => [1, dim] as const), [2, ONNX_TYPE[type]] as const, [8, name] as const];
  if (raw instanceof Uint8Array) return message(...head, [9, raw]);
  return message(...head, [13, message([1, 'location'], [2, raw.location])], [13, message([1, 'length'], [2, String(raw.length)])], [14, 1]);
}

export interface Graph {
  readonly nodes: readonly Buffer[];
  readonly inputs: readonly Buffer[];
  readonly outputs: readonly Buffer[];
  readonly initializers?: readonly Buffer[];
}

export function graph({ nodes, inputs, outputs, initializers = [] }: Graph): Buffer {
  return message(
    ...nodes.map((entry) => [1, entry] as const),
    [2, 'g'],
    ...initializers.map((entry) => [5, entry] as const),
    ...inputs.map((entry) => [11, entry] as const),
    ...outputs.map((entry) => [12, entry] as const),
  );
}

export function onnxModel(content: Graph, opset = 17, irVersion = 8): Buffer {
  return message([1, irVersion], [7, graph(content)], [8, message([2, opset])]);
}

export const floats = (...values: readonly number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);

/** `y = x`, of any datatype. */
export const identityModel = (type: OnnxType, shape: readonly Dimension[], opset = 17): Buffer =>
  onnxModel({ nodes: [node('Identity', ['x'], ['y'])], inputs: [tensorValue({ name: 'x', type, shape })], outputs: [tensorValue({ name: 'y', type, shape })] }, opset);

/** `sum = a + b`, `product = a * b`, `maximum = max(a, b)` over FP32 [-1, 3]. */
export const arithmeticModel = (): Buffer =>
  onnxModel({
    nodes: [node('Add', ['a', 'b'], ['sum']), node('Mul', ['a', 'b'], ['product']), node('Max', ['a', 'b'], ['maximum'])],
    inputs: ['a', 'b'].map((name) => tensorValue({ name, type: 'FP32', shape: ['rows', 3] })),
    outputs: ['sum', 'product', 'maximum'].map((name) => tensorValue({ name, type: 'FP32', shape: ['rows', 3] })),
  });

/** `y = x · w + c` over FP32 [-1, 2] to [-1, 2], with its weights inside, or in an external file of 16 bytes. */
export const affineModel = (external?: string): Buffer =>
  onnxModel({
    nodes: [node('MatMul', ['x', 'w'], ['xw']), node('Add', ['xw', 'c'], ['y'])],
    inputs: [tensorValue({ name: 'x', type: 'FP32', shape: ['rows', 2] })],
    outputs: [tensorValue({ name: 'y', type: 'FP32', shape: ['rows', 2] })],
    initializers: [
      initializer('w', 'FP32', [2, 2], external === undefined ? AFFINE_WEIGHTS : { location: external, length: 16 }),
      initializer('c', 'FP32', [2], floats(0.5, -0.5)),
    ],
  });

/** The bytes of `affineModel`'s external file. */
export const AFFINE_WEIGHTS = floats(1.5, -2, 0.25, 3);

/** A hundred bytes that want `elements` × 4 bytes of memory at every inference: ConstantOfShape, then a sum over it. */
export const greedyModel = (elements: number): Buffer =>
  onnxModel({
    nodes: [node('ConstantOfShape', ['n'], ['big']), node('Add', ['big', 'x'], ['big2']), node('ReduceSum', ['big2'], ['y'], [{ name: 'keepdims', int: 0 }])],
    inputs: [tensorValue({ name: 'x', type: 'FP32', shape: [1] })],
    outputs: [tensorValue({ name: 'y', type: 'FP32', shape: [] })],
    initializers: [initializer('n', 'INT64', [1], Buffer.from(BigInt64Array.of(BigInt(elements)).buffer))],
  });

/** Counts to `times` in a Loop: an inference that lasts as long as one likes. */
export const loopModel = (times: bigint): Buffer => {
  const body = graph({
    nodes: [node('Identity', ['go'], ['go_on']), node('Add', ['state', 'one'], ['next'])],
    inputs: [tensorValue({ name: 'i', type: 'INT64', shape: [] }), tensorValue({ name: 'go', type: 'BOOL', shape: [] }), tensorValue({ name: 'state', type: 'FP32', shape: [1] })],
    outputs: [tensorValue({ name: 'go_on', type: 'BOOL', shape: [] }), tensorValue({ name: 'next', type: 'FP32', shape: [1] })],
    initializers: [initializer('one', 'FP32', [1], floats(1))],
  });
  return onnxModel({
    nodes: [node('Loop', ['times', 'yes', 'x'], ['y'], [{ name: 'body', graph: body }])],
    inputs: [tensorValue({ name: 'x', type: 'FP32', shape: [1] })],
    outputs: [tensorValue({ name: 'y', type: 'FP32', shape: [1] })],
    initializers: [initializer('times', 'INT64', [], Buffer.from(BigInt64Array.of(times).buffer)), initializer('yes', 'BOOL', [], Buffer.from([1]))],
  });
};

const rawFloats = (count: number, next: () => number): Buffer => Buffer.from(Float32Array.from({ length: count }, next).buffer);

/** FP32 [-1, width] through fully connected layers with ReLU between them, with weights that are always the same. */
export const mlpModel = (...widths: readonly number[]): Buffer => {
  let state = 1;
  const weight = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647 - 0.5;
  const nodes: Buffer[] = [];
  const initializers: Buffer[] = [];
  widths.slice(1).forEach((to, i) => {
    const from = widths[i]!;
    const last = i === widths.length - 2;
    initializers.push(initializer(`w${i}`, 'FP32', [from, to], rawFloats(from * to, () => (weight() * 4) / Math.sqrt(from))));
    initializers.push(initializer(`c${i}`, 'FP32', [to], rawFloats(to, weight)));
    nodes.push(node('Gemm', [i === 0 ? 'x' : `h${i}`, `w${i}`, `c${i}`], [last ? 'y' : `g${i}`]));
    if (!last) nodes.push(node('Relu', [`g${i}`], [`h${i + 1}`]));
  });
  return onnxModel({
    nodes,
    initializers,
    inputs: [tensorValue({ name: 'x', type: 'FP32', shape: ['rows', widths[0]!] })],
    outputs: [tensorValue({ name: 'y', type: 'FP32', shape: ['rows', widths.at(-1)!] })],
  });
};

/** `y = x · w` over FP32 [-1, 2] with 8-bit weights, as dynamic quantisation writes it: the scale of `x` is that of the whole batch. */
export const dynamicallyQuantisedModel = (): Buffer =>
  onnxModel({
    nodes: [
      node('DynamicQuantizeLinear', ['x'], ['q', 'scale', 'zero']),
      node('MatMulInteger', ['q', 'w', 'zero'], ['sums']),
      node('Cast', ['sums'], ['sums32'], [{ name: 'to', int: ONNX_TYPE.FP32 }]),
      node('Mul', ['scale', 'wscale'], ['both']),
      node('Mul', ['sums32', 'both'], ['y']),
    ],
    inputs: [tensorValue({ name: 'x', type: 'FP32', shape: ['rows', 2] })],
    outputs: [tensorValue({ name: 'y', type: 'FP32', shape: ['rows', 2] })],
    initializers: [initializer('w', 'INT8', [2, 2], Uint8Array.from([100, -50, 25, 75])), initializer('wscale', 'FP32', [], floats(0.01))],
  });

/** One operator from FP32 [-1, 2] to an output of a shape, with attributes. */
export const operatorModel = (op: string, attributes: readonly Attribute[], shape: readonly Dimension[], type: OnnxType = 'FP32'): Buffer =>
  onnxModel({
    nodes: [node(op, ['x'], ['y'], attributes)],
    inputs: [tensorValue({ name: 'x', type: 'FP32', shape: ['rows', 2] })],
    outputs: [tensorValue({ name: 'y', type, shape })],
  });

/** The mean of each row, FP32 [-1, width] to [-1]: its kernel sums in another order where a row lies at another address. */
export const rowMeansModel = (width: number): Buffer =>
  onnxModel({
    nodes: [node('ReduceMean', ['x'], ['y'], [{ name: 'axes', ints: [1] }, { name: 'keepdims', int: 0 }])],
    inputs: [tensorValue({ name: 'x', type: 'FP32', shape: ['rows', width] })],
    outputs: [tensorValue({ name: 'y', type: 'FP32', shape: ['rows'] })],
  });

/** `y = x * scale + bias` over FP32 [-1, 2]. Both may be left out: `scale` is [2, 3] by default, `bias` [[10, 20]]. */
export const scaledModel = (scale = initializer('scale', 'FP32', [2], floats(2, 3)), irVersion = 8): Buffer =>
  onnxModel(
    {
      nodes: [node('Mul', ['x', 'scale'], ['product']), node('Add', ['product', 'bias'], ['y'])],
      inputs: [tensorValue({ name: 'x', type: 'FP32', shape: ['n', 2] }), tensorValue({ name: 'scale', type: 'FP32', shape: [2] }), tensorValue({ name: 'bias', type: 'FP32', shape: ['n', 2] })],
      outputs: [tensorValue({ name: 'y', type: 'FP32', shape: ['n', 2] })],
      // In the field for floats, not as raw bytes.
      initializers: [scale, message([1, 1], [1, 2], [2, ONNX_TYPE.FP32], [4, floats(10, 20)], [8, 'bias'])],
    },
    17,
    irVersion,
  );
