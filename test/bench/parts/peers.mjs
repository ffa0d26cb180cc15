/**
 * Against peers. Each is started, loaded and ended in turn, so that an idle one takes nothing from the others, and Pilothouse is loaded before the
 * first and after each: what a peer is compared with is the mean of the runs before and after its own.
 */
import { homedir } from 'node:os';
import { cacheFolder } from '../support/settings.mjs';
import { ROOT } from '../support/sources.mjs';
import { round } from '../support/statistics.mjs';
import { workload } from '../support/workloads.mjs';
import { PEERS } from '../peers/catalog.mjs';
import { installPeer, startPeer } from '../systems/peer.mjs';
import { alternate, medians } from './compare.mjs';

const CASES = [
  ['mlp-4-16-3', 64],
  ['mlp-4-16-3', 1],
  ['digits', 64],
];

export async function peers(bench) {
  const wanted = PEERS.filter(({ name, environment }) => bench.settings.peers?.some((given) => given === name || given === environment) ?? true);
  const missing = {};
  for (const peer of wanted) await installPeer(peer, bench).catch((error) => (missing[peer.name] = reasonOf(error)));
  const ours = await bench.startPilothouse({ gateways: 1, models: ['mlp-4-16-3', 'digits'] });
  try {
    const rows = [];
    // Thrown away: before the first peer it is then as warm as after it.
    await measure(bench, ours);
    let before = await measure(bench, ours);
    for (const peer of wanted) {
      const { name, title, group } = peer;
      const reason = missing[name];
      const figures = reason ? { reason } : await measurePeer(bench, peer).catch((error) => ({ reason: reasonOf(error) }));
      if (figures.reason) {
        bench.say(`${title}: ${figures.reason}`);
        rows.push({ name, title, group, reason: figures.reason });
        continue;
      }
      const after = await measure(bench, ours);
      rows.push(...compare({ name, title, group }, figures, before, after));
      before = after;
    }
    return { rows };
  } finally {
    await ours.stop();
  }
}

/** What went wrong, without the places of this machine: the report is published. */
const reasonOf = ({ message }) =>
  [cacheFolder(), ROOT, homedir()].reduce((text, folder) => text.replaceAll(folder, '…'), message).replaceAll(/https?:\/\/[^\s'"]+/g, '<address>');

async function measurePeer(bench, peer) {
  const system = await startPeer(peer, workload(CASES[0][0], 'json'), bench);
  try {
    return await measure(bench, system);
  } finally {
    await system.stop();
  }
}

/** One run of each case; that at 64 connections of the small model carries most bars. */
async function measure(bench, system) {
  const figures = {};
  for (const [model, connections] of CASES) {
    const { runs, refused } = await alternate(bench, [system], workload(model, 'json'), { connections, rounds: 1 });
    figures[`${model} ${connections}`] = refused[system.name] ? { reason: refused[system.name] } : medians(runs[system.name]);
  }
  return figures;
}

function compare(peer, theirs, before, after) {
  return CASES.map(([model, connections]) => {
    const key = `${model} ${connections}`;
    const entry = { ...peer, workload: `${model} json`, connections };
    if (theirs[key].reason) return { ...entry, reason: theirs[key].reason };
    const mine = [before[key], after[key]].filter(({ reason }) => !reason);
    if (mine.length === 0) return { ...entry, figures: theirs[key], reason: `Pilothouse: ${after[key].reason}` };
    const mean = (figure) => mine.reduce((sum, run) => sum + run[figure], 0) / mine.length;
    const ratio = (figure) => round(mean(figure) / theirs[key][figure], 2);
    return {
      ...entry,
      figures: theirs[key],
      pilothouse: { perSecond: round(mean('perSecond'), 1), p50Ms: round(mean('p50Ms'), 3), p99Ms: round(mean('p99Ms'), 3) },
      ratios: { throughput: ratio('perSecond'), p50: ratio('p50Ms'), p99: ratio('p99Ms') },
    };
  });
}
