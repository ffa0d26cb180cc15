/** Where a request's JSON ends and its binary tensors begin. */
import { TensorError } from '../../../runtimes/tensor.js';

/** Bytes of JSON at the body's beginning; tensors follow. Of the body as it is after inflating. */
export const HEADER_LENGTH = 'inference-header-content-length';

/**
 * @param given the header, as it came
 * @returns `binary` is undefined where the request has no such section
 * @throws TensorError for a length that cannot be one
 */
export function splitBody(given: string | undefined, body: Buffer): { json: Buffer; binary?: Buffer } {
  if (given === undefined) return { json: body };
  const length = /^\d{1,15}$/.test(given) ? Number(given) : -1;
  if (length < 0 || length > body.length) {
    throw new TensorError(
      `Inference-Header-Content-Length is ${JSON.stringify(given.slice(0, 40))}; it must be the number of bytes of JSON, at most the ${body.length} bytes of the body`,
    );
  }
  if (length === 0) throw new TensorError('Inference-Header-Content-Length is 0; send JSON that describes the tensors before them');
  return { json: body.subarray(0, length), binary: body.subarray(length) };
}
