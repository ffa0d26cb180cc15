/** Reads a request's body whole, inflated, within limits: on one request, and on all that are being received at once. */
import type { IncomingMessage } from 'node:http';
import { createGunzip, createInflate, type Gunzip, type Inflate } from 'node:zlib';
import { MAX_BODY_BYTES, MAX_BUFFERED_BYTES } from '../limits.js';
import { HEADER_LENGTH } from './open-inference-body.js';

/** Thrown when a body is refused. */
export class BodyError extends Error {
  override readonly name = 'BodyError';

  constructor(
    readonly status: 400 | 413 | 415 | 503,
    message: string,
  ) {
    super(message);
  }
}

/** What may come in one read of a socket. */
const ONE_PIECE_BYTES = 64 * 1024;
/** From here on a body is gathered in one buffer of its declared size; a smaller one is put together at its end. */
const GATHERED_AT_ONCE = 1024 * 1024;
/** The largest element of a tensor. */
const ALIGNMENT = 8;
const EMPTY = Buffer.alloc(0);

let buffered = 0;

/** Gathers chunks with one copy of each byte, none where there is one chunk. */
class Gathering {
  private readonly chunks: Buffer[] = [];
  private whole: Buffer | undefined;
  size = 0;

  /**
   * @param declared bytes that will come, where that is known
   * @param lead bytes to be left free in front, so that the first tensor lies on a boundary and need not be copied again
   */
  constructor(
    private readonly declared: number,
    private readonly lead: number,
  ) {}

  push(chunk: Buffer): void {
    if (this.whole) {
      chunk.copy(this.whole, this.lead + this.size);
      this.size += chunk.length;
      return;
    }
    this.chunks.push(chunk);
    this.size += chunk.length;
    // Only after its first megabyte has come: a declared length costs its sender nothing.
    if (this.declared > GATHERED_AT_ONCE && this.size >= GATHERED_AT_ONCE) this.whole = this.copied(this.declared);
  }

  end(): Buffer {
    if (this.whole) return this.whole.subarray(this.lead, this.lead + this.size);
    if (this.chunks.length === 1) return this.chunks[0]!;
    return this.size === 0 ? EMPTY : this.copied(this.size).subarray(this.lead);
  }

  private copied(size: number): Buffer {
    const whole = Buffer.allocUnsafeSlow(this.lead + size);
    let at = this.lead;
    for (const chunk of this.chunks) at += chunk.copy(whole, at);
    this.chunks.length = 0;
    return whole;
  }
}

/**
 * @param done called once, with the body or the reason why there is none; never when the caller left before the end
 */
export function readBody(request: IncomingMessage, done: (error: BodyError | undefined, body: Buffer) => void): void {
  const { headers } = request;
  const declared = Number(headers['content-length']);
  if (declared > MAX_BODY_BYTES) return done(tooLarge(`${declared} bytes`), EMPTY);
  const encoding = headers['content-encoding'];
  // Most bodies come in one piece: no more is set up for them than this.
  if (encoding !== undefined || !(declared <= ONE_PIECE_BYTES)) return gather(request, declared, encoding, undefined, done);
  if (declared === 0) {
    request.resume();
    return done(undefined, EMPTY);
  }
  request.once('data', (chunk: Buffer) => {
    if (chunk.length === declared) done(undefined, chunk);
    else gather(request, declared, undefined, chunk, done);
  });
}

function gather(
  request: IncomingMessage,
  declared: number,
  encoding: string | undefined,
  first: Buffer | undefined,
  done: (error: BodyError | undefined, body: Buffer) => void,
): void {
  let inflater: Gunzip | Inflate | undefined;
  try {
    inflater = inflaterFor(encoding);
  } catch (error) {
    return done(error as BodyError, EMPTY);
  }
  const headerLength = Number(request.headers[HEADER_LENGTH]);
  const gathering = new Gathering(inflater ? NaN : declared, headerLength > 0 ? -headerLength & (ALIGNMENT - 1) : 0);
  let settled = false;
  const settle = (): boolean => {
    if (settled) return false;
    settled = true;
    buffered -= gathering.size;
    return true;
  };
  const refuse = (error: BodyError) => {
    if (!settle()) return;
    if (inflater) {
      request.unpipe(inflater);
      inflater.destroy();
    }
    done(error, EMPTY);
  };
  const take = (chunk: Buffer) => {
    if (settled) return;
    buffered += chunk.length;
    gathering.push(chunk);
    if (gathering.size > MAX_BODY_BYTES) refuse(tooLarge('more'));
    else if (buffered > MAX_BUFFERED_BYTES) refuse(new BodyError(503, 'the gateway is receiving as much as it can hold; try again'));
  };
  if (first) take(first);
  const source = inflater ?? request;
  source.on('data', take);
  source.on('end', () => {
    if (settle()) done(undefined, gathering.end());
  });
  if (inflater) {
    inflater.on('error', (error) => refuse(new BodyError(400, `the body is not what its Content-Encoding says: ${error.message}`)));
    request.pipe(inflater);
  }
  request.on('close', () => {
    // An inflater may still be at work on a body that came whole.
    if (inflater && request.complete) return;
    inflater?.destroy();
    settle();
  });
}

/** @throws BodyError for an encoding that is not known */
function inflaterFor(encoding: string | undefined): Gunzip | Inflate | undefined {
  switch (encoding?.trim().toLowerCase()) {
    case undefined:
    case '':
    case 'identity':
      return undefined;
    case 'gzip':
    case 'x-gzip':
      return createGunzip({ chunkSize: 64 * 1024 });
    case 'deflate':
      return createInflate({ chunkSize: 64 * 1024 });
    default:
      throw new BodyError(415, `Content-Encoding ${JSON.stringify(encoding!.slice(0, 40))} is not known; a body may be plain, gzip or deflate`);
  }
}

const tooLarge = (size: string): BodyError => new BodyError(413, `the body has ${size}; the limit is ${MAX_BODY_BYTES} bytes`);
