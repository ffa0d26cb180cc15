/** What other features read of the registry, each in the transaction that it has open. */
import type { EntityManager } from 'typeorm';
import { ModelEntity, ProjectEntity } from './registry.entities.js';

/** By name. @param names undefined for all */
export const projectRows = (manager: EntityManager, names?: readonly string[]): Promise<ProjectEntity[]> =>
  manager
    .createQueryBuilder(ProjectEntity, 'p')
    .where(names ? 'p.name = ANY(:names)' : 'true', { names })
    .orderBy('p.name')
    .getMany();

/** The row, which must be there. */
export const projectRow = (manager: EntityManager, id: string): Promise<ProjectEntity> => manager.findOneByOrFail(ProjectEntity, { id });

export const hasProject = (manager: EntityManager, name: string): Promise<boolean> => manager.existsBy(ProjectEntity, { name });

/** The models of some projects, by name. */
export const modelRows = (manager: EntityManager, projectIds: readonly string[]): Promise<ModelEntity[]> =>
  manager
    .createQueryBuilder(ModelEntity, 'm')
    .where('m.projectId = ANY(:ids)', { ids: [...projectIds] })
    .orderBy('m.name')
    .getMany();

export interface VersionName {
  readonly id: string;
  readonly model: string;
  readonly number: number;
}

/** What people call these versions, by model and number. */
export const versionNames = (manager: EntityManager, ids: readonly string[]): Promise<VersionName[]> =>
  manager.query('SELECT v.id, m.name AS model, v.number FROM version v JOIN model m ON m.id = v.model_id WHERE v.id = ANY($1) ORDER BY m.name, v.number', [
    ids,
  ]) as Promise<VersionName[]>;
