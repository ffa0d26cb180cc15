/**
 * Many WebSockets, each with one subscription to the event feed, in a process of their own. Says "ready" on standard output; then for each line on standard
 * input "go" when nothing is under way any more, and the times from there until each subscriber had the first event that came after.
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
/** A change makes several events: when nobody got one for this long, the change before is over. */
const SETTLED_MS = 500;

const query = 'subscription { eventFeed { cursor } }';
let connected = 0;
let closed = 0;
let lastMessage = 0;
/** Cursors of all events so far: what comes late of an earlier one is not counted as the next. */
const seen = new Set();
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
      const cursor = /"cursor":"([^"]+)"/.exec(text)?.[1];
      if (!cursor) return;
      lastMessage = performance.now();
      if (event && !seen.has(cursor)) event.cursor ??= cursor;
      seen.add(cursor);
      if (event?.cursor === cursor) event.latencies.push(lastMessage - event.started);
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
  while (performance.now() - lastMessage < SETTLED_MS) await delay(50);
  event = { started: performance.now(), latencies: [] };
  process.stdout.write('go\n');
  const isQuiet = () => event.latencies.length >= connected - closed || performance.now() - Math.max(lastMessage, event.started) > QUIET_MS;
  while (!isQuiet() && performance.now() - event.started < LIMIT_MS) await delay(20);
  const { latencies } = event;
  event = undefined;
  process.stdout.write(
    `${JSON.stringify({ connected, closed, received: latencies.length, p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99) })}\n`,
  );
}
process.exit(0);
