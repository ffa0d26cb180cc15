/** Tensors as JSON text, as a client writes them, and the requests that carry it. */
import { parse } from 'lossless-json';
import { halfValue } from '../../runtimes/open-inference/half.js';
import type { Tensor } from '../../runtimes/tensor.js';
import { quoteBareWords } from '../../server/json-body.js';

export interface RestGateway {
  readonly url: string;
}

/** A value whose text is JSON as a client of the protocol would write it: bare NaN, integers with all of their digits. */
export type Json = string;

export function element({ datatype, data }: Tensor, i: number, base64 = false): Json {
  const value = data[i]!;
  if (value instanceof Uint8Array) return base64 ? `{"b64":"${Buffer.from(value).toString('base64')}"}` : JSON.stringify(Buffer.from(value).toString());
  if (datatype === 'BOOL') return value ? 'true' : 'false';
  const number = datatype === 'FP16' ? halfValue(value as number) : value;
  return Object.is(number, -0) ? '-0.0' : String(number);
}

export function nested(tensor: Tensor, base64 = false): Json {
  const from = (level: number, at: number): Json => {
    if (level === tensor.shape.length) return element(tensor, at, base64);
    const stride = tensor.shape.slice(level + 1).reduce((product, n) => product * n, 1);
    return `[${Array.from({ length: tensor.shape[level]! }, (_, i) => from(level + 1, at + i * stride)).join(',')}]`;
  };
  return from(0, 0);
}

export const flat = (tensor: Tensor): Json => `[${Array.from({ length: tensor.data.length }, (_, i) => element(tensor, i)).join(',')}]`;

/** The rows of a tensor, each as JSON. */
export function rows(tensor: Tensor, base64 = false): Json[] {
  const [count, ...shape] = tensor.shape;
  const size = shape.reduce((product, n) => product * n, 1);
  return Array.from({ length: count! }, (_, row) => nested({ ...tensor, shape, data: tensor.data.slice(row * size, (row + 1) * size) }, base64));
}

const readNumbers = { parseNumber: (digits: string) => (/^-?\d{16,}$/.test(digits) ? BigInt(digits) : Number(digits)) };
export const read = (text: string): unknown => parse(quoteBareWords(text) ?? text, null, readNumbers);

export async function send(url: string, body: string | Uint8Array, headers: Record<string, string> = {}): Promise<{ headers: Headers; bytes: Buffer }> {
  // Without it fetch would ask for compression, and undo it unseen.
  const response = await fetch(url, { method: 'POST', body, headers: { 'accept-encoding': 'identity', ...headers } });
  const bytes = Buffer.from(await response.arrayBuffer());
  if (response.status !== 200) throw new Error(`${response.status}: ${bytes.toString()}`);
  return { headers: response.headers, bytes };
}
