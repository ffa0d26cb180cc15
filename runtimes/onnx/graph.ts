/**
 * What an ONNX file says of its graph and ONNX Runtime's binding does not: which inputs and outputs have no shape, and what sizes the first
 * weights have. The file is read field by field, as protocol buffers write it (protobuf.dev, "Encoding"): most of it is weights, gigabytes at
 * times, which are passed over and never in memory.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

export interface GraphFacts {
  /** Inputs and outputs whose number of dimensions the file does not tell. */
  readonly withoutShape: ReadonlySet<string>;
  /** Sizes of the weights that meet the inputs first. */
  readonly sizeHints: readonly number[];
}

/** Numbers of the fields that are read, from onnx.proto. */
const MODEL = { GRAPH: 7 };
const GRAPH = { NODE: 1, INITIALIZER: 5, INPUT: 11, OUTPUT: 12 };
const NODE = { INPUT: 1, OUTPUT: 2 };
const INITIALIZER = { DIMENSION: 1, NAME: 8 };
const VALUE = { NAME: 1, TYPE: 2 };
const TYPE = { TENSOR: 1 };
const TENSOR_TYPE = { SHAPE: 2 };

const WIRE = { VARINT: 0, FIXED64: 1, LENGTH: 2, FIXED32: 5 };

/** @param path of a file that ONNX Runtime has loaded: it is a model. @throws Error where it cannot be read */
export function readGraph(path: string): GraphFacts {
  const file = openSync(path, 'r');
  try {
    const reader = new FileReader(file);
    const withoutShape = new Set<string>();
    const inputs = new Set<string>();
    const weights = new Map<string, readonly number[]>();
    const nodes: Node[] = [];
    for (const model of reader.fields(0, fstatSync(file).size)) {
      if (model.number !== MODEL.GRAPH) continue;
      for (const field of reader.fields(model.start, model.end)) {
        if (field.number === GRAPH.NODE && nodes.length < FIRST_NODES) nodes.push(readNode(reader, field));
        if (field.number === GRAPH.INITIALIZER) weights.set(...readInitializer(reader, field));
        if (field.number !== GRAPH.INPUT && field.number !== GRAPH.OUTPUT) continue;
        const { name, hasShape } = readValue(reader, field);
        if (!hasShape) withoutShape.add(name);
        if (field.number === GRAPH.INPUT) inputs.add(name);
      }
    }
    return { withoutShape, sizeHints: firstSizes(nodes, inputs, weights) };
  } finally {
    closeSync(file);
  }
}

/** Nodes come in an order in which they can be computed: what an input meets first stands among the first. */
const FIRST_NODES = 1000;

interface Node {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** Follows the inputs through nodes without weights to the first ones that have some. */
function firstSizes(nodes: readonly Node[], inputs: ReadonlySet<string>, weights: ReadonlyMap<string, readonly number[]>): number[] {
  const reached = new Set([...inputs].filter((name) => !weights.has(name)));
  const sizes: number[] = [];
  for (const node of nodes) {
    if (!node.inputs.some((name) => reached.has(name))) continue;
    const own = node.inputs.flatMap((name) => weights.get(name) ?? []);
    sizes.push(...own);
    if (own.length === 0) node.outputs.forEach((name) => reached.add(name));
  }
  return [...new Set(sizes)];
}

function readNode(reader: FileReader, node: Field): Node {
  const inputs: string[] = [];
  const outputs: string[] = [];
  for (const { number, start, end } of reader.fields(node.start, node.end)) {
    if (number === NODE.INPUT) inputs.push(reader.bytes(start, end).toString());
    if (number === NODE.OUTPUT) outputs.push(reader.bytes(start, end).toString());
  }
  return { inputs, outputs };
}

function readInitializer(reader: FileReader, initializer: Field): [name: string, shape: readonly number[]] {
  let name = '';
  const shape: number[] = [];
  for (const { number, start, end } of reader.fields(initializer.start, initializer.end)) {
    if (number === INITIALIZER.NAME) name = reader.bytes(start, end).toString();
    if (number === INITIALIZER.DIMENSION) shape.push(...reader.numbers(start, end));
  }
  return [name, shape];
}

function readValue(reader: FileReader, value: Field): { name: string; hasShape: boolean } {
  let name = '';
  let hasShape = false;
  for (const field of reader.fields(value.start, value.end)) {
    if (field.number === VALUE.NAME) name = reader.bytes(field.start, field.end).toString();
    if (field.number !== VALUE.TYPE) continue;
    const tensor = reader.find(field, TYPE.TENSOR);
    hasShape = tensor !== undefined && reader.find(tensor, TENSOR_TYPE.SHAPE) !== undefined;
  }
  return { name, hasShape };
}

/** A field's number and where its content lies. */
interface Field {
  readonly number: number;
  readonly start: number;
  readonly end: number;
}

const WINDOW_BYTES = 4096;

class FileReader {
  private readonly window = Buffer.alloc(WINDOW_BYTES);
  private windowStart = 0;
  private windowLength = 0;
  private at = 0;

  constructor(private readonly file: number) {}

  /** The fields between two places of the file. */
  *fields(start: number, end: number): Generator<Field> {
    let next = start;
    while (next < end) {
      this.at = next;
      const tag = this.varint();
      const length = this.lengthOf(tag % 8);
      const start = this.at;
      next = start + length;
      yield { number: Math.floor(tag / 8), start, end: next };
    }
  }

  find(within: Field, number: number): Field | undefined {
    for (const field of this.fields(within.start, within.end)) if (field.number === number) return field;
    return undefined;
  }

  /** One number, or a packed list of them. */
  numbers(start: number, end: number): number[] {
    const numbers: number[] = [];
    for (this.at = start; this.at < end;) numbers.push(this.varint());
    return numbers;
  }

  bytes(start: number, end: number): Buffer {
    const bytes = Buffer.alloc(end - start);
    readSync(this.file, bytes, 0, bytes.length, start);
    return bytes;
  }

  /** How many bytes of content come next. */
  private lengthOf(wire: number): number {
    if (wire === WIRE.LENGTH) return this.varint();
    if (wire === WIRE.FIXED64) return 8;
    if (wire === WIRE.FIXED32) return 4;
    if (wire !== WIRE.VARINT) throw new Error(`a field has the wire type ${wire}`);
    const start = this.at;
    this.varint();
    const length = this.at - start;
    this.at = start;
    return length;
  }

  private varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte % 128) * scale;
      if (byte < 128) return value;
    }
  }

  private byte(): number {
    if (this.at < this.windowStart || this.at >= this.windowStart + this.windowLength) {
      this.windowStart = this.at;
      this.windowLength = readSync(this.file, this.window, 0, WINDOW_BYTES, this.at);
      if (this.windowLength === 0) throw new Error('the file ends within a field');
    }
    return this.window[this.at++ - this.windowStart]!;
  }
}
