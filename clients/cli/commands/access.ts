/** Who may, and who did: `token`, `audit`. */
import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import * as operations from '../../typescript/src/generated/operations.js';
import { fromUserErrors } from '../../typescript/src/errors.js';
import { addCommand, addGroup } from '../command.js';
import { notFound } from '../exit-codes.js';
import { time } from '../output.js';
import { readPages } from '../pages.js';
import { namedValues, limitOption } from './look.js';
import type { Session } from '../session.js';

interface Limited {
  readonly limit: number;
}

export function addAccessCommands(program: Command): void {
  const group = addGroup(program, 'token', 'tokens that callers of this server have');
  addCommand(group, 'create <name>', {
    does: 'make a token and print its secret; it cannot be shown again',
    examples: ['token create deploy-bot', 'token create deploy-bot --json'],
    run: async (session, [name]) => {
      const { createToken } = await session.client.request(operations.CreateTokenDocument, { input: { name: name!, idempotencyKey: randomUUID() } });
      if (createToken.userErrors.length > 0) throw fromUserErrors(createToken.userErrors);
      session.output.result({ ...createToken.token, secret: createToken.secret }, () => {
        session.output.note(`made the token ${name}; its secret is shown only this time:`);
        session.output.line(createToken.secret ?? '');
      });
    },
  });
  addCommand<Limited>(group, 'list', {
    does: 'list the tokens',
    examples: ['token list', 'token list --json'],
    options: limitOption(1000),
    run: async (session, _, { limit }) => {
      const tokens = await listTokens(session, limit);
      session.output.result(tokens, () =>
        session.output.table(
          ['TOKEN', 'CREATED', 'BY', 'REVOKED'],
          tokens.map((each) => [each.name, time(each.createdAt), each.createdBy, time(each.revokedAt)]),
          'there are no tokens',
        ),
      );
    },
  });
  addCommand(group, 'revoke <name>', {
    does: 'revoke a token for good',
    examples: ['token revoke deploy-bot', 'token revoke deploy-bot --json'],
    run: async (session, [name]) => {
      const found = (await listTokens(session, 100_000)).find((each) => each.name === name);
      if (!found) throw notFound(`there is no token "${name}"; "pilothouse token list" lists them`);
      const { revokeToken } = await session.client.request(operations.RevokeTokenDocument, { input: { id: found.id } });
      if (revokeToken.userErrors.length > 0) throw fromUserErrors(revokeToken.userErrors);
      session.output.result(revokeToken.token, () => session.output.line(`revoked the token ${name}`));
    },
  });
  addCommand<Limited & { actor?: string }>(program, 'audit', {
    does: 'list who did what, newest first',
    examples: ['audit --limit 20', 'audit --actor token:deploy-bot --json'],
    options: (command) => limitOption(100)(command).option('--actor <name>', 'only entries of this caller'),
    run: async (session, _, { limit, actor }) => {
      const variables = { actor: actor ?? null, project: session.options.project ?? null };
      const entries = await readPages(
        limit,
        async (page) => (await session.client.request(operations.AuditEntriesDocument, { ...variables, ...page })).auditEntries,
      );
      session.output.result(entries, () =>
        session.output.table(
          ['AT', 'BY', 'ACTION', 'OBJECT', 'DETAIL'],
          entries.map((each) => [time(each.at), each.actor, each.action, each.objectType, namedValues(each.detail)]),
          'there are no audit entries',
        ),
      );
    },
  });
}

const listTokens = (session: Session, limit: number): Promise<operations.TokenFieldsFragment[]> =>
  readPages(limit, async (page) => (await session.client.request(operations.TokensDocument, page)).tokens);
