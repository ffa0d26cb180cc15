/** Senders of large HTTP bodies that lack their last byte, or come slowly. What is closed is opened again. */
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const CHUNK = Buffer.alloc(64 * 1024, 0x20);

/**
 * @param {{ url: string, authorization: string, senders: number, bytes: number, until: number, facts: Record<string, number> }} options
 *   `until` by `performance.now()`; `facts` counts what was answered
 */
export const sendBodies = ({ senders, ...options }) => Promise.all(Array.from({ length: senders }, () => sendAgain(options)));

async function sendAgain(options) {
  while (performance.now() < options.until) {
    await sendOnce(options);
    await delay(50);
  }
}

async function sendOnce({ url, authorization, bytes, until, facts }) {
  const { hostname, port, pathname } = new URL(url);
  const socket = connect(Number(port), hostname);
  let heard = '';
  let closed = false;
  socket.on('data', (chunk) => (heard += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  const close = new Promise((resolve) => socket.once('close', resolve)).then(() => (closed = true));
  facts.begun++;
  socket.write(`POST ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: ${authorization}\r\nContent-Length: ${bytes}\r\n\r\n`);
  for (let left = bytes - 1; left > 0 && !closed && performance.now() < until; left -= CHUNK.length) {
    if (!socket.write(left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK))
      await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), close, delay(1_000)]);
  }
  await Promise.race([close, delay(Math.max(0, until - performance.now()))]);
  const status = /^HTTP\/1\.1 (\d+)/.exec(heard)?.[1] ?? 'none';
  facts[status] = (facts[status] ?? 0) + 1;
  socket.destroy();
}
