/**
 * The parameter `content_type`: how MLServer's clients say in which form they send a tensor's elements
 * (https://mlserver.readthedocs.io/en/latest/user-guide/content-type.html).
 *
 * `np`, `pd`, `str` and `datetime` name the Python object that MLServer makes of a tensor; the elements stay what the datatype says, but
 * for NaN, which MLServer's `np` and `pd` write as null.
 * `base64` changes the elements, so it is decoded. Any other form is refused: a model that gets undecoded bytes answers something wrong.
 */
import { describe } from './json-elements.js';
import { PackedTensor } from './packed-tensor.js';
import type { Parameters } from './message.js';
import { TensorError, type Tensor } from '../tensor.js';

const BASE64 = 'base64';
/** MLServer knows these for a tensor. */
const OF_TENSOR: readonly unknown[] = ['np', 'pd', 'str', 'datetime', BASE64];
/** MLServer knows these for a whole request. */
const OF_REQUEST: readonly unknown[] = ['np', 'pd', 'str'];

/** No model has more dimensions. */
const MAX_RANK = 64;

/** Binary data needs no base64. Decoding more elements than these takes too long for the thread that reads binary data. */
const MAX_BINARY_ELEMENTS = 16_384;

/** @returns whether the elements are base64. @throws TensorError for a content type that is unknown */
export function isBase64(parameters: Parameters | undefined, where: string): boolean {
  const type = parameters?.['content_type'];
  if (type === undefined) return false;
  if (!OF_TENSOR.includes(type))
    throw new TensorError(`${where}: "content_type" ${describe(type)} is unknown; known are "base64", "str", "np", "pd" and "datetime"`);
  return type === BASE64;
}

/** Whether null in a floating tensor's data stands for NaN. @param common parameters of the request */
export const hasNullForNaN = (own: Parameters | undefined, common: Parameters | undefined): boolean => isNumPy(own) || isNumPy(common);

const isNumPy = (parameters: Parameters | undefined): boolean => parameters?.['content_type'] === 'np' || parameters?.['content_type'] === 'pd';

/** A tensor's data from JSON with NaN, as the tensor takes it, for each null. */
export function nanForNull(data: unknown, depth = 0): unknown {
  if (data === null) return 'NaN';
  return Array.isArray(data) && depth < MAX_RANK ? data.map((value: unknown) => nanForNull(value, depth + 1)) : data;
}

/**
 * A request's own content type says nothing about its elements, so it goes no further.
 * @throws TensorError for a content type that a request cannot have
 */
export function withoutContentType({ content_type: type, ...others }: Parameters): Parameters {
  if (type === undefined || OF_REQUEST.includes(type)) return others;
  if (type === BASE64) throw new TensorError('"content_type" of the request is "base64"; set it in the parameters of each input that is base64');
  throw new TensorError(`"content_type" ${describe(type)} of the request is unknown; known are "str", "np" and "pd"`);
}

/** @throws TensorError for a datatype other than BYTES, and for an element that is not base64 */
export function decodeBase64(tensor: Tensor, where: string): Tensor {
  const { name, shape } = tensor;
  const elements = elementsOf(tensor, where);
  if (tensor instanceof PackedTensor && tensor.count > MAX_BINARY_ELEMENTS)
    throw new TensorError(
      `${where}: ${tensor.count} elements are base64 in binary data; the limit is ${MAX_BINARY_ELEMENTS}. Send the bytes themselves, without "content_type"`,
    );
  const data = elements.map((element, i) => {
    const text = Buffer.from(element.buffer, element.byteOffset, element.byteLength).toString('latin1');
    const bytes = Buffer.from(text, 'base64');
    // The library skips what is not base64. Only base64 comes back as it was.
    if (bytes.toString('base64') !== text)
      throw new TensorError(`${where}: element ${i} is not base64, as its "content_type" says; base64 is padded and in the standard alphabet`);
    return bytes;
  });
  return { name, datatype: 'BYTES', shape, data };
}

/** @throws TensorError for a datatype other than BYTES */
export function encodeBase64(tensor: Tensor, where: string): Tensor {
  const { name, shape } = tensor;
  const data = elementsOf(tensor, where).map((element) =>
    Buffer.from(Buffer.from(element.buffer, element.byteOffset, element.byteLength).toString('base64'), 'latin1'),
  );
  return { name, datatype: 'BYTES', shape, data };
}

function elementsOf({ datatype, data }: Tensor, where: string): readonly Uint8Array[] {
  if (datatype !== 'BYTES') throw new TensorError(`${where}: "content_type" is "base64" and the datatype is ${datatype}; only BYTES can be base64`);
  return data as readonly Uint8Array[];
}
