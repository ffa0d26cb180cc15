/**
 * The names by which gateways know deployments: `digits` in the project `default`, `vision.digits` in the project `vision`. A deployment's name may
 * hold dots and a project's may not, so a name with a dot reads as a deployment of the project before its first dot. A
 * deployment of `default` may therefore not begin with the name of a project and a dot, whichever of the two is made second.
 */
import type { EntityManager } from 'typeorm';
import { DomainError } from '../errors.js';
import { DEFAULT_PROJECT } from '../registry/project.service.js';
import { hasProject } from '../registry/registry-rows.js';

/** The Open Inference Protocol's model name of a deployment. */
export const modelNameOf = (project: string, deployment: string): string => (project === DEFAULT_PROJECT ? deployment : `${project}.${deployment}`);

/** Whether another project's deployment could have the same model name, if nothing kept the two apart. */
export const isAmbiguous = (project: string, deployment: string): boolean => project !== DEFAULT_PROJECT || deployment.includes('.');

/** Call it before a deployment is made, in the transaction that makes it. @throws DomainError CONFLICT, on `name` */
export async function expectOwnModelName(manager: EntityManager, project: string, deployment: string): Promise<void> {
  const dot = deployment.indexOf('.');
  if (project !== DEFAULT_PROJECT || dot < 0) return;
  const [prefix, rest] = [deployment.slice(0, dot), deployment.slice(dot + 1)];
  await lockPrefix(manager, prefix);
  if (!(await hasProject(manager, prefix))) return;
  throw new DomainError(
    'CONFLICT',
    `"${deployment}" would be read as deployment "${rest}" of project "${prefix}"; choose a name that does not begin with "${prefix}."`,
    ['name'],
  );
}

/** Call it before a project is made, in the transaction that makes it. @throws DomainError CONFLICT, on `name` */
export async function expectFreePrefix(manager: EntityManager, project: string): Promise<void> {
  await lockPrefix(manager, project);
  const [taken]: { name: string }[] = await manager.query(
    `SELECT d.name FROM deployment d JOIN project p ON p.id = d.project_id
     WHERE p.name = $1 AND d.phase <> 'DELETED' AND starts_with(d.name, $2) ORDER BY d.name LIMIT 1`,
    [DEFAULT_PROJECT, `${project}.`],
  );
  if (!taken) return;
  throw new DomainError(
    'CONFLICT',
    `deployment "${taken.name}" of project "${DEFAULT_PROJECT}" would be read as a deployment of project "${project}"; choose another name, or delete that deployment first`,
    ['name'],
  );
}

/** A project and a deployment of `default` that begins with its name are made one after the other, so that the later one sees the earlier. */
async function lockPrefix(manager: EntityManager, prefix: string): Promise<void> {
  await manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`endpoints:${prefix}`]);
}
