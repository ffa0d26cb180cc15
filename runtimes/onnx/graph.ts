/**
 * What an ONNX file says of its graph and ONNX Runtime's binding does not: which inputs and outputs have no shape, which inputs have a default,
 * and what sizes the first weights have. Most of the file is weights, gigabytes at times, which are passed over.
 */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { isCarried, isText } from './datatypes.js';
import { GRAPH, INITIALIZER, MODEL, NODE, TENSOR_TYPE, TYPE, VALUE } from './onnx-proto.js';
import { ProtobufFile, type Field } from './protobuf-file.js';

export interface GraphFacts {
  /** Inputs and outputs whose number of dimensions the file does not tell. */
  readonly withoutShape: ReadonlySet<string>;
  /** Inputs that a request may leave out: those with an initializer of the same name. */
  readonly optional: ReadonlySet<string>;
  /** Sizes of the weights that meet the inputs first. */
  readonly sizeHints: readonly number[];
}

/** Before it, an initializer had to be listed among the inputs, and was a constant all the same. */
const FIRST_IR_WITH_DEFAULTS = 4;
/** Larger initializers are weights, which some exporters list among the inputs too. They stay constants: a default is held apart from the model. */
const MAX_DEFAULT_ELEMENTS = 256 * 1024;

/** @param path of a file that ONNX Runtime has loaded: it is a model. @throws Error where it cannot be read */
export function readGraph(path: string): GraphFacts {
  const descriptor = openSync(path, 'r');
  try {
    const file = new ProtobufFile(descriptor);
    const withoutShape = new Set<string>();
    const inputs = new Map<string, Value>();
    const initializers = new Map<string, Initializer>();
    const nodes: Node[] = [];
    let irVersion = 0;
    for (const model of file.fields(0, fstatSync(descriptor).size)) {
      if (model.number === MODEL.IR_VERSION) irVersion = file.numbers(model)[0]!;
      if (model.number !== MODEL.GRAPH) continue;
      for (const field of file.fields(model.start, model.end)) {
        if (field.number === GRAPH.NODE && nodes.length < FIRST_NODES) nodes.push(readNode(file, field));
        if (field.number === GRAPH.INITIALIZER) initializers.set(...readInitializer(file, field));
        if (field.number !== GRAPH.INPUT && field.number !== GRAPH.OUTPUT) continue;
        const value = readValue(file, field);
        if (!value.hasShape) withoutShape.add(value.name);
        if (field.number === GRAPH.INPUT) inputs.set(value.name, value);
      }
    }
    const mayBeGiven = ({ name, isTensor }: Value): boolean => isTensor && initializers.get(name)?.isDefault === true;
    const optional = irVersion < FIRST_IR_WITH_DEFAULTS ? [] : [...inputs.values()].filter(mayBeGiven).map(({ name }) => name);
    return { withoutShape, optional: new Set(optional), sizeHints: firstSizes(nodes, [...inputs.keys()], initializers) };
  } finally {
    closeSync(descriptor);
  }
}

/** Nodes come in an order in which they can be computed: what an input meets first stands among the first. */
const FIRST_NODES = 1000;

interface Node {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** Follows the inputs up to the first nodes with a matrix, a filter or the like; a list beside them (axes, a shape, a bias) is passed. */
function firstSizes(nodes: readonly Node[], inputs: readonly string[], weights: ReadonlyMap<string, Initializer>): number[] {
  const reached = new Set(inputs.filter((name) => !weights.has(name)));
  const sizes: number[] = [];
  for (const node of nodes) {
    if (!node.inputs.some((name) => reached.has(name))) continue;
    const own = node.inputs.map((name) => weights.get(name)?.shape ?? []);
    sizes.push(...own.flat());
    if (own.every((shape) => shape.length < 2)) node.outputs.forEach((name) => reached.add(name));
  }
  return [...new Set(sizes)];
}

function readNode(file: ProtobufFile, node: Field): Node {
  const inputs: string[] = [];
  const outputs: string[] = [];
  for (const field of file.fields(node.start, node.end)) {
    if (field.number === NODE.INPUT) inputs.push(file.text(field));
    if (field.number === NODE.OUTPUT) outputs.push(file.text(field));
  }
  return { inputs, outputs };
}

interface Initializer {
  readonly shape: readonly number[];
  /** Whether a request may give another value in its place. */
  readonly isDefault: boolean;
}

function readInitializer(file: ProtobufFile, initializer: Field): [name: string, Initializer] {
  let name = '';
  let carried = true;
  const shape: number[] = [];
  for (const field of file.fields(initializer.start, initializer.end)) {
    if (field.number === INITIALIZER.NAME) name = file.text(field);
    if (field.number === INITIALIZER.DIMENSION) shape.push(...file.numbers(field));
    if (field.number === INITIALIZER.DATATYPE && !isCarried(file.numbers(field)[0]!)) carried = false;
    if (field.number === INITIALIZER.STRING && !isText(file.bytes(field.start, field.end))) carried = false;
  }
  return [name, { shape, isDefault: carried && shape.reduce((a, b) => a * b, 1) <= MAX_DEFAULT_ELEMENTS }];
}

interface Value {
  readonly name: string;
  readonly isTensor: boolean;
  readonly hasShape: boolean;
}

function readValue(file: ProtobufFile, value: Field): Value {
  let name = '';
  let tensor: Field | undefined;
  for (const field of file.fields(value.start, value.end)) {
    if (field.number === VALUE.NAME) name = file.text(field);
    if (field.number === VALUE.TYPE) tensor = file.find(field, TYPE.TENSOR);
  }
  return { name, isTensor: tensor !== undefined, hasShape: tensor !== undefined && file.find(tensor, TENSOR_TYPE.SHAPE) !== undefined };
}
