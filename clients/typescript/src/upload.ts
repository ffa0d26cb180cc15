/** Files on their way to the control plane: sent only where they are not there yet. */
import { exchange, fromResponse, readText } from './http.js';
import type { Platform, Progress, Source } from './platform.js';

export interface UploadedArtifact {
  /** SHA-256 in lower-case hexadecimal. */
  readonly digest: string;
  readonly sizeBytes: number;
  /** false: the control plane had it already, and nothing was sent. */
  readonly uploaded: boolean;
}

export interface UploadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Is called while a file is sent. It is not called where nothing is sent. */
  readonly seen?: Progress | undefined;
}

/** Attempts at a file whose beginning another upload sends at the same time. */
const MAX_ATTEMPTS = 3;

/**
 * Sends what the control plane does not have yet: the whole file, or what is behind the last byte that arrived before.
 * @throws PilothouseError; what the local file system refuses is its own error
 */
export async function upload(platform: Platform, url: string, token: string, source: Source, { signal, seen }: UploadOptions): Promise<UploadedArtifact> {
  const { digest, sizeBytes } = await platform.digest(source, signal);
  const address = `${url}/artifacts/${digest}`;
  for (let attempt = 1; ; attempt++) {
    const head = await exchange({ url: address, method: 'HEAD', token, signal });
    if (head.status === 200) return { digest, sizeBytes, uploaded: false };
    if (head.status !== 404) throw await fromResponse(head, `artifact ${digest}`);
    const offset = Number(head.headers.get('upload-offset') ?? 0);
    const response = await platform.put({ url: address, token, source, sizeBytes, offset, signal, seen });
    if (response.status === 409 && attempt < MAX_ATTEMPTS) continue;
    if (!response.ok) throw await fromResponse(response, `upload of ${typeof source === 'string' ? source : `${sizeBytes} bytes`}`);
    await readText(response, `upload of ${digest}`);
    return { digest, sizeBytes, uploaded: true };
  }
}
