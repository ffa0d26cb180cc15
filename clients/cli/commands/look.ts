/** Looking at models and versions: `models`, `versions`, `show`, `log`, and `project`. */
import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import * as operations from '../../typescript/src/generated/operations.js';
import type { VersionDetailFragment } from '../../typescript/src/generated/operations.js';
import { addCommand, addGroup } from '../command.js';
import { notFound } from '../exit-codes.js';
import { bytes, milliseconds, time, type Cell } from '../output.js';
import { readPages } from '../pages.js';
import { findVersion, noModel, parseName, versionName } from '../references.js';
import type { Session } from '../session.js';
import { integer, oneOf } from '../values.js';
import { showDeployment } from './show-deployment.js';

export const limitOption = (fallback: number) => (command: Command) =>
  command.option('--limit <n>', 'list at most this many', (text) => integer(text, '--limit', 1), fallback);

const STATES = ['VALIDATING', 'READY', 'REJECTED'] as const;

interface Limited {
  readonly limit: number;
}

export function addLookCommands(program: Command): void {
  addCommand<Limited>(program, 'models', {
    does: 'list the models of a project',
    examples: ['models', 'models --project vision --json'],
    options: limitOption(1000),
    run: async (session, _, { limit }) => {
      const models = await readPages(
        limit,
        async (page) => (await session.client.request(operations.ModelsDocument, { project: session.project, ...page })).models,
      );
      session.output.result(models, () =>
        session.output.table(
          ['MODEL', 'NEWEST', 'STATE', 'CREATED', 'DESCRIPTION'],
          models.map((each) => [each.name, each.latestVersion?.number, each.latestVersion?.state, time(each.createdAt), each.description]),
          `the project "${session.project}" has no models; "pilothouse push MODEL FILE" makes one`,
        ),
      );
    },
  });
  addCommand<Limited & { state?: string }>(program, 'versions <model>', {
    does: 'list the versions of a model, newest first',
    examples: ['versions reader --state ready', 'versions vision/reader --limit 5 --json'],
    options: (command) => limitOption(100)(command).option('--state <state>', 'only those in this state: validating, ready or rejected'),
    run: async (session, [model], { limit, state }) => {
      const versions = await listVersions(session, model!, limit, state === undefined ? null : oneOf(state, STATES, '--state'));
      session.output.result(versions, () =>
        session.output.table(
          ['VERSION', 'STATE', 'FORMAT', 'CREATED', 'BY', 'DESCRIPTION'],
          versions.map((each) => [versionName(each), each.state, each.format, time(each.createdAt), each.createdBy, each.description]),
          state === undefined ? `the model "${model}" has no versions; "pilothouse push ${model} FILE" makes one` : `no version of "${model}" matches`,
        ),
      );
    },
  });
  addCommand<Limited>(program, 'log <model>', {
    does: 'show the lineage of the versions of a model, newest first',
    examples: ['log reader', 'log reader --limit 3'],
    options: limitOption(100),
    run: async (session, [model], { limit }) => {
      const versions = await listVersions(session, model!, limit);
      session.output.result(versions, () => {
        for (const { lineage, ...each } of versions) {
          session.output.line(`${session.output.style('bold', versionName(each))} ${each.state} ${time(each.createdAt)} by ${each.createdBy}`);
          for (const line of [each.description, each.reason, namedValues(lineage.metrics), namedValues(lineage.hyperparameters), lineage.dataset?.name])
            if (line) session.output.line(`    ${line}`);
        }
      });
    },
  });
  addCommand<{ model?: boolean }>(program, 'show <name>', {
    does: 'show a deployment, or a version as MODEL:NUMBER, MODEL@ALIAS or MODEL',
    examples: ['show digits', 'show reader:1 --json'],
    options: (command) => command.option('--model', 'show the model of this name'),
    run: show,
  });
  const group = addGroup(program, 'project', 'projects, which hold models and deployments');
  addCommand<Limited>(group, 'list', {
    does: 'list the projects',
    examples: ['project list', 'project list --json'],
    options: limitOption(1000),
    run: async (session, _, { limit }) => {
      const projects = await readPages(limit, async (page) => (await session.client.request(operations.ProjectsDocument, page)).projects);
      session.output.result(projects, () =>
        session.output.table(
          ['PROJECT', 'CREATED', 'DESCRIPTION'],
          projects.map((each) => [each.name, time(each.createdAt), each.description]),
          'there are no projects',
        ),
      );
    },
  });
  addCommand<{ message?: string }>(group, 'create <name>', {
    does: 'create a project',
    examples: ['project create vision', 'project create vision -m "cameras and scanners"'],
    options: (command) => command.option('-m, --message <text>', 'description'),
    run: async (session, [name], { message }) => {
      const input = { name: name!, description: message ?? '', idempotencyKey: randomUUID() };
      const project = await session.client.persist(() => session.client.createProject(input));
      session.output.result(project, () => session.output.line(`created the project ${project.name}`));
    },
  });
}

async function listVersions(
  session: Session,
  text: string,
  limit: number,
  state: (typeof STATES)[number] | null = null,
): Promise<operations.VersionSummaryFragment[]> {
  const { project, name } = parseName(text, session.project, 'model');
  return readPages(limit, async (page) => (await session.client.request(operations.VersionsDocument, { model: name, project, state, ...page })).versions);
}

async function show(session: Session, [text]: readonly string[], { model }: { model?: boolean }): Promise<void> {
  if (model) return showModel(session, text!);
  if (!/[:@]/.test(text!)) {
    const name = parseName(text!, session.project);
    const { deployment } = await session.client.request(operations.DeploymentDetailDocument, name);
    if (deployment) return showDeployment(session, deployment);
    const found = await session.client.request(operations.ModelDocument, name);
    if (!found.model)
      throw notFound(
        `there is no deployment and no model "${name.name}" in the project "${name.project}"; "pilothouse deployments" and "pilothouse models" list them`,
      );
  }
  showVersion(session, await findVersion(session, text!));
}

async function showModel(session: Session, text: string): Promise<void> {
  const name = parseName(text, session.project, 'model');
  const { model } = await session.client.request(operations.ModelDocument, name);
  if (!model) throw noModel(name);
  session.output.result(model, () =>
    session.output.facts([
      ['model', model.name],
      ['project', model.project.name],
      ['newest', model.latestVersion ? `${model.name}:${model.latestVersion.number} ${model.latestVersion.state}` : 'none'],
      ['created', `${time(model.createdAt)} by ${model.createdBy}`],
      ['description', model.description],
    ]),
  );
}

export const namedValues = (values: Readonly<Record<string, unknown>> | null | undefined): string =>
  Object.entries(values ?? {})
    .map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    .join(', ');

/** What validation found out about a version. */
export function findings(version: VersionDetailFragment | operations.VersionFieldsFragment): [string, Cell][] {
  const tensors = (list: readonly { name: string; datatype: string; shape: readonly number[] | null }[] | undefined): string =>
    (list ?? []).map(({ name, datatype, shape }) => `${name} ${datatype}${shape ? `[${shape.join(', ')}]` : ''}`).join('; ');
  return [
    ['format', `${version.format}, loaded by ${version.runtime}`],
    ['inputs', tensors(version.signature?.inputs)],
    ['outputs', tensors(version.signature?.outputs)],
    ['backend', version.backend && `${version.backend.name}${version.backend.library ? ` (${version.backend.library})` : ''}`],
    ['rows', version.rowIndependence && `${version.rowIndependence.verdict}: ${version.rowIndependence.reason}`],
    ['memory', bytes(version.memoryBytes)],
    ['load time', milliseconds(version.loadMs)],
  ];
}

function showVersion(session: Session, version: VersionDetailFragment): void {
  const { lineage } = version;
  session.output.result(version, () =>
    session.output.facts([
      ['version', versionName(version)],
      ['state', version.state],
      ['reason', version.reason],
      ['description', version.description],
      ...findings(version),
      ['files', version.files.map(({ path, sizeBytes }) => `${path} (${bytes(sizeBytes)})`).join(', ')],
      ['digest', version.digest],
      ['aliases', version.aliases.join(', ')],
      ['made from', version.parent && `${version.model.name}:${version.parent.number}`],
      ['metrics', namedValues(lineage.metrics)],
      ['parameters', namedValues(lineage.hyperparameters)],
      ['data set', lineage.dataset && [lineage.dataset.name, lineage.dataset.uri, lineage.dataset.digest].filter(Boolean).join(', ')],
      ['source', lineage.source && [lineage.source.uri, lineage.source.revision].filter(Boolean).join(' at ')],
      ['created', `${time(version.createdAt)} by ${version.createdBy}`],
      ['deployed as', version.deployments.map(({ name, phase }) => `${name} (${phase})`).join(', ')],
    ]),
  );
}
