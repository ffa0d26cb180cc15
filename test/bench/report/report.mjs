/** Keeps each part's results as JSON, and writes from all of them a table in the terminal, a page and a chart. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PARTS } from '../support/settings.mjs';
import { chart } from './chart.mjs';
import { tables } from './tables.mjs';

/** @param {boolean} some of the rows were measured: the others of the same commit stay */
export function savePart(folder, part, about, results, some = false) {
  mkdirSync(folder, { recursive: true });
  const before = some ? readParts(folder)[part] : undefined;
  if (before?.about.commit === about.commit) {
    const measured = new Set(results.rows.map(({ name }) => name));
    results.rows.unshift(...before.results.rows.filter(({ name }) => !measured.has(name)));
  }
  writeFileSync(join(folder, `${part}.json`), `${JSON.stringify({ part, about, results }, null, 2)}\n`);
}

function readParts(folder) {
  const files = PARTS.map((part) => [part, join(folder, `${part}.json`)]).filter(([, file]) => existsSync(file));
  return Object.fromEntries(files.map(([part, file]) => [part, JSON.parse(readFileSync(file, 'utf8'))]));
}

export function writeReport(folder) {
  const parts = readParts(folder);
  if (Object.keys(parts).length === 0) return console.log(`there are no results in ${folder}`);
  const made = tables(parts);
  for (const { title, columns, rows } of made) console.log(`\n${title}\n${aligned(columns, rows)}`);
  writeFileSync(join(folder, 'chart.svg'), chart(parts));
  writeFileSync(join(folder, 'README.md'), page(parts, made));
  console.log(`\nResults: ${folder}`);
}

function aligned(columns, rows) {
  // A row that only says why ends early: its last cell does not widen the column.
  const whole = rows.filter((row) => row.length === columns.length);
  const widths = columns.map((column, i) => Math.max(column.length, ...whole.map((row) => row[i].length)));
  const line = (cells) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i]))
      .join('  ')
      .trimEnd();
  return [columns, widths.map((width) => '-'.repeat(width)), ...rows].map(line).join('\n');
}

function page(parts, made) {
  const cell = (value) => value.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const row = (cells) => `| ${cells.map(cell).join(' | ')} |`;
  const table = ({ title, columns, rows }) => {
    const filled = rows.map((cells) => [...cells, ...Array(columns.length - cells.length).fill('')]);
    return `## ${title}\n\n${[row(columns), row(columns.map(() => '---')), ...filled.map(row)].join('\n')}\n`;
  };
  const measured = Object.entries(parts).map(([part, { about }]) =>
    row([part, about.commit, about.measuredAt.slice(0, 16), about.cpu, about.node, about.onnxruntime, about.generator, about.how]),
  );
  return `# Benchmarks

Written by \`npm run bench\` and \`npm run bench -- --peers\`; the figures are in the JSON files beside it. Everything ran on one machine, the load generator among
it, over loopback: trust the ratios, which were taken in one run, and not the figures of another machine. Pilothouse ran as it ships, with metering, limits
and authentication; latency of a closed loop unless the rate is named. "open" in the last column of the bars: not measured, or not long enough to say.

![Throughput and p99](chart.svg)

${made.map(table).join('\n')}
## Measured on

| part | commit | at | processor | Node | onnxruntime | load | how |
| --- | --- | --- | --- | --- | --- | --- | --- |
${measured.join('\n')}
`;
}
