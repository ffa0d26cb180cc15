/** Finds out by trying what a model does not say of its outputs. */
import type { DataType, Tensor as TfTensor } from '@tensorflow/tfjs-core';
import { allocate, elementCount, type TensorSpec } from '../tensor.js';
import type { Core, Library } from './library.js';
import { datatypeOf, shapeOf, toTf } from './tensors.js';
import { runOnce, type TfModel } from './tf-model.js';

interface Answer {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
}

/** Two inferences, with 1 and with 2 for every dimension that may vary: what differs in their answers varies. */
export async function probeOutputs(library: Library, inputs: readonly TensorSpec[], run: TfModel['run']): Promise<TensorSpec[]> {
  const once = await probe(library, inputs, run, 1);
  const anyRank = inputs.some(({ shape }) => shape === null);
  const varies = inputs.some((input) => input.shape?.includes(-1));
  // Some models take no second row, and then nothing varies.
  const twice = varies ? await probe(library, inputs, run, 2).catch(() => once) : once;
  return once.map(({ name, dtype, shape }, i) => ({
    name,
    datatype: datatypeOf('output', name, dtype),
    shape: anyRank ? null : shapeOf(shape.map((dimension, axis) => (twice[i]!.shape[axis] === dimension ? dimension : -1))),
  }));
}

async function probe(library: Library, inputs: readonly TensorSpec[], run: TfModel['run'], size: number): Promise<Answer[]> {
  const outputs = await runOnce(run, new Map(inputs.map((input) => [input.name, ones(library.core, input, size)])));
  const answers = [...outputs].map(([name, { dtype, shape }]) => ({ name, dtype, shape: [...shape] }));
  for (const tensor of outputs.values()) tensor.dispose();
  return answers;
}

/** Of an input of unknown rank, one dimension. */
function ones(core: Core, { name, datatype, shape }: TensorSpec, size: number): TfTensor {
  const concrete = (shape ?? [-1]).map((dimension) => (dimension === -1 ? size : dimension));
  const count = elementCount(concrete);
  if (datatype === 'BYTES') return toTf(core, { name, datatype, shape: concrete, data: Array.from({ length: count }, () => new Uint8Array(0)) });
  const data = allocate(datatype, count);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) data.fill(1n);
  else data.fill(1);
  return toTf(core, { name, datatype, shape: concrete, data });
}
