/** The chart: for the small model at 64 connections, throughput and p99 of everybody who was measured, as one SVG. */

const WIDTH = 1010;
const LEFT = 380;
const BAR = 20;
const ROW = 30;
const PANEL = 250;
const COLOURS = { ours: '#1f6feb', other: '#8b949e' };

const escape = (text) => text.replace(/[&<>"]/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[char]);

/** Everybody's figures, highest throughput first. */
function entries({ limit, peers }) {
  const found = [];
  const small = limit?.results.cases.find(({ workload, connections, ratios }) => workload === 'mlp-4-16-3 json' && connections === 64 && ratios);
  const rows = (peers?.results.rows ?? []).filter(({ workload, connections, ratios }) => workload === 'mlp-4-16-3 json' && connections === 64 && ratios);
  if (small) found.push({ name: 'bare node:http, no batching', ...small.bare }, { name: 'Pilothouse', ours: true, ...small.pilothouse });
  else if (rows.length > 0) found.push({ name: 'Pilothouse', ours: true, ...rows[0].pilothouse });
  found.push(...rows.map(({ title, figures }) => ({ name: title, ...figures })));
  return found.sort((a, b) => b.perSecond - a.perSecond);
}

export function chart(parts) {
  const found = entries(parts);
  const height = 90 + found.length * ROW;
  const { about } = parts.limit ?? parts.peers ?? Object.values(parts)[0];
  const panel = (key, title, x, format) => {
    const most = Math.max(...found.map((entry) => entry[key]));
    const bars = found.map((entry, i) => {
      const y = 60 + i * ROW;
      const width = Math.max(1, (entry[key] / most) * (PANEL - 70));
      return (
        `<rect x="${x}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" rx="2" fill="${entry.ours ? COLOURS.ours : COLOURS.other}"/>` +
        `<text x="${(x + width + 6).toFixed(1)}" y="${y + 15}">${format(entry[key])}</text>`
      );
    });
    return `<text x="${x}" y="48" font-weight="bold">${title}</text>\n${bars.join('\n')}`;
  };
  const names = found.map(
    ({ name, ours }, i) => `<text x="${LEFT - 12}" y="${75 + i * ROW}" text-anchor="end"${ours ? ' font-weight="bold"' : ''}>${escape(name)}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13" fill="#24292f">
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
<text x="16" y="24" font-size="16" font-weight="bold">MLP 4-16-3, one row of JSON a request, 64 connections</text>
${names.join('\n')}
${panel('perSecond', 'requests a second: more is better', LEFT, (value) => Math.round(value).toLocaleString('en'))}
${panel('p99Ms', 'p99 in ms: less is better', LEFT + PANEL + 60, (value) => value.toFixed(1))}
<text x="16" y="${height - 10}" font-size="11" fill="#57606a">${escape(`${about.cpu}; Node ${about.node}; commit ${about.commit}; ${about.measuredAt.slice(0, 10)}; ${about.generator}`)}</text>
</svg>
`;
}
