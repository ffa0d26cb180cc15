/** The chart: for the small model at 64 connections, throughput and p99 of everybody who was measured, as multiples of ours, as one SVG. */

const WIDTH = 1010;
const LEFT = 380;
const BAR = 20;
const ROW = 30;
const PANEL = 250;
const COLOURS = { ours: '#1f6feb', other: '#8b949e' };

const escape = (text) => text.replace(/[&<>"]/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[char]);

const round = (value) => value.toFixed(value < 0.1 ? 3 : value < 10 ? 2 : 0);

/** Everybody's figures as multiples of what Pilothouse reached in the same run, highest throughput first. */
function entries({ limit, peers }) {
  const wanted = ({ workload, connections, ratios }) => workload === 'mlp-4-16-3 json' && connections === 64 && ratios;
  const multiples = (name, theirs, ours) => ({ name, throughput: theirs.perSecond / ours.perSecond, p99: theirs.p99Ms / ours.p99Ms });
  const cases = (limit?.results.cases ?? []).filter(wanted);
  const rows = (peers?.results.rows ?? []).filter(wanted);
  const others = [
    ...cases.map(({ bare, pilothouse }) => multiples('bare node:http, no batching', bare, pilothouse)),
    ...rows.map(({ title, figures, pilothouse }) => multiples(title, figures, pilothouse)),
  ];
  return [{ name: 'Pilothouse', ours: true, throughput: 1, p99: 1 }, ...others].sort((a, b) => b.throughput - a.throughput);
}

export function chart(parts) {
  const found = entries(parts);
  const height = 90 + found.length * ROW;
  const { about } = parts.limit ?? parts.peers ?? Object.values(parts)[0];
  const panel = (key, title, x) => {
    const most = Math.max(...found.map((entry) => entry[key]));
    const bars = found.map((entry, i) => {
      const y = 60 + i * ROW;
      const width = Math.max(1, (entry[key] / most) * (PANEL - 70));
      return (
        `<rect x="${x}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" rx="2" fill="${entry.ours ? COLOURS.ours : COLOURS.other}"/>` +
        `<text x="${(x + width + 6).toFixed(1)}" y="${y + 15}">${round(entry[key])}×</text>`
      );
    });
    return `<text x="${x}" y="48" font-weight="bold">${title}</text>\n${bars.join('\n')}`;
  };
  const names = found.map(
    ({ name, ours }, i) => `<text x="${LEFT - 12}" y="${75 + i * ROW}" text-anchor="end"${ours ? ' font-weight="bold"' : ''}>${escape(name)}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13" fill="#24292f">
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
<text x="16" y="24" font-size="16" font-weight="bold">MLP 4-16-3, one row of JSON a request, 64 connections, as multiples of Pilothouse</text>
${names.join('\n')}
${panel('throughput', 'throughput (more is better)', LEFT)}
${panel('p99', 'p99 (less is better)', LEFT + PANEL + 60)}
<text x="16" y="${height - 10}" font-size="11" fill="#57606a">${escape(`${about.cpu}; Node ${about.node}; commit ${about.commit}; ${about.measuredAt.slice(0, 10)}; ${about.generator}`)}</text>
</svg>
`;
}
