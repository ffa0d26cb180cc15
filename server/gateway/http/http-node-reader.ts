/**
 * Reads HTTP requests through `node:http`, by documented means only. It is slower than `http-parser.ts`, and takes over where a Node
 * does not have the internal parser. The front writes its answers itself, so the bytes of a connection go to an `http.Server` through a
 * stream of their own, and what that server would answer is dropped. docs/decisions/0038-node-http-reader.md lists what differs.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { MAX_HEADER_BYTES } from '../limits.js';
import { recordOf, type ParserError, type RequestHead, type RequestListener, type RequestReader } from './http-request-reader.js';

/** Time limits, Host and answers are the front's own business. */
const parsing = createServer({ maxHeaderSize: MAX_HEADER_BYTES, requireHostHeader: false, headersTimeout: 0, requestTimeout: 0, keepAliveTimeout: 0 });
parsing.maxHeadersCount = 0;
for (const event of ['request', 'checkContinue', 'checkExpectation'])
  parsing.on(event, (request: IncomingMessage, response: ServerResponse) => readerOf(request).came(request, response));
parsing.on('connect', (request: IncomingMessage) => readerOf(request).came(request));
parsing.on('clientError', (error: ParserError, stream) => (stream as unknown as PieceStream).reader.failed(error));

const readerOf = ({ socket }: IncomingMessage): NodeHttpReader => (socket as unknown as PieceStream).reader;

/** Carries a connection's bytes to the parsing server. What that writes goes nowhere. */
class PieceStream extends Duplex {
  constructor(readonly reader: NodeHttpReader) {
    super();
    this.on('error', () => undefined);
  }

  override _read(): void {
    // Pieces are pushed when they come.
  }

  override _write(_chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    done();
  }
}

interface Incoming {
  readonly request: IncomingMessage;
  readonly response: ServerResponse | undefined;
}

export class NodeHttpReader implements RequestReader {
  private readonly pieces = new PieceStream(this);
  private socket: Socket | undefined;
  private onRead: (bytes: number, error?: ParserError) => void = () => undefined;
  /** Requests in their order. The first one is being told. */
  private readonly queue: Incoming[] = [];
  /** Whether the listener knows that a request has begun. */
  private begun = false;
  /** Ends the reading once the requests before it are told. */
  private error: ParserError | undefined;
  /** A request asks for a tunnel or offers another protocol. `node:http` reads no further request after it, so it is the last one. */
  private last = false;
  /** The last request is read: what follows it is dropped. */
  private done = false;

  constructor(private readonly listener: RequestListener) {
    parsing.emit('connection', this.pieces);
  }

  readFrom(socket: Socket, onRead: (bytes: number, error?: ParserError) => void): void {
    this.socket = socket;
    this.onRead = onRead;
    socket.on('data', (piece: Buffer) => {
      this.begin();
      if (!this.done && !this.error) this.pieces.push(piece);
      onRead(piece.length);
    });
  }

  pause(): void {
    this.socket?.pause();
  }

  resume(): void {
    this.socket?.resume();
  }

  close(): void {
    this.pieces.destroy();
  }

  /** Of the parsing server: a head is there. */
  came(request: IncomingMessage, response?: ServerResponse): void {
    if (this.last) return;
    request.on('error', () => undefined);
    this.done = !response;
    this.last = this.done || request.headers.upgrade !== undefined;
    this.queue.push({ request, response });
    if (this.queue.length === 1) this.tell();
  }

  /** Of the parsing server: the bytes are no HTTP. */
  failed(error: ParserError): void {
    if (this.error || this.last) return;
    this.error = error;
    // A body that is told from bytes before the error comes first; one that is not whole never ends.
    setImmediate(() => this.tellError());
  }

  private tellError(): void {
    if (this.error && (this.queue.length === 0 || !this.queue[0]!.request.complete)) this.onRead(0, this.error);
  }

  private begin(): void {
    if (this.begun) return;
    this.begun = true;
    this.listener.onBegin();
  }

  /** The first of the queue. */
  private tell(): void {
    const { request, response } = this.queue[0]!;
    this.begin();
    this.listener.onHead(headOf(request, response === undefined, this.last && this.queue.length === 1));
    if (!response) return;
    request.on('data', (chunk: Buffer) => this.listener.onBody(chunk));
    request.once('end', () => {
      response.end();
      this.done = this.last && this.queue.length === 1;
      this.queue.shift();
      this.begun = false;
      this.listener.onEnd();
      if (this.queue.length > 0) this.tell();
      else this.tellError();
    });
  }
}

function headOf(request: IncomingMessage, tunnel: boolean, last: boolean): RequestHead {
  const headers = recordOf(request.rawHeaders);
  const modern = request.httpVersionMajor === 1 && request.httpVersionMinor >= 1;
  return { method: request.method!, url: request.url!, headers, modern, keepAlive: !last && staysOpen(modern, headers['connection']), tunnel };
}

/** RFC 9112, 9.3. */
function staysOpen(modern: boolean, connection = ''): boolean {
  const options = connection.toLowerCase().split(',');
  const has = (option: string): boolean => options.some((each) => each.trim() === option);
  return !has('close') && (modern || has('keep-alive'));
}
