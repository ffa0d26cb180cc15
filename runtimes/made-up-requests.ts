/**
 * Requests made from a signature alone. What it leaves open (dimensions that may vary, the number of dimensions) is filled in several ways,
 * because few models take the same sizes: an image model wants pixels, a reshape a multiple, a speech model a window. Pure.
 */
import { allocate, elementCount, type Datatype, type Signature, type Tensor, type TensorData, type TensorSpec } from './tensor.js';

/** Tried after 1, in this order. */
const SIZES = [8, 16, 64, 224, 512];
/** Of a tensor whose number of dimensions is not known. */
const RANKS = [1, 2, 4, 3, 0];
/** Of one input: larger ones would need more memory than a version has for its validation. */
const MAX_ELEMENTS = 4 * 1024 ** 2;
/** Sizes that one source can suggest. */
const MAX_HINTS = 6;

/** How a request fills in what the signature leaves open. */
export interface Filling {
  /** Sizes by dimension, as `dimensionKey` names it. */
  readonly sizes: ReadonlyMap<string, number>;
  /** Of inputs whose number of dimensions is not known. */
  readonly rank: number;
  /** Value of integers: most are sizes or classes, of which 1 is one; an index into one row has to be 0. */
  readonly integer: 0 | 1;
}

/** A request of ones and empty texts. An input that has a default is left out. */
export function requestOf(signature: Signature, filling: Filling): Tensor[] {
  return requiredInputs(signature).map((spec) => tensorOf(spec, shapeOf(spec, filling), valueOf(spec, filling)));
}

/** The signature with what such a request has, so that `inputsFromSignature` makes it again. */
export function withRequest(signature: Signature, filling: Filling): Signature {
  const inputs = signature.inputs.map((spec): TensorSpec => {
    if (spec.optional) return spec;
    return { ...spec, sampleShape: shapeOf(spec, filling), ...(valueOf(spec, filling) === 0 && { sampleValue: 0 }) };
  });
  return { ...signature, inputs };
}

/** The request whose shapes a validation has found, or of ones where it needed none. */
export function inputsFromSignature(signature: Signature): Tensor[] {
  const [first] = fillings(signature);
  return requiredInputs(signature).map((spec) => tensorOf(spec, spec.sampleShape ?? shapeOf(spec, first!), spec.sampleValue ?? 1));
}

/**
 * Ways to fill in a signature, the most likely first: all ones; then larger dimensions, the first of each input (mostly the batch) last; then
 * the same with integers of 0.
 */
export function fillings(signature: Signature): Filling[] {
  const inputs = requiredInputs(signature);
  const free = new Map<string, { leads: boolean }>();
  for (const spec of inputs) {
    spec.shape?.forEach((dimension, axis) => {
      const key = dimensionKey(spec, axis);
      if (dimension === -1) free.set(key, { leads: axis === 0 || free.get(key)?.leads === true });
    });
  }
  const ranks = inputs.some(({ shape }) => shape === null) ? RANKS : [0];
  if (inputs.some(({ shape }) => shape === null)) free.set(UNKNOWN_RANK, { leads: false });
  const keys = [...free.keys()];
  const sized = (size: (key: string) => number): ReadonlyMap<string, number> => new Map(keys.map((key) => [key, size(key)]));
  const choices = [
    sized(() => 1),
    ...SIZES.map((size) => sized((key) => (free.get(key)!.leads ? 1 : size))),
    ...keys.flatMap((one) => SIZES.map((size) => sized((key) => (key === one ? size : 1)))),
    ...SIZES.map((size) => sized(() => size)),
  ];
  const integers = inputs.some(isInteger) ? ([1, 0] as const) : ([1] as const);
  return integers
    .flatMap((integer) => choices.flatMap((sizes) => ranks.map((rank): Filling => ({ sizes, rank, integer }))))
    .filter((filling) => isAffordable(inputs, filling));
}

/**
 * Fillings with the sizes that a runtime's message names: "C: 1 kernel channels: 3", "expected 28". Each is tried for each dimension.
 * @param message why `filling` was not answered
 */
export function suggestedFillings(signature: Signature, filling: Filling, message: string): Filling[] {
  // Places in the runtime's own source are no sizes.
  const words = message.replaceAll(/[\w./-]+\.(h|cc|cpp|hpp|js|ts)(:\d+)*/g, ' ');
  const numbers = [...words.matchAll(/(?<![\w.:/-])\d{1,4}(?![\w.:/])|(?<=[:,{[(x ])\d{1,4}(?=[\],}) x.]|$)/g)].map(([text]) => Number(text));
  return sizedFillings(signature, filling, numbers);
}

/** The filling with each of the sizes for each of the dimensions. */
export function sizedFillings(signature: Signature, filling: Filling, sizes: readonly number[]): Filling[] {
  const hints = [...new Set(sizes)].filter((size) => size > 1 && size <= 4096).slice(0, MAX_HINTS);
  const keys = [...filling.sizes.keys()].reverse();
  return hints
    .flatMap((size) => keys.map((key): Filling => ({ ...filling, sizes: new Map([...filling.sizes, [key, size]]) })))
    .filter((suggested) => isAffordable(requiredInputs(signature), suggested));
}

/** Tells one filling from another. */
export const fillingKey = (signature: Signature, filling: Filling): string =>
  JSON.stringify(requiredInputs(signature).map((spec) => [shapeOf(spec, filling), valueOf(spec, filling)]));

/** What the request had, for a message: `x [1, 8], i [2] of zeros`. */
export const shownRequest = (signature: Signature, filling: Filling): string =>
  requiredInputs(signature)
    .map((spec) => `${spec.name} [${shapeOf(spec, filling).join(', ')}]${valueOf(spec, filling) === 0 ? ' of zeros' : ''}`)
    .join(', ');

/** A signature's inputs, for a message: `x FP32 [-1 (batch), 3]`. */
export function shownInputs({ inputs }: Signature): string {
  return inputs
    .map(({ name, datatype, shape, symbols, optional }) => {
      const dimensions = shape?.map((dimension, i) => (dimension === -1 && symbols?.[i] != null ? `-1 (${symbols[i]})` : String(dimension)));
      return `${name} ${datatype} ${dimensions ? `[${dimensions.join(', ')}]` : 'of any shape'}${optional ? ', optional' : ''}`;
    })
    .join('; ');
}

const requiredInputs = ({ inputs }: Signature): readonly TensorSpec[] => inputs.filter(({ optional }) => !optional);

const UNKNOWN_RANK = 'the dimensions of an input of unknown rank';

/** Dimensions with one symbol have one size; others are told apart by where they are. */
function dimensionKey({ name, symbols }: TensorSpec, axis: number): string {
  const symbol = symbols?.[axis];
  return symbol == null ? JSON.stringify([name, axis]) : symbol;
}

function shapeOf(spec: TensorSpec, { sizes, rank }: Filling): readonly number[] {
  if (spec.shape === null) return Array.from({ length: rank }, (_, axis) => (axis === 0 && rank > 1 ? 1 : sizes.get(UNKNOWN_RANK)!));
  return spec.shape.map((dimension, axis) => (dimension === -1 ? sizes.get(dimensionKey(spec, axis))! : dimension));
}

const isAffordable = (inputs: readonly TensorSpec[], filling: Filling): boolean =>
  [...filling.sizes.values()].every((size) => size === 1) || inputs.every((spec) => shapeOf(spec, filling).reduce((a, b) => a * b, 1) <= MAX_ELEMENTS);

const isInteger = ({ datatype }: TensorSpec): boolean => /^U?INT/.test(datatype);

const valueOf = (spec: TensorSpec, { integer }: Filling): 0 | 1 => (isInteger(spec) ? integer : 1);

function tensorOf({ name, datatype }: TensorSpec, shape: readonly number[], value: 0 | 1): Tensor {
  return { name, datatype, shape, data: filled(datatype, elementCount(shape), value) };
}

function filled(datatype: Datatype, count: number, value: 0 | 1): TensorData {
  if (datatype === 'BYTES') return Array.from({ length: count }, () => new Uint8Array(0));
  const data = allocate(datatype, count);
  if (value === 0) return data;
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) data.fill(1n);
  // 0x3c00 is one in half precision.
  else data.fill(datatype === 'FP16' ? 0x3c00 : 1);
  return data;
}
