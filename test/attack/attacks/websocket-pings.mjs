/** Strangers send `ping` messages of 900 KB over WebSockets before `connection_init`, and never read the answers. */
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { underAttack } from '../support/under-attack.mjs';

export const name = 'websocket-pings';
export const point = 1;

const SOCKETS = 8;
/** More than the kernel keeps of a connection that is not read: who sends this much was listened to. */
const MOST_BYTES = 12 * 1024 ** 2;
const PING = JSON.stringify({ type: 'ping', payload: { text: 'x'.repeat(900_000) } });

export const run = ({ short, root }) =>
  underAttack({
    short,
    root,
    attack: async ({ control, failure }) => {
      const end = performance.now() + (short ? 5_000 : 20_000);
      const url = `${control.replace('http', 'ws')}/graphql`;
      const facts = { sockets: 0, pings: 0, closedByServer: 0, mostMiBTaken: 0 };
      await Promise.all(
        Array.from({ length: SOCKETS }, async () => {
          while (performance.now() < end && !failure()) await attackOnce(url, end, facts);
        }),
      );
      const broken = facts.mostMiBTaken * 1024 ** 2 > MOST_BYTES ? [`the server took ${facts.mostMiBTaken} MiB from a stranger over one WebSocket`] : [];
      return { facts, broken };
    },
  });

async function attackOnce(url, end, facts) {
  const socket = new WebSocket(url, 'graphql-transport-ws');
  socket.on('error', () => undefined);
  const opened = await new Promise((resolve) => socket.once('open', () => resolve(true)).once('close', () => resolve(false)));
  if (!opened) return delay(20);
  facts.sockets++;
  socket.pause();
  let closed = false;
  socket._socket.once('close', () => (closed = true));
  const { _socket: connection } = socket;
  while (!closed && performance.now() < end) {
    const left = await Promise.race([new Promise((resolve) => socket.send(PING, (error) => resolve(!error))), delay(1_000).then(() => true)]);
    if (!left) break;
    facts.pings++;
    facts.mostMiBTaken = Math.max(facts.mostMiBTaken, Math.round((connection.bytesWritten - connection.writableLength) / 1024 ** 2));
  }
  if (closed) facts.closedByServer++;
  socket.terminate();
}
