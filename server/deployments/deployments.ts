/** The feature as app.ts puts it together. */
import type { DataSource, ObjectLiteral } from 'typeorm';
import { In } from 'typeorm';
import type { Logger } from 'pino';
import type { ResolverClass } from '../api/create-schema.js';
import type { NodeSource } from '../api/node.resolver.js';
import type { UnitOfWork } from '../database/unit-of-work.js';
import type { ReplicaEngine } from '../engines/engine.js';
import type { ProjectService } from '../registry/project.service.js';
import type { VersionService } from '../registry/version.service.js';
import { DeploymentEventListResolver, DeploymentEventsResolver } from './deployment-events.resolver.js';
import {
  DeploymentFieldsResolver,
  ProjectDeploymentsResolver,
  ReplicaFieldsResolver,
  RevisionFieldsResolver,
  RolloutFieldsResolver,
  RouteTargetFieldsResolver,
  TargetFieldsResolver,
  VersionDeploymentsResolver,
} from './deployment-fields.resolver.js';
import { DeploymentStore } from './deployment-store.js';
import { DeploymentEntity, ReplicaEntity, RevisionEntity, RolloutEntity } from './deployment.entities.js';
import { toDeployment, toReplica, toRevision, toRollout } from './deployment.mappers.js';
import { DeploymentResolver } from './deployment.resolver.js';
import { DeploymentService } from './deployment.service.js';
import { InferenceResolver } from './inference.resolver.js';
import { LogsResolver } from './logs.resolver.js';
import { LogsService } from './logs.service.js';
import type { InferenceService } from './inference.service.js';
import { PassWriter } from './pass-writer.js';
import { Reconciler } from './reconciler.js';

export interface DeploymentsOptions {
  readonly dataSource: DataSource;
  readonly work: UnitOfWork;
  readonly engine: ReplicaEngine;
  readonly projects: ProjectService;
  readonly versions: VersionService;
  readonly inference: InferenceService;
  readonly log: Logger;
}

export interface Deployments {
  readonly service: DeploymentService;
  readonly reconciler: Reconciler;
  readonly resolvers: readonly object[];
  readonly nodes: readonly NodeSource[];
}

/** Every class of the feature with resolvers; `createDeployments` gives an instance of each. */
export const DEPLOYMENT_RESOLVERS: readonly ResolverClass[] = [
  DeploymentResolver,
  DeploymentEventsResolver,
  DeploymentEventListResolver,
  InferenceResolver,
  LogsResolver,
  DeploymentFieldsResolver,
  TargetFieldsResolver,
  RevisionFieldsResolver,
  RolloutFieldsResolver,
  ReplicaFieldsResolver,
  RouteTargetFieldsResolver,
  ProjectDeploymentsResolver,
  VersionDeploymentsResolver,
];

export function createDeployments({ dataSource, work, engine, projects, versions, inference, log }: DeploymentsOptions): Deployments {
  const reconciler = new Reconciler({ store: new DeploymentStore(dataSource), writer: new PassWriter(work), engine, versions, log });
  const service = new DeploymentService(work, projects, versions, (id) => reconciler.enqueue(id));
  return {
    service,
    reconciler,
    resolvers: [
      new DeploymentResolver(dataSource, service, projects, versions),
      new DeploymentEventsResolver(dataSource, service),
      new DeploymentEventListResolver(),
      new LogsResolver(new LogsService(work, service, engine)),
      new InferenceResolver(dataSource, service, inference),
      ...[
        DeploymentFieldsResolver,
        TargetFieldsResolver,
        RevisionFieldsResolver,
        RolloutFieldsResolver,
        ReplicaFieldsResolver,
        RouteTargetFieldsResolver,
        ProjectDeploymentsResolver,
        VersionDeploymentsResolver,
      ].map((Fields) => new Fields(dataSource)),
    ],
    nodes: [
      nodeSource(dataSource, 'Deployment', DeploymentEntity, toDeployment),
      nodeSource(dataSource, 'Revision', RevisionEntity, toRevision),
      nodeSource(dataSource, 'Rollout', RolloutEntity, toRollout),
      nodeSource(dataSource, 'Replica', ReplicaEntity, toReplica),
    ],
  };
}

function nodeSource<E extends ObjectLiteral & { id: string }>(dataSource: DataSource, type: string, entity: new () => E, map: (row: E) => object): NodeSource {
  return {
    type,
    load: async (ids) => {
      const rows = await dataSource.manager.findBy(entity, { id: In([...ids]) } as never);
      return ids.map((id) => rows.find((row) => row.id === id)).map((row) => row && map(row));
    },
  };
}
