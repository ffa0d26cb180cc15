/** Model A at a fixed rate of arrival, alone, and while model B beside it is loaded, deployed, served and killed again and again. */
import { setTimeout as delay } from 'node:timers/promises';
import { checkAnswer, openLoop, sendOnce, targetOf } from '../load/load.mjs';
import { signal } from '../support/processes.mjs';
import { median, round } from '../support/statistics.mjs';
import { workload } from '../support/workloads.mjs';
import { deployFile } from '../systems/pilothouse.mjs';

/** Well below what one core serves, so that only the neighbour makes the queue. */
const RATE = 500;

export async function noise(bench) {
  const { settings, models } = bench;
  const system = await bench.startPilothouse({ gateways: 1, models: ['mlp-4-16-3'] });
  try {
    const load = workload('mlp-4-16-3', 'json');
    await checkAnswer(system, load, bench.expected);
    // Until the compiler is done with what is asked for: the first run alone would be the slowest of all.
    await openLoop(system, load, { rate: RATE, seconds: 2 * settings.noiseSeconds });
    const [alone, beside] = [[], []];
    const events = { deployed: 0, killed: 0, failed: 0 };
    for (let i = 0; i < settings.noiseRounds; i++) {
      alone.push(await openLoop(system, load, { rate: RATE, seconds: settings.noiseSeconds }));
      const neighbour = makeNeighbour(system, models['mlp-784'], i, events);
      beside.push(await openLoop(system, load, { rate: RATE, seconds: settings.noiseSeconds }));
      await neighbour.stop();
      bench.say(`A at ${RATE}/s: p99 alone ${alone[i].p99Ms} ms, beside B ${beside[i].p99Ms} ms (${events.deployed} deployed, ${events.killed} killed)`);
    }
    const figures = (runs) => ({
      p50Ms: median(runs.map(({ p50Ms }) => p50Ms)),
      p99Ms: median(runs.map(({ p99Ms }) => p99Ms)),
      errors: runs.reduce((sum, { errors }) => sum + errors, 0),
    });
    return {
      rate: RATE,
      alone: figures(alone),
      beside: figures(beside),
      ratio: round(median(beside.map(({ p99Ms }, n) => p99Ms / alone[n].p99Ms)), 2),
      neighbour: events,
    };
  } finally {
    await system.stop();
  }
}

/** Registers, deploys, calls and kills model B until it is told to stop. */
function makeNeighbour(system, file, round, events) {
  let stopped = false;
  const others = new Set(system.processes().replicas);
  const living = async () => {
    for (let i = 0; !stopped; i++) {
      const name = `neighbour-${round}-${i}`;
      await deployFile(system.client, name, file);
      events.deployed++;
      const load = { ...workload('mlp-784', 'json'), model: name };
      for (let calls = 0; calls < 20 && !stopped; calls++) await sendOnce(targetOf(system, load));
      for (const pid of system.processes().replicas.filter((pid) => !others.has(pid))) {
        signal(pid, 'SIGKILL');
        events.killed++;
      }
      await delay(300);
      await system.client.ready(await system.client.deleteDeployment(name));
    }
  };
  const lived = living().catch((error) => {
    events.failed++;
    events.reason = error.message;
  });
  return {
    stop: () => {
      stopped = true;
      return lived;
    },
  };
}
