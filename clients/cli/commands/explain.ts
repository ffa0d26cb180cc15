/** What goes on in a deployment: `why`, `logs`. */
import type { Command } from 'commander';
import * as operations from '../../typescript/src/generated/operations.js';
import { addCommand } from '../command.js';
import { parseName } from '../references.js';
import { limitOption } from './look.js';

export function addExplainCommands(program: Command): void {
  addCommand(program, 'why <deployment>', {
    does: 'say what serves, why so many replicas, and what is wrong',
    examples: ['why digits', 'why digits --json'],
    run: async (session, [text]) => {
      const { why } = await session.client.request(operations.WhyDocument, { deployment: parseName(text!, session.project) });
      session.output.result(why, () => why.lines.forEach((line) => session.output.line(line)));
    },
  });
  addCommand<{ limit: number }>(program, 'logs <deployment>', {
    does: 'show the last lines that the replicas of a deployment logged',
    examples: ['logs digits', 'logs digits --limit 20 --json'],
    options: limitOption(200),
    run: async (session, [text], { limit }) => {
      const { logs } = await session.client.request(operations.LogsDocument, { deployment: parseName(text!, session.project), first: limit });
      session.output.result(logs.lines, () =>
        logs.lines.length === 0
          ? session.output.note('the replicas have logged nothing')
          : logs.lines.forEach((line) => session.output.line(`${line.replicaId.slice(0, 12)} ${line.text}`)),
      );
    },
  });
}
