/** The control plane: `infer` over GraphQL against bare Apollo, deploys and starts, subscribers. */
import { workload } from '../support/workloads.mjs';
import { asMutation, startApollo, throughControlPlane } from '../systems/graphql.mjs';
import { alternate, medians, ratioOf } from './compare.mjs';
import { deploysAndStarts } from './deploys.mjs';
import { subscribers } from './subscribers.mjs';

const CONNECTIONS = 32;

export async function control(bench) {
  const { settings } = bench;
  const starts = await deploysAndStarts(bench);
  const system = await bench.startPilothouse({ gateways: 1, models: ['mlp-4-16-3'] });
  try {
    const apollo = await startApollo(bench);
    const load = asMutation(workload('mlp-4-16-3', 'json'));
    const ours = throughControlPlane(system);
    const { runs, refused } = await alternate(bench, [ours, apollo], load, { connections: CONNECTIONS, rounds: Math.min(2, settings.rounds) });
    await apollo.stop();
    const infer = { connections: CONNECTIONS, refused };
    const [mine, theirs] = [runs[ours.name], runs[apollo.name]];
    if (Object.keys(refused).length === 0)
      Object.assign(infer, { pilothouse: medians(mine), apollo: medians(theirs), ratio: ratioOf('perSecond', mine, theirs) });
    const feeds = [];
    for (const count of settings.subscribers) feeds.push(await subscribers(bench, system, count));
    return { infer, starts, subscribers: feeds };
  } finally {
    await system.stop();
  }
}
