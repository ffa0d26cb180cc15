/**
 * The list of features, in their order: each may know those before it. Nothing of a feature but its entities is loaded with this
 * file: the rest is most of the program, and app.ts loads it while the gateway starts on another core.
 */
import type { DataSource } from 'typeorm';
import type { Logger } from 'pino';
import { access } from './access/feature.js';
import { autoscaling } from './autoscaling/feature.js';
import type { Config } from './config.js';
import { configuration } from './configuration/feature.js';
import type { EntityClass } from './database/data-source.js';
import { LeadershipEntity } from './database/leadership.entities.js';
import type { Notifier } from './database/notifications.js';
import type { UnitOfWork } from './database/unit-of-work.js';
import { deployments } from './deployments/feature.js';
import type { ReplicaEngine } from './engines/engine.js';
import { events } from './events/feature.js';
import { explanation } from './explanation/feature.js';
import { FeatureList } from './feature.js';
import { MetricWindowEntity } from './metering/metric-window.entities.js';
import { monitoring } from './monitoring/feature.js';
import type { ArtifactStore } from './registry/artifact-store.js';
import { registry } from './registry/feature.js';
import { GatewayEntity, RouteEntity, RouteTableEntity } from './routing/routing.entities.js';

/** What the app gives to every feature. */
export interface Core {
  readonly config: Config;
  readonly dataSource: DataSource;
  readonly work: UnitOfWork;
  readonly notifier: Notifier;
  readonly log: Logger;
  /** A project's row id by its name. Events and audit entries are asked for by project, which only a later feature knows. */
  readonly projectId: (name: string) => Promise<string | undefined>;
  /** Where the gateway takes HTTP requests. */
  readonly gatewayAddress: () => { readonly host: string; readonly port: number };
  /** The engine that runs replicas, over the artifacts and the outside runtime plugins of the registry. */
  readonly openEngine: (registry: { readonly store: ArtifactStore; readonly modules: readonly string[] }) => ReplicaEngine;
}

export const FEATURES = FeatureList.over<Core>()
  .add('events', events)
  .add('access', access)
  .add('registry', registry)
  .add('deployments', deployments)
  .add('monitoring', monitoring)
  .add('autoscaling', autoscaling)
  .add('explanation', explanation)
  .add('configuration', configuration);

export type Features = Awaited<ReturnType<typeof FEATURES.create>>;

/** Everything that is stored: what the features store, and what lies below them. */
export const ENTITIES: readonly EntityClass[] = [LeadershipEntity, RouteEntity, RouteTableEntity, GatewayEntity, MetricWindowEntity, ...FEATURES.entities];
