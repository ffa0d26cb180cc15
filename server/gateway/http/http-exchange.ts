/** One request and its answer: headers, errors in the protocol's shape, and compression. */
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { FAILURE_KINDS, GatewayError, HTTP_FAILURE_KINDS } from '../gateway-error.js';
import type { Call } from '../dispatch/call.js';
import type { Receptions } from '../receptions.js';
import type { UnreadAnswers } from '../unread-answers.js';
import { Body, type BodyDone, type BodyError } from './http-body.js';
import { acceptedCoding, compress, COMPRESS_FROM_BYTES, type ContentCoding } from './http-compression.js';
import type { Connection } from './http-connection.js';
import type { RequestHead } from './http-request-reader.js';
import { errorText, type Failure, type FailureText, type HttpAnswer } from './http-route.js';
import { CONTINUE, headLines, inOnePiece } from './http-wire.js';
import { requestIdOf } from '../request-id.js';

/**
 * How long a caller may go on sending what nobody wants before the connection is closed: an answer sent into unread data is lost,
 * because closing at once resets the connection under it.
 */
const LINGER_MS = 1_000;

/** What is wrong with the request as HTTP, whatever its path stands for. */
export class HttpError extends Error {
  override readonly name = 'HttpError';

  constructor(
    readonly status: 400 | 403 | 405 | 417 | 501,
    message: string,
    /** Names and values in turn. */
    readonly fields: readonly string[] = [],
  ) {
    super(message);
  }
}

export interface ExchangeOptions {
  readonly log: Logger;
  /** Told the status of every answer that is an error. */
  readonly onError: (status: number) => void;
  readonly receptions: Receptions;
  readonly unread: UnreadAnswers;
  /** Whether connections are to end with their next answer. */
  readonly draining: () => boolean;
}

export class Exchange {
  readonly body: Body;
  readonly requestId: string;
  failureText: FailureText = errorText;
  /** What the answer carries whatever it says: names and values in turn. */
  fields: readonly string[] = [];
  /** The token's hash; `''` where there is none. */
  caller = '';
  /** What the caller's leaving cancels, and the answer ends. */
  call: Call | undefined;
  answered = false;
  private complete = false;
  private gone = false;
  private keepAlive: boolean;
  private lingering: NodeJS.Timeout | undefined;

  constructor(
    readonly head: RequestHead,
    private readonly connection: Connection,
    private readonly options: ExchangeOptions,
  ) {
    this.body = new Body(head.headers, connection, options.receptions);
    this.requestId = requestIdOf(head.headers['x-request-id']);
    this.keepAlive = head.keepAlive;
  }

  get socket(): Socket {
    return this.connection.socket;
  }

  /** Waits for the body, and tells a caller who asked first to send it. */
  readBody(done: BodyDone): void {
    if (this.asks && !this.complete && !this.body.settled) this.connection.socket.write(CONTINUE);
    this.body.onDone(this.caller, done);
  }

  /** The request has come whole. */
  received(): void {
    this.complete = true;
    this.body.end();
    if (this.answered) this.over();
  }

  /** The connection is gone, or of no use any more. */
  abort(): void {
    this.gone = true;
    clearTimeout(this.lingering);
    this.body.abandon();
    this.call?.cancel();
  }

  send(answer: HttpAnswer): void {
    if (this.gone) return;
    const { body, binary } = answer;
    const text = typeof body === 'string' ? body : '';
    const parts = typeof body === 'string' ? binary : [body, ...(binary ?? [])];
    const bodyBytes = Buffer.byteLength(body);
    let size = bodyBytes;
    if (binary) for (const part of binary) size += part.byteLength;
    try {
      this.options.unread.makeRoom(this.caller, size);
    } catch (error) {
      return this.fail(error);
    }
    const fields = fieldsOf(answer, bodyBytes);
    const coding = size < COMPRESS_FROM_BYTES ? undefined : acceptedCoding(this.head.headers['accept-encoding']);
    if (coding) this.sendCompressed(answer.status, fields, inOnePiece(text, parts ?? [], size), coding);
    else this.write(answer.status, fields, text, parts, size);
  }

  /** Answers 204, which has no body. */
  sendNothing(): void {
    if (this.gone) return;
    this.body.abandon();
    this.writeLines(204, [...this.fields], '', undefined, 0);
  }

  fail(error: unknown): void {
    this.call?.end(error);
    if (this.gone) return;
    if (error instanceof HttpError) return this.refuse(error, error.fields);
    if (!(error instanceof GatewayError)) {
      this.options.log.error({ err: error, requestId: this.requestId }, 'a request failed with an internal error');
      const message = `internal error; see request ${this.requestId} in the log of the gateway`;
      return this.sendFailure({ status: 500, kind: 'INTERNAL', message });
    }
    if (error.kind === 'CANCELLED') return;
    const fields: string[] = [];
    if (error.kind === 'UNAUTHENTICATED') fields.push('WWW-Authenticate', 'Bearer');
    if (error.retryAfterSeconds !== undefined) fields.push('Retry-After', String(error.retryAfterSeconds));
    const { kind, message, part } = error;
    this.sendFailure({ status: FAILURE_KINDS[kind].httpStatus, kind, message, part }, fields);
  }

  refuseBody(error: BodyError): void {
    if (this.gone) return;
    const { status } = error;
    const fields = status === 503 ? ['Retry-After', '1'] : status === 415 ? ['Accept-Encoding', 'gzip, deflate'] : [];
    if (!this.complete) this.keepAlive = false;
    this.refuse(error, fields);
  }

  private refuse({ status, message }: HttpError | BodyError, fields: readonly string[]): void {
    this.sendFailure({ status, kind: HTTP_FAILURE_KINDS[status], message }, fields);
  }

  private sendFailure(failure: Failure, fields: readonly string[] = []): void {
    const { status } = failure;
    this.options.onError(status);
    const body = this.failureText(failure);
    // What still comes is read and forgotten, so that the connection can be used again; not where the caller asked whether to send it.
    this.body.abandon();
    if (this.asks && !this.complete) this.keepAlive = false;
    this.write(status, ['Content-Type', 'application/json', ...fields], body, undefined, Buffer.byteLength(body));
  }

  /** @param fields its own, to be added to; `size` is of text and binary together */
  private write(status: number, fields: string[], text: string, binary: readonly Uint8Array[] | undefined, size: number): void {
    if (this.fields.length > 0) fields.push(...this.fields);
    fields.push('Content-Length', String(size));
    this.writeLines(status, fields, text, binary, size);
  }

  /** @param fields its own, to be added to */
  private writeLines(status: number, fields: string[], text: string, binary: readonly Uint8Array[] | undefined, size: number): void {
    if (this.options.draining()) this.keepAlive = false;
    fields.push('X-Request-Id', this.requestId);
    const lines = headLines(status, this.keepAlive, fields);
    if (this.head.method === 'HEAD') this.connection.write(lines, undefined, lines.length, this.caller);
    else this.connection.write(lines + text, binary, lines.length + size, this.caller);
    this.answered = true;
    this.call?.end();
    if (this.complete) this.over();
    else if (!this.keepAlive) this.lingering = setTimeout(() => this.connection.leave(), LINGER_MS);
  }

  private sendCompressed(status: number, fields: string[], body: Buffer, coding: ContentCoding): void {
    // Held while it waits for the thread pool too.
    const release = this.options.unread.hold(this.caller, body.length, () => this.socket.destroy());
    compress(coding, body).then(
      (compressed) => {
        release();
        if (!this.gone) this.write(status, [...fields, 'Content-Encoding', coding], '', [compressed], compressed.byteLength);
      },
      (error: unknown) => {
        release();
        this.fail(error);
      },
    );
  }

  /** Whether to send the body. */
  private get asks(): boolean {
    return this.head.modern && this.head.headers['expect'] !== undefined;
  }

  private over(): void {
    clearTimeout(this.lingering);
    this.connection.over(this.keepAlive);
  }
}

/** @param bodyBytes of them without the binary part */
function fieldsOf(answer: HttpAnswer, bodyBytes: number): string[] {
  const fields = ['Content-Type', answer.contentType ?? (answer.binary ? 'application/octet-stream' : 'application/json')];
  if (answer.version !== undefined) fields.push('X-Pilothouse-Version', String(answer.version));
  if (answer.binary) fields.push('Inference-Header-Content-Length', String(bodyBytes));
  return fields;
}
