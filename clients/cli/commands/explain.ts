/** What goes on in a deployment: `why`, `logs`. */
import type { Command } from 'commander';
import * as operations from '../../typescript/src/generated/operations.js';
import { addCommand } from '../command.js';
import { time } from '../output.js';
import { noDeployment, parseName, targetsText } from '../references.js';
import type { Session } from '../session.js';
import { limitOption } from './look.js';

export function addExplainCommands(program: Command): void {
  addCommand(program, 'why <deployment>', {
    does: 'say what serves, why so many replicas, and what is wrong',
    examples: ['why digits', 'why digits --json'],
    run: async (session, [text]) => {
      const facts = await readFacts(session, text!);
      const lines = linesOf(facts);
      session.output.result({ lines }, () => lines.forEach((line) => session.output.line(line)));
    },
  });
  addCommand<{ limit: number }>(program, 'logs <deployment>', {
    does: 'show the last lines that the replicas of a deployment logged',
    examples: ['logs digits', 'logs digits --limit 20 --json'],
    options: limitOption(1000),
    run: async (session, [text], { limit }) => {
      const { replicas } = await readFacts(session, text!);
      const lines = replicas.nodes
        .flatMap(({ id, state, logTail }) =>
          (logTail ?? '')
            .split('\n')
            .filter((line) => line !== '')
            .map((line) => ({ replica: id, state, text: line })),
        )
        .slice(-limit);
      session.output.result(lines, () =>
        lines.length === 0
          ? session.output.note('the replicas have logged nothing')
          : lines.forEach(({ replica, text: line }) => session.output.line(`${replica.slice(0, 12)} ${line}`)),
      );
    },
  });
}

type Facts = NonNullable<operations.DeploymentFactsQuery['deployment']>;

async function readFacts(session: Session, text: string): Promise<Facts> {
  const name = parseName(text, session.project);
  const { deployment } = await session.client.request(operations.DeploymentFactsDocument, name);
  if (!deployment) throw noDeployment(name);
  return deployment;
}

function linesOf({ name, phase, targets, revisions, replicas, spec, scaledReplicas, scalingPolicy, scalingDecisions, conditions, alerts }: Facts): string[] {
  const [revision] = revisions.nodes;
  const [decision] = scalingDecisions.nodes;
  const ready = replicas.nodes.filter(({ state }) => state === 'READY').length;
  const wanted = scaledReplicas ?? spec.replicas;
  const because = scalingPolicy
    ? `the scaling policy keeps ${scalingPolicy.minReplicas} to ${scalingPolicy.maxReplicas}${decision ? `; its last decision: ${decision.reason}` : ''}`
    : `revision ${revision?.number} says ${spec.replicas}`;
  const wrong = [
    ...conditions
      .filter(({ type, status }) => (type === 'Degraded' && status === 'TRUE') || (type === 'Available' && status !== 'TRUE'))
      .map(({ type, message }) => `${type}: ${message}`),
    ...alerts.nodes.map(({ rule, reason }) => `${rule.severity} alert ${rule.name}: ${reason}`),
  ];
  return [
    `${name} is ${phase} and serves ${targetsText(targets)}`,
    ...(revision
      ? [`since revision ${revision.number}, ${time(revision.createdAt)}, by ${revision.actor}${revision.reason ? `: ${revision.reason}` : ''}`]
      : []),
    `${ready} of ${wanted} ${wanted === 1 ? 'replica' : 'replicas'} ready: ${because}`,
    ...(wrong.length > 0 ? wrong.map((each) => `wrong: ${each}`) : ['nothing is wrong']),
  ];
}
