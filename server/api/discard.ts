import type { IncomingMessage } from 'node:http';

/** What is still read of a request that was answered already: a client that is not listening yet would take a closed connection for a fault. */
const DISCARD_BYTES = 64 * 1024 ** 2;
const DISCARD_MS = 30_000;

export interface Discard {
  readonly maxBytes?: number;
  /** How long the rest may take to come. */
  readonly graceMs?: number;
  /** The grace begins again with everything that comes: for callers who did nothing wrong. */
  readonly patient?: boolean;
}

const discarded = new WeakSet<IncomingMessage>();

/**
 * Reads what is left of a request that was answered, so that the answer arrives; past `maxBytes`, or after a while, the connection is
 * closed. The first call for a request counts.
 */
export function discard(request: IncomingMessage, { maxBytes = DISCARD_BYTES, graceMs = DISCARD_MS, patient = false }: Discard = {}): void {
  if (request.complete || request.destroyed || discarded.has(request)) return;
  discarded.add(request);
  const { socket } = request;
  let left = maxBytes;
  const end = (): void => void socket.destroy();
  const late = setTimeout(end, graceMs).unref();
  request.on('data', (chunk: Buffer) => {
    left -= chunk.byteLength;
    if (left < 0) end();
    if (patient) late.refresh();
  });
  request.once('close', () => clearTimeout(late));
  request.on('error', () => undefined);
  request.resume();
}
