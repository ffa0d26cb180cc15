/**
 * Tells how many requests are due, from a thread of its own: timers of an event loop are as coarse as what is to be measured, and spinning would
 * take a core away from the system under test. `Atomics.wait` sleeps to the tenth of a millisecond.
 */
import { parentPort, workerData } from 'node:worker_threads';

const { rate, total } = workerData;
const never = new Int32Array(new SharedArrayBuffer(4));
const started = performance.now();
for (let due = 0; due < total;) {
  const wait = started + ((due + 1) * 1_000) / rate - performance.now();
  if (wait > 0) Atomics.wait(never, 0, 0, wait);
  due = Math.min(total, Math.floor(((performance.now() - started) * rate) / 1_000));
  parentPort.postMessage(due);
}
