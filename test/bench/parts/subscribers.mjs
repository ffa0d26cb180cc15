/** Subscribers to the event feed: how many stay connected, how long an event takes to reach them all, and what they cost. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { cpuSeconds, onEnd, residentBytes, signal } from '../support/processes.mjs';
import { median, round } from '../support/statistics.mjs';

const CHANGES = 5;

/** @param {number} count of subscribers, each on a connection of its own */
export async function subscribers(bench, system, count) {
  const { control, token, pid } = system.program;
  const before = residentBytes([pid]);
  const settings = { url: `${control.replace(/^http/, 'ws')}/graphql`, token, count };
  const child = spawn(process.execPath, [join(import.meta.dirname, '..', 'load', 'subscribers.mjs'), JSON.stringify(settings)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const stop = onEnd(() => signal(child.pid, 'SIGKILL'));
  try {
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const next = async () => {
      const { value, done } = await lines.next();
      if (done) throw new Error('the subscribers ended early');
      return value;
    };
    const started = performance.now();
    await next();
    const connectSeconds = (performance.now() - started) / 1_000;
    // What was subscribed last is still being set up.
    await delay(1_000);
    const changes = [];
    const cpu = cpuSeconds([pid]);
    for (let i = 0; i <= CHANGES; i++) {
      child.stdin.write('change\n');
      await next();
      await system.client.deploy({ name: 'mlp-4-16-3', timeoutMs: 20_000 + count + i });
      const change = JSON.parse(await next());
      // The first tells who is there, and warms up.
      if (i > 0 || change.received < change.connected) changes.push(change);
    }
    const figure = (name) => round(median(changes.map((change) => change[name])), 1);
    const result = {
      subscribers: count,
      connected: changes.at(-1).connected - changes.at(-1).closed,
      received: Math.min(...changes.map(({ received }) => received)),
      connectSeconds: round(connectSeconds, 1),
      fanOutP50Ms: figure('p50Ms'),
      fanOutP99Ms: figure('p99Ms'),
      serverMemoryMb: round(residentBytes([pid]) / 2 ** 20, 0),
      kilobytesEach: round((residentBytes([pid]) - before) / 1_024 / count, 1),
      cpuSecondsPerEvent: round((cpuSeconds([pid]) - cpu) / (CHANGES + 1), 2),
    };
    bench.say(
      `${count} subscribers: ${result.received} received, fan-out p50 ${result.fanOutP50Ms} ms, p99 ${result.fanOutP99Ms} ms, server ${result.serverMemoryMb} MB`,
    );
    return result;
  } finally {
    await stop();
    await delay(1_000);
  }
}
