/** What modules that `pilothouse generate typescript` writes call: inputs and outputs held to a signature. */
import type { Datatype, Tensor } from '../../../runtimes/tensor.js';
import { PilothouseError } from './errors.js';
import type { InputData, InputTensor } from './inference.js';

/** The elements of an input alone, where its shape follows from how many they are; or with their shape. */
export type TypedInput<D, S extends readonly number[]> = D | { readonly data: D; readonly shape: S };

const shapeText = (shape: readonly number[]): string => `[${shape.map((size) => (size < 0 ? 'any' : size)).join(', ')}]`;

/**
 * @param shape of the signature, -1 for any size; null for any shape
 * @throws PilothouseError INVALID that names the input and what would be right
 */
export function typedInput(
  name: string,
  input: InputData | { readonly data: InputData; readonly shape: readonly number[] },
  datatype: Datatype,
  shape: readonly number[] | null,
): InputTensor {
  const { data, shape: given } = ArrayBuffer.isView(input) || Array.isArray(input) ? { data: input as InputData, shape: undefined } : (input as InputTensor);
  const actual = given ?? shapeOf(name, data.length, datatype, shape ?? [-1]);
  if (shape && (actual.length !== shape.length || shape.some((size, i) => size >= 0 && size !== actual[i])))
    throw new PilothouseError('INVALID', `input "${name}" has the shape ${shapeText(actual)}; the model takes ${datatype} ${shapeText(shape)}`);
  return { data, shape: actual, datatype };
}

/** The shape that follows from the number of elements. */
function shapeOf(name: string, count: number, datatype: Datatype, shape: readonly number[]): number[] {
  const known = shape.reduce((product, size) => (size < 0 ? product : product * size), 1);
  const open = shape.filter((size) => size < 0).length;
  const size = known === 0 ? 0 : count / known;
  if (open > 1) throw new PilothouseError('INVALID', `input "${name}" needs its shape: the model takes ${datatype} ${shapeText(shape)}; give { data, shape }`);
  if (open === 1 ? !Number.isInteger(size) : count !== known)
    throw new PilothouseError('INVALID', `input "${name}" has ${count} elements; the model takes ${datatype} ${shapeText(shape)}`);
  return shape.map((each) => (each < 0 ? size : each));
}

/** @throws PilothouseError FAILED_PRECONDITION where the deployment serves a model with other outputs than those the module was generated for */
export function typedOutputs<T>(endpoint: string, outputs: Readonly<Record<string, Tensor>>, expected: Readonly<Record<string, Datatype>>): T {
  for (const [name, datatype] of Object.entries(expected)) {
    const found = outputs[name]?.datatype ?? 'missing';
    if (found !== datatype)
      throw new PilothouseError(
        'FAILED_PRECONDITION',
        `the output "${name}" of ${endpoint} is ${found}, and this module was generated for ${datatype}; run "pilothouse generate" again`,
      );
  }
  return outputs as T;
}
