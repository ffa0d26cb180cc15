/**
 * One connection of the HTTP front: its requests one after the other, their answers in that order, and the time that each step may
 * take. A caller who sends ahead (pipelining), or who does not take its answers, is not read from meanwhile.
 */
import type { Socket } from 'node:net';
import { HTTP_FAILURE_KINDS } from '../gateway-error.js';
import { ANSWER_TIMEOUT_MS, HEADERS_TIMEOUT_MS, KEEP_ALIVE_TIMEOUT_MS, MAX_HEADER_BYTES, REQUEST_TIMEOUT_MS } from '../limits.js';
import type { AwakeClock } from '../awake-clock.js';
import { Exchange, type ExchangeOptions } from './http-exchange.js';
import type { NewReader, ParserError, RequestHead, RequestReader } from './http-request-reader.js';
import { errorText } from './http-route.js';
import { headLines, inOnePiece } from './http-wire.js';

export interface ConnectionOptions extends ExchangeOptions {
  /** It is set once in a while: timeouts need no better. */
  readonly clock: AwakeClock;
  /** A request's turn has come: its head is there, its body follows. */
  readonly onTurn: (exchange: Exchange) => void;
  readonly newReader: NewReader;
}

/** What a connection waits for from its caller, and for how long. */
const PATIENCE_MS = {
  /** The first byte of all. */
  opening: HEADERS_TIMEOUT_MS,
  head: HEADERS_TIMEOUT_MS,
  body: REQUEST_TIMEOUT_MS,
  /** The next request. */
  idle: KEEP_ALIVE_TIMEOUT_MS,
};

/** Up to here an answer's parts are put together, so that it leaves in one piece. */
const ONE_PIECE_BYTES = 64 * 1024;

type RefusalStatus = 400 | 408 | 431;

/** A caller may send this much ahead before it is left to wait. */
const SENT_AHEAD_BYTES = 64 * 1024;

export class Connection {
  /** Its turn has come, and it is not over. */
  private current: Exchange | undefined;
  /** Its body is on the way. */
  private receiving: Exchange | undefined;
  /** Sent ahead. */
  private readonly waiting: Exchange[] = [];
  /** Bytes that came since the first of those. */
  private ahead = 0;
  private phase: keyof typeof PATIENCE_MS = 'opening';
  /** When that began; from the first byte of a request on for its head and its body. */
  private since: number;
  private leaving = false;
  /** What comes belongs to a tunnel that was refused. */
  private tunnel = false;
  /** What came is no request: said after the answers that are owed. */
  private refusal: readonly [status: RefusalStatus, message: string] | undefined;
  private paused = false;
  /** Many that were sent ahead may be answered at once: in a loop, not each from within the one before. */
  private advancing = false;
  /** Told when its caller has read the answers that were written. */
  private readonly unread: (() => void)[] = [];
  private readonly parser: RequestReader;

  constructor(
    readonly socket: Socket,
    private readonly options: ConnectionOptions,
  ) {
    this.since = options.clock.now;
    this.parser = options.newReader(this);
    this.parser.readFrom(socket, (bytes, error) => this.received(bytes, error));
    socket.on('drain', () => {
      this.release();
      this.next();
    });
    // Whatever it is, 'close' follows.
    socket.on('error', () => undefined);
    socket.once('close', () => this.closed());
  }

  /** Nothing is under way, neither a request nor an answer. */
  get idle(): boolean {
    return !this.current && !this.receiving && this.unread.length === 0;
  }

  onBegin(): void {
    if (!this.deaf) this.wait('head');
  }

  onHead(head: RequestHead): void {
    // What still comes is forgotten.
    if (this.deaf) return;
    this.tunnel = head.tunnel;
    this.phase = 'body';
    const exchange = new Exchange(head, this, this.options);
    this.receiving = exchange;
    if (this.current || this.unread.length > 0) this.waiting.push(exchange);
    else this.turn(exchange);
  }

  onBody(chunk: Buffer): void {
    this.receiving?.body.push(chunk);
  }

  onEnd(): void {
    const exchange = this.receiving;
    if (!exchange) return;
    this.receiving = undefined;
    this.wait('idle');
    exchange.received();
  }

  /** The sender is too fast for its body's inflater, or for other callers. */
  pause(): void {
    this.paused = true;
    this.parser.pause();
  }

  resume(): void {
    this.paused = false;
    this.flow();
  }

  /** An answer. @param parts follow the text; `size` is of it all */
  write(text: string, parts: readonly Uint8Array[] | undefined, size: number, caller: string): void {
    const { socket } = this;
    // Text of one byte a character needs no encoder.
    if (!parts) {
      socket.write(text, text.length === size ? 'latin1' : 'utf8');
    } else if (size <= ONE_PIECE_BYTES) {
      socket.write(inOnePiece(text, parts, size));
    } else {
      socket.cork();
      socket.write(text);
      for (const part of parts) if (part.byteLength > 0) socket.write(part);
      socket.uncork();
    }
    if (!socket.writableNeedDrain) return;
    this.unread.push(this.options.unread.hold(caller, size, () => socket.destroy()));
  }

  /** The exchange whose turn it was is answered, and its request has come whole. */
  over(keepAlive: boolean): void {
    this.current = undefined;
    this.since = this.options.clock.now;
    if (!keepAlive) this.leave();
    // Usually nothing was sent ahead.
    else if (this.waiting.length > 0 || this.refusal) this.next();
  }

  /** Ends when what was written is sent. */
  leave(): void {
    this.leaving = true;
    this.since = this.options.clock.now;
    this.socket.destroySoon();
  }

  /** Ends the connection where its caller took too long. */
  check(): void {
    const waited = this.options.clock.now - this.since;
    if (this.leaving || this.unread.length > 0) {
      if (waited > ANSWER_TIMEOUT_MS) this.socket.destroy();
      return;
    }
    // The gateway's turn, not the caller's.
    if (this.current && this.current !== this.receiving) return;
    if (waited <= PATIENCE_MS[this.phase]) return;
    if (this.phase === 'idle') return this.leave();
    this.refuse(
      408,
      `the request took too long to arrive: the limit is ${HEADERS_TIMEOUT_MS / 1000} s for headers and ${REQUEST_TIMEOUT_MS / 1000} s for a whole request`,
    );
  }

  /** A piece has come, and what it holds has been told. */
  private received(bytes: number, error: ParserError | undefined): void {
    if (this.deaf) return;
    if (error) return this.malformed(error);
    if (this.waiting.length === 0) return;
    // Read on a little: that a caller is gone is seen only by reading.
    this.ahead += bytes;
    if (this.ahead > SENT_AHEAD_BYTES) this.parser.pause();
  }

  /** Nothing that comes is a request of this connection any more. */
  private get deaf(): boolean {
    return this.refusal !== undefined || this.leaving || this.tunnel;
  }

  private wait(phase: Connection['phase']): void {
    this.phase = phase;
    this.since = this.options.clock.now;
  }

  private turn(exchange: Exchange): void {
    this.current = exchange;
    this.options.onTurn(exchange);
  }

  /** Goes on after an answer, or when the caller has taken what was sent. */
  private next(): void {
    if (this.advancing) return;
    this.advancing = true;
    while (!this.current && !this.leaving && this.unread.length === 0) {
      const exchange = this.waiting.shift();
      if (!exchange) break;
      this.turn(exchange);
    }
    this.advancing = false;
    if (this.refusal && !this.current && !this.leaving) this.sendRefusal(...this.refusal);
    this.flow();
  }

  private flow(): void {
    if (this.waiting.length > 0) return;
    this.ahead = 0;
    if (!this.paused) this.parser.resume();
  }

  private malformed({ code, reason, message }: ParserError): void {
    if (code === 'HPE_HEADER_OVERFLOW') this.refuse(431, `the headers have more than ${MAX_HEADER_BYTES} bytes`);
    else if (code === 'HPE_PAUSED_H2_UPGRADE')
      this.refuse(400, 'this port speaks HTTP/1.1, and the request is HTTP/2; for gRPC use the gRPC port, which is 8001 by default');
    else this.refuse(400, `this is not an HTTP/1.1 request: ${reason || message}`);
  }

  /** For bytes that are no request, or do not become one: nothing is read from here on. */
  private refuse(status: RefusalStatus, message: string): void {
    const { receiving } = this;
    this.refusal = [status, message];
    this.receiving = undefined;
    if (receiving) {
      receiving.abort();
      const place = this.waiting.indexOf(receiving);
      if (place >= 0) this.waiting.splice(place, 1);
      if (this.current === receiving) {
        this.current = undefined;
        // A second answer would be taken for that of the next request.
        if (receiving.answered) return this.leave();
      }
    }
    this.next();
  }

  private sendRefusal(status: RefusalStatus, message: string): void {
    this.options.onError(status);
    const body = errorText({ status, kind: HTTP_FAILURE_KINDS[status], message });
    const lines = headLines(status, false, ['Content-Type', 'application/json', 'Content-Length', String(Buffer.byteLength(body))]);
    this.socket.write(lines + body);
    this.leave();
  }

  private release(): void {
    for (const release of this.unread.splice(0)) release();
  }

  private closed(): void {
    this.leaving = true;
    this.release();
    this.current?.abort();
    this.receiving?.abort();
    for (const exchange of this.waiting.splice(0)) exchange.abort();
    this.current = this.receiving = undefined;
    // Not at once: what closed it may be one of the parser's own calls.
    setImmediate(() => this.parser.close());
  }
}
