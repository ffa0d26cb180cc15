import type { DataSource } from 'typeorm';
import type { ApiContext } from '../api/context.js';
import { rowsById } from '../api/row-loaders.js';
import { DeploymentEntity } from './deployment.entities.js';
import { toDeployment } from './deployment.mappers.js';
import type { DeploymentType } from './deployment.types.js';

/** The deployment of a row id, which must be there. One statement for all of a request. */
export async function loadDeployment(context: ApiContext, { manager }: DataSource, id: string): Promise<DeploymentType> {
  return toDeployment((await rowsById(context, manager, DeploymentEntity).load(id))!);
}
