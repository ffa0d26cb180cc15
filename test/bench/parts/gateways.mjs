/** Two gateway processes on the same port against one, each with a home of its own. */
import { expectAnswer, workload } from '../support/workloads.mjs';
import { sendOnce, targetOf } from '../load/load.mjs';
import { alternate, medians, ratioOf } from './compare.mjs';

const CONNECTIONS = 64;
/** Each on a connection of its own, so that every worker gets some. */
const ANSWERS = 200;

export async function gateways(bench) {
  const one = await bench.pilothouse();
  const two = await bench.startPilothouse({ gateways: 2, models: ['mlp-4-16-3'] });
  try {
    const load = workload('mlp-4-16-3', 'json');
    const processes = two.processes().gateways.length;
    let correct = 0;
    for (let i = 0; i < ANSWERS; i++) {
      const { status, headers, bytes } = await sendOnce(targetOf(two, load));
      if (status === 200) {
        expectAnswer(load, bench.expected[load.model], headers, bytes);
        correct++;
      }
    }
    bench.say(`${processes} gateway processes: ${correct} of ${ANSWERS} new connections answered correctly`);
    const { runs, refused } = await alternate(bench, [two, one], load, { connections: CONNECTIONS, rounds: Math.min(2, bench.settings.rounds) });
    const entry = { workload: load.id, connections: CONNECTIONS, processes, correct, asked: ANSWERS, refused };
    if (Object.keys(refused).length > 0) return entry;
    const [both, single] = [runs[two.name], runs[one.name]];
    return { ...entry, two: medians(both), one: medians(single), ratio: ratioOf('perSecond', both, single) };
  } finally {
    await two.stop();
  }
}
