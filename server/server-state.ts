/** What `/metrics` of a server says of the whole: deployments, the lead, the feed. Looked up when it is asked. */
import type { DataSource } from 'typeorm';
import type { StateGauge } from './api/metrics.js';
import { DeploymentPhaseEnum } from './deployments/deployment.types.js';
import type { EventFeed } from './events/event-feed.js';
import { droppedLines } from './log-sink.js';

const PHASES = Object.keys(DeploymentPhaseEnum).filter((phase) => phase !== 'DELETED');

export interface ServerStateOptions {
  readonly dataSource: DataSource;
  readonly events: EventFeed;
  readonly version: string;
  /** Epoch of the lead; undefined while another server leads. */
  readonly epoch: () => number | undefined;
}

export function serverState({ dataSource, events, version, epoch }: ServerStateOptions): StateGauge[] {
  return [
    { name: 'pilothouse_build_info', help: 'Always 1; the label says which version runs.', labels: ['version'], values: () => [[{ version }, 1]] },
    {
      name: 'pilothouse_deployments',
      help: 'Deployments by phase; deleted ones are left out.',
      labels: ['phase'],
      values: async () => {
        const rows: { phase: string; count: number }[] = await dataSource.query(
          `SELECT phase, count(*)::int AS count FROM deployment WHERE phase <> 'DELETED' GROUP BY phase`,
        );
        return PHASES.map((phase) => [{ phase }, rows.find((row) => row.phase === phase)?.count ?? 0]);
      },
    },
    {
      name: 'pilothouse_leader',
      help: 'Whether this server leads: 1 on one of the servers of a database, 0 on the others.',
      values: () => [[{}, epoch() === undefined ? 0 : 1]],
    },
    {
      name: 'pilothouse_event_feed_position',
      help: 'Position of the newest event that this server has read from the feed.',
      values: () => [[{}, events.position]],
    },
    {
      name: 'pilothouse_log_lines_dropped',
      help: 'Log lines that could not be written since the server started, because the disk was full for example.',
      labels: ['log'],
      values: () => [...droppedLines()].map(([log, lines]) => [{ log }, lines]),
    },
    { name: 'pilothouse_event_feed_subscribers_waiting', help: 'Subscribers that have been sent every event.', values: () => [[{}, events.waiting]] },
  ];
}
