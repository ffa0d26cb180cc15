/**
 * A protocol whose tensors are text, JSON or CSV: how a body becomes a request, and outputs an answer. Pure, because it takes up to a
 * second a megabyte: what is long is done in another process (`body-codec.ts`), so that the callers of this process do not wait for it.
 */
import type { InferRequest } from '../../../runtimes/open-inference/message.js';
import type { Tensor } from '../../../runtimes/tensor.js';
import { tensorBytes } from '../dispatch/tensor-bytes.js';

export interface TextProtocol<Context, Form> {
  /** @param context what it needs beside the body; plain JSON. @throws TensorError */
  read(body: Buffer, context: Context): Reading<Form>;
  /** How much of the outputs is written as text, in elements. */
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

/** So many bytes of a string are written in the time in which a number is, at worst: each may be a control character, of six as JSON. */
const BYTES_AN_ELEMENT = 4;

/** How much work a tensor's elements are, in elements that are written as text. */
export const elementsAsText = (tensor: Tensor): number => (tensor.datatype === 'BYTES' ? tensorBytes([tensor]) / BYTES_AN_ELEMENT : tensor.data.length);

/**
 * The same of outputs that are written as nested text. An array within another costs as much as a number: an output of twenty
 * million rows of nothing is not nothing.
 */
export const nestedElements = (outputs: readonly Tensor[]): number =>
  outputs.reduce((sum, tensor) => sum + Math.max(widestLevel(tensor.shape), elementsAsText(tensor)), 0);

function widestLevel(shape: readonly number[]): number {
  let count = 1;
  let widest = shape.length === 0 ? 1 : 0;
  for (const dimension of shape) {
    count *= dimension;
    widest = Math.max(widest, count);
  }
  return widest;
}
