/** Browsers: bytes, Blobs and Files. Everything here is of the web's own standards. */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { PilothouseError } from './errors.js';
import { exchange } from './http.js';
import { uploadHeaders, type Platform, type Source, type Upload } from './platform.js';

const CHUNK_BYTES = 1 << 20;

/** The part of XMLHttpRequest that is used here: the types of Node do not have it. */
interface UploadRequest {
  readonly upload: { onprogress: (progress: { readonly loaded: number }) => void };
  readonly status: number;
  readonly responseText: string;
  onload: () => void;
  onerror: () => void;
  onabort: () => void;
  open(method: string, url: string): void;
  setRequestHeader(name: string, value: string): void;
  send(body: Blob): void;
  abort(): void;
}
declare const XMLHttpRequest: (new () => UploadRequest) | undefined;

export const browserPlatform: Platform = {
  // Not with crypto.subtle: it takes a file only whole, and pages that came over plain HTTP do not have it.
  async digest(source, signal) {
    const blob = blobOf(source);
    const hash = sha256.create();
    for (let at = 0; at < blob.size; at += CHUNK_BYTES) {
      signal?.throwIfAborted();
      hash.update(new Uint8Array(await blob.slice(at, at + CHUNK_BYTES).arrayBuffer()));
    }
    return { digest: bytesToHex(hash.digest()), sizeBytes: blob.size };
  },
  async post({ url, headers, body, signal }) {
    const response = await fetch(url, { method: 'POST', headers, body, ...(signal && { signal }) });
    return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() };
  },
  put: (upload) => (upload.seen && typeof XMLHttpRequest !== 'undefined' ? putWithProgress(new XMLHttpRequest(), upload) : put(upload)),
  async namedSources(files) {
    if (files.length === 0) throw new PilothouseError('INVALID', 'a version needs at least one file');
    return files.map((file) => (typeof file === 'string' ? { path: file, source: blobOf(file) } : { path: file.path, source: file.from }));
  },
};

function blobOf(source: Source): Blob {
  if (typeof source === 'string')
    throw new PilothouseError('INVALID', `"${source}" is a path, and a browser cannot read it; give { path, from } with a File, a Blob or bytes`);
  return source instanceof Uint8Array ? new Blob([source as Uint8Array<ArrayBuffer>]) : source;
}

async function put({ url, token, source, offset, signal, sizeBytes, seen }: Upload): Promise<Response> {
  const response = await exchange({ url, method: 'PUT', token, headers: uploadHeaders(offset), body: blobOf(source).slice(offset), signal });
  seen?.(sizeBytes, sizeBytes);
  return response;
}

/** By XMLHttpRequest: fetch does not tell how much of a body was sent. */
function putWithProgress(request: UploadRequest, { url, token, source, sizeBytes, offset, signal, seen }: Upload): Promise<Response> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const abort = (): void => request.abort();
    const end = (settle: () => void) => (): void => {
      signal?.removeEventListener('abort', abort);
      settle();
    };
    signal?.addEventListener('abort', abort, { once: true });
    request.upload.onprogress = ({ loaded }) => seen?.(offset + loaded, sizeBytes);
    request.onload = end(() => resolve(new Response(request.responseText, { status: request.status })));
    request.onerror = end(() => reject(new PilothouseError('UNAVAILABLE', `PUT ${url}: no answer`)));
    request.onabort = end(() => reject(signal?.reason as Error));
    request.open('PUT', url);
    for (const [name, value] of Object.entries({ ...uploadHeaders(offset), authorization: `Bearer ${token}` })) request.setRequestHeader(name, value);
    request.send(blobOf(source).slice(offset));
  });
}
