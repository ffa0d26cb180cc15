/** Compression of answers, where the caller takes it and the answer is large enough to be worth the time. */
import { deflate, gzip } from 'node:zlib';

/** Below it the time on the thread pool is felt more than the bytes saved. */
export const COMPRESS_FROM_BYTES = 8 * 1024;
/** The fastest: an answer's caller waits for it. */
const LEVEL = 1;

export type ContentCoding = 'gzip' | 'deflate';

/** What an Accept-Encoding header takes best, gzip between equals (RFC 9110, 12.5.3); undefined for neither. */
export function acceptedCoding(header: string | undefined): ContentCoding | undefined {
  if (!header) return undefined;
  let best: ContentCoding | undefined;
  let bestWeight = 0;
  for (const entry of header.toLowerCase().split(',')) {
    const [name, ...parameters] = entry.split(';').map((part) => part.trim());
    if (name !== 'gzip' && name !== 'deflate') continue;
    const quality = parameters.find((parameter) => parameter.startsWith('q='));
    const weight = quality === undefined ? 1 : Number(quality.slice(2));
    if (weight > bestWeight || (weight === bestWeight && weight > 0 && name === 'gzip')) {
      best = name;
      bestWeight = weight;
    }
  }
  return best;
}

/** On the thread pool. @throws Error of zlib */
export function compress(coding: ContentCoding, bytes: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    (coding === 'gzip' ? gzip : deflate)(bytes, { level: LEVEL }, (error, result) => (error ? reject(error) : resolve(result)));
  });
}
