/** Node, Bun and Deno: files by their paths, streamed uploads, undici. */
import type { request } from 'undici';
import { WebSocket } from 'ws';
import { chunksOf, digestOf, namedSources } from './artifacts.js';
import { exchange } from './http.js';
import { uploadHeaders, type Platform, type Upload } from './platform.js';

/** Loaded with the first inference: what only looks at the control plane starts without it. */
let loaded: Promise<typeof request> | undefined;

/** undici is CommonJS: once it is bundled, its exports stand in `default` alone. */
async function loadUndici(): Promise<typeof request> {
  const module = await import('undici');
  return module.request ?? module.default.request;
}

export const nodePlatform: Platform = {
  WebSocket,
  // Not by fetch, which takes several times as long for a small request.
  async post({ url, headers, body, signal }) {
    const send = await (loaded ??= loadUndici());
    const answer = await send(url, { method: 'POST', headers, body, ...(signal && { signal }) });
    return { status: answer.statusCode, headers: answer.headers as Record<string, string>, text: await answer.body.text() };
  },
  digest: digestOf,
  namedSources,
  put: ({ url, token, source, sizeBytes, offset, signal, seen }) =>
    exchange({
      url,
      method: 'PUT',
      token,
      headers: uploadHeaders(offset),
      // An empty stream would say neither how long it is nor that it ends.
      body: sizeBytes === offset ? new Uint8Array() : counted({ source, sizeBytes, offset, signal, seen }),
      signal,
    }),
};

/** The bytes of a source; tells how many have been taken, those sent before included. */
async function* counted({ source, sizeBytes, offset, signal, seen }: Omit<Upload, 'url' | 'token'>): AsyncIterable<Uint8Array> {
  let sent = offset;
  for await (const chunk of chunksOf(source, signal, offset)) {
    yield chunk;
    seen?.((sent += chunk.byteLength), sizeBytes);
  }
}
