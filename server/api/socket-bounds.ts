/** What one WebSocket may hold: bytes of somebody who has shown no token yet, messages under way, and what its client has not read. */
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Limits } from './limits.js';

/** Close codes of WebSocket itself: graphql-ws connects again after the first, and not after the second. */
const CLOSE = { TRY_AGAIN: 1013, TOO_BIG: 1009 } as const;
/** A socket that was closed has this long to read why. Then what it holds is let go. */
const GOODBYE_MS = 2_000;
const MIB = 1024 ** 2;

export class SocketBounds {
  /** Messages that are being handled: answers are under way until they have left, subscriptions until they end. */
  underWay = 0;
  private stranger = true;

  /** @param early bytes that came together with the request to upgrade */
  constructor(
    private readonly socket: WebSocket,
    connection: Socket,
    early: number,
    private readonly limits: Pick<Limits, 'unacknowledgedBytes' | 'unreadBytes'>,
  ) {
    let received = early;
    connection.on('data', (piece: Buffer) => {
      received += piece.length;
      if (this.stranger && received > limits.unacknowledgedBytes) {
        this.cut(CLOSE.TOO_BIG, `more than ${limits.unacknowledgedBytes} bytes arrived before connection_init was acknowledged`);
      } else this.check();
    });
  }

  acknowledged(): void {
    this.stranger = false;
  }

  /** Resolves when the message has left, so that a slow reader slows its own subscription and nothing else. */
  send(data: string): Promise<void> {
    this.check();
    return new Promise((resolve) => (this.open ? this.socket.send(data, () => resolve()) : resolve()));
  }

  /** @param failed told when handling a message failed */
  onMessage(handle: (text: string) => Promise<void>, failed: (error: unknown) => void): void {
    this.socket.on('message', (data) => {
      // What comes after the close was sent changes nothing any more.
      if (!this.open) return;
      this.underWay++;
      handle(String(data))
        .catch(failed)
        .finally(() => this.underWay--);
    });
  }

  private get open(): boolean {
    return this.socket.readyState === this.socket.OPEN;
  }

  /** Before anything is added: one message may be larger than the bound. */
  private check(): void {
    const { unreadBytes } = this.limits;
    if (this.socket.bufferedAmount <= unreadBytes) return;
    this.cut(CLOSE.TRY_AGAIN, `more than ${Math.round(unreadBytes / MIB)} MiB of answers were not read; read answers as they arrive`);
  }

  /** Listens no longer: what still comes would be read for nothing. */
  private cut(code: number, reason: string): void {
    this.close(code, reason);
    this.socket.pause();
  }

  /** Closes the WebSocket, and ends the connection if the client does not answer. */
  close(code: number, reason: string): void {
    if (!this.open) return;
    this.socket.close(code, reason);
    setTimeout(() => this.socket.terminate(), GOODBYE_MS).unref();
  }
}
