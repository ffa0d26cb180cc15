/** What `/metrics` of a server says of deployments. Looked up when it is asked. */
import type { DataSource } from 'typeorm';
import type { StateGauge } from '../api/metrics.js';
import { DeploymentPhaseEnum } from './deployment.types.js';

const PHASES = Object.keys(DeploymentPhaseEnum).filter((phase) => phase !== 'DELETED');

export const deploymentGauges = (dataSource: DataSource): StateGauge[] => [
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
];
