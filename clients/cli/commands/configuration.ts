/** Everything as files: `apply`, `export-config`. */
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { PilothouseError } from '../../typescript/src/errors.js';
import * as operations from '../../typescript/src/generated/operations.js';
import { addCommand } from '../command.js';
import { readDocuments, writeDocuments, type ConfigurationDocument } from '../configuration-files.js';
import type { Output } from '../output.js';
import type { Session } from '../session.js';
import { repeated } from '../values.js';

type Applied = operations.ApplyConfigMutation['applyConfig'];
type Change = NonNullable<Applied['changes']>[number];

interface ApplyOptions {
  readonly file: readonly string[];
  readonly dryRun?: boolean;
  readonly prune?: boolean;
  readonly message?: string;
}

export function addConfigurationCommands(program: Command): void {
  addCommand<ApplyOptions>(program, 'apply', {
    does: 'create, change and delete projects, models, deployments, scaling policies, monitors and alert rules as files say, in one transaction',
    examples: ['apply -f pilothouse.yaml --dry-run', 'apply -f ./production --prune -m "release 12"'],
    options: (command) =>
      command
        .requiredOption('-f, --file <path>', 'YAML or JSON file, folder of them, or - for standard input; may be repeated', repeated)
        .option('--dry-run', 'show what would change, and change nothing')
        .option('--prune', 'delete deployments, monitors, alert rules and scaling policies that the files leave out, in the projects they name')
        .option('-m, --message <text>', 'why, for the history'),
    run: apply,
  });
  addCommand<{ out?: string }>(program, 'export-config', {
    does: 'write the current configuration as documents; applying them changes nothing',
    examples: ['export-config > pilothouse.yaml', 'export-config --project vision -o vision.yaml'],
    options: (command) => command.option('-o, --out <file>', 'file to write; standard output by default'),
    run: async (session, _, { out }) => {
      const { exportConfig } = await session.client.request(operations.ExportConfigDocument, { project: session.options.project ?? null });
      if (out === undefined) return session.output.result(exportConfig, () => session.output.text(writeDocuments(exportConfig)));
      await writeFile(out, session.output.json ? `${JSON.stringify(exportConfig, null, 2)}\n` : writeDocuments(exportConfig));
      session.output.result({ path: out }, () => session.output.line(`wrote ${out}`));
    },
  });
}

async function apply(session: Session, _: readonly string[], { file, dryRun = false, prune = false, message = '' }: ApplyOptions): Promise<void> {
  const { output } = session;
  const documents = await readDocuments(file);
  const input = { documents: documents.map(({ value }) => value), dryRun, prune, reason: message };
  // A wrong token or address is told at once; from then on, a server that goes away is waited for.
  await session.client.request(operations.ViewerDocument, {});
  let attempts = 0;
  const { applyConfig } = await session.client.persist((signal) => {
    attempts++;
    return session.client.request(operations.ApplyConfigDocument, { input }, signal);
  });
  if (applyConfig.userErrors.length > 0) throw refusal(applyConfig.userErrors, documents);
  const changes = applyConfig.changes ?? [];
  if (attempts > 1 && !dryRun) output.note('the connection broke after the files were sent; changes that were made before are not listed');
  output.result(changes, () => printChanges(output, changes, dryRun));
}

/** The server's errors with files and lines in place of the documents' numbers. */
function refusal(userErrors: Applied['userErrors'], documents: readonly ConfigurationDocument[]): PilothouseError {
  const messages = userErrors.map(({ message, field: [, , own, ...field] }) =>
    message.replace(/documents\[(\d+)\]/g, (text, index: string) => documents[Number(index)]?.place(index === own ? field : []) ?? text),
  );
  return new PilothouseError(userErrors[0]!.code, messages.join('; '), { userErrors });
}

const DONE = {
  CREATE: ['created', 'would create', 'green'],
  UPDATE: ['updated', 'would update', 'yellow'],
  DELETE: ['deleted', 'would delete', 'red'],
} as const;

function printChanges(output: Output, changes: readonly Change[], dryRun: boolean): void {
  if (changes.length === 0) return output.line('nothing to change');
  let shown = '';
  for (const { kind, project, name, action, field, before, after } of changes) {
    const object = `${kind} ${name}${project === 'default' || kind === 'Project' ? '' : ` in ${project}`}`;
    const [done, planned, style] = DONE[action];
    if (object !== shown) output.text(`${output.style(style, dryRun ? planned : done)} ${object}\n`);
    shown = object;
    if (field !== null) output.line(`    ${field}: ${action === 'CREATE' ? '' : `${valueText(before)} -> `}${valueText(after)}`);
  }
  if (dryRun) output.note('dry run: nothing was changed');
}

interface Target {
  readonly version: string;
  readonly weight: number;
  readonly shadowPercent: number;
}

/** A value on one line: targets as `reader:1=90, reader:2=10`. */
function valueText(value: unknown): string {
  if (!Array.isArray(value)) return JSON.stringify(value);
  return (value as Target[])
    .map(({ version, weight, shadowPercent }) => (shadowPercent > 0 ? `${version} shadow ${shadowPercent} %` : `${version}=${weight}`))
    .join(', ');
}
