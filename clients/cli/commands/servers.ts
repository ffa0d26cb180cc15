/** Which server, as whom: `login`, `logout`, `whoami`, `context`, `status`. */
import type { Command } from 'commander';
import { PilothouseClient } from '../../typescript/src/client.js';
import * as operations from '../../typescript/src/generated/operations.js';
import { addCommand, addGroup } from '../command.js';
import { findServer } from '../connection.js';
import { currentContext, readContexts, writeContexts, type Context } from '../contexts.js';
import { EXIT, CommandError, notFound, wrongUse } from '../exit-codes.js';
import { targetsText } from '../references.js';
import { readPages } from '../pages.js';
import type { Session } from '../session.js';
import { readSecret } from '../standard-input.js';

export function addServerCommands(program: Command): void {
  addCommand<{ name?: string }>(program, 'login [url]', {
    does: 'save a server and its token; the token comes from --token, PILOTHOUSE_TOKEN or standard input',
    examples: ['login http://127.0.0.1:4000 < .pilothouse/admin-token', 'login https://models.example.com --name production'],
    options: (command) => command.option('--name <name>', 'name of the context; the host by default'),
    run: login,
  });
  addCommand(program, 'logout [context]', {
    does: 'remove a saved server; the one in use by default',
    examples: ['logout', 'logout production'],
    run: (session, [name]) => {
      const known = readContexts(session.env);
      const context = name === undefined ? currentContext(known) : known.contexts.find((each) => each.name === name);
      if (!context) throw notFound(name === undefined ? 'no context is in use; "pilothouse context list" lists the saved ones' : noContext(name));
      const contexts = known.contexts.filter((each) => each !== context);
      writeContexts(session.env, { current: known.current === context.name ? null : known.current, contexts });
      session.output.result({ name: context.name }, () => session.output.line(`removed ${context.name} (${context.url})`));
    },
  });
  addCommand(program, 'whoami', {
    does: 'show the server and the token that are in use',
    examples: ['whoami', 'whoami --json'],
    run: async (session) => {
      const { viewer } = await session.client.request(operations.ViewerDocument, {});
      const { url, source } = session.connection;
      session.output.result({ ...viewer, url, source }, () => session.output.line(`${viewer.actor} at ${url} (${source})`));
    },
  });
  addCommand(program, 'status', {
    does: 'show whether the server is ready, and what it serves',
    examples: ['status', 'status --url http://127.0.0.1:4000 --json'],
    run: showStatus,
  });
  const group = addGroup(program, 'context', 'saved servers');
  addCommand(group, 'list', {
    does: 'list the saved servers',
    examples: ['context list', 'context list --json'],
    run: (session) => {
      const { current, contexts } = readContexts(session.env);
      const shown = contexts.map(({ name, url }) => ({ name, url, current: name === current }));
      session.output.result(shown, () =>
        session.output.table(
          ['', 'NAME', 'URL'],
          shown.map((each) => [each.current ? '*' : '', each.name, each.url]),
          'no servers are saved; "pilothouse login URL" saves one',
        ),
      );
    },
  });
  addCommand(group, 'use <name>', {
    does: 'use another saved server from now on',
    examples: ['context use production', 'context use 127.0.0.1:4000'],
    run: (session, [name]) => {
      const known = readContexts(session.env);
      if (!known.contexts.some((each) => each.name === name)) throw notFound(noContext(name!));
      writeContexts(session.env, { ...known, current: name! });
      session.output.result({ name }, () => session.output.line(`now using ${name}`));
    },
  });
}

const noContext = (name: string): string => `there is no context "${name}"; "pilothouse context list" lists them`;

async function login(session: Session, [url]: readonly string[], { name }: { name?: string }): Promise<void> {
  const { options, env } = session;
  const found = findServer({ ...options, ...(url !== undefined && { url }) }, env);
  const token = options.token ?? env['PILOTHOUSE_TOKEN'] ?? (await readSecret(`Token for ${found.url}: `)) ?? found.token;
  if (token === '') throw wrongUse('no token was given; give one with --token, PILOTHOUSE_TOKEN or standard input');
  const context: Context = {
    name: name ?? new URL(found.url).host,
    url: found.url,
    token,
    ...(found.gatewayUrl !== undefined && { gatewayUrl: found.gatewayUrl }),
  };
  const { viewer } = await new PilothouseClient(context).request(operations.ViewerDocument, {});
  const others = readContexts(env).contexts.filter((each) => each.name !== context.name);
  writeContexts(env, { current: context.name, contexts: [...others, context] });
  session.output.result({ name: context.name, url: context.url, actor: viewer.actor }, () =>
    session.output.line(`logged in to ${context.url} as ${viewer.actor}`),
  );
}

async function showStatus(session: Session): Promise<void> {
  const { client, connection, output } = session;
  const { viewer } = await client.request(operations.ViewerDocument, {});
  const response = await fetch(`${client.url}/readyz`);
  const deployments = await readPages(
    1000,
    async (page) => (await client.request(operations.DeploymentsDocument, { ...page, project: session.options.project ?? null })).deployments,
  );
  const status = { url: client.url, gatewayUrl: connection.gatewayUrl ?? null, actor: viewer.actor, ready: response.ok, deployments };
  output.result(status, () => {
    output.facts([
      ['server', `${status.url} (${connection.source})`],
      ['gateway', status.gatewayUrl],
      ['you are', status.actor],
      ['state', status.ready ? 'READY' : 'not ready'],
    ]);
    output.line('');
    output.table(
      ['DEPLOYMENT', 'STATE', 'SERVES', 'REPLICAS'],
      deployments.map((each) => [each.endpoint, each.phase, targetsText(each.targets), each.scaledReplicas ?? each.spec.replicas]),
      'nothing is deployed',
    );
  });
  if (!status.ready) throw new CommandError(EXIT.failed, `${client.url} is not ready: ${(await response.text()).slice(0, 300)}`);
}
