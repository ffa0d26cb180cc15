/** The gateway's resident memory under 256 connections, and whether it grows. */
import { setTimeout as delay } from 'node:timers/promises';
import { closedLoop } from '../load/load.mjs';
import { residentBytes } from '../support/processes.mjs';
import { quantile, round, slope } from '../support/statistics.mjs';
import { workload } from '../support/workloads.mjs';

const CONNECTIONS = 256;
/** The beginning is left out of the slope: heap and compiler are still settling. */
const SETTLING = 1 / 3;

export async function memory(bench) {
  const { settings } = bench;
  const system = await bench.pilothouse();
  const load = workload('mlp-4-16-3', 'json');
  const samples = [];
  let running = true;
  const started = performance.now();
  const sampling = (async () => {
    for (; running; await delay(1_000)) samples.push([(performance.now() - started) / 60_000, residentBytes(system.processes().gateways) / 2 ** 20]);
  })();
  const run = await closedLoop(system, load, { connections: CONNECTIONS, seconds: settings.memorySeconds, warmupSeconds: settings.warmupSeconds });
  running = false;
  await sampling;
  const settled = samples.slice(Math.floor(samples.length * SETTLING));
  const { slope: perMinute, mean } = slope(settled);
  const result = {
    connections: CONNECTIONS,
    minutes: round(settings.memorySeconds / 60, 1),
    minutesOfSlope: round(settled.at(-1)[0] - settled[0][0], 1),
    slopePercentPerMinute: round((perMinute / mean) * 100, 2),
    meanMb: round(mean, 0),
    peakMb: round(
      quantile(
        samples.map(([, mb]) => mb),
        1,
      ),
      0,
    ),
    perSecond: run.perSecond,
    errors: run.errors,
    samplesMb: samples.map(([, mb]) => round(mb, 1)),
  };
  bench.say(`gateway at ${CONNECTIONS} connections: ${result.meanMb} MB, ${result.slopePercentPerMinute} %/min over the last ${result.minutesOfSlope} min`);
  return result;
}
