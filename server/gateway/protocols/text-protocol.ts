/**
 * A protocol whose tensors are text, JSON or CSV: how a body becomes a request, and outputs an answer. Pure, because it takes up to a
 * second a megabyte: what is long is done in another process (`texts.ts`), where every caller of this one would have to wait for it.
 */
import type { InferRequest } from '../../../runtimes/open-inference/message.js';
import type { Tensor } from '../../../runtimes/tensor.js';

export interface TextProtocol<Context, Form> {
  /** @param context what it needs beside the body; plain JSON. @throws TensorError */
  read(body: Buffer, context: Context): Reading<Form>;
  /** How many elements of the outputs are written as text. */
  elements(outputs: readonly Tensor[], form: Form): number;
  /** @throws TensorError where the outputs cannot be put into the form that was asked for */
  write(outputs: readonly Tensor[], form: Form, by: AnsweredBy): Text;
}

export interface Reading<Form> {
  readonly request: InferRequest;
  /** What the request says of its answer; plain JSON. */
  readonly form: Form;
}

export interface AnsweredBy {
  readonly model: string;
  readonly version: number;
}

export interface Text {
  /** Bytes where it was written in another process. */
  readonly body: string | Buffer;
  /** Tensors' bytes that follow. */
  readonly binary?: readonly Uint8Array[];
}

/**
 * How many elements of the outputs are written as nested text. An array within another costs as much as a number: an output of twenty
 * million rows of nothing is not nothing.
 */
export const nestedElements = (outputs: readonly Tensor[]): number => outputs.reduce((sum, { shape }) => sum + widestLevel(shape), 0);

function widestLevel(shape: readonly number[]): number {
  let count = 1;
  let widest = shape.length === 0 ? 1 : 0;
  for (const dimension of shape) {
    count *= dimension;
    widest = Math.max(widest, count);
  }
  return widest;
}
