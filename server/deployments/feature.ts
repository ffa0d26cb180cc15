import { DeploymentEntity, ReplicaEntity, RevisionEntity, RolloutEntity } from './deployment.entities.js';

/** Deployments, their revisions, rollouts and replicas, and inference through the API. */
export const deployments = {
  entities: [DeploymentEntity, RevisionEntity, RolloutEntity, ReplicaEntity],
  load: async () => {
    const { createDeployments, DEPLOYMENT_RESOLVERS } = await import('./deployments.js');
    return { resolvers: DEPLOYMENT_RESOLVERS, create: createDeployments };
  },
};
