/**
 * Tells when requests begin to be due and then how many are, from a thread of its own: timers of an event loop are as coarse as what is to be measured,
 * and spinning would take a core away from the system under test. `Atomics.wait` sleeps to the tenth of a millisecond.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { monotonicMs } from './monotonic.mjs';

const { rate, total } = workerData;
const never = new Int32Array(new SharedArrayBuffer(4));
const startedMs = monotonicMs();
for (let due = 0; due < total;) {
  const wait = startedMs + ((due + 1) * 1_000) / rate - monotonicMs();
  if (wait > 0) Atomics.wait(never, 0, 0, wait);
  due = Math.min(total, Math.floor(((monotonicMs() - startedMs) * rate) / 1_000));
  parentPort.postMessage({ startedMs, due });
}
