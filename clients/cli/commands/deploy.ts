/** Changing what a deployment serves: `deploy`, `plan`, `rollback`. */
import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import type { DeploymentChange } from '../../typescript/src/client.js';
import { PilothouseError } from '../../typescript/src/errors.js';
import * as operations from '../../typescript/src/generated/operations.js';
import type { DeployInput, DeploymentFieldsFragment as Deployment, VersionDetailFragment } from '../../typescript/src/generated/operations.js';
import { addCommand } from '../command.js';
import { EXIT, CommandError, wrongUse } from '../exit-codes.js';
import { findDeployment, findVersion, parseName, targetsText, versionName } from '../references.js';
import type { Session } from '../session.js';
import { duration, integer } from '../values.js';
import { confirmed, waitForChange } from '../waiting.js';

interface DeployOptions {
  readonly replicas?: number;
  readonly maxConcurrency?: number;
  readonly maxQueue?: number;
  readonly message?: string;
  readonly shadow?: string;
  readonly dryRun?: boolean;
  readonly wait: boolean;
}

const settings = (command: Command): Command =>
  command
    .option('--replicas <n>', 'number of replicas', (text) => integer(text, '--replicas'))
    .option('--request-timeout <time>', 'time that a request may take', (text) => duration(text, '--request-timeout'))
    .option('--max-concurrency <n>', 'inferences that one replica works on at a time', (text) => integer(text, '--max-concurrency', 1))
    .option('--max-queue <n>', 'requests that may wait', (text) => integer(text, '--max-queue'))
    .option('--shadow <version=percent>', 'version that gets a copy of this percentage of the requests');

export function addDeployCommands(program: Command): void {
  addCommand<DeployOptions>(program, 'deploy <name> <versions...>', {
    does: 'create or change a deployment, and wait until it serves; VERSION=WEIGHT splits the traffic',
    examples: ['deploy reader reader:2', 'deploy reader reader:1=90 reader:2=10 --replicas 2'],
    options: (command) =>
      settings(command)
        .option('-m, --message <text>', 'why, for the history')
        .option('--dry-run', 'show what would change, and change nothing')
        .option('--no-wait', 'do not wait until it serves'),
    run: deploy,
  });
  addCommand<DeployOptions>(program, 'plan <name> <versions...>', {
    does: 'show what deploy would change',
    examples: ['plan reader reader:2', 'plan reader reader:2 --replicas 3 --json'],
    options: settings,
    run: async (session, args, options) => deploy(session, args, { ...options, dryRun: true, wait: false }),
  });
  addCommand<{ to?: number; message?: string; wait: boolean }>(program, 'rollback <name>', {
    does: 'go back to the revision that served before, or to --to, and wait until it serves',
    examples: ['rollback reader', 'rollback reader --to 3 -m "errors in revision 5"'],
    options: (command) =>
      command
        .option('--to <revision>', 'revision to go back to', (text) => integer(text, '--to', 1))
        .option('-m, --message <text>', 'why, for the history')
        .option('--no-wait', 'do not wait until it serves'),
    run: async (session, [text], { to, message, wait }) => {
      const { id, generation } = await findDeployment(session, text!);
      // The key keeps a repetition after a lost answer from going back twice. The generation refuses a change that came in between.
      const input = { reason: message ?? '', expectedGeneration: generation, idempotencyKey: randomUUID(), ...(to !== undefined && { toRevision: to }) };
      const change = await session.client.persist(() => session.client.rollback({ id }, input));
      await finish(session, change, wait);
    },
  });
}

/** `reader:2=10`: a version and its weight. */
function splitWeight(text: string): { reference: string; weight?: number } {
  const at = text.lastIndexOf('=');
  return at < 0 ? { reference: text } : { reference: text.slice(0, at), weight: integer(text.slice(at + 1), `the weight in "${text}"`) };
}

interface PlannedTarget {
  readonly version: VersionDetailFragment;
  readonly weight: number;
  readonly shadowPercent: number;
}

async function plannedTargets(session: Session, texts: readonly string[], shadow: string | undefined): Promise<PlannedTarget[]> {
  const parts = texts.map(splitWeight);
  if (parts.length > 1 && parts.some(({ weight }) => weight === undefined))
    throw wrongUse('several versions need a weight each, such as reader:1=90 reader:2=10');
  const targets: PlannedTarget[] = [];
  for (const { reference, weight } of parts) targets.push({ version: await findVersion(session, reference), weight: weight ?? 100, shadowPercent: 0 });
  if (shadow !== undefined) {
    const at = shadow.lastIndexOf('=');
    const percent = Number(shadow.slice(at + 1).replace(/%$/, ''));
    if (at < 1 || !(percent > 0 && percent <= 100)) throw wrongUse(`--shadow "${shadow}" is not of the form VERSION=PERCENT, such as reader:3=10%`);
    targets.push({ version: await findVersion(session, shadow.slice(0, at)), weight: 0, shadowPercent: percent });
  }
  const unfit = targets.find(({ version }) => version.state !== 'READY');
  if (unfit)
    throw new CommandError(
      EXIT.failed,
      `${versionName(unfit.version)} is ${unfit.version.state}${unfit.version.reason ? ` (${unfit.version.reason})` : ''}; only a READY version can be deployed`,
    );
  return targets;
}

async function deploy(session: Session, [text, ...texts]: readonly string[], options: DeployOptions & { requestTimeout?: number }): Promise<void> {
  const { project, name } = parseName(text!, session.project, 'deployment');
  const targets = await plannedTargets(session, texts, options.shadow);
  const spec = {
    ...(options.replicas !== undefined && { replicas: options.replicas }),
    ...(options.requestTimeout !== undefined && { timeoutMs: options.requestTimeout }),
    ...(options.maxConcurrency !== undefined && { maxConcurrency: options.maxConcurrency }),
    ...(options.maxQueue !== undefined && { maxQueue: options.maxQueue }),
  };
  const { deployment: before } = await session.client.request(operations.DeploymentDetailDocument, { project, name });
  if (options.dryRun) return plan(session, { project, name }, before, targets, spec);
  const input: DeployInput = {
    project,
    name,
    targets: targets.map(({ version, weight, shadowPercent }) => ({ versionId: version.id, weight, shadowPercent })),
    ...spec,
    reason: options.message ?? '',
    idempotencyKey: randomUUID(),
  };
  const change = await session.client.persist(() => session.client.deploy(input));
  await finish(session, change, options.wait);
}

async function finish(session: Session, change: DeploymentChange, wait: boolean): Promise<void> {
  const { output } = session;
  session.confirmed = confirmed(change);
  let deployment: Deployment = change.deployment;
  if (wait) {
    try {
      deployment = await waitForChange(session, change);
    } catch (error) {
      if (!(error instanceof PilothouseError) || error.code !== 'FAILED_PRECONDITION') throw error;
      throw new CommandError(EXIT.failed, `${deployment.name} was not rolled out: ${error.message}`);
    }
  }
  output.result(deployment, () => {
    const replicas = deployment.scaledReplicas ?? deployment.spec.replicas;
    output.line(
      `${deployment.name} ${deployment.phase}: ${targetsText(deployment.targets)}, ${replicas} ${replicas === 1 ? 'replica' : 'replicas'}, revision ${deployment.generation}`,
    );
  });
}

function plan(
  session: Session,
  { project, name }: { project: string; name: string },
  before: Deployment | null,
  targets: readonly PlannedTarget[],
  spec: object,
): void {
  const changes: { field: string; before: unknown; after: unknown }[] = [];
  const compare = (field: string, old: unknown, next: unknown): void => {
    if (old !== next) changes.push({ field, before: old, after: next });
  };
  compare('targets', before ? targetsText(before.targets) : null, targetsText(targets));
  for (const [field, value] of Object.entries(spec)) compare(`spec.${field}`, before ? before.spec[field as keyof Deployment['spec']] : null, value);
  const action = !before ? 'CREATE' : changes.length > 0 ? 'CHANGE' : 'NONE';
  const { output } = session;
  output.result({ action, project, name, changes }, () => {
    output.line(action === 'CREATE' ? `${name} would be created` : action === 'NONE' ? `${name} would not change` : `${name} would change`);
    if (changes.length > 0)
      output.table(
        ['FIELD', 'NOW', 'THEN'],
        changes.map(({ field, before: old, after }) => [field, String(old ?? '-'), String(after)]),
        '',
      );
  });
}
