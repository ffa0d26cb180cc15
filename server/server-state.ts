/** What `/metrics` of a server says of the server itself. What it says of a feature is the feature's (`RunningFeature.gauges`). */
import type { StateGauge } from './api/metrics.js';
import { droppedLines } from './log-sink.js';

export interface ServerStateOptions {
  readonly version: string;
  /** Epoch of the lead; undefined while another server leads. */
  readonly epoch: () => number | undefined;
}

export function serverState({ version, epoch }: ServerStateOptions): StateGauge[] {
  return [
    { name: 'pilothouse_build_info', help: 'Always 1; the label says which version runs.', labels: ['version'], values: () => [[{ version }, 1]] },
    {
      name: 'pilothouse_leader',
      help: 'Whether this server leads: 1 on one of the servers of a database, 0 on the others.',
      values: () => [[{}, epoch() === undefined ? 0 : 1]],
    },
    {
      name: 'pilothouse_log_lines_dropped',
      help: 'Log lines that could not be written since the server started, because the disk was full for example.',
      labels: ['log'],
      values: () => [...droppedLines()].map(([log, lines]) => [{ log }, lines]),
    },
  ];
}
