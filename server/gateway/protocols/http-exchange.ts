/** One request and its answer on the wire: headers, errors in the protocol's shape, compression, and callers that read slowly. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { FAILURE_KINDS, GatewayError } from '../gateway-error.js';
import { ANSWER_TIMEOUT_MS, MAX_UNSENT_BYTES } from '../limits.js';
import type { BodyError } from './http-body.js';
import { acceptedCoding, compress, COMPRESS_FROM_BYTES, type ContentCoding } from './http-compression.js';
import { errorText, type FailureText, type HttpAnswer } from './http-route.js';

/** How long a caller whose body is refused may go on sending before the connection is closed: an answer sent into unread data is lost. */
const LINGER_MS = 1_000;
/** Up to here an answer's parts are put together, so that it leaves in one piece. */
const ONE_PIECE_BYTES = 64 * 1024;

/** Thrown for a method that the path does not have. */
export class MethodError extends Error {
  override readonly name = 'MethodError';
}

/** Of all answers that their callers have not taken yet. */
let unsent = 0;

export interface ExchangeOptions {
  readonly log: Logger;
  /** Connections are to end with their next answer. */
  draining: boolean;
}

export class Exchange {
  failureText: FailureText = errorText;

  constructor(
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
    readonly requestId: string,
    private readonly options: ExchangeOptions,
  ) {}

  send(answer: HttpAnswer): void {
    const { response } = this;
    if (response.destroyed) return;
    const textBytes = Buffer.byteLength(answer.body);
    let size = textBytes;
    if (answer.binary) for (const part of answer.binary) size += part.byteLength;
    if (unsent + size > MAX_UNSENT_BYTES) {
      const full = new GatewayError('UNAVAILABLE', 'callers have not taken the answers that the gateway holds for them already; try again', 1);
      return this.fail(full);
    }
    const coding = size < COMPRESS_FROM_BYTES ? undefined : acceptedCoding(this.request.headers['accept-encoding'] as string | undefined);
    if (coding) this.sendCompressed(answer, textBytes, size, coding);
    else this.write(answer, textBytes, size);
  }

  fail(error: unknown): void {
    const { response, requestId } = this;
    if (response.destroyed) return;
    if (error instanceof MethodError) return this.sendFailure(405, error.message);
    if (!(error instanceof GatewayError)) {
      this.options.log.error({ err: error, requestId }, 'a request failed for a reason that is ours');
      return this.sendFailure(500, `an internal error; the gateway's log has it under request ${requestId}`);
    }
    if (error.kind === 'CANCELLED') return;
    if (error.kind === 'UNAUTHENTICATED') response.setHeader('WWW-Authenticate', 'Bearer');
    if (error.retryAfterSeconds !== undefined) response.setHeader('Retry-After', error.retryAfterSeconds);
    this.sendFailure(FAILURE_KINDS[error.kind].httpStatus, error.message);
  }

  /** Where the body has not come whole, goes on reading for a moment: closing at once would reset the connection under the answer. */
  refuseBody(error: BodyError): void {
    const { request, response } = this;
    if (response.destroyed) return;
    if (error.status === 503) response.setHeader('Retry-After', 1);
    if (error.status === 415) response.setHeader('Accept-Encoding', 'gzip, deflate');
    if (request.complete) {
      request.resume();
      return this.sendFailure(error.status, error.message);
    }
    const body = this.failureText(error.status, error.message);
    const size = Buffer.byteLength(body);
    response.setHeader('Connection', 'close');
    response.writeHead(error.status, this.headers({ status: error.status, body }, size, size));
    response.write(body);
    const end = () => {
      clearTimeout(timer);
      response.end();
    };
    const timer = setTimeout(end, LINGER_MS);
    request.once('end', end);
    request.once('close', end);
    request.resume();
  }

  private sendFailure(status: number, message: string): void {
    const body = this.failureText(status, message);
    const size = Buffer.byteLength(body);
    this.write({ status, body }, size, size);
  }

  private headers(answer: HttpAnswer, textBytes: number, size: number, coding?: ContentCoding): string[] {
    const contentType = answer.contentType ?? (answer.binary ? 'application/octet-stream' : 'application/json');
    const headers = ['Content-Type', contentType, 'Content-Length', String(size), 'X-Request-Id', this.requestId];
    if (answer.version !== undefined) headers.push('X-Pilothouse-Version', String(answer.version));
    if (answer.binary) headers.push('Inference-Header-Content-Length', String(textBytes));
    if (coding) headers.push('Content-Encoding', coding);
    return headers;
  }

  private write(answer: HttpAnswer, textBytes: number, size: number): void {
    const { response } = this;
    const { body, binary } = answer;
    this.head(answer.status, this.headers(answer, textBytes, size));
    if (!binary) {
      response.end(body);
    } else if (size <= ONE_PIECE_BYTES) {
      response.end(inOnePiece(body, textBytes, binary, size));
    } else {
      response.cork();
      response.write(body);
      for (const part of binary) if (part.byteLength > 0) response.write(part);
      response.uncork();
      response.end();
    }
    if (response.writableLength > 0) this.hold(size);
  }

  private sendCompressed(answer: HttpAnswer, textBytes: number, size: number, coding: ContentCoding): void {
    const { response } = this;
    const bytes = inOnePiece(answer.body, textBytes, answer.binary ?? [], size);
    // Held while it waits for the thread pool too.
    unsent += size;
    compress(coding, bytes).then(
      (compressed) => {
        unsent -= size;
        if (response.destroyed) return;
        this.head(answer.status, this.headers(answer, textBytes, compressed.byteLength, coding));
        response.end(compressed);
        if (response.writableLength > 0) this.hold(compressed.byteLength);
      },
      (error: unknown) => {
        unsent -= size;
        this.fail(error);
      },
    );
  }

  private head(status: number, headers: string[]): void {
    const { response } = this;
    if (this.options.draining) response.setHeader('Connection', 'close');
    response.writeHead(status, headers);
  }

  /** The caller has not taken all of it yet: counts it, and ends the connection where that takes too long. */
  private hold(size: number): void {
    const { response } = this;
    unsent += size;
    const timer = setTimeout(() => response.destroy(), ANSWER_TIMEOUT_MS);
    response.once('close', () => {
      clearTimeout(timer);
      unsent -= size;
    });
  }
}

function inOnePiece(text: string, textBytes: number, binary: readonly Uint8Array[], size: number): Buffer {
  const whole = Buffer.allocUnsafe(size);
  whole.write(text);
  let at = textBytes;
  for (const part of binary) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}
