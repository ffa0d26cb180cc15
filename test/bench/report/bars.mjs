/** The bars that the data plane must reach, and whether the results do. Pure: results in, lines out. */

const NOT_MEASURED = { reached: 'not measured', holds: null };
const times = (ratio) => `${ratio}×`;

/** @param {Record<string, { results: object } | undefined>} parts @returns {{ what: string, bar: string, reached: string, holds: boolean | null }[]} */
export function bars(parts) {
  const cases = parts.limit?.results.cases ?? [];
  const rows = parts.peers?.results.rows ?? [];
  return [
    ...['mlp-4-16-3 json', 'digits json'].map((workload) => ({
      what: `${workload}, 64 connections, against the bare server`,
      bar: '≥ 1.5× its throughput, p99 no higher',
      ...limitBar(cases, workload, 64, ({ throughput, p99 }) => ({ reached: `${times(throughput)}, p99 ${times(p99)}`, holds: throughput >= 1.5 && p99 <= 1 })),
    })),
    {
      what: 'mlp-4-16-3 json, 1 connection, p50 against the bare server',
      bar: '≤ 1.5×',
      ...limitBar(cases, 'mlp-4-16-3 json', 1, ({ p50 }) => ({ reached: times(p50), holds: p50 <= 1.5 })),
    },
    {
      what: 'mlp-784 binary, 64 connections, against the bare server',
      bar: '≥ 4× its throughput',
      ...limitBar(cases, 'mlp-784 binary', 64, ({ throughput }) => ({ reached: times(throughput), holds: throughput >= 4 })),
    },
    { what: 'mlp-4-16-3 json, 64 connections, against mosec at its best', bar: '≥ 1.5× throughput, lower p99', ...best(rows, 'mosec', 1.5, 1) },
    { what: 'mlp-4-16-3 json, 1 connection, p50 against mosec without batching', bar: 'lower', ...alone(rows) },
    { what: 'mlp-4-16-3 json, 64 connections, against NVIDIA PyTriton', bar: '≥ 7× throughput, p99 at most a third', ...best(rows, 'pytriton', 7, 1 / 3) },
    {
      what: 'mlp-4-16-3 json, 64 connections, against the best of KServe, MLServer, LitServe, BentoML, Ray Serve',
      bar: '≥ 12× throughput, p99 at most a fifth',
      ...best(rows, 'frameworks', 12, 1 / 5),
    },
    { what: 'two gateway processes on the same port', bar: 'either answers correctly; ratio reported', ...twoGateways(parts.gateways?.results) },
    { what: 'gateway memory at 256 connections', bar: 'slope under 1 % a minute, under 200 MB', ...memory(parts.memory?.results) },
    { what: 'inferences through the TypeScript client against undici alone', bar: '≥ 0.8× throughput in each case', ...throughClient(parts.client?.results) },
    { what: 'p99 of model A while B loads, deploys and crashes beside it', bar: '≤ 1.5× of A alone', ...noise(parts.noise?.results) },
  ];
}

/** The case in which the client reaches the least. */
function throughClient(results) {
  if (!results) return NOT_MEASURED;
  const [least] = [...results.cases].sort((a, b) => a.ratio - b.ratio);
  return { reached: `${times(least.ratio)} (${least.workload}, ${least.connections} connections)`, holds: least.ratio >= 0.8 };
}

function limitBar(cases, workload, connections, judge) {
  const found = cases.find((entry) => entry.workload === workload && entry.connections === connections);
  if (!found) return NOT_MEASURED;
  if (!found.ratios) return { reached: Object.values(found.refused).join('; '), holds: false };
  const verdict = judge(found.ratios);
  const { errors } = found.pilothouse;
  return errors > 0 ? { reached: `${verdict.reached}, ${errors} errors`, holds: false } : verdict;
}

/** Against the group's member with the highest throughput. */
function best(rows, group, throughput, p99) {
  const measured = rows.filter((row) => row.group === group && row.workload === 'mlp-4-16-3 json' && row.connections === 64 && row.ratios);
  if (measured.length === 0) return { ...NOT_MEASURED, reached: rows.find((row) => row.group === group)?.reason ?? NOT_MEASURED.reached };
  const [first] = measured.sort((a, b) => a.ratios.throughput - b.ratios.throughput);
  const { ratios } = first;
  return {
    reached: `${times(ratios.throughput)}, p99 ${times(ratios.p99)} (${first.title})`,
    holds: ratios.throughput >= throughput && (p99 === 1 ? ratios.p99 < 1 : ratios.p99 <= p99),
  };
}

function alone(rows) {
  const row = rows.find(({ name, connections, ratios }) => name === 'mosec-unbatched' && connections === 1 && ratios);
  return row ? { reached: times(row.ratios.p50), holds: row.ratios.p50 < 1 } : NOT_MEASURED;
}

function twoGateways(results) {
  if (!results) return NOT_MEASURED;
  const { processes, correct, asked, ratio } = results;
  return {
    reached: `${processes} processes, ${correct} of ${asked} correct, ${ratio === undefined ? 'no ratio' : `${times(ratio)} of one`}`,
    holds: processes === 2 && correct === asked,
  };
}

function memory(results) {
  if (!results) return NOT_MEASURED;
  const { slopePercentPerMinute, peakMb, minutes, errors } = results;
  const reached = `${slopePercentPerMinute} %/min, at most ${peakMb} MB, over ${minutes} min${errors ? `, ${errors} errors` : ''}`;
  // A shorter run can show that the bar is missed, not that it holds.
  if (minutes < 10) return { reached: `${reached} (the bar is about 10: --long)`, holds: peakMb < 200 ? null : false };
  return { reached, holds: slopePercentPerMinute < 1 && peakMb < 200 };
}

function noise(results) {
  if (!results) return NOT_MEASURED;
  const { ratio, alone: quiet, beside, neighbour } = results;
  const reached = `${times(ratio)} (${quiet.p99Ms} and ${beside.p99Ms} ms; B deployed ${neighbour.deployed}, killed ${neighbour.killed})`;
  if (neighbour.reason) return { reached: `${reached}: ${neighbour.reason}`, holds: false };
  return { reached, holds: neighbour.killed === 0 ? null : ratio <= 1.5 && beside.errors === 0 };
}
