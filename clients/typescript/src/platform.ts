/** What the client needs of the place where it runs: files, digests, uploads and WebSockets. */

/** Bytes, a Blob or File, or the path of a local file (not in a browser). */
export type Source = string | Uint8Array | Blob;

/** A file of a version: a local file or folder, or bytes, under the path that it has in the version. */
export interface NamedSource {
  readonly path: string;
  readonly from: Source;
}

/** How much of a source was sent. */
export type Progress = (sentBytes: number, totalBytes: number) => void;

export interface Upload {
  readonly url: string;
  readonly token: string;
  readonly source: Source;
  readonly sizeBytes: number;
  /** Bytes that the control plane has already: only what is behind them is sent. */
  readonly offset: number;
  readonly signal?: AbortSignal | undefined;
  readonly seen?: Progress | undefined;
}

export interface Post {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal?: AbortSignal | undefined;
}

/** An answer that was read whole. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export const uploadHeaders = (offset: number): Record<string, string> => ({
  'content-type': 'application/octet-stream',
  ...(offset > 0 && { 'upload-offset': String(offset) }),
});

/** `node-platform.ts` is for Node, Bun and Deno, `browser-platform.ts` for browsers. */
export interface Platform {
  /** The WebSocket class; left out, the global one. */
  readonly WebSocket?: unknown;
  /** SHA-256 of a source in lower-case hexadecimal, and its size. */
  digest(source: Source, signal?: AbortSignal): Promise<{ readonly digest: string; readonly sizeBytes: number }>;
  /** Sends a text and reads the answer whole, as fast as the platform can: inferences go this way. */
  post(request: Post): Promise<Answer>;
  /** Sends a source, from `offset` on, as the body of a PUT. */
  put(upload: Upload): Promise<Response>;
  /** The files of a version with their paths. A folder stands for everything below it. */
  namedSources(files: readonly (string | NamedSource)[]): Promise<readonly { readonly path: string; readonly source: Source }[]>;
}
