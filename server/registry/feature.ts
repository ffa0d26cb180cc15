import { AliasEntity, AliasMoveEntity } from './alias.entities.js';
import { ArtifactEntity, ModelEntity, ProjectEntity, VersionEntity, VersionFileEntity } from './registry.entities.js';

/** Projects, models, versions, artifacts. */
export const registry = {
  entities: [ProjectEntity, ModelEntity, ArtifactEntity, VersionEntity, VersionFileEntity, AliasEntity, AliasMoveEntity],
  load: async () => {
    const { createRegistry, REGISTRY_RESOLVERS } = await import('./registry.js');
    return { resolvers: REGISTRY_RESOLVERS, create: createRegistry };
  },
};
