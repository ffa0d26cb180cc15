/** What goes on in a deployment: `why`, `logs`. */
import type { Command } from 'commander';
import { PilothouseError } from '../../typescript/src/errors.js';
import * as operations from '../../typescript/src/generated/operations.js';
import { addCommand } from '../command.js';
import { parseName } from '../references.js';
import type { Session } from '../session.js';
import { limitOption } from './look.js';

interface LogsOptions {
  readonly limit: number;
  readonly follow?: boolean;
  readonly filter?: string;
  readonly after?: string;
}

export function addExplainCommands(program: Command): void {
  addCommand(program, 'why <deployment>', {
    does: 'explain a deployment: what serves, why it has this number of replicas, and what is wrong',
    examples: ['why digits', 'why digits --json'],
    run: async (session, [text]) => {
      const { why } = await session.client.request(operations.WhyDocument, { deployment: parseName(text!, session.project) });
      session.output.result(why, () => why.lines.forEach((line) => session.output.line(line)));
    },
  });
  addCommand<LogsOptions>(program, 'logs <name>', {
    does: 'show or follow the log of the replicas of a deployment, or of the replica with this id',
    examples: ['logs digits --limit 20', 'logs digits --follow --filter error --json'],
    options: (command) =>
      limitOption(200)(command)
        .option('-f, --follow', 'print new lines as they are written')
        .option('--filter <text>', 'only lines that contain this text; upper and lower case are the same')
        .option('--after <cursor>', 'start after the line with this cursor'),
    run: logs,
  });
}

type Line = operations.LogLineFieldsFragment;
type Whose = { readonly deployment: { readonly name: string; readonly project: string } } | { readonly replica: string };

async function logs(session: Session, [text]: readonly string[], { limit, follow, filter, after }: LogsOptions): Promise<void> {
  const { client, output } = session;
  const more = { ...(filter !== undefined && { filter }), ...(after !== undefined && { after }) };
  const read = async (of: Whose) => ({ of, page: (await client.request(operations.LogsDocument, { ...of, ...more, first: limit })).logs });
  const { of, page } = await read({ deployment: parseName(text!, session.project) }).catch(async (error: unknown) => {
    if (!hasCode(error, 'NOT_FOUND')) throw error;
    return read({ replica: text! }).catch((second: unknown) => {
      throw hasCode(second, 'INVALID') ? error : second;
    });
  });
  // The first characters of ids are all the same.
  const lineText = ({ replicaId, text: said }: Line): string => `${replicaId.slice(-8)} ${said}`;
  if (!follow)
    return output.result(page.lines, () =>
      page.lines.length === 0 ? output.note('the replicas have logged nothing') : page.lines.forEach((line) => output.line(lineText(line))),
    );
  for (const line of page.lines) output.item(line, lineText(line));
  const own = { ...session.following, ...(filter !== undefined && { filter }), after: page.endCursor };
  for await (const line of client.followLogs('deployment' in of ? of.deployment : of, own)) output.item(line, lineText(line));
  session.following.signal?.throwIfAborted();
}

const hasCode = (error: unknown, code: string): boolean => error instanceof PilothouseError && error.code === code;
