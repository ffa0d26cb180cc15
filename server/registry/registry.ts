/** The feature as features.ts lists it. */
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import { absoluteModules, loadCatalog, type RuntimeCatalog } from '../../runtimes/catalog.js';
import type { ResolverClass } from '../api/create-schema.js';
import type { Config } from '../config.js';
import { environmentsFolder } from '../paths.js';
import type { UnitOfWork } from '../database/unit-of-work.js';
import type { RunningFeature } from '../feature.js';
import { AliasMoveResolver, AliasResolver, ModelAliasesResolver, VersionAliasesResolver } from './alias.resolver.js';
import { AliasService } from './alias.service.js';
import { artifactUpload } from './artifact-upload.js';
import type { ArtifactStore } from './artifact-store.js';
import { ArtifactResolver, VersionFileResolver } from './artifact.resolver.js';
import { ArtifactService } from './artifact.service.js';
import { FileArtifactStore } from './file-artifact-store.js';
import { ModelResolver } from './model.resolver.js';
import { ModelService } from './model.service.js';
import { AuditEntryProjectResolver, ProjectResolver } from './project.resolver.js';
import { ProjectService } from './project.service.js';
import { validateVersion } from './validation.js';
import { type ValidatorOptions, VersionValidator } from './version-validator.js';
import { VersionEventResolver, VersionResolver } from './version.resolver.js';
import { VersionService } from './version.service.js';

export interface RegistryOptions {
  readonly config: Pick<Config, 'home' | 'runtimes' | 'tfjsNodeCache' | 'python' | 'maxArtifactBytes' | 'validationTimeoutMs' | 'validationMemoryBytes'>;
  readonly dataSource: DataSource;
  readonly work: UnitOfWork;
  readonly log: Logger;
  /** Default: `validateVersion`. */
  readonly validate?: ValidatorOptions['validate'];
  readonly scanMs?: number;
}

export interface Registry extends RunningFeature {
  readonly dataSource: DataSource;
  readonly store: ArtifactStore;
  readonly catalog: RuntimeCatalog;
  /** Outside runtime plugins, as processes with another working directory find them. */
  readonly modules: readonly string[];
  readonly projects: ProjectService;
  readonly models: ModelService;
  readonly versions: VersionService;
  readonly artifacts: ArtifactService;
  /** To be started once events can be written, and stopped before the database is let go. */
  readonly validator: VersionValidator;
}

/** Every class of the feature with resolvers; `createRegistry` gives an instance of each. */
export const REGISTRY_RESOLVERS: readonly ResolverClass[] = [
  ProjectResolver,
  AuditEntryProjectResolver,
  ModelResolver,
  VersionResolver,
  VersionEventResolver,
  VersionFileResolver,
  ArtifactResolver,
  AliasResolver,
  AliasMoveResolver,
  ModelAliasesResolver,
  VersionAliasesResolver,
];

/** @throws PluginError for a configured runtime plugin that cannot be used */
export async function createRegistry({ config, dataSource, work, log, validate = validateVersion, scanMs }: RegistryOptions): Promise<Registry> {
  const catalog = await loadCatalog(config.runtimes);
  const modules = absoluteModules(config.runtimes);
  const store = await FileArtifactStore.at(join(config.home, 'artifacts'));
  const validator = new VersionValidator({
    work,
    store,
    validate,
    log,
    folder: join(config.home, 'validation'),
    outsideModules: modules,
    nativeCache: config.tfjsNodeCache,
    hosts: { python: config.python, cache: environmentsFolder(config.home) },
    timeoutMs: config.validationTimeoutMs,
    memoryBytes: config.validationMemoryBytes,
    ...(scanMs !== undefined && { scanMs }),
  });
  const projects = new ProjectService(work);
  const models = new ModelService(work, projects);
  const versions = new VersionService(work, models, store, catalog, () => validator.wake());
  const artifacts = new ArtifactService(work, store, config.maxArtifactBytes);
  const project = new ProjectResolver(dataSource, projects);
  const model = new ModelResolver(dataSource, models, projects, versions);
  const version = new VersionResolver(dataSource, versions, models);
  const artifact = new ArtifactResolver(artifacts, versions);
  const aliases = new AliasService(work, models);
  const alias = new AliasResolver(dataSource, aliases);
  return {
    dataSource,
    store,
    catalog,
    modules,
    projects,
    models,
    versions,
    artifacts,
    validator,
    resolvers: [
      project,
      new AuditEntryProjectResolver(dataSource),
      model,
      version,
      new VersionEventResolver(dataSource),
      artifact,
      new VersionFileResolver(artifacts),
      alias,
      new AliasMoveResolver(dataSource),
      new ModelAliasesResolver(aliases),
      new VersionAliasesResolver(aliases),
    ],
    nodes: [project.nodes, model.nodes, version.nodes, artifact.nodes, alias.nodes],
    routes: [artifactUpload({ artifacts, log })],
    beforeApi: () => projects.ensureDefault('system:start'),
    afterApi: () => validator.start(),
    tidy: (_fence, now) => store.prune(now),
    // What is VALIDATING stays so: the next start takes it up again.
    stop: () => validator.stop(),
  };
}
