/** Every workload at every number of connections, beside the bare server. */
import { workload } from '../support/workloads.mjs';
import { alternate, medians } from './compare.mjs';

const WORKLOADS = [
  ['digits', 'json'],
  ['digits', 'binary'],
  ['mlp-4-16-3', 'json'],
  ['mlp-784', 'binary'],
  ['convnet', 'binary'],
];
const CONNECTIONS = [1, 16, 64, 256];

export async function work(bench) {
  const systems = [await bench.pilothouse(), await bench.bare()];
  const rows = [];
  for (const [model, encoding] of WORKLOADS) {
    const load = workload(model, encoding);
    for (const connections of CONNECTIONS) {
      const { runs, refused } = await alternate(bench, systems, load, { connections, rounds: 1, seconds: bench.settings.workSeconds });
      for (const { name } of systems) {
        const figures = refused[name] ? { reason: refused[name] } : medians(runs[name]);
        rows.push({ workload: load.id, connections, system: name, ...figures });
      }
    }
  }
  return { rows };
}
