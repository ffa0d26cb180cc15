/** Results as tables: heading, columns, rows of text. One source for the terminal and the page. */
import { bars } from './bars.mjs';

const text = (value) =>
  value === null || value === undefined || Number.isNaN(value)
    ? '–'
    : typeof value === 'number'
      ? value.toLocaleString('en', { maximumFractionDigits: 3 })
      : String(value);
const verdict = (holds) => (holds === null ? 'open' : holds ? 'yes' : 'NO');
const figures = ({ perSecond, p50Ms, p99Ms }) => [perSecond, p50Ms, p99Ms];

/** @returns {{ title: string, columns: string[], rows: string[][] }[]} */
export function tables(parts) {
  const of = (name) => parts[name]?.results;
  const made = [
    {
      title: 'Bars',
      columns: ['what', 'bar', 'reached', 'holds'],
      rows: bars(parts).map(({ what, bar, reached, holds }) => [what, bar, reached, verdict(holds)]),
    },
    of('limit') && limitTable(of('limit')),
    of('limit') && rawTable(of('limit')),
    of('work') && workTable(of('work')),
    of('peers') && peersTable(of('peers')),
    of('client') && clientTable(of('client')),
    ...(of('control') ? controlTables(of('control')) : []),
  ];
  return made.filter(Boolean).map((table) => ({ ...table, rows: table.rows.map((row) => row.map(text)) }));
}

const limitTable = ({ cases }) => ({
  title: 'Against the limit: bare node:http with onnxruntime-node in its own process, no batching (medians)',
  columns: ['work', 'connections', 'Pilothouse req/s', 'p50 ms', 'p99 ms', 'bare req/s', 'p50 ms', 'p99 ms', 'throughput', 'p50', 'p99'],
  rows: cases.map(({ workload, connections, pilothouse, bare, ratios, refused }) =>
    ratios
      ? [workload, connections, ...figures(pilothouse), ...figures(bare), `${ratios.throughput}×`, `${ratios.p50}×`, `${ratios.p99}×`]
      : [workload, connections, Object.values(refused).join('; ').slice(0, 120)],
  ),
});

const rawTable = ({ rawRunsPerSecond }) => ({
  title: 'Raw session.run, one row a run, one thread, no server',
  columns: ['model', 'runs/s'],
  rows: Object.entries(rawRunsPerSecond),
});

const workTable = ({ rows }) => ({
  title: 'Work',
  columns: ['work', 'connections', 'system', 'req/s', 'p50 ms', 'p99 ms', 'CPU s per 1,000', 'memory MB', 'errors'],
  rows: rows.map(({ workload, connections, system, reason, cpuSecondsPer1000, memoryMb, errors, ...rest }) =>
    reason ? [workload, connections, system, reason.slice(0, 120)] : [workload, connections, system, ...figures(rest), cpuSecondsPer1000, memoryMb, errors],
  ),
});

const peersTable = ({ rows }) => ({
  title: 'Against peers: the same ONNX file, client and payload; ratios of Pilothouse to the peer',
  columns: [
    'peer',
    'work',
    'connections',
    'req/s',
    'p50 ms',
    'p99 ms',
    'CPU s per 1,000',
    'memory MB',
    'errors',
    'Pilothouse req/s',
    'throughput',
    'p50',
    'p99',
  ],
  rows: rows.map(({ title, workload, connections, reason, figures: theirs, pilothouse, ratios }) =>
    ratios
      ? [
          title,
          workload,
          connections,
          ...figures(theirs),
          theirs.cpuSecondsPer1000,
          theirs.memoryMb,
          theirs.errors,
          pilothouse.perSecond,
          `${ratios.throughput}×`,
          `${ratios.p50}×`,
          `${ratios.p99}×`,
        ]
      : [title, workload ?? 'not measured', connections, reason.slice(0, 200)],
  ),
});

const clientTable = ({ cases }) => ({
  title: 'The TypeScript client against undici alone, one Node process each (medians)',
  columns: ['work', 'connections', 'client req/s', 'p50 ms', 'p99 ms', 'CPU s per 1,000', 'undici req/s', 'p50 ms', 'p99 ms', 'CPU s per 1,000', 'throughput'],
  rows: cases.map(({ workload, connections, client, undici, ratio }) => [
    workload,
    connections,
    ...figures(client),
    client.cpuSecondsPer1000,
    ...figures(undici),
    undici.cpuSecondsPer1000,
    `${ratio}×`,
  ]),
});

function controlTables({ infer, starts, subscribers }) {
  return [
    {
      title: `Control plane: infer over GraphQL, ${infer.connections} connections`,
      columns: ['system', 'req/s', 'p50 ms', 'p99 ms'],
      rows: infer.pilothouse
        ? [
            ['Pilothouse: limits, authentication, gateway and replica', ...figures(infer.pilothouse)],
            ['bare Apollo, model in its process', ...figures(infer.apollo)],
            ['ratio', `${infer.ratio}×`],
          ]
        : Object.entries(infer.refused),
    },
    {
      title: 'Control plane: deploys and starts',
      columns: ['what', 'median ms', 'worst ms', 'ratio to node -e 0'],
      rows: starts.map(({ what, medianMs, worstMs, ratioToNode }) => [what, medianMs, worstMs, ratioToNode]),
    },
    {
      title: 'Control plane: subscribers of the event feed, from the sending of a change',
      columns: ['subscribers', 'connected', 'received', 'connect s', 'fan-out p50 ms', 'p99 ms', 'server MB', 'KB each'],
      rows: subscribers.map((row) => [
        row.subscribers,
        row.connected,
        row.received,
        row.connectSeconds,
        row.fanOutP50Ms,
        row.fanOutP99Ms,
        row.serverMemoryMb,
        row.kilobytesEach,
      ]),
    },
  ];
}
