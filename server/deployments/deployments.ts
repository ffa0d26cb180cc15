/** The feature as features.ts lists it. */
import type { DataSource, ObjectLiteral } from 'typeorm';
import { In } from 'typeorm';
import type { Logger } from 'pino';
import { currentToken } from '../access/admin-token.js';
import type { Access } from '../access/access.js';
import type { ResolverClass } from '../api/create-schema.js';
import type { NodeSource } from '../api/node.resolver.js';
import { NOTIFICATION } from '../database/notification-names.js';
import type { Fence } from '../database/leadership.js';
import type { UnitOfWork } from '../database/unit-of-work.js';
import type { ReplicaEngine } from '../engines/engine.js';
import type { RunningFeature } from '../feature.js';
import type { Registry } from '../registry/registry.js';
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
import { deploymentGauges } from './deployment-gauges.js';
import { pruneDeployments } from './deployment-retention.js';
import { DeploymentStore } from './deployment-store.js';
import { DeploymentEntity, ReplicaEntity, RevisionEntity, RolloutEntity } from './deployment.entities.js';
import { toDeployment, toReplica, toRevision, toRollout } from './deployment.mappers.js';
import { DeploymentResolver } from './deployment.resolver.js';
import { DeploymentService } from './deployment.service.js';
import { expectFreePrefix } from './endpoint-names.js';
import { InferenceResolver } from './inference.resolver.js';
import { LogsResolver } from './logs.resolver.js';
import { LogsService } from './logs.service.js';
import { InferenceService } from './inference.service.js';
import { park } from './park.js';
import { PassWriter } from './pass-writer.js';
import { Reconciler } from './reconciler.js';

export interface DeploymentsOptions {
  readonly dataSource: DataSource;
  readonly work: UnitOfWork;
  readonly log: Logger;
  readonly registry: Pick<Registry, 'projects' | 'versions' | 'store' | 'modules'>;
  readonly access: Pick<Access, 'adminTokenPath'>;
  readonly openEngine: (registry: Pick<Registry, 'store' | 'modules'>) => ReplicaEngine;
  readonly gatewayAddress: () => { readonly host: string; readonly port: number };
}

export interface Deployments extends RunningFeature {
  readonly service: DeploymentService;
  readonly reconciler: Reconciler;
  readonly inference: InferenceService;
  /** Call it once every replica has ended on purpose. */
  park(fence: Fence): Promise<void>;
}

/** Models that were served are served again before the API opens, where that takes no longer: native TensorFlow loads for 2 s on a slow machine. */
const ROUTES_FIRST_MS = 3_000;

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

export function createDeployments({ dataSource, work, log, registry, access, openEngine, gatewayAddress }: DeploymentsOptions): Deployments {
  const { projects, versions } = registry;
  projects.addNameCheck(expectFreePrefix);
  const engine = openEngine(registry);
  const inference = new InferenceService(gatewayAddress, currentToken(access.adminTokenPath));
  const reconciler = new Reconciler({ store: new DeploymentStore(dataSource), writer: new PassWriter(work), engine, versions, log });
  const service = new DeploymentService(work, projects, versions, (id) => reconciler.enqueue(id));
  return {
    service,
    reconciler,
    inference,
    park: (fence) => park(work, fence),
    gauges: deploymentGauges(dataSource),
    wakes: {
      [NOTIFICATION.GATEWAYS]: () => reconciler.gatewaysChanged(),
      [NOTIFICATION.RECONCILE]: () => reconciler.deploymentsChanged(),
    },
    beforeApi: async () => {
      await reconciler.firstPass();
      // Making the schema holds this thread for long, and replicas that are READY meanwhile would wait for their route.
      await reconciler.settled(ROUTES_FIRST_MS);
    },
    lead: (fence, signal) => {
      reconciler.lead(fence, signal);
      // Replicas that have to start are on their way before the rest of a leader's work begins.
      return reconciler.firstPass();
    },
    tidy: (fence, now) => pruneDeployments(dataSource, fence, now),
    stop: async () => inference.close(),
    idle: () => reconciler.pause(),
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
