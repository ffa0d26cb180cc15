/**
 * The control port's connections: how many there may be, and which one is closed when there are too many. A connection over which no
 * valid token came yet is a stranger's. Strangers have a room of their own, so that they take no place from those who have a token. Not
 * counted by address: many callers may share one.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { connectionsLeft, openFilesLimit } from '../open-files.js';

export interface ConnectionLimits {
  /** Connections in all, WebSockets among them. */
  readonly connections: number;
  /** Of these, the ones over which no valid token came yet. */
  readonly strangers: number;
  /** From one byte of an answer that the peer took to the next. */
  readonly unreadMs: number;
  /** Answers that no peer has taken yet, over all connections. */
  readonly unreadBytes: number;
}

const MOST = 12_500;
const SWEEP_MS = 250;
/** Told of closed connections at most this often. */
const TELL_MS = 10_000;

/** What the limit on descriptors leaves. @param openFiles that this process may have */
export function connectionLimits(openFiles = openFilesLimit()): ConnectionLimits {
  const connections = Math.min(MOST, connectionsLeft(openFiles));
  return { connections, strangers: Math.floor(connections / 4), unreadMs: 120_000, unreadBytes: 64 * 1024 ** 2 };
}

interface Unread {
  /** Bytes that the peer had taken. */
  taken: number;
  since: number;
}

export class Connections {
  /** Those that were used last come last. */
  private readonly strangers = new Set<Socket>();
  private readonly byToken = new Map<string, Set<Socket>>();
  private readonly tokenOf = new Map<Socket, string>();
  private readonly unread = new Map<Socket, Unread>();
  private readonly sweeper: NodeJS.Timeout;
  private closed = 0;
  private toldAt = -Infinity;

  constructor(
    private readonly limits: ConnectionLimits,
    private readonly log: Logger,
  ) {
    this.sweeper = setInterval(() => this.sweep(), SWEEP_MS).unref();
  }

  attach(http: Server): void {
    http.on('connection', (socket: Socket) => this.add(socket));
    http.on('request', ({ socket }) => this.used(socket));
    http.once('close', () => clearInterval(this.sweeper));
  }

  get counts(): { stranger: number; known: number } {
    return { stranger: this.strangers.size, known: this.tokenOf.size };
  }

  /** A valid token came over this connection. */
  recognise(socket: Socket, tokenId: string): void {
    if (socket.destroyed || this.tokenOf.get(socket) === tokenId) return;
    this.remove(socket);
    this.tokenOf.set(socket, tokenId);
    this.byToken.set(tokenId, (this.byToken.get(tokenId) ?? new Set()).add(socket));
    if (this.tokenOf.size > this.limits.connections - this.limits.strangers) this.evict(this.largest(), socket);
  }

  private add(socket: Socket): void {
    this.strangers.add(socket);
    socket.once('close', () => {
      this.remove(socket);
      this.unread.delete(socket);
    });
    if (this.strangers.size > this.limits.strangers) this.evict(this.strangers, socket);
  }

  private used(socket: Socket): void {
    const token = this.tokenOf.get(socket);
    const room = token === undefined ? this.strangers : this.byToken.get(token)!;
    if (room.delete(socket)) room.add(socket);
  }

  private remove(socket: Socket): void {
    this.strangers.delete(socket);
    const token = this.tokenOf.get(socket);
    if (token === undefined) return;
    this.tokenOf.delete(socket);
    const room = this.byToken.get(token)!;
    room.delete(socket);
    if (room.size === 0) this.byToken.delete(token);
  }

  /** Those of the token that has the most. */
  private largest(): Set<Socket> {
    let largest = new Set<Socket>();
    for (const room of this.byToken.values()) if (room.size > largest.size) largest = room;
    return largest;
  }

  /** Closes the one that was not used for longest. */
  private evict(room: Set<Socket>, newcomer: Socket): void {
    const [oldest = newcomer] = room;
    this.end(oldest, 'there are too many connections');
  }

  private end(socket: Socket, reason: string): void {
    this.remove(socket);
    this.unread.delete(socket);
    socket.destroy();
    this.closed++;
    const now = performance.now();
    if (now - this.toldAt < TELL_MS) return;
    this.toldAt = now;
    this.log.warn({ closed: this.closed, ...this.counts, limits: this.limits }, `connections were closed: ${reason}`);
    this.closed = 0;
  }

  private sweep(): void {
    const now = performance.now();
    let bytes = 0;
    for (const room of [this.strangers, this.tokenOf.keys()]) for (const socket of room) bytes += this.look(socket, now);
    if (bytes <= this.limits.unreadBytes) return;
    // Those that hold the most first.
    for (const socket of [...this.unread.keys()].sort((a, b) => b.writableLength - a.writableLength)) {
      bytes -= socket.writableLength;
      this.end(socket, 'their peers do not read the answers');
      if (bytes <= this.limits.unreadBytes) return;
    }
  }

  /** @returns bytes that the peer has not taken yet */
  private look(socket: Socket, now: number): number {
    const { writableLength } = socket;
    if (writableLength === 0) {
      this.unread.delete(socket);
      return 0;
    }
    const taken = socket.bytesWritten - writableLength;
    const before = this.unread.get(socket);
    if (before?.taken !== taken) this.unread.set(socket, { taken, since: now });
    else if (now - before.since > this.limits.unreadMs) {
      this.end(socket, 'their peers do not read the answers');
      return 0;
    }
    return writableLength;
  }
}
