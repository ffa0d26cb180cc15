/** How many connections the gateway's ports take, and which one is closed when there are too many. */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { ConnectionLimit, connectionsOfPort } from '../../../server/gateway/connection-limit.js';
import { MAX_CONNECTIONS } from '../../../server/gateway/limits.js';

test.each([
  ['a usual limit: both ports leave 1,024', 20_000, 9_488],
  ['a small one: both leave half', 1_024, 256],
  ['a large one', 1_048_576, MAX_CONNECTIONS],
  ['none', Infinity, MAX_CONNECTIONS],
])('%s', (_what, openFiles, connections) => expect(connectionsOfPort(openFiles)).toBe(connections));

class FakeSocket extends EventEmitter {
  closed = false;
  destroy(): void {
    if (this.closed) return;
    this.closed = true;
    this.emit('close');
  }
}

test('the oldest stranger is closed, and nobody who was admitted', () => {
  const limit = new ConnectionLimit(3);
  const sockets = Array.from({ length: 6 }, () => new FakeSocket());
  const at = (i: number) => sockets[i] as unknown as Socket;
  const closed = () => sockets.flatMap((socket, i) => (socket.closed ? [i] : []));
  limit.add(at(0));
  limit.admitted(at(0));
  limit.add(at(1));
  limit.add(at(2));
  expect(closed()).toEqual([]);
  limit.add(at(3));
  expect(closed()).toEqual([1]);
  limit.admitted(at(2));
  limit.admitted(at(3));
  limit.add(at(4));
  expect(closed()).toEqual([1, 4]);
  sockets[0]!.destroy();
  limit.add(at(5));
  expect(closed()).toEqual([0, 1, 4]);
});
