/** Local files: read, hashed and streamed, so that none is ever held in memory whole. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { PilothouseError } from './errors.js';
import type { NamedSource, Source } from './platform.js';

const CHUNK_BYTES = 1 << 18;

/** The bytes of a source from `start` on, in parts. */
export async function* chunksOf(source: Source, signal?: AbortSignal, start = 0): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks =
    source instanceof Uint8Array
      ? slices(source, start)
      : typeof source === 'string'
        ? createReadStream(source, { highWaterMark: CHUNK_BYTES, start })
        : partsOf(source, start);
  for await (const chunk of chunks as AsyncIterable<Uint8Array>) {
    signal?.throwIfAborted();
    yield chunk;
  }
}

function* slices(bytes: Uint8Array, start: number): Generator<Uint8Array> {
  for (let at = start; at < bytes.byteLength; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
}

async function* partsOf(blob: Blob, start: number): AsyncGenerator<Uint8Array> {
  for (let at = start; at < blob.size; at += CHUNK_BYTES) yield new Uint8Array(await blob.slice(at, at + CHUNK_BYTES).arrayBuffer());
}

export async function digestOf(source: Source, signal?: AbortSignal): Promise<{ digest: string; sizeBytes: number }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of chunksOf(source, signal)) {
    hash.update(chunk);
    sizeBytes += chunk.byteLength;
  }
  return { digest: hash.digest('hex'), sizeBytes };
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
