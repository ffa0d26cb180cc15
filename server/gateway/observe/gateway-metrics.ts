/** `/metrics` of the gateway: its targets and its processes. */
import { setImmediate as turn } from 'node:timers/promises';
import type { Router } from '../dispatch/router.js';
import { droppedLines } from '../../log-sink.js';
import type { ErrorAnswers } from './error-answers.js';
import { labelText, sample, type MetricFamily } from './exposition.js';
import { inferenceFamilies, type TargetState } from './inference-families.js';
import { observeProcess } from './process-families.js';
import { WorkerMetrics, type WorkerMetricsOptions } from './worker-metrics.js';

/** A few milliseconds' worth: between them the requests of this thread go on. */
const TARGETS_AT_ONCE = 16;

export interface GatewayMetricsOptions extends Omit<WorkerMetricsOptions, 'gather'> {
  readonly router: Router;
  readonly errors: ErrorAnswers;
  /** How many routes of the table in force were refused. */
  readonly refusedRoutes: () => number;
  readonly serverVersion: string;
}

/** Begins to observe this process; nothing is counted here that was not counted before. */
export function createGatewayMetrics({ router, errors, refusedRoutes, serverVersion, ...options }: GatewayMetricsOptions): WorkerMetrics {
  const processFamilies = observeProcess(serverVersion, options.worker);
  return new WorkerMetrics({
    ...options,
    gather: async () => {
      const families: MetricFamily[] = [];
      const states = targetStates(router);
      for (let at = 0; at < states.length; at += TARGETS_AT_ONCE) {
        families.push(...inferenceFamilies(states.slice(at, at + TARGETS_AT_ONCE), options.worker));
        await turn();
      }
      const ofProcess = [errors.family(options.worker), refusedFamily(refusedRoutes(), options.worker), droppedFamily(options.worker)];
      return [...families, ...ofProcess, ...(await processFamilies())];
    },
  });
}

const REFUSED = 'pilothouse_gateway_routes_refused';

const DROPPED = 'pilothouse_log_lines_dropped_total';

const droppedFamily = (worker: string): MetricFamily => ({
  name: DROPPED,
  type: 'counter',
  help: 'Log lines that could not be written, because the disk was full for example.',
  samples: [...droppedLines()].map(([log, lines]) => sample(DROPPED, labelText({ worker, log }), lines)),
});

const refusedFamily = (count: number, worker: string): MetricFamily => ({
  name: REFUSED,
  type: 'gauge',
  help: 'Deployments whose route this process could not read; the log of the gateway says why.',
  samples: [sample(REFUSED, labelText({ worker }), count)],
});

function targetStates(router: Router): TargetState[] {
  return [...router.deployments].flatMap(({ route, targets }) =>
    targets.map(({ meter, dispatcher, route: target }) => {
      const usable = dispatcher.usableReplicas;
      return { ...meter.counters(route.name, target.versionNumber), replicas: { usable, unusable: target.replicas.length - usable } };
    }),
  );
}
