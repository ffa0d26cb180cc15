/**
 * Node's own HTTP/1.1 parser (llhttp), without the streams that `node:http` puts around each message: those are most of what a
 * small request costs (docs/decisions/0021). Its module has no public name, so what is relied on is tried once, at load.
 */
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { MAX_HEADER_BYTES } from '../limits.js';

/** What a request's first line and headers say. */
export interface RequestHead {
  readonly method: string;
  readonly url: string;
  /** By lower-case name; repeated ones joined as RFC 9110, 5.3 has it, save those that can only be once: the first counts. */
  readonly headers: Readonly<Record<string, string>>;
  /** HTTP/1.1, not 1.0. */
  readonly modern: boolean;
  /** Whether the caller can take another answer over this connection. */
  readonly keepAlive: boolean;
  /** A CONNECT: what follows on the connection is for a tunnel, and never a request. */
  readonly tunnel: boolean;
}

/** Told of one request after the other; must not throw. */
export interface RequestListener {
  /** The first byte of a request is there. */
  onBegin(): void;
  onHead(head: RequestHead): void;
  /** @param chunk its own memory, free of the socket's buffer */
  onBody(chunk: Buffer): void;
  onEnd(): void;
}

/** What came is no HTTP. `code` is llhttp's, as `HPE_INVALID_METHOD`. */
export interface ParserError extends Error {
  readonly code: string;
  readonly reason: string;
}

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

/** As `node:http` has them: a second one would be another opinion, not an addition. */
const ONCE = new Set(['authorization', 'content-type', 'from', 'max-forwards', 'proxy-authorization', 'referer', 'user-agent']);

/** Header names as they come, to lower case: few, and the same ones again and again. */
const lowered = new Map<string, string>();
const LOWERED_AT_MOST = 1_024;

export class RequestParser {
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

function recordOf(headers: readonly string[]): Record<string, string> {
  // A name such as `__proto__` is a name like any other.
  const record = Object.create(null) as Record<string, string>;
  for (let i = 0; i < headers.length; i += 2) {
    const name = lower(headers[i]!);
    const before = record[name];
    if (before === undefined) record[name] = headers[i + 1]!;
    else if (!ONCE.has(name)) record[name] = `${before}${name === 'cookie' ? '; ' : ', '}${headers[i + 1]!}`;
  }
  return record;
}

function lower(name: string): string {
  let lowerCase = lowered.get(name);
  if (lowerCase === undefined) {
    lowerCase = name.toLowerCase();
    if (lowered.size >= LOWERED_AT_MOST) lowered.clear();
    lowered.set(name, lowerCase);
  }
  return lowerCase;
}

/** A Node whose parser speaks otherwise must not get as far as listening. */
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
    throw new Error(`the HTTP parser of Node ${process.version} is not as expected; use a Node that Pilothouse is tested with (20 or 24)`);
  }
}

tryOut();
