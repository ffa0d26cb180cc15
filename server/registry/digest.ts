/** SHA-256 digests, by which every file of a model is known. */
import { createHash } from 'node:crypto';
import { DomainError } from '../errors.js';

/** SHA-256 in lower-case hexadecimal. */
export type Digest = string;

const DIGEST = /^[0-9a-f]{64}$/;

export const isDigest = (text: string): boolean => DIGEST.test(text);

/** @throws DomainError INVALID, on `field`, unless `text` is a digest. */
export function expectDigest(text: string, ...field: string[]): Digest {
  if (isDigest(text)) return text;
  throw new DomainError('INVALID', `"${text.slice(0, 80)}" is not a SHA-256 digest; it must be 64 lower-case hexadecimal digits`, field);
}

export const sha256 = (data: string | Uint8Array): Digest => createHash('sha256').update(data).digest('hex');

/**
 * The row id of an artifact, which has no other key than its digest: the digest's first 128 bits in the form of a UUID,
 * because opaque ids and audit entries name their objects by UUID.
 */
export function artifactId(digest: Digest): string {
  return [digest.slice(0, 8), digest.slice(8, 12), digest.slice(12, 16), digest.slice(16, 20), digest.slice(20, 32)].join('-');
}

/** The digest's first 32 hexadecimal digits, from `artifactId`. */
export const digestPrefix = (id: string): string => id.replaceAll('-', '');
