/**
 * Many WebSockets, each with one subscription to the event feed, in a process of their own. Answers a line "ready" on standard output, then for each
 * line on standard input ("a change was sent now") the times from there until each subscriber had the first event that came of it.
 */
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { quantile } from '../support/statistics.mjs';

const { url, token, count } = JSON.parse(process.argv[2]);
/** Handshakes under way at a time. */
const OPENING = 100;
/** After the last event came to nobody new for this long, the others are taken as lost. */
const QUIET_MS = 5_000;
const LIMIT_MS = 60_000;

const query = 'subscription { eventFeed { cursor } }';
let connected = 0;
let closed = 0;
/** The event that is being counted, and how many have it. */
let event;

function open() {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, 'graphql-transport-ws', { perMessageDeflate: false });
    const failed = () => {
      closed++;
      resolve();
    };
    socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } })));
    socket.on('error', () => undefined);
    socket.once('close', failed);
    socket.on('message', (data) => {
      const text = data.toString();
      if (text.startsWith('{"type":"connection_ack"')) {
        socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query } }));
        connected++;
        return resolve();
      }
      const cursor = event && /"cursor":"([^"]+)"/.exec(text)?.[1];
      if (!cursor) return;
      event.cursor ??= cursor;
      if (event.cursor !== cursor) return;
      event.last = performance.now();
      event.latencies.push(event.last - event.started);
    });
  });
}

let opened = 0;
await Promise.all(
  Array.from({ length: OPENING }, async () => {
    while (opened++ < count) await open();
  }),
);
process.stdout.write('ready\n');

for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'end') break;
  event = { started: performance.now(), last: performance.now(), latencies: [] };
  const isQuiet = () => event.latencies.length >= connected - closed || performance.now() - Math.max(event.last, event.started) > QUIET_MS;
  while (!isQuiet() && performance.now() - event.started < LIMIT_MS) await delay(20);
  const { latencies } = event;
  event = undefined;
  process.stdout.write(
    `${JSON.stringify({ connected, closed, received: latencies.length, p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99) })}\n`,
  );
}
process.exit(0);
