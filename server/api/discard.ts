import type { IncomingMessage } from 'node:http';

/** What is still read of a request that was answered already: a client that is not listening yet would take a closed connection for a fault. */
const DISCARD_BYTES = 64 * 1024 ** 2;
const DISCARD_MS = 30_000;

/**
 * Reads what is left of a request that was answered, so that the answer arrives; past `maxBytes`, or after a while, the connection is
 * closed.
 * @param patient the while begins again with everything that comes: for callers who did nothing wrong
 */
export function discard(request: IncomingMessage, maxBytes = DISCARD_BYTES, patient = false): void {
  if (request.complete || request.destroyed) return;
  const { socket } = request;
  let left = maxBytes;
  const end = (): void => void socket.destroy();
  const late = setTimeout(end, DISCARD_MS).unref();
  request.on('data', (chunk: Buffer) => {
    left -= chunk.byteLength;
    if (left < 0) end();
    if (patient) late.refresh();
  });
  request.once('close', () => clearTimeout(late));
  request.on('error', () => undefined);
  request.resume();
}
