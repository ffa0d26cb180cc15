/**
 * Reads HTTP requests from a connection. There are two readers behind this interface: `http-parser.ts` drives Node's internal parser,
 * and `http-node-reader.ts` uses only what `node:http` documents (docs/decisions/0021-http-front.md).
 */
import type { Socket } from 'node:net';

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

/** The bytes are no HTTP. `code` is llhttp's, such as `HPE_INVALID_METHOD`. */
export interface ParserError extends Error {
  readonly code: string;
  readonly reason: string;
}

/** Tells its listener of the requests that come over one connection. */
export interface RequestReader {
  /** @param onRead called after each piece with its size, or with the error that ended the reading */
  readFrom(socket: Socket, onRead: (bytes: number, error?: ParserError) => void): void;
  /** Reads nothing more from the connection for now: the sender waits. */
  pause(): void;
  resume(): void;
  /** Frees what it holds. Never from within a listener's call. */
  close(): void;
}

export type NewReader = (listener: RequestListener) => RequestReader;

/** As `node:http` has them: a second one would be another opinion, not an addition. */
const ONCE = new Set(['authorization', 'content-type', 'from', 'max-forwards', 'proxy-authorization', 'referer', 'user-agent']);

/** Header names as they come, to lower case: few, and the same ones again and again. */
const lowered = new Map<string, string>();
const LOWERED_AT_MOST = 1_024;

/** @param headers names and values in turn, as they came */
export function recordOf(headers: readonly string[]): Record<string, string> {
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
