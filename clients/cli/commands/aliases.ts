/** Names that move from version to version: `alias`. */
import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { fromUserErrors } from '../../typescript/src/errors.js';
import * as operations from '../../typescript/src/generated/operations.js';
import { addCommand, addGroup } from '../command.js';
import { notFound } from '../exit-codes.js';
import { time } from '../output.js';
import { readPages } from '../pages.js';
import { noModel, parseName, type Name } from '../references.js';
import type { Session } from '../session.js';
import { integer } from '../values.js';
import { limitOption } from './look.js';

type Alias = operations.AliasFieldsFragment;

export function addAliasCommands(program: Command): void {
  const group = addGroup(program, 'alias', 'names that point to versions and can be moved, such as champion');
  addCommand<{ if?: string; message?: string }>(group, 'set <model> <alias> <number>', {
    does: 'point an alias to this version; deployments keep the version that they were deployed with',
    examples: ['alias set reader champion 3 -m "better on new scans"', 'alias set reader champion 4 --if 3'],
    options: (command) =>
      command
        .option('--if <number>', 'only if the alias names this version now; "none" if it must not exist yet')
        .option('-m, --message <text>', 'why, for its history'),
    run: async (session, [model, alias, number], { if: expected, message }) => {
      const expectedVersion = expected === undefined ? null : expected === 'none' ? 0 : integer(expected, '--if', 1);
      const moved = await setAlias(session, parseName(model!, session.project, 'model'), alias!, integer(number!, 'the version', 1), {
        expectedVersion,
        message,
      });
      session.output.result(moved, () => session.output.line(aliasText(moved)));
    },
  });
  addCommand<{ limit: number }>(group, 'list [model]', {
    does: 'list the aliases of a model, or of all models of the project',
    examples: ['alias list', 'alias list vision/reader --json'],
    options: limitOption(1000),
    run: async (session, [model], { limit }) => {
      const aliases = model === undefined ? await ofProject(session, limit) : await ofModel(session, parseName(model, session.project, 'model'));
      session.output.result(aliases, () =>
        session.output.table(
          ['ALIAS', 'VERSION', 'STATE', 'MOVED', 'BY'],
          aliases.map((each) => [`${each.model.name}@${each.name}`, each.version.number, each.version.state, time(each.movedAt), each.movedBy]),
          'there are no aliases; "pilothouse alias set MODEL ALIAS NUMBER" makes one',
        ),
      );
    },
  });
  addCommand<{ limit: number }>(group, 'log <model> <alias>', {
    does: 'list the moves of an alias, newest first',
    examples: ['alias log reader champion', 'alias log reader champion --json'],
    options: limitOption(100),
    run: async (session, [text, name], { limit }) => {
      const model = parseName(text!, session.project, 'model');
      const moves = await readPages(limit, async (page) => {
        const variables = { model: model.name, project: model.project, name: name!, ...page };
        const { alias } = await session.client.request(operations.AliasMovesDocument, variables);
        if (!alias) throw notFound(`the model "${text}" has no alias "${name}"; "pilothouse alias list ${text}" lists them`);
        return alias.moves;
      });
      session.output.result(moves, () =>
        session.output.table(
          ['MOVE', 'FROM', 'TO', 'AT', 'BY', 'REASON'],
          moves.map((each) => [each.number, each.from?.number, each.to.number, time(each.at), each.actor, each.reason]),
          '',
        ),
      );
    },
  });
}

export const aliasText = ({ model, name, version }: Alias): string => `${model.name}@${name} is ${model.name}:${version.number}`;

export async function setAlias(
  session: Session,
  { project, name: model }: Name,
  name: string,
  version: number,
  { expectedVersion = null, message = '' }: { expectedVersion?: number | null; message?: string | undefined } = {},
): Promise<Alias> {
  const input = { project, model, name, version, expectedVersion, reason: message, idempotencyKey: randomUUID() };
  const { setAlias: answer } = await session.client.persist((signal) => session.client.request(operations.SetAliasDocument, { input }, signal));
  if (answer.userErrors.length > 0) throw fromUserErrors(answer.userErrors);
  return answer.alias!;
}

async function ofProject(session: Session, limit: number): Promise<Alias[]> {
  const models = await readPages(
    limit,
    async (page) => (await session.client.request(operations.AliasesDocument, { project: session.project, ...page })).models,
  );
  return models.flatMap(({ aliases }) => aliases);
}

async function ofModel(session: Session, name: Name): Promise<readonly Alias[]> {
  const { model } = await session.client.request(operations.AliasesOfModelDocument, name);
  if (!model) throw noModel(name);
  return model.aliases;
}
