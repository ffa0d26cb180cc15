/** Files on their way to the control plane: hashed, sent only where they are not there yet, streamed. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { PilothouseError } from './errors.js';
import { exchange, fromResponse } from './http.js';

export interface UploadedArtifact {
  /** SHA-256 in lower-case hexadecimal. */
  readonly digest: string;
  readonly sizeBytes: number;
  /** false: the control plane had it already, and nothing was sent. */
  readonly uploaded: boolean;
}

/** A file of a version: a local file or folder, or bytes, under the path that it has in the version. */
export interface NamedSource {
  readonly path: string;
  readonly from: string | Uint8Array;
}

/** Bytes, or the path of a local file. */
export type Source = string | Uint8Array;

const open = (source: Source): AsyncIterable<Uint8Array> => (typeof source === 'string' ? createReadStream(source, { highWaterMark: 1 << 18 }) : once(source));

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

/** The same chunks; tells how many bytes have been taken. */
async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  totalBytes: number,
  seen?: (sentBytes: number, totalBytes: number) => void,
): AsyncIterable<Uint8Array> {
  let sent = 0;
  for await (const chunk of chunks) {
    yield chunk;
    seen?.((sent += chunk.byteLength), totalBytes);
  }
}

async function digestOf(source: Source): Promise<{ digest: string; sizeBytes: number }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of open(source)) {
    hash.update(chunk);
    sizeBytes += chunk.byteLength;
  }
  return { digest: hash.digest('hex'), sizeBytes };
}

/** @throws PilothouseError; what the local file system refuses is its own error */
export async function upload(
  url: string,
  token: string,
  source: Source,
  { signal, seen }: { readonly signal?: AbortSignal | undefined; readonly seen?: ((sentBytes: number, totalBytes: number) => void) | undefined } = {},
): Promise<UploadedArtifact> {
  const { digest, sizeBytes } = await digestOf(source);
  const address = `${url}/artifacts/${digest}`;
  const head = await exchange({ url: address, method: 'HEAD', token, signal });
  if (head.status === 200) return { digest, sizeBytes, uploaded: false };
  if (head.status !== 404) throw await fromResponse(head, `artifact ${digest}`);
  const headers = { 'content-type': 'application/octet-stream' };
  // Bytes go with their length; a file is streamed, so that none is ever held in memory whole.
  const response = await exchange({
    url: address,
    method: 'PUT',
    token,
    headers,
    body: typeof source === 'string' ? counted(open(source), sizeBytes, seen) : source,
    signal,
  });
  if (!response.ok) throw await fromResponse(response, `upload of ${typeof source === 'string' ? source : `${sizeBytes} bytes`}`);
  await response.arrayBuffer();
  return { digest, sizeBytes, uploaded: true };
}

/** Paths of files and folders, and named sources, as the files of a version. A folder stands for everything below it. */
export async function namedSources(files: readonly (string | NamedSource)[]): Promise<{ path: string; source: Source }[]> {
  const named = await Promise.all(files.map(async (file) => (typeof file === 'string' ? below(file) : [{ path: file.path, source: file.from }])));
  const all = named.flat();
  if (all.length === 0) throw new PilothouseError('INVALID', 'a version needs at least one file');
  return all;
}

async function below(path: string): Promise<{ path: string; source: string }[]> {
  if (!(await stat(path)).isDirectory()) return [{ path: basename(path), source: path }];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? (entry as unknown as { path: string }).path, entry.name));
  return files.sort().map((file) => ({ path: relative(path, file).split(sep).join('/'), source: file }));
}
