/** Projects and versions by row ids, which must be there. One statement for all of a request. */
import type { DataSource } from 'typeorm';
import type { ApiContext } from '../api/context.js';
import { rowsById } from '../api/row-loaders.js';
import { ProjectEntity, VersionEntity } from './registry.entities.js';
import { toProject, toVersion } from './registry.mappers.js';
import type { ProjectType, VersionType } from './registry.types.js';

export const loadProjectRow = async (context: ApiContext, { manager }: DataSource, id: string): Promise<ProjectEntity> =>
  (await rowsById(context, manager, ProjectEntity).load(id))!;

export const loadVersionRow = async (context: ApiContext, { manager }: DataSource, id: string): Promise<VersionEntity> =>
  (await rowsById(context, manager, VersionEntity).load(id))!;

export const loadProject = async (context: ApiContext, dataSource: DataSource, id: string): Promise<ProjectType> =>
  toProject(await loadProjectRow(context, dataSource, id));

export const loadVersion = async (context: ApiContext, dataSource: DataSource, id: string): Promise<VersionType> =>
  toVersion(await loadVersionRow(context, dataSource, id));
