/** Opens listening sockets only to hand them on: this process never accepts a connection on them. */
import { lookup } from 'node:dns/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { DomainError } from '../errors.js';
import type { GatewaySocket } from './gateway-launch.js';

/** The kernel's own limit cuts it down where that is lower. */
const BACKLOG = 4096;

export interface OpenSockets {
  /** With the ports that were really bound. */
  readonly sockets: readonly GatewaySocket[];
  /** Descriptors of this process, to be inherited. */
  readonly descriptors: readonly number[];
}

/**
 * Listens on all of them and calls `use`, which must hand them on at once: when it returns they are closed here.
 * Between listening and closing this process must not come round to its event loop, or it would accept connections and
 * never answer them. That holds because addresses are looked up before, and everything after is one turn: ticks and microtasks.
 * @throws DomainError UNAVAILABLE that names the port, the host and the variable to set.
 */
export async function withListening<T>(wanted: readonly GatewaySocket[], use: (open: OpenSockets) => T): Promise<T> {
  const addresses = await Promise.all(wanted.map((socket) => addressOf(socket)));
  const servers: Server[] = [];
  try {
    const results = await Promise.allSettled(wanted.map((socket, i) => listen(servers, socket, addresses[i]!)));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    const sockets = wanted.map((socket, i) => ({ ...socket, port: (servers[i]!.address() as AddressInfo).port }));
    return use({ sockets, descriptors: servers.map(descriptorOf) });
  } finally {
    for (const server of servers) server.close();
  }
}

function listen(servers: Server[], socket: GatewaySocket, host: string): Promise<void> {
  const server = createServer((connection) => connection.destroy());
  servers.push(server);
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(explained(error, socket)));
    server.listen({ port: socket.port, host, backlog: BACKLOG }, resolve);
  });
}

async function addressOf(socket: GatewaySocket): Promise<string> {
  try {
    return (await lookup(socket.host)).address;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const what = code === 'ENOTFOUND' ? 'is not an address of this machine' : 'could not be looked up';
    throw new DomainError('UNAVAILABLE', `PILOTHOUSE_HOST=${socket.host} ${what}: ${message}`, [], { cause });
  }
}

function explained(cause: NodeJS.ErrnoException, { host, port, variable }: GatewaySocket): DomainError {
  const place = `port ${port} on ${host}`;
  const message =
    cause.code === 'EADDRINUSE'
      ? `${place} is taken by another process: end it, or set ${variable} to another port (0 for any free one)`
      : cause.code === 'EACCES'
        ? `${place} may not be opened by this user: set ${variable} to a port above 1023`
        : `${place} (${variable}) cannot be opened: ${cause.message}`;
  return new DomainError('UNAVAILABLE', message, [], { cause });
}

/** Node passes a server object on to Node processes only; for a shell it has to be the descriptor, which it keeps on its handle. */
function descriptorOf(server: Server): number {
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  if (!Number.isInteger(fd) || fd < 0) throw new Error('this Node does not tell the descriptor of a listening socket');
  return fd;
}
