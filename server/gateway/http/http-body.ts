/** A request's body whole, inflated, within limits: on one request, and on all that are being received at once (`receptions.ts`). */
import { createGunzip, createInflate, type Gunzip, type Inflate } from 'node:zlib';
import { MAX_BODY_BYTES } from '../limits.js';
import type { Reception, ReceptionEnd, Receptions } from '../receptions.js';
import { HEADER_LENGTH } from './open-inference-body.js';

/** Why a body is refused. */
export class BodyError extends Error {
  override readonly name = 'BodyError';

  constructor(
    readonly status: 400 | 408 | 413 | 415 | 503,
    message: string,
  ) {
    super(message);
  }
}

/** The sender's pace. */
export interface Flow {
  pause(): void;
  resume(): void;
}

/** Called once, with the body or the reason why there is none. */
export type BodyDone = (error: BodyError | undefined, body: Buffer) => void;

/** From here on a body is gathered in one buffer of its declared size; a smaller one is put together at its end. */
const GATHERED_AT_ONCE = 1024 * 1024;
/** The largest element of a tensor. */
const ALIGNMENT = 8;
const EMPTY = Buffer.alloc(0);

/** Gathers what is pushed with one copy of each byte, none where it comes in one chunk. */
export class Body {
  private readonly chunks: Buffer[] = [];
  private whole: Buffer | undefined;
  private size = 0;
  /** Of what is inflated: bytes as they came. */
  private packed = 0;
  settled = false;
  private error: BodyError | undefined;
  private body: Buffer = EMPTY;
  private listener: BodyDone | undefined;
  private inflater: Gunzip | Inflate | undefined;
  /** From the first piece that is not the whole body. */
  private reception: Reception | undefined;
  private caller = '';
  /** Bytes that will come, where that is known. */
  private readonly declared: number;
  /** Bytes to be left free in front, so that the first tensor lies on a boundary and need not be copied again. */
  private readonly lead: number;

  constructor(
    headers: Readonly<Record<string, string>>,
    private readonly flow: Flow,
    private readonly receptions: Receptions,
  ) {
    this.declared = Number(headers['content-length']);
    const headerLength = Number(headers[HEADER_LENGTH]);
    this.lead = headerLength > 0 ? -headerLength & (ALIGNMENT - 1) : 0;
    if (this.declared > MAX_BODY_BYTES) this.refuse(tooLarge(`${this.declared} bytes`));
    const encoding = headers['content-encoding'];
    if (encoding !== undefined) this.inflate(encoding);
  }

  /** Once, by whoever wants it. @param caller the token's hash; `''` where there is none */
  onDone(caller: string, listener: BodyDone): void {
    if (!this.settled) {
      this.caller = caller;
      this.listener = listener;
      // What was sent ahead belongs to its caller only from here on.
      if (this.reception) this.receive(this.release());
      return;
    }
    const { body } = this;
    this.body = EMPTY;
    listener(this.error, body);
  }

  push(chunk: Buffer): void {
    if (this.settled) return;
    if (!this.inflater) {
      this.gather(chunk);
      if (this.size >= GATHERED_AT_ONCE) this.takeTurns();
      return;
    }
    this.packed += chunk.length;
    if (!this.inflater.write(chunk)) this.flow.pause();
  }

  /** Bytes as they came, so far. */
  get receivedBytes(): number {
    return this.inflater ? this.packed : this.size;
  }

  /** The message has come whole. */
  end(): void {
    if (this.settled) return;
    if (this.inflater) this.inflater.end();
    else this.finish();
  }

  /** Nobody wants it any more: what still comes is forgotten. */
  abandon(): void {
    this.listener = undefined;
    this.body = EMPTY;
    this.settle();
    this.chunks.length = 0;
    this.whole = undefined;
  }

  private inflate(encoding: string): void {
    let inflater: Gunzip | Inflate | undefined;
    try {
      inflater = inflaterFor(encoding);
    } catch (error) {
      return this.refuse(error as BodyError);
    }
    if (!inflater || this.settled) return;
    this.inflater = inflater;
    inflater.on('data', (chunk: Buffer) => this.gather(chunk));
    inflater.on('end', () => this.finish());
    inflater.on('drain', () => this.flow.resume());
    // A body that is refused half way must not keep the sender waiting for its inflater.
    inflater.on('close', () => this.flow.resume());
    inflater.on('error', (error) => this.refuse(new BodyError(400, `the body cannot be decoded by its Content-Encoding: ${error.message}`)));
  }

  private gather(chunk: Buffer): void {
    if (this.settled) return;
    if (this.whole && this.lead + this.size + chunk.length <= this.whole.length) chunk.copy(this.whole, this.lead + this.size);
    else this.chunks.push(chunk);
    this.size += chunk.length;
    if (this.size > MAX_BODY_BYTES) return this.refuse(tooLarge('more'));
    // Most bodies are small and come in one piece.
    if (chunk.length === this.declared && !this.inflater) return;
    if (!this.receive(chunk.length)) return;
    // Only after its first megabyte has come: a declared length costs its sender nothing.
    if (!this.inflater && !this.whole && this.declared > GATHERED_AT_ONCE && this.size >= GATHERED_AT_ONCE) this.whole = this.copied(this.declared);
  }

  /** Node reads up to 2 MiB of one connection before it looks at another: after each piece of a large body the others are looked at. */
  private takeTurns(): void {
    if (this.settled) return;
    this.flow.pause();
    setImmediate(() => this.flow.resume());
  }

  /** @returns whether there is room for it */
  private receive(bytes: number): boolean {
    // One that was sent ahead may have been left to wait by the gateway itself.
    const timed = this.listener !== undefined;
    this.reception ??= this.receptions.begin(this.caller, (end) => this.cutShort(end), timed);
    this.reception.add(bytes);
    return !this.settled;
  }

  /** @returns bytes that were counted */
  private release(): number {
    const bytes = this.reception?.bytes ?? 0;
    this.reception?.done();
    this.reception = undefined;
    return bytes;
  }

  private cutShort({ reason, message }: ReceptionEnd): void {
    this.refuse(new BodyError(reason === 'room' ? 503 : 408, message));
  }

  private finish(): void {
    if (!this.settle()) return;
    const body = this.put();
    // Kept here only for somebody who has not asked yet.
    if (this.listener) this.listener(undefined, body);
    else this.body = body;
  }

  private put(): Buffer {
    if (this.whole) return this.whole.subarray(this.lead, this.lead + this.size);
    if (this.chunks.length === 1) return this.chunks[0]!;
    return this.size > 0 ? this.copied(this.size).subarray(this.lead) : EMPTY;
  }

  private refuse(error: BodyError): void {
    if (!this.settle()) return;
    this.error = error;
    this.chunks.length = 0;
    this.whole = undefined;
    this.listener?.(error, EMPTY);
  }

  private settle(): boolean {
    if (this.settled) return false;
    this.settled = true;
    this.release();
    this.inflater?.destroy();
    return true;
  }

  private copied(size: number): Buffer {
    const whole = Buffer.allocUnsafeSlow(this.lead + size);
    let at = this.lead;
    for (const chunk of this.chunks) at += chunk.copy(whole, at);
    this.chunks.length = 0;
    return whole;
  }
}

/** @throws BodyError for an encoding that is not known */
function inflaterFor(encoding: string): Gunzip | Inflate | undefined {
  switch (encoding.trim().toLowerCase()) {
    case '':
    case 'identity':
      return undefined;
    case 'gzip':
    case 'x-gzip':
      return createGunzip({ chunkSize: 64 * 1024 });
    case 'deflate':
      return createInflate({ chunkSize: 64 * 1024 });
    default:
      throw new BodyError(415, `Content-Encoding ${JSON.stringify(encoding.slice(0, 40))} is unknown; send the body plain, or with gzip or deflate`);
  }
}

const tooLarge = (size: string): BodyError => new BodyError(413, `the body has ${size}; the limit is ${MAX_BODY_BYTES} bytes`);
