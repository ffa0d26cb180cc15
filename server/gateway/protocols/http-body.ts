/** Reads a request's body whole, within limits: on one request, and on all that are being received at once. */
import type { IncomingMessage } from 'node:http';
import { MAX_BODY_BYTES, MAX_BUFFERED_BYTES } from '../limits.js';

/** Thrown when a body is refused before it is whole; the connection is then to be closed. */
export class BodyError extends Error {
  override readonly name = 'BodyError';

  constructor(
    readonly status: 413 | 503,
    message: string,
  ) {
    super(message);
  }
}

let buffered = 0;

/**
 * @param done called once, with the body or the reason why there is none; never when the caller left before the end
 * @param gone called when the caller left before the end
 */
export function readBody(request: IncomingMessage, done: (error: BodyError | undefined, body: Buffer) => void, gone: () => void): void {
  const declared = Number(request.headers['content-length']);
  if (declared > MAX_BODY_BYTES) return done(tooLarge(`${declared} bytes`), EMPTY);
  const chunks: Buffer[] = [];
  let size = 0;
  let settled = false;
  const settle = (): boolean => {
    if (settled) return false;
    settled = true;
    buffered -= size;
    return true;
  };
  const refuse = (error: BodyError) => {
    if (settle()) done(error, EMPTY);
  };
  request.on('data', (chunk: Buffer) => {
    if (settled) return;
    chunks.push(chunk);
    size += chunk.length;
    buffered += chunk.length;
    if (size > MAX_BODY_BYTES) refuse(tooLarge('more'));
    else if (buffered > MAX_BUFFERED_BYTES) refuse(new BodyError(503, 'the gateway is receiving as much as it can hold; try again'));
  });
  request.on('end', () => {
    if (settle()) done(undefined, chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size));
  });
  request.on('close', () => {
    if (settle()) gone();
  });
}

const EMPTY = Buffer.alloc(0);

const tooLarge = (size: string): BodyError => new BodyError(413, `the body has ${size}; the limit is ${MAX_BODY_BYTES} bytes`);
