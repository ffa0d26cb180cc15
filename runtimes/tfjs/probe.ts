/** Finds out by trying what a model does not say of its outputs. */
import type { DataType, Tensor as TfTensor } from '@tensorflow/tfjs-core';
import { ModelLoadError, trapMessage } from '../contract.js';
import { allocate, elementCount, type Tensor, type TensorSpec } from '../tensor.js';
import type { Core, Library } from './library.js';
import { datatypeOf, shapeOf, toTf } from './tensors.js';
import { runOnce, type TfModel } from './tf-model.js';

interface Answer {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
}

/** Tried for dimensions that may vary, the first of each input left at 1, where a request of ones is not answered. */
const SIZES = [8, 16, 64, 224];

/**
 * Two inferences, with 1 and with 2 for every dimension that may vary: what differs in their answers varies. Where ones are not answered, the
 * sample is asked, or larger sizes are, and every dimension of the answer may vary.
 * @param sample what the version's author gave, if anything
 * @throws ModelLoadError that says what can be done, where nothing was answered
 */
export async function probeOutputs(library: Library, inputs: readonly TensorSpec[], run: TfModel['run'], sample?: readonly Tensor[]): Promise<TensorSpec[]> {
  const varies = inputs.some(({ shape }) => shape === null || shape.includes(-1));
  // Of an input of unknown rank it cannot be known which dimensions of an output it changes.
  const specsOf = inputs.some(({ shape }) => shape === null) ? openSpecsOf : shapedSpecsOf;
  const ask = (size: number, first = size): Promise<Answer[]> => probe(run, inputs, (input) => ones(library.core, input, size, first));
  let failure: unknown;
  try {
    const once = await ask(1);
    // Some models take no second row, and then nothing varies.
    const twice = varies ? await ask(2).catch(() => once) : once;
    return specsOf(once, (output, axis) => twice[output]!.shape[axis] !== once[output]!.shape[axis]);
  } catch (error) {
    // A model that is at fault answers nothing else either, and after a trap nothing can be believed.
    if (error instanceof ModelLoadError || trapMessage(error) !== undefined) throw error;
    failure = error;
  }
  const attempts = sample
    ? [() => probe(run, inputs, (input) => sampleOf(library.core, input, sample))]
    : varies
      ? SIZES.map((size) => () => ask(size, 1))
      : [];
  for (const attempt of attempts) {
    const answers = await attempt().catch(() => undefined);
    if (answers) return specsOf(answers, () => varies);
  }
  throw new ModelLoadError(
    `the model does not say what its outputs are like, and does not answer ${sample ? 'the sample' : 'a request of ones'} that would show it: ` +
      `${(failure as Error).message}. Convert it with a signature, or give createVersion a \`sample\` that it answers`,
    { cause: failure },
  );
}

const openSpecsOf = (answers: readonly Answer[]): TensorSpec[] =>
  answers.map(({ name, dtype }) => ({ name, datatype: datatypeOf('output', name, dtype), shape: null }));

const shapedSpecsOf = (answers: readonly Answer[], varies: (output: number, axis: number) => boolean): TensorSpec[] =>
  answers.map(({ name, dtype, shape }, output) => ({
    name,
    datatype: datatypeOf('output', name, dtype),
    shape: shapeOf(shape.map((dimension, axis) => (varies(output, axis) ? -1 : dimension))),
  }));

async function probe(run: TfModel['run'], inputs: readonly TensorSpec[], feed: (input: TensorSpec) => TfTensor): Promise<Answer[]> {
  const outputs = await runOnce(run, new Map(inputs.map((input) => [input.name, feed(input)])));
  const answers = [...outputs].map(([name, { dtype, shape }]) => ({ name, dtype, shape: [...shape] }));
  for (const tensor of outputs.values()) tensor.dispose();
  return answers;
}

function sampleOf(core: Core, { name }: TensorSpec, sample: readonly Tensor[]): TfTensor {
  const given = sample.find((tensor) => tensor.name === name);
  if (!given) throw new ModelLoadError(`the sample has no input "${name}"`);
  return toTf(core, given);
}

/** Of an input of unknown rank, one dimension. */
function ones(core: Core, { name, datatype, shape }: TensorSpec, size: number, first: number): TfTensor {
  const concrete = (shape ?? [-1]).map((dimension, axis) => (dimension !== -1 ? dimension : axis === 0 ? first : size));
  const count = elementCount(concrete);
  if (datatype === 'BYTES') return toTf(core, { name, datatype, shape: concrete, data: Array.from({ length: count }, () => new Uint8Array(0)) });
  const data = allocate(datatype, count);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) data.fill(1n);
  else data.fill(1);
  return toTf(core, { name, datatype, shape: concrete, data });
}
