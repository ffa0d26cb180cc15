/**
 * How many connections one port of the gateway takes. A connection over which no admitted request came yet is a stranger's: where there
 * are too many, the oldest stranger's is closed, so that strangers cannot keep out those who have a token.
 */
import type { Socket } from 'node:net';
import { connectionsLeft, openFilesLimit } from '../open-files.js';
import { MAX_CONNECTIONS } from './limits.js';

/** The ports that take connections, HTTP and gRPC: each has its part of the descriptors. */
const PORTS = 2;

/** @param openFiles that this process may have, over all of its ports */
export const connectionsOfPort = (openFiles = openFilesLimit()): number => Math.min(MAX_CONNECTIONS, Math.floor(connectionsLeft(openFiles) / PORTS));

export class ConnectionLimit {
  private open = 0;
  /** The oldest first. */
  private readonly strangers = new Set<Socket>();

  constructor(private readonly most = connectionsOfPort()) {}

  /** A connection was accepted. It, or an older one, may be closed here. */
  add(socket: Socket): void {
    this.open++;
    this.strangers.add(socket);
    socket.once('close', () => {
      this.open--;
      this.strangers.delete(socket);
    });
    if (this.open <= this.most) return;
    const [oldest] = this.strangers;
    // `close` follows in a later turn; the next newcomer must not meet this one again.
    this.strangers.delete(oldest!);
    oldest!.destroy();
  }

  /** A request that may be made came over this connection. */
  admitted(socket: Socket): void {
    this.strangers.delete(socket);
  }
}
