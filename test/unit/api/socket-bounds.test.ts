/** A peer that reads nothing cannot show what it was told: a stand-in for the socket can. */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { expect, test, vi } from 'vitest';
import type { WebSocket } from 'ws';
import { SocketBounds } from '../../../server/api/socket-bounds.js';

const limits = { unacknowledgedBytes: 100, unreadBytes: 2 * 1024 ** 2 };

function stand(bufferedAmount: number): {
  bounds: SocketBounds;
  connection: EventEmitter;
  socket: EventEmitter & Record<'close' | 'send' | 'pause', ReturnType<typeof vi.fn>>;
} {
  const connection = new EventEmitter();
  const socket = Object.assign(new EventEmitter(), {
    OPEN: 1,
    readyState: 1,
    bufferedAmount,
    pause: vi.fn(),
    terminate: vi.fn(),
    send: vi.fn((_data: string, done: () => void) => done()),
    close: vi.fn(() => (socket.readyState = 2)),
  });
  return { bounds: new SocketBounds(socket as unknown as WebSocket, connection as unknown as Socket, 0, limits), connection, socket };
}

test('a socket with unread answers gets no further one: it is told to come again, and not read from any more', async () => {
  const { bounds, socket } = stand(limits.unreadBytes + 1);
  await bounds.send('one more');
  expect(socket.send).not.toHaveBeenCalled();
  expect(socket.close.mock.calls).toEqual([[1013, 'more than 2 MiB of answers were not read; read answers as they arrive']]);
  expect(socket.pause).toHaveBeenCalledOnce();
});

test('what a caller sends costs nothing while it reads no answers: pings of WebSocket itself are answered too', () => {
  const { bounds, connection, socket } = stand(limits.unreadBytes + 1);
  bounds.acknowledged();
  connection.emit('data', Buffer.alloc(10));
  expect(socket.close).toHaveBeenCalledOnce();
});

test('one message may be larger than the bound, and what comes after the close is not handled', async () => {
  const { bounds, socket } = stand(limits.unreadBytes);
  const handle = vi.fn(async () => undefined);
  bounds.onMessage(handle, () => undefined);
  await bounds.send('x'.repeat(3 * 1024 ** 2));
  expect(socket.send).toHaveBeenCalledOnce();
  socket.emit('message', 'a');
  bounds.close(4400, 'enough');
  socket.emit('message', 'b');
  expect(handle.mock.calls).toEqual([['a']]);
});

test('before the acknowledgement the bytes of all messages together are counted, after it none', () => {
  const { bounds, connection, socket } = stand(0);
  connection.emit('data', Buffer.alloc(60));
  expect(socket.close).not.toHaveBeenCalled();
  bounds.acknowledged();
  connection.emit('data', Buffer.alloc(60));
  expect(socket.close).not.toHaveBeenCalled();
  const stranger = stand(0);
  stranger.connection.emit('data', Buffer.alloc(60));
  stranger.connection.emit('data', Buffer.alloc(60));
  expect(stranger.socket.close.mock.calls).toEqual([[1009, 'more than 100 bytes arrived before connection_init was acknowledged']]);
});
