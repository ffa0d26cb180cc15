/** Inferences through the TypeScript client against undici alone, one process each, alternating. */
import { join } from 'node:path';
import { output } from '../load/output.mjs';
import { workload } from '../support/workloads.mjs';
import { medians, ratioOf } from './compare.mjs';

const CASES = [
  ['mlp-4-16-3', 1],
  ['mlp-4-16-3', 64],
  ['digits', 64],
];
const WAYS = ['client', 'undici'];

export async function client(bench) {
  const { settings, say } = bench;
  const { program } = await bench.pilothouse();
  const cases = [];
  for (const [model, connections] of CASES) {
    const { id, input, shape, values } = workload(model, 'json');
    const runs = { client: [], undici: [] };
    for (let i = 0; i < settings.rounds; i++)
      for (const through of WAYS) {
        const { control, http: gateway, token } = program;
        const how = { connections, seconds: settings.seconds, warmupSeconds: settings.warmupSeconds };
        const run = await output(process.execPath, [join(import.meta.dirname, '..', 'load', 'callers.mjs')], {
          seconds: settings.seconds + settings.warmupSeconds,
          input: JSON.stringify({ through, control, gateway, token, model, input, shape, values: [...values], ...how }),
        });
        // One that fails ends the part: a loop does not go on after an error.
        const figures = { ...JSON.parse(run), errors: 0 };
        runs[through].push(figures);
        say(`${id}, ${connections} connections, ${through}: ${figures.perSecond}/s, p50 ${figures.p50Ms} ms, p99 ${figures.p99Ms} ms`);
      }
    cases.push({
      workload: id,
      connections,
      client: medians(runs.client),
      undici: medians(runs.undici),
      ratio: ratioOf('perSecond', runs.client, runs.undici),
    });
  }
  return { cases };
}
