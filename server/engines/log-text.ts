/** The end of a log as text for an answer, without escape sequences: a client of the API is not a terminal. */
import { stripVTControlCharacters } from 'node:util';

const ESCAPE = 0x1b;
/** No sequence that a library writes is longer. */
export const SEQUENCE_BYTES = 64;

/** @param bytes the last `maxBytes` of a log, and up to `SEQUENCE_BYTES` before them, by which a cut through a sequence shows */
export function logText(bytes: Buffer, maxBytes: number): string {
  let start = Math.max(0, bytes.length - maxBytes);
  const escape = bytes.subarray(0, start).lastIndexOf(ESCAPE);
  const sequence = escape < 0 ? null : /^\[[0-?]*[ -/]*[@-~]/.exec(bytes.toString('latin1', escape + 1, escape + 1 + SEQUENCE_BYTES));
  if (sequence) start = Math.max(start, escape + 1 + sequence[0].length);
  return stripVTControlCharacters(wholeCharacters(bytes.subarray(start)));
}

/** As text, without the rest of a character that the cut went through, so that it never is longer than the bytes were. */
function wholeCharacters(bytes: Buffer): string {
  let start = 0;
  while (start < Math.min(4, bytes.length) && (bytes[start]! & 0xc0) === 0x80) start += 1;
  const text = new TextDecoder('utf-8').decode(bytes.subarray(start));
  // Bytes that are no UTF-8 became a longer replacement character each.
  return Buffer.byteLength(text) <= bytes.length ? text : text.replaceAll('\uFFFD', '?');
}
