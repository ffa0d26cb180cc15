/** The findings as a Markdown table: a row for each kernel, how many cases came to what. */
import { VERDICTS } from './run.mjs';

const count = (findings) => {
  const counts = {};
  for (const { verdict } of findings) counts[verdict] = (counts[verdict] ?? 0) + 1;
  return counts;
};

const told = (findings) => {
  const counts = count(findings);
  return Object.keys(VERDICTS)
    .filter((verdict) => counts[verdict])
    .map((verdict) => `${counts[verdict]} ${verdict}`)
    .join(', ');
};

export function table(found, cases) {
  const columns = [found.wasm.bare, found.wasm.guarded, found.tensorflow.bare, found.tensorflow.guarded];
  const kernels = Object.keys(columns[0]);
  const sum = (column) => told(kernels.flatMap((kernel) => column[kernel]));
  return [
    '| kernel | cases | WebAssembly alone | WebAssembly here | native alone | native here |',
    '| --- | --- | --- | --- | --- | --- |',
    `| all ${kernels.length} | ${kernels.reduce((total, kernel) => total + cases[kernel].length, 0)} | ${columns.map(sum).join(' | ')} |`,
    ...kernels.map((kernel) => `| \`${kernel}\` | ${cases[kernel].length} | ${columns.map((column) => told(column[kernel])).join(' | ')} |`),
  ].join('\n');
}
