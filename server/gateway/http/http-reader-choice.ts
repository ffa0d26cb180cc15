/** Which of the two readers of HTTP requests this process uses. */
import type { NewReader } from './http-request-reader.js';

/** `auto`: Node's internal parser, or `node:http` where it cannot be had. */
export type WantedReader = 'auto' | 'node-http';

export interface ReaderChoice {
  readonly create: NewReader;
  /** How the answer of `/v2` shows it. */
  readonly extensions: readonly string[];
  /** Why it is not the internal parser. */
  readonly reason?: string;
}

const loadInternal = () => import('../http/http-parser.js');

export async function chooseReader(
  wanted: WantedReader,
  load: () => Promise<Pick<typeof import('../http/http-parser.js'), 'RequestParser'>> = loadInternal,
): Promise<ReaderChoice> {
  if (wanted === 'node-http') return nodeHttp('PILOTHOUSE_HTTP_PARSER is "node-http"');
  try {
    const { RequestParser } = await load();
    return { create: (listener) => new RequestParser(listener), extensions: [] };
  } catch (error) {
    return nodeHttp(error instanceof Error ? error.message : String(error));
  }
}

async function nodeHttp(reason: string): Promise<ReaderChoice> {
  const { NodeHttpReader } = await import('./http-node-reader.js');
  return { create: (listener) => new NodeHttpReader(listener), extensions: ['node_http_reader'], reason };
}
