/**
 * Runs a case on the backend under test and on plain JavaScript, and says how they differ. The library's memory is filled with a
 * mark first, twice with different ones: an answer that changes with the mark holds what other tensors left behind.
 */
import { sizeOf } from './tensors.mjs';

/** Rounding of 32-bit floats that were added up in another order: a share of the number, and of the largest one beside it. */
export const TOLERANCE = { number: 1e-4, largest: 4e-6, absolute: 1e-6 };

/** What a case can come to. All but the first two are faults. */
export const VERDICTS = {
  equal: 'the same answer, within rounding',
  refused: 'both refuse, or a check refuses what plain JavaScript would read outside of its bounds',
  foreign: 'the answer, or what lies beside it, depends on what other tensors left in memory',
  wrong: 'another answer than plain JavaScript',
  unchecked: 'an answer where plain JavaScript refuses',
  missing: 'an error where plain JavaScript computes',
  trap: 'the library is broken for good',
};

/** @typedef {{ verdict: keyof typeof VERDICTS, detail: string }} Finding */
/** @typedef {{ dtype: string, shape: number[], values: ArrayLike<number | string> }} Answer */

const MARKS = [12345.678, -98765.43];
const HELD = [1, 2, 3, 4, 5, 6, 8, 12, 16, 20, 24, 33, 64, 128, 300, 1024, 4099];

export class Sweep {
  /**
   * @param core TensorFlow.js with the backend under test in use
   * @param {string} backend its name
   * @param {RegExp} [check] the messages of our own checks, which count as a refusal
   */
  constructor(core, backend, check) {
    this.core = core;
    this.backend = backend;
    this.check = check;
    this.plain = core.findBackend('cpu');
    this.neighbours = [];
  }

  /** @returns {Finding} */
  run(kernel, given) {
    const expected = given.answer ? { answers: [given.answer] } : attempt(() => this.#plain(kernel, given));
    const actual = MARKS.map((mark) => attempt(() => this.#tested(kernel, given, mark)));
    const trap = actual.find(({ error }) => error && isTrap(error));
    if (trap) return { verdict: 'trap', detail: firstLine(trap.error) };
    const [first, second] = actual;
    if (first.error && this.check?.test(first.error.message)) return { verdict: 'refused', detail: firstLine(first.error) };
    if (first.error) return expected.error ? { verdict: 'refused', detail: firstLine(first.error) } : { verdict: 'missing', detail: firstLine(first.error) };
    const unstable = second.error ? firstLine(second.error) : difference(first.answers, second.answers, true);
    if (unstable) return { verdict: 'foreign', detail: unstable };
    const harmed = this.#harmed();
    if (harmed) return { verdict: 'foreign', detail: harmed };
    if (expected.error) return { verdict: 'unchecked', detail: `${told(first.answers)} where plain JavaScript says: ${firstLine(expected.error)}` };
    const differs = difference(first.answers, expected.answers, false);
    return differs ? { verdict: 'wrong', detail: differs } : { verdict: 'equal', detail: '' };
  }

  /** The kernel as it is registered for plain JavaScript, without changing the backend in use. */
  #plain(kernel, given) {
    const registered = this.core.getKernel(kernel, 'cpu');
    if (!registered) throw new Error('plain JavaScript has no such kernel');
    const inputs = mapInputs(given.inputs, (input) => this.plain.makeTensorInfo(input.shape, input.dtype, encoded(this.core, input)));
    const outputs = [registered.kernelFunc({ inputs, attrs: given.attrs ?? {}, backend: this.plain })].flat();
    return outputs.map(({ dataId, dtype, shape }) => answer(this.core, given.dtype ?? dtype, shape, this.plain.readSync(dataId)));
  }

  #tested(kernel, given, mark) {
    const { core } = this;
    const holders = this.#dirty(mark);
    const tensors = [];
    const inputs = mapInputs(given.inputs, (input) => {
      const tensor = core.tensor(encoded(core, input), input.shape, input.dtype);
      tensors.push(tensor);
      return tensor;
    });
    try {
      const outputs = [core.engine().runKernel(kernel, inputs, given.attrs ?? {})].flat();
      tensors.push(...outputs);
      return outputs.map(({ dataId, dtype, shape }) => answer(core, dtype, shape, core.engine().readSync(dataId)));
    } finally {
      for (const tensor of tensors) if (!tensor.isDisposed) tensor.dispose();
      for (const tensor of holders) tensor.dispose();
    }
  }

  /** Memory of every size is handed out, marked and given back between tensors that stay. */
  #dirty(mark) {
    const { core } = this;
    const [free, held] = [[], []];
    for (const size of HELD) {
      for (let i = 0; i < 3; i++) {
        free.push(core.tensor(new Float32Array(size).fill(mark)));
        held.push(core.tensor(new Float32Array(Math.min(size, 8)).fill(mark)));
      }
    }
    for (const tensor of free) tensor.dispose();
    // Tensors that no kernel may touch.
    if (this.neighbours.length === 0) for (let i = 0; i < 40; i++) this.neighbours.push(core.tensor(new Float32Array(HELD[i % 12]).fill(4711)));
    return held;
  }

  #harmed() {
    const changed = this.neighbours.filter((tensor) => tensor.dataSync().some((value) => value !== 4711));
    if (changed.length === 0) return undefined;
    for (const tensor of this.neighbours) tensor.dispose();
    this.neighbours = [];
    return `it wrote into ${changed.length} other tensors`;
  }
}

const attempt = (compute) => {
  try {
    return { answers: compute() };
  } catch (error) {
    return { error };
  }
};

/** What WebAssembly throws when it has run into a wall; afterwards its memory may be in any state. */
const isTrap = (error) =>
  error instanceof WebAssembly.RuntimeError || /memory access out of bounds|unreachable|Aborted\(|table index is out of bounds/.test(error.message);

const mapInputs = (inputs, make) =>
  Array.isArray(inputs) ? inputs.map(make) : Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input && make(input)]));

function encoded(core, { dtype, values }) {
  if (dtype === 'string') return values.map((value) => core.util.encodeString(value));
  if (dtype === 'int32') return Int32Array.from(values);
  return dtype === 'bool' ? Uint8Array.from(values) : Float32Array.from(values);
}

/** @returns {Answer} */
const answer = (core, dtype, shape, values) => ({
  dtype,
  shape: [...shape],
  values: dtype === 'string' ? Array.from(values, (value) => (typeof value === 'string' ? value : core.util.decodeString(value))) : values,
});

const told = (answers) =>
  answers.map(({ dtype, shape, values }) => `${dtype} [${shape}] ${Array.from(values).slice(0, 6)}${values.length > 6 ? ',…' : ''}`).join('; ');
const firstLine = (error) =>
  String(error.message ?? error)
    .split('\n')[0]
    .slice(0, 160);

/** @returns {string | undefined} */
export function difference(actual, expected, exact) {
  if (actual.length !== expected.length) return `${actual.length} outputs instead of ${expected.length}`;
  for (const [i, { dtype, shape, values }] of actual.entries()) {
    const wanted = expected[i];
    if (dtype !== wanted.dtype) return `${dtype} instead of ${wanted.dtype}`;
    if (String(shape) !== String(wanted.shape)) return `[${shape}] instead of [${wanted.shape}]`;
    const size = sizeOf(shape);
    if (values.length !== size || wanted.values.length < size) return `${values.length} values instead of ${wanted.values.length}`;
    const rounding = dtype === 'float32' && !exact ? TOLERANCE.absolute + TOLERANCE.largest * largest(wanted.values) : undefined;
    const at = Array.from(values).findIndex((value, k) => !same(value, wanted.values[k], rounding));
    if (at >= 0) return `${values[at]} instead of ${wanted.values[at]} at ${at} of ${values.length}`;
  }
  return undefined;
}

function same(a, b, rounding) {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return true;
  return rounding !== undefined && Math.abs(a - b) <= rounding + TOLERANCE.number * Math.abs(b);
}

const largest = (values) => values.reduce((most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most), 0);
