/** Against the limit: the bare server with the model in its own process, and the library without any server. */
import { median, round } from '../support/statistics.mjs';
import { workload } from '../support/workloads.mjs';
import { rawSession } from '../systems/expected.mjs';
import { alternate, medians, ratioOf } from './compare.mjs';

const CASES = [
  ['mlp-4-16-3', 'json', 64],
  ['digits', 'json', 64],
  ['mlp-4-16-3', 'json', 1],
  ['mlp-784', 'binary', 64],
];

export async function limit(bench) {
  const { models, settings } = bench;
  const [ours, bare] = [await bench.pilothouse(), await bench.bare()];
  const cases = [];
  for (const [model, encoding, connections] of CASES) {
    const load = workload(model, encoding);
    const { runs, refused } = await alternate(bench, [ours, bare], load, { connections, rounds: settings.rounds });
    const entry = { workload: load.id, connections, refused };
    const [mine, theirs] = [runs[ours.name], runs[bare.name]];
    if (mine.length > 0 && mine.length === theirs.length) {
      const ratios = { throughput: ratioOf('perSecond', mine, theirs), p50: ratioOf('p50Ms', mine, theirs), p99: ratioOf('p99Ms', mine, theirs) };
      Object.assign(entry, { pilothouse: medians(mine), bare: medians(theirs), ratios });
    }
    cases.push(entry);
  }
  const raw = {};
  for (const model of Object.keys(models)) {
    const rates = [];
    for (let i = 0; i < settings.rounds; i++) rates.push(await rawSession(models[model], workload(model, 'binary'), settings.seconds / 8));
    raw[model] = round(median(rates), 0);
    bench.say(`raw session.run of ${model}: ${raw[model]}/s on one thread`);
  }
  return { cases, rawRunsPerSecond: raw };
}
