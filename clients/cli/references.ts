/** `model:3`, `model@champion`, `project/model:3`, `model`: which version is meant. `project/NAME`: which deployment. */
import * as operations from '../typescript/src/generated/operations.js';
import type { DeploymentDetailFragment, VersionDetailFragment } from '../typescript/src/generated/operations.js';
import { notFound, wrongUse } from './exit-codes.js';
import type { Session } from './session.js';

export interface Name {
  readonly project: string;
  readonly name: string;
}

/** Without number and alias: the newest READY version. */
export interface Reference extends Name {
  readonly number?: number;
  readonly alias?: string;
}

export function parseName(text: string, project: string, what = 'name'): Name {
  const parts = text.split('/');
  if (parts.length > 2 || parts.some((part) => part === '')) throw wrongUse(`"${text}" is not a ${what}; give NAME or PROJECT/NAME`);
  return parts.length === 2 ? { project: parts[0]!, name: parts[1]! } : { project, name: parts[0]! };
}

export function parseReference(text: string, project: string): Reference {
  const [, path, number, alias] = /^([^:@]+)(?::([1-9]\d*)|@([^:@/]+))?$/.exec(text) ?? [];
  if (path === undefined)
    throw wrongUse(`"${text}" is not a version; give MODEL:NUMBER, such as reader:3, MODEL@ALIAS, such as reader@champion, or MODEL for its newest`);
  return { ...parseName(path, project, 'version'), ...(number !== undefined && { number: Number(number) }), ...(alias !== undefined && { alias }) };
}

const described = ({ project, name, number, alias }: Reference): string =>
  `${project === 'default' ? '' : `${project}/`}${name}${number === undefined ? '' : `:${number}`}${alias === undefined ? '' : `@${alias}`}`;

/** @throws CommandError not found */
export async function findVersion(session: Session, text: string): Promise<VersionDetailFragment> {
  const reference = parseReference(text, session.project);
  const { project, name, alias } = reference;
  if (alias !== undefined) {
    const { version } = await session.client.request(operations.VersionByAliasDocument, { model: name, project, alias });
    if (version) return version;
    throw notFound(`there is no alias ${described(reference)}; "pilothouse alias list ${described({ project, name })}" lists them`);
  }
  const number = reference.number ?? (await newestReady(session, reference));
  const { version } = await session.client.request(operations.VersionDocument, { model: name, project, number });
  if (version) return version;
  const { model } = await session.client.request(operations.ModelDocument, { project, name });
  if (!model) throw noModel(reference);
  throw notFound(`there is no version ${described({ project, name, number })}; "pilothouse versions ${described({ project, name })}" lists them`);
}

async function newestReady(session: Session, { project, name }: Name): Promise<number> {
  const { versions } = await session.client.request(operations.VersionsDocument, { model: name, project, state: 'READY', first: 1 });
  const [ready] = versions.nodes;
  if (!ready) throw notFound(`the model "${described({ project, name })}" has no READY version; "pilothouse push ${name} FILE" makes one`);
  return ready.number;
}

export const noModel = ({ project, name }: Name): Error => notFound(`there is no model "${name}" in the project "${project}"; "pilothouse models" lists them`);

export const noDeployment = ({ project, name }: Name): Error =>
  notFound(`there is no deployment "${name}" in the project "${project}"; "pilothouse deployments" lists them`);

/** @throws CommandError not found */
export async function findDeployment(session: Session, text: string): Promise<DeploymentDetailFragment> {
  const name = parseName(text, session.project);
  const { deployment } = await session.client.request(operations.DeploymentDetailDocument, name);
  if (!deployment) throw noDeployment(name);
  return deployment;
}

export const versionName = ({ model, number }: { readonly model: { readonly name: string }; readonly number: number }): string => `${model.name}:${number}`;

/** What a deployment serves, in a few words: `reader:2`, or `reader:1 90 %, reader:2 10 %`. */
export function targetsText(
  targets: readonly {
    readonly weight: number;
    readonly shadowPercent: number;
    readonly version: { readonly number: number; readonly model: { readonly name: string } };
  }[],
): string {
  const total = targets.reduce((sum, { weight }) => sum + weight, 0);
  const share = (weight: number): string => `${Number(((100 * weight) / total).toFixed(1))} %`;
  return targets
    .map(({ weight, shadowPercent, version }) =>
      shadowPercent > 0
        ? `${versionName(version)} shadow ${shadowPercent} %`
        : targets.length === 1
          ? versionName(version)
          : `${versionName(version)} ${share(weight)}`,
    )
    .join(', ');
}
