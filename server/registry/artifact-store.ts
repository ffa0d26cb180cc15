/**
 * Where the bytes of artifacts lie. Every implementation passes test/contract/artifact-store.test.ts; which artifacts
 * exist for the API is the database's to say, the store only keeps bytes under their digest.
 */
import type { Readable } from 'node:stream';
import type { Digest } from './digest.js';

export interface ArtifactStore {
  /**
   * Stores a stream under its digest. The bytes become visible only when all of them are there, match the digest and are
   * safe on disk. What came of a stream that breaks off is kept for a day, see `received`; whatever else goes wrong leaves nothing
   * behind. Bytes that are already there are not read again: the stream is then left unread, to be discarded by the caller.
   * @param from the stream begins behind so many bytes, which must be what was received
   * @returns the size in bytes
   * @throws DomainError INVALID when the bytes have another digest (it names both), or the stream breaks off;
   *   CONFLICT when `from` is not what was received, or what was received is not the beginning of these bytes; LIMIT_EXCEEDED past `maxBytes`; UNAVAILABLE when the bytes cannot be written
   *   (disk full, folder not writable).
   */
  put(content: Readable, digest: Digest, maxBytes: number, from?: number): Promise<number>;
  /** How many bytes, from the first on, came of an upload that broke off; 0 where there was none. */
  received(digest: Digest): Promise<number>;
  /** The bytes; the stream fails with DomainError NOT_FOUND where there are none. */
  open(digest: Digest): Readable;
  /** Size in bytes, or undefined where there is nothing under the digest. */
  size(digest: Digest): Promise<number | undefined>;
  exists(digest: Digest): Promise<boolean>;
  /**
   * Writes a copy to a path that does not exist yet, below a folder that does. It is a real copy, never a link: runtimes read what lies
   * beside a model, and hard links inside a folder are followed. The digest is checked again on the way.
   * @throws DomainError NOT_FOUND where there is nothing; INVALID when the stored bytes no longer match their digest.
   */
  copyTo(digest: Digest, path: string): Promise<void>;
  /** Forgets the bytes; not an error where there are none. */
  delete(digest: Digest): Promise<void>;
}
