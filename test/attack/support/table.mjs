/** Results as a Markdown table, as docs/reliability.md has it. */
const HEAD = [
  'attack',
  'server MiB before, peak',
  'gateway MiB before, peak',
  'inference p50, p99, max ms (quiet p50, p99)',
  'inferences failed',
  'control p50, p99, max ms (quiet p50, p99)',
  'control calls failed',
];

const memory = ({ before, peak }) => `${before}, ${peak}`;
const times = (attacked, quiet) => `${attacked.p50}, ${attacked.p99}, ${attacked.max} (${quiet.p50}, ${quiet.p99})`;
const failures = ({ failed, count }) => `${failed} of ${count}`;

export function table(results) {
  const rows = results.map(({ name, memory: used, quiet, attacked }) =>
    used
      ? [
          name,
          memory(used.server),
          memory(used.gateway),
          times(attacked.inference, quiet.inference),
          failures(attacked.inference),
          times(attacked.control, quiet.control),
          failures(attacked.control),
        ]
      : [name, ...HEAD.slice(1).map(() => 'not measured')],
  );
  return [HEAD, HEAD.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
