/**
 * Node's own HTTP/1.1 parser (llhttp), without the streams that `node:http` puts around each message: those are most of what a
 * small request costs (docs/decisions/0021-http-front.md). Its module has no public name (DEP0199), so what is relied on is tried once, at load: where
 * that fails, `http-reader-choice.ts` takes the reader over `node:http` instead.
 */
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { MAX_HEADER_BYTES } from '../limits.js';
import { recordOf, type ParserError, type RequestListener, type RequestReader } from './http-request-reader.js';

type HeadersComplete = (
  major: number,
  minor: number,
  headers: string[] | undefined,
  method: number,
  url: string | undefined,
  status: undefined,
  reason: undefined,
  upgrade: boolean,
  keepAlive: boolean,
) => number;

interface Binding {
  [callback: number]: unknown;
  initialize(type: number, resource: object, maxHeaderSize: number, lenient: number): void;
  execute(bytes: Uint8Array): number | ParserError;
  /** Takes what comes over a connection before its stream would; reads into one buffer for all. */
  consume(handle: StreamHandle): void;
  /** A copy of what has just come. Only from within `kOnExecute`. */
  getCurrentBuffer(): Buffer;
  close(): void;
}

/** What a `net.Socket` is around. */
interface StreamHandle {
  reading: boolean;
  readStart(): void;
  readStop(): void;
}

interface BindingClass {
  new (): Binding;
  readonly REQUEST: number;
  readonly kOnMessageBegin: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
  readonly kOnExecute: number;
}

const { HTTPParser, methods } = createRequire(import.meta.url)('node:_http_common') as { HTTPParser: BindingClass; methods: readonly string[] };
const { REQUEST, kOnMessageBegin, kOnHeaders, kOnHeadersComplete, kOnBody, kOnMessageComplete, kOnExecute } = HTTPParser;

/** The answer to the parser's question whether there is a body: what the headers say. */
const GO_ON = 0;

export class RequestParser implements RequestReader {
  private readonly binding = new HTTPParser();
  /** A CONNECT came: nothing is parsed any more. */
  private ended = false;
  /** Headers of a head that is too long for one call; anything after a body is a trailer, and dropped. */
  private early: string[] = [];
  private earlyUrl = '';
  /** The request that is being read offers another protocol: the parser stops where it ends. */
  private offered = false;
  private stopped = false;
  private socket: { readonly _handle: StreamHandle | null } | undefined;

  constructor(listener: RequestListener) {
    const { binding } = this;
    this.begin();
    binding[kOnMessageBegin] = (): void => listener.onBegin();
    binding[kOnHeaders] = (headers: string[], url: string): void => {
      this.early.push(...headers);
      this.earlyUrl += url;
    };
    const headersComplete: HeadersComplete = (major, minor, headers, method, url, _status, _reason, upgrade, keepAlive) => {
      let all = headers;
      let target = url;
      if (!all) {
        all = this.early;
        target = this.earlyUrl;
        this.early = [];
        this.earlyUrl = '';
      }
      this.offered = upgrade;
      const tunnel = methods[method] === 'CONNECT';
      const modern = major === 1 && minor >= 1;
      listener.onHead({ method: methods[method]!, url: target!, headers: recordOf(all), modern, keepAlive: keepAlive && !tunnel, tunnel });
      this.ended = tunnel;
      return GO_ON;
    };
    binding[kOnHeadersComplete] = headersComplete;
    binding[kOnBody] = (chunk: Buffer): void => listener.onBody(chunk);
    binding[kOnMessageComplete] = (): void => {
      this.early = [];
      this.earlyUrl = '';
      this.stopped = this.offered;
      listener.onEnd();
    };
  }

  /**
   * Parses what comes over a connection, past the socket's stream: that nobody else may read from it is what makes it cheap.
   * @param onRead told after each piece of how many bytes it was, or of the error that ended it
   */
  readFrom(socket: Socket, onRead: (bytes: number, error?: ParserError) => void): void {
    const { binding } = this;
    this.socket = socket as unknown as { _handle: StreamHandle };
    binding[kOnExecute] = (parsed: number | ParserError): void => {
      if (typeof parsed !== 'number') return onRead(0, parsed);
      if (!this.stopped) return onRead(parsed);
      const piece = binding.getCurrentBuffer();
      onRead(piece.length, this.goOn(piece.subarray(parsed)));
    };
    binding.consume(this.socket._handle!);
  }

  /** Lets the sender wait: below the stream, whose own `pause` does not reach so far. */
  pause(): void {
    const handle = this.socket?._handle;
    if (!handle?.reading) return;
    handle.reading = false;
    handle.readStop();
  }

  resume(): void {
    const handle = this.socket?._handle;
    if (!handle || handle.reading) return;
    handle.reading = true;
    handle.readStart();
  }

  /** @returns the error that ended it: nothing more may be given to it then */
  parse(bytes: Buffer): ParserError | undefined {
    if (bytes.length === 0) return undefined;
    const parsed = this.binding.execute(bytes);
    if (typeof parsed !== 'number') return parsed;
    return this.stopped ? this.goOn(bytes.subarray(parsed)) : undefined;
  }

  /** The offer is not taken: what follows is the next request. Not so for a tunnel, which has no end. */
  private goOn(rest: Buffer): ParserError | undefined {
    this.stopped = false;
    if (this.ended) return undefined;
    // From the beginning: a parser that was offered another protocol takes whatever comes for that one, and reports no error.
    this.begin();
    return this.parse(rest);
  }

  private begin(): void {
    this.binding.initialize(REQUEST, {}, MAX_HEADER_BYTES, 0);
  }

  /** Frees what it holds outside the heap. Never from within a listener's call. */
  close(): void {
    this.binding.close();
  }
}

/** A parser that behaves otherwise must not be used. @throws Error */
function tryOut(): void {
  const seen: string[] = [];
  const parser = new RequestParser({
    onBegin: () => seen.push('begin'),
    onHead: ({ method, url, headers, modern, keepAlive }) => seen.push(method, url, headers['a'] ?? '', String(modern), String(keepAlive)),
    onBody: (chunk) => seen.push(chunk.toString()),
    onEnd: () => seen.push('end'),
  });
  const error = parser.parse(Buffer.from('POST /p HTTP/1.1\r\nHost: h\r\nA: b\r\na: c\r\nContent-Length: 1\r\n\r\nd'));
  parser.close();
  if (error || seen.join(' ') !== 'begin POST /p b, c true true d end') {
    throw new Error(`the HTTP parser of Node ${process.version} behaves differently than that of Node 20, 22 and 24`);
  }
}

tryOut();
