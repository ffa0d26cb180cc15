/** Looking at deployments: `deployments`, `events`, `history`, `metrics`, `delete`. */
import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import * as operations from '../../typescript/src/generated/operations.js';
import { addCommand } from '../command.js';
import { milliseconds, time } from '../output.js';
import { readPages } from '../pages.js';
import { findDeployment, noDeployment, parseName, targetsText, versionName } from '../references.js';
import type { Session } from '../session.js';
import { duration, moment, oneOf } from '../values.js';
import { waitForChange } from '../waiting.js';
import { limitOption } from './look.js';

const PHASES = ['PENDING', 'STARTING', 'LOADING', 'READY', 'FAILED', 'DELETING'] as const;

interface Limited {
  readonly limit: number;
}

export function addDeploymentCommands(program: Command): void {
  addCommand<Limited & { name?: string; phase?: string }>(program, 'deployments', {
    does: 'list the deployments, of all projects or of --project',
    examples: ['deployments --phase failed', 'deployments --project vision --name camera- --json'],
    options: (command) =>
      limitOption(1000)(command)
        .option('--name <prefix>', 'only those whose name begins with this')
        .option('--phase <phase>', `only those in this phase: ${PHASES.join(', ').toLowerCase()}`),
    run: async (session, _, { limit, name, phase }) => {
      const filter = {
        project: session.options.project ?? null,
        namePrefix: name ?? null,
        phase: phase === undefined ? null : oneOf(phase, PHASES, '--phase'),
      };
      const deployments = await readPages(
        limit,
        async (page) => (await session.client.request(operations.DeploymentsDocument, { ...filter, ...page })).deployments,
      );
      session.output.result(deployments, () =>
        session.output.table(
          ['DEPLOYMENT', 'STATE', 'SERVES', 'REPLICAS', 'CHANGED'],
          deployments.map((each) => [each.endpoint, each.phase, targetsText(each.targets), each.scaledReplicas ?? each.spec.replicas, time(each.updatedAt)]),
          name === undefined && phase === undefined ? 'nothing is deployed; "pilothouse deploy NAME MODEL" deploys a model' : 'no deployment matches',
        ),
      );
    },
  });
  addCommand<Limited & { follow?: boolean; after?: string }>(program, 'events <deployment>', {
    does: 'list the steps of a deployment, oldest first, or follow them',
    examples: ['events digits', 'events digits --follow --json'],
    options: (command) =>
      limitOption(1000)(command).option('-f, --follow', 'print new events as they happen').option('--after <cursor>', 'start after the event with this cursor'),
    run: events,
  });
  addCommand<Limited & { at?: string }>(program, 'history <deployment>', {
    does: 'list the revisions of a deployment, newest first, or show the one that was wanted at a time',
    examples: ['history digits', 'history digits --at 2026-11-29T08:00:00Z --json'],
    options: (command) => limitOption(100)(command).option('--at <time>', 'only the revision that was wanted at this time; --limit has no effect'),
    run: async (session, [text], { limit: most, at }) => {
      const then = at === undefined ? undefined : moment(at, '--at');
      const limit = then === undefined ? most : Infinity;
      const name = parseName(text!, session.project);
      const revisions = await readPages(limit, async (page) => {
        const { deployment } = await session.client.request(operations.RevisionsDocument, { ...name, ...page });
        if (!deployment) throw noDeployment(name);
        return deployment.revisions;
      });
      const wanted = then === undefined ? revisions : revisions.filter(({ createdAt }) => Date.parse(createdAt) <= then).slice(0, 1);
      session.output.result(wanted, () =>
        session.output.table(
          ['REVISION', 'ROLLOUT', 'SERVES', 'REPLICAS', 'AT', 'BY', 'REASON'],
          wanted.map((each) => [each.number, each.rollout.state, targetsText(each.targets), each.spec.replicas, time(each.createdAt), each.actor, each.reason]),
          then === undefined ? 'there are no revisions' : `the deployment did not exist at ${at}`,
        ),
      );
    },
  });
  addCommand<{ range?: number }>(program, 'metrics <deployment>', {
    does: 'show requests, errors and latencies of a deployment',
    examples: ['metrics digits', 'metrics digits --range 1h --json'],
    options: (command) => command.option('--range <time>', 'time before now, 1m by default', (text) => duration(text, '--range')),
    run: async (session, [text], { range = 60_000 }) => {
      const name = parseName(text!, session.project);
      const { deployment } = await session.client.request(operations.DeploymentMetricsDocument, { ...name, windowMs: range });
      if (!deployment) throw noDeployment(name);
      const { metrics } = deployment;
      const row = (label: string, each: Omit<(typeof metrics.targets)[number], 'version'>) =>
        [
          label,
          each.requests,
          each.errorRate === null ? null : `${(100 * each.errorRate).toFixed(2)} %`,
          milliseconds(each.latencyP50Ms),
          milliseconds(each.latencyP95Ms),
          milliseconds(each.latencyP99Ms),
        ] as const;
      session.output.result(metrics, () =>
        session.output.table(
          ['', 'REQUESTS', 'ERRORS', 'P50', 'P95', 'P99'],
          [row('all', metrics), ...metrics.targets.map((each) => row(versionName(each.version), each))],
          '',
        ),
      );
    },
  });
  addCommand<{ wait: boolean; message?: string }>(program, 'delete <deployment>', {
    does: 'delete a deployment: its route is withdrawn, its replicas stop',
    examples: ['delete reader', 'delete reader -m "replaced by reader-large" --no-wait'],
    options: (command) => command.option('-m, --message <text>', 'why, for the audit').option('--no-wait', 'do not wait until it is gone'),
    run: async (session, [text], { wait, message }) => {
      const { id, name } = await findDeployment(session, text!);
      const input = { reason: message ?? '', idempotencyKey: randomUUID() };
      const change = await session.client.persist(() => session.client.deleteDeployment({ id }, input));
      session.confirmed = `the deletion of ${name} was accepted`;
      const deployment = wait ? await waitForChange(session, change) : change.deployment;
      session.output.result(deployment, () => session.output.line(`${name} ${deployment.phase}`));
    },
  });
}

async function events(session: Session, [text]: readonly string[], options: Limited & { follow?: boolean; after?: string }): Promise<void> {
  const name = parseName(text!, session.project);
  const before = options.follow ? (options.after ?? (await session.client.request(operations.EventCursorDocument, {})).eventCursor) : undefined;
  if (before === undefined) {
    const list = await readPages(options.limit, async (page) => {
      const { deployment } = await session.client.request(operations.DeploymentEventListDocument, {
        ...name,
        ...page,
        after: page.after ?? options.after ?? null,
      });
      if (!deployment) throw noDeployment(name);
      return deployment.events;
    });
    return session.output.result(list, () =>
      session.output.table(
        ['AT', 'STATE', 'TYPE', 'BY', 'MESSAGE'],
        list.map((each) => [time(each.at), each.phase, each.type, each.actor, each.message]),
        'there are no events',
      ),
    );
  }
  const { id } = await findDeployment(session, text!);
  for await (const event of session.client.follow({ id }, { ...session.following, after: before }))
    session.output.item(event, `${time(event.at)} ${event.phase} ${event.type} ${event.message}`);
  session.following.signal?.throwIfAborted();
}
