/** `push`: files become a version, and the command waits for what validation says. */
import { createHash, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { namedSources } from '../../typescript/src/artifacts.js';
import { fromUserErrors, PilothouseError } from '../../typescript/src/errors.js';
import * as operations from '../../typescript/src/generated/operations.js';
import type { VersionFieldsFragment as Version } from '../../typescript/src/generated/operations.js';
import { addCommand } from '../command.js';
import { EXIT, CommandError, wrongUse } from '../exit-codes.js';
import { bytes } from '../output.js';
import { parseName } from '../references.js';
import type { Session } from '../session.js';
import { integer, pair, repeated, scalar } from '../values.js';
import { aliasText, setAlias } from './aliases.js';
import { findings } from './look.js';
import { parseSample } from './sample-file.js';
import { parseSignature } from './signature-file.js';

interface PushOptions {
  readonly format?: string;
  readonly param?: readonly string[];
  readonly metric?: readonly string[];
  readonly dataset?: string;
  readonly source?: string;
  readonly lineage?: string;
  readonly sample?: string;
  readonly option?: readonly string[];
  readonly allowGlobals?: readonly string[];
  readonly allowCode?: boolean;
  readonly signature?: string;
  readonly parent?: number;
  readonly message?: string;
  readonly alias?: string;
  readonly again?: boolean;
  readonly wait: boolean;
}

export function addPushCommand(program: Command): void {
  addCommand<PushOptions>(program, 'push <model> <paths...>', {
    does: 'register a version from files or folders, and wait until it is READY; makes the model where there is none',
    examples: [
      'push reader digits.onnx --metric accuracy=0.98 --param depth=3 -m "first try"',
      'push iris ./export --dataset name=iris,uri=s3://data/iris --sample sample.json',
    ],
    options: (command) =>
      command
        .option('--format <name>', 'format of the files; detected by default')
        .option('--param <key=value>', 'hyperparameter; may be repeated', repeated)
        .option('--metric <key=value>', 'metric of the training; may be repeated', repeated)
        .option('--dataset <fields>', 'data set, as name=…,uri=…,digest=…')
        .option('--source <uri@revision>', 'repository and revision of the training code')
        .option('--lineage <file>', 'JSON file with dataset, hyperparameters, metrics and source')
        .option('--sample <file>', 'JSON file with a request that the model can answer')
        .option('--option <key=value>', 'option for the runtime; may be repeated', repeated)
        .option('--allow-globals <name>', 'name that a pickle may load, as package.module.name; may be repeated', repeated)
        .option('--allow-code', 'allow the model to run its model.py')
        .option('--signature <file>', 'JSON file with inputs and outputs, for files that do not contain them')
        .option('--parent <number>', 'version that this one was made from', (text) => integer(text, '--parent', 1))
        .option('-m, --message <text>', 'description')
        .option('--alias <name>', 'alias that names the version once it is READY')
        .option('--again', 'make another version of the same files with the same description')
        .option('--no-wait', 'do not wait for the validation'),
    run: push,
  });
}

async function push(session: Session, [modelText, ...paths]: readonly string[], options: PushOptions): Promise<void> {
  const { client, output } = session;
  if (options.alias !== undefined && !options.wait)
    throw wrongUse('--alias names a READY version; leave --no-wait out, or set it later with "pilothouse alias set"');
  const { project, name: model } = parseName(modelText!, session.project, 'model');
  const lineage = await readLineage(options);
  const sample = options.sample === undefined ? undefined : parseSample(await readFile(options.sample, 'utf8'), options.sample);
  const runtimeOptions = readOptions(options);
  const signature = options.signature === undefined ? undefined : parseSignature(await readFile(options.signature, 'utf8'), options.signature);
  const sources = await namedSources(paths);
  // A wrong token or address is told before a large file is sent.
  await client.request(operations.ViewerDocument, {});
  await makeModel(session, project, model);
  const files: { path: string; digest: string }[] = [];
  for (const { path, source } of sources) {
    const { digest } = await client.persist((signal) =>
      client.uploadArtifact(source, { signal, seen: (sent, total) => output.progress(`${path}: ${bytes(sent)} of ${bytes(total)}`) }),
    );
    files.push({ path, digest });
    session.confirmed = `${files.length} of ${sources.length} files were uploaded`;
  }
  const input = {
    project,
    model,
    files,
    description: options.message ?? '',
    ...(options.format !== undefined && { format: options.format }),
    ...(options.parent !== undefined && { parent: options.parent }),
    ...(lineage && { lineage }),
    ...(sample && { sample }),
    ...(runtimeOptions && { runtimeOptions }),
    ...(signature && { signature }),
  };
  // The same files with the same description are the same version, so repeating an interrupted push does not make two.
  const idempotencyKey = options.again ? randomUUID() : `push-${createHash('sha256').update(JSON.stringify(input)).digest('hex')}`;
  const created = await client.persist(async (signal) => {
    const { createVersion } = await client.request(operations.CreateVersionDocument, { input: { ...input, idempotencyKey } }, signal);
    if (createVersion.userErrors.length > 0) throw fromUserErrors(createVersion.userErrors);
    return createVersion.version!;
  });
  const label = `${model}:${created.number}`;
  session.confirmed = `${label} was made`;
  output.step(`${label}: ${created.state}`);
  const version = options.wait ? await waitForVersion(session, created, label) : created;
  const alias =
    options.alias === undefined ? undefined : await setAlias(session, { project, name: model }, options.alias, created.number, { message: options.message });
  output.result(version, () => {
    output.line(label);
    if (version.state === 'READY') output.facts(findings(version));
    if (alias) output.line(aliasText(alias));
  });
}

async function makeModel(session: Session, project: string, name: string): Promise<void> {
  const { model } = await session.client.request(operations.ModelDocument, { project, name });
  if (model) return;
  try {
    const input = { project, name, idempotencyKey: randomUUID() };
    await session.client.persist(() => session.client.createModel(input));
  } catch (error) {
    // Somebody else made it just now.
    if (!(error instanceof PilothouseError) || error.code !== 'ALREADY_EXISTS') throw error;
  }
}

async function waitForVersion(session: Session, created: Version, label: string): Promise<Version> {
  const { client, output } = session;
  try {
    return await client.persist((signal) => client.waitForVersion(created, { signal, patienceMs: Infinity, onBreak: client.onBreak }));
  } catch (error) {
    if (!(error instanceof PilothouseError) || error.code !== 'FAILED_PRECONDITION') throw error;
    const version = await client.version(created.id);
    if (version.logTail) output.note(version.logTail.trimEnd());
    if (output.json) output.result(version, () => undefined);
    throw new CommandError(EXIT.failed, `${label} was REJECTED: ${version.reason ?? 'no reason was given'}`);
  } finally {
    output.endProgress();
  }
}

function readOptions({ option, allowGlobals, allowCode }: PushOptions): Record<string, unknown> | undefined {
  const options = { ...values(option ?? [], '--option'), ...(allowGlobals && { allowGlobals }), ...(allowCode && { allowCode }) };
  return Object.keys(options).length > 0 ? options : undefined;
}

const values = (list: readonly string[], flag: string): Record<string, unknown> =>
  Object.fromEntries(list.map((text) => pair(text, flag)).map(([key, value]) => [key, scalar(value)]));

type Lineage = NonNullable<operations.CreateVersionInput['lineage']>;

async function readLineage(options: PushOptions): Promise<Lineage | undefined> {
  const base = options.lineage === undefined ? {} : parseLineage(await readFile(options.lineage, 'utf8'), options.lineage);
  const lineage = {
    ...base,
    ...(options.param && { hyperparameters: { ...base.hyperparameters, ...values(options.param, '--param') } }),
    ...(options.metric && { metrics: { ...base.metrics, ...values(options.metric, '--metric') } }),
    ...(options.dataset !== undefined && { dataset: parseDataset(options.dataset) }),
    ...(options.source !== undefined && { source: parseSource(options.source) }),
  };
  return Object.keys(lineage).length > 0 ? lineage : undefined;
}

function parseLineage(text: string, path: string): Lineage {
  try {
    const value = JSON.parse(text) as Lineage & { lineage?: Lineage };
    return value.lineage ?? value;
  } catch (error) {
    throw wrongUse(`${basename(path)} is not JSON: ${(error as Error).message}`);
  }
}

function parseDataset(text: string): NonNullable<Lineage['dataset']> {
  const fields = Object.fromEntries(text.split(',').map((part) => pair(part, '--dataset')));
  const unknown = Object.keys(fields).find((key) => !['name', 'uri', 'digest'].includes(key));
  if (unknown !== undefined || !fields['name'])
    throw wrongUse(`--dataset "${text}" has ${unknown === undefined ? 'no name' : `the unknown field "${unknown}"`}; give name=…,uri=…,digest=…`);
  return { name: fields['name'], uri: fields['uri'] ?? null, digest: fields['digest'] ?? null };
}

function parseSource(text: string): NonNullable<Lineage['source']> {
  const at = text.lastIndexOf('@');
  return at > text.indexOf('://') + 3 ? { uri: text.slice(0, at), revision: text.slice(at + 1) } : { uri: text };
}
