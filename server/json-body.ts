/** A body's JSON text to values: as fast as the engine's own parser where that is exact, slower where it is not. */
import { isUtf8 } from 'node:buffer';
import { parse } from 'lossless-json';
import { InexactNumberError } from '../runtimes/open-inference/json.js';
import { TensorError } from '../runtimes/tensor.js';

const LONG_INTEGER = /^-?\d{16,}$/;

/**
 * Parses a body and reads it. Where reading meets a 64-bit integer that the engine's parser has rounded (Node 20's gives no access
 * to the digits), the text is parsed once more with every long integer as a BigInt, and read again.
 * @throws TensorError when the body is no JSON; whatever `read` throws
 */
export function readJson<T>(body: Buffer, read: (value: unknown) => T): T {
  if (!isUtf8(body)) throw new TensorError('the body is not UTF-8');
  const text = body.toString('utf8');
  try {
    return read(parseText(text));
  } catch (error) {
    if (!(error instanceof InexactNumberError)) throw error;
    return read(parseExactly(text));
  }
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const quoted = quoteBareWords(text);
    if (quoted === undefined) throw notJson(error);
    try {
      return JSON.parse(quoted);
    } catch {
      throw notJson(error);
    }
  }
}

function parseExactly(text: string): unknown {
  const numbers = { parseNumber: (digits: string) => (LONG_INTEGER.test(digits) ? BigInt(digits) : Number(digits)) };
  try {
    return parse(quoteBareWords(text) ?? text, null, numbers);
  } catch (error) {
    // That parser recurses; only nesting that no tensor has exhausts the stack.
    throw error instanceof RangeError ? new TensorError('the body is nested too deeply') : notJson(error);
  }
}

function notJson(error: unknown): TensorError {
  const message = (error as Error).message;
  return new TensorError(`the body is not JSON: ${message.length > 200 ? `${message.slice(0, 200)}…` : message}`);
}

/**
 * Python's json and Triton write NaN and Infinity bare, which is no JSON. Puts them into quotes, as tensors of a floating datatype
 * take them; undefined when there are none outside of strings.
 */
export function quoteBareWords(text: string): string | undefined {
  if (!text.includes('NaN') && !text.includes('Infinity')) return undefined;
  let quoted = '';
  let found = false;
  let at = 0;
  while (at < text.length) {
    const open = text.indexOf('"', at);
    const outside = text.slice(at, open < 0 ? text.length : open);
    quoted += outside.replace(/-?\b(?:NaN|Infinity)\b/g, (word) => {
      found = true;
      return `"${word === '-NaN' ? 'NaN' : word}"`;
    });
    if (open < 0) break;
    const end = endOfString(text, open);
    quoted += text.slice(open, end);
    at = end;
  }
  return found ? quoted : undefined;
}

function endOfString(text: string, open: number): number {
  for (let close = text.indexOf('"', open + 1); close >= 0; close = text.indexOf('"', close + 1)) {
    let slashes = 0;
    while (text[close - 1 - slashes] === '\\') slashes++;
    if (slashes % 2 === 0) return close + 1;
  }
  return text.length;
}
