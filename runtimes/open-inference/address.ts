/** Addresses of replicas: `unix:<path>` or `tcp:<host>:<port>`. */
import type { NetConnectOpts } from 'node:net';

/** Bytes of the longest Unix socket path: Node 20 truncates a longer one without a word and then reaches another replica. */
export const MAX_SOCKET_PATH_BYTES = process.platform === 'linux' ? 107 : 103;

/** @throws Error that says what is wrong with the path. */
export function assertSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_SOCKET_PATH_BYTES) throw new Error(`the socket path ${path} has ${bytes} bytes; this system takes ${MAX_SOCKET_PATH_BYTES}`);
}

/** @throws Error for anything that is not an address. */
export function parseAddress(address: string): NetConnectOpts {
  if (address.startsWith('unix:')) {
    const path = address.slice('unix:'.length);
    assertSocketPath(path);
    return { path };
  }
  const tcp = /^tcp:(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(address);
  if (!tcp) throw new Error(`"${address}" is not a replica address; use unix:<path> or tcp:<host>:<port>`);
  return { host: tcp[1] ?? tcp[2]!, port: Number(tcp[3]), noDelay: true };
}
