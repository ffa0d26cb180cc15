/** How many replicas: `scale`, `policy`, `scaling`. */
import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import * as operations from '../../typescript/src/generated/operations.js';
import { fromUserErrors } from '../../typescript/src/errors.js';
import { addCommand, addGroup } from '../command.js';
import { notFound } from '../exit-codes.js';
import { time } from '../output.js';
import { readPages } from '../pages.js';
import { findDeployment, noDeployment, parseName } from '../references.js';
import type { Session } from '../session.js';
import { decimal, duration, integer } from '../values.js';
import { confirmed, waitForChange } from '../waiting.js';
import { limitOption } from './look.js';

export function addScaleCommands(program: Command): void {
  addCommand<{ wait: boolean; message?: string }>(program, 'scale <deployment> <replicas>', {
    does: 'change the number of replicas, and wait until they are ready',
    examples: ['scale digits 3', 'scale digits 1 --no-wait -m "night"'],
    options: (command) => command.option('-m, --message <text>', 'why, for the history').option('--no-wait', 'do not wait until they are ready'),
    run: async (session, [text, count], { wait, message }) => {
      const replicas = integer(count!, 'the number of replicas');
      const { id } = await findDeployment(session, text!);
      const input = { reason: message ?? '', idempotencyKey: randomUUID() };
      const change = await session.client.persist(() => session.client.scale({ id }, replicas, input));
      session.confirmed = confirmed(change);
      const deployment = wait ? await waitForChange(session, change) : change.deployment;
      session.output.result(deployment, () =>
        session.output.line(`${deployment.name} ${deployment.phase}: ${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`),
      );
    },
  });
  addPolicyCommands(addGroup(program, 'policy', 'scaling policies: replicas that follow the load'));
  const scaling = addGroup(program, 'scaling', 'decisions of scaling policies');
  addCommand<{ limit: number }>(scaling, 'log <deployment>', {
    does: 'list the decisions of the scaling policy, newest first',
    examples: ['scaling log digits', 'scaling log digits --limit 10 --json'],
    options: limitOption(100),
    run: async (session, [text], { limit }) => {
      const name = parseName(text!, session.project);
      const decisions = await readPages(limit, async (page) => {
        const { deployment } = await session.client.request(operations.ScalingDecisionsDocument, { ...name, ...page });
        if (!deployment) throw noDeployment(name);
        return deployment.scalingDecisions;
      });
      session.output.result(decisions, () =>
        session.output.table(
          ['AT', 'ACTION', 'FROM', 'TO', 'REASON'],
          decisions.map((each) => [time(each.at), each.action, each.fromReplicas, each.toReplicas, each.reason]),
          `there are no decisions of a scaling policy for ${name.name}`,
        ),
      );
    },
  });
}

interface PolicyOptions {
  readonly min: number;
  readonly max: number;
  readonly inFlight: number;
  readonly window?: number;
  readonly scaleDownWindow?: number;
}

function addPolicyCommands(group: Command): void {
  addCommand<PolicyOptions>(group, 'set <deployment>', {
    does: 'let the number of replicas follow the requests in flight',
    examples: ['policy set digits --max 4 --in-flight 2', 'policy set digits --min 2 --max 8 --in-flight 1.5 --window 1m'],
    options: (command) =>
      command
        .option('--min <n>', 'lowest number of replicas', (text) => integer(text, '--min'), 1)
        .requiredOption('--max <n>', 'most replicas', (text) => integer(text, '--max', 1))
        .requiredOption('--in-flight <n>', 'requests in flight that one replica should have', (text) => decimal(text, '--in-flight'))
        .option('--window <time>', 'time over which the load is averaged', (text) => duration(text, '--window'))
        .option('--scale-down-window <time>', 'time for which the load must be low before replicas stop', (text) => duration(text, '--scale-down-window')),
    run: async (session, [text], options) => {
      const { id } = await findDeployment(session, text!);
      const input = {
        deployment: { id },
        minReplicas: options.min,
        maxReplicas: options.max,
        targetInFlight: options.inFlight,
        ...(options.window !== undefined && { windowMs: options.window }),
        ...(options.scaleDownWindow !== undefined && { scaleDownWindowMs: options.scaleDownWindow }),
      };
      const { setScalingPolicy } = await session.client.request(operations.SetScalingPolicyDocument, { input });
      if (setScalingPolicy.userErrors.length > 0) throw fromUserErrors(setScalingPolicy.userErrors);
      printPolicy(session, setScalingPolicy.scalingPolicy!);
    },
  });
  addCommand(group, 'show <deployment>', {
    does: 'show the scaling policy of a deployment',
    examples: ['policy show digits', 'policy show digits --json'],
    run: async (session, [text]) => {
      const name = parseName(text!, session.project);
      const { deployment } = await session.client.request(operations.ScalingPolicyDocument, name);
      if (!deployment) throw noDeployment(name);
      if (!deployment.scalingPolicy) throw notFound(`${name.name} has no scaling policy; "pilothouse policy set ${name.name}" makes one`);
      printPolicy(session, deployment.scalingPolicy);
    },
  });
  addCommand(group, 'delete <deployment>', {
    does: 'delete the scaling policy; the deployment goes back to the replicas of its spec',
    examples: ['policy delete digits', 'policy delete vision/digits'],
    run: async (session, [text]) => {
      const { id, name } = await findDeployment(session, text!);
      const { deleteScalingPolicy } = await session.client.request(operations.DeleteScalingPolicyDocument, { input: { deployment: { id } } });
      if (deleteScalingPolicy.userErrors.length > 0) throw fromUserErrors(deleteScalingPolicy.userErrors);
      session.output.result(deleteScalingPolicy.scalingPolicy, () => session.output.line(`deleted the scaling policy of ${name}`));
    },
  });
}

function printPolicy({ output }: Session, policy: operations.ScalingPolicyFieldsFragment): void {
  output.result(policy, () =>
    output.facts([
      ['replicas', `${policy.minReplicas} to ${policy.maxReplicas}`],
      ['in flight', `${policy.targetInFlight} requests a replica`],
      ['window', `${policy.windowMs / 1000} s; down after ${policy.scaleDownWindowMs / 1000} s`],
      ['changed', time(policy.updatedAt)],
    ]),
  );
}
