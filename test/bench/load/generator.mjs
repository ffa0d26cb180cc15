/**
 * The load generator's process: one JSON line in, one JSON line out. Closed loop: every connection sends its next request when it has its
 * answer. Open loop: requests are due at a fixed rate whatever the answers do, and latency runs from when a request was due, so that a
 * system that stalls is charged for everything that had to wait meanwhile (coordinated omission).
 */
import { text } from 'node:stream/consumers';
import { Worker } from 'node:worker_threads';
import { quantile } from '../support/statistics.mjs';
import { Connection, requestBytes } from './connection.mjs';
import { monotonicMs } from './monotonic.mjs';

/** How long answers are waited for after the last request was due. */
const GRACE_MS = 5_000;

const settings = JSON.parse(await text(process.stdin));
const { hostname, port } = new URL(settings.url);
const request = requestBytes({ url: settings.url, headers: settings.headers, body: Buffer.from(settings.body, 'base64') });
const connections = Array.from({ length: settings.connections }, () => new Connection({ host: hostname, port: Number(port), request }));
const latencies = [];
let errors = 0;

const result = settings.rate === undefined ? await closedLoop() : await openLoop(settings.rate);
process.stdout.write(
  `${JSON.stringify({ ...result, errors, p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99), maxMs: quantile(latencies, 1) })}\n`,
);
process.exit(0);

async function closedLoop() {
  const end = performance.now() + settings.seconds * 1_000;
  const started = performance.now();
  const loop = (connection, resolve) => {
    const sent = performance.now();
    connection.send((status) => {
      const now = performance.now();
      if (status === 200) latencies.push(now - sent);
      else errors++;
      if (now >= end) return resolve();
      // What refuses at once must not become a busy loop.
      if (status === 200) loop(connection, resolve);
      else setTimeout(() => loop(connection, resolve), 1);
    });
  };
  const cut = new Promise((resolve) => setTimeout(resolve, settings.seconds * 1_000 + GRACE_MS));
  await Promise.race([Promise.all(connections.map((connection) => new Promise((resolve) => loop(connection, resolve)))), cut]);
  const seconds = (performance.now() - started) / 1_000;
  return { requests: latencies.length, seconds, perSecond: latencies.length / seconds };
}

async function openLoop(rate) {
  const total = Math.floor(rate * settings.seconds);
  const free = [...connections];
  const waiting = [];
  let answered = 0;
  let finish;
  const finished = new Promise((resolve) => (finish = resolve));
  const send = (connection, due) => {
    connection.send((status) => {
      if (status === 200) latencies.push(monotonicMs() - due);
      else errors++;
      const next = waiting.shift();
      if (next !== undefined) send(connection, next);
      else free.push(connection);
      if (++answered === total) finish();
    });
  };
  let dueCount = 0;
  const due = ({ startedMs, due: upTo }) => {
    for (; dueCount < upTo; dueCount++) {
      const at = startedMs + ((dueCount + 1) * 1_000) / rate;
      const connection = free.pop();
      if (connection) send(connection, at);
      else waiting.push(at);
    }
  };
  const clock = new Worker(new URL('clock.mjs', import.meta.url), { workerData: { rate, total } });
  clock.on('message', due);
  const cut = new Promise((resolve) => setTimeout(resolve, settings.seconds * 1_000 + GRACE_MS));
  await Promise.race([finished, cut]);
  errors += total - answered;
  return { requests: latencies.length, seconds: settings.seconds, perSecond: latencies.length / settings.seconds, rate };
}
