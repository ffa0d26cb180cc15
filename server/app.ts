/** The only composition root: every part is made here, by plain constructors, and ended here in the opposite order. */
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import type { ApiServer } from './api/http-server.js';
import { databaseReadiness } from './api/readiness.js';
import { childEnvironment, type Config } from './config.js';
import { readConnectionLimit } from './database/connection-limit.js';
import { planConnections } from './database/connection-plan.js';
import { createDataSource, migrate } from './database/data-source.js';
import type { Database } from './database/database.js';
import type { Fence } from './database/leadership.js';
import { Listener, Notifier } from './database/notifications.js';
import { UnitOfWork } from './database/unit-of-work.js';
import type { DeadGateways } from './engines/dead-gateways.js';
import type { GatewaySupervisor } from './engines/gateway-supervisor.js';
import { LocalEngine } from './engines/local-engine.js';
import { stopEverythingUnder } from './engines/stop-everything.js';
import type { RunningFeature } from './feature.js';
import { ENTITIES, FEATURES, type Features } from './features.js';
import { Leader, quietly } from './leader.js';
import { otherServers } from './lifecycle/server-records.js';
import { VERSION } from './paths.js';
import { serverState } from './server-state.js';
import { deadGateways, startGateway } from './start-gateway.js';

export interface Endpoints {
  readonly control: string;
  readonly http: string;
  /** `host:port`, which is how gRPC clients want it. */
  readonly grpc: string;
}

export interface StopOptions {
  /** Cut off what is under way. */
  readonly force: boolean;
  /** No other server of this home lives: gateway, replicas and the embedded PostgreSQL end too. */
  readonly last: boolean;
}

export interface App {
  readonly endpoints: Endpoints;
  readonly dataSource: DataSource;
  readonly features: Features;
  stop(options: StopOptions): Promise<void>;
  /** Leaves gateway, replicas and PostgreSQL running, as a crash does. */
  abandon(): Promise<void>;
}

const DRAIN_MS = 15_000;
const FORCED_MS = 500;

export interface AppOptions {
  readonly config: Config;
  readonly log: Logger;
  /** On its way: it was begun before this module was loaded, since both take their time. */
  readonly database: Promise<Database>;
  /** Gives the start up, between two of its steps. */
  readonly signal?: AbortSignal;
}

/** Starts everything. What it started is ended again when it throws. */
export async function createApp(options: AppOptions): Promise<App> {
  const app = new PilothouseApp(options);
  try {
    await app.start();
    return app;
  } catch (error) {
    await app.undo();
    throw error;
  }
}

class PilothouseApp implements App {
  private database!: Database;
  dataSource!: DataSource;
  private notifier!: Notifier;
  private work!: UnitOfWork;
  private leader!: Leader;
  private listener!: Listener;
  private engine!: LocalEngine;
  private api!: ApiServer;
  private gateway!: GatewaySupervisor;
  private deadGateways!: DeadGateways;
  features!: Features;
  /** The same, in their order; none before they are made. */
  private running: readonly RunningFeature[] = [];

  constructor(private readonly options: AppOptions) {}

  get endpoints(): Endpoints {
    const { http, grpc } = this.gateway.endpoints;
    return { control: this.api.url, http: http!.url, grpc: grpc!.url.slice('http://'.length) };
  }

  async start(): Promise<void> {
    const { config, log, signal } = this.options;
    this.database = await this.options.database;
    signal?.throwIfAborted();
    const { url } = this.database;
    const servers = otherServers(config.home).length + 1;
    const plan = planConnections({ ...(await readConnectionLimit(url)), gateways: config.gateways, servers });
    this.dataSource = createDataSource(url, ENTITIES, plan.serverPool);
    await this.dataSource.initialize();
    await migrate(this.dataSource);
    signal?.throwIfAborted();
    this.notifier = new Notifier((sql, parameters) => this.dataSource.query(sql, parameters));
    this.work = new UnitOfWork(this.dataSource, this.notifier);
    this.leader = new Leader({ url, home: config.home, log });
    // A server that cannot become the leader here must not open a port.
    await this.leader.join();
    this.deadGateways = deadGateways(config, this.dataSource, this.notifier, log);
    await this.deadGateways.start();
    // The gateway takes as long to start as all the rest, and needs nothing of it: the features are loaded only once it is on its way.
    this.gateway = await startGateway(config, url, plan, log);
    signal?.throwIfAborted();
    await this.createFeatures();
    signal?.throwIfAborted();
    await this.leader.start(this.running);
    this.listener = this.createListener(url);
    await Promise.all([this.listener.start(), ...this.running.map((feature) => feature.beforeApi?.())]);
    signal?.throwIfAborted();
    await this.startApi();
    for (const feature of this.running) feature.afterApi?.();
  }

  async stop({ force, last }: StopOptions): Promise<void> {
    const { config, log } = this.options;
    const graceMs = force ? FORCED_MS : DRAIN_MS;
    await quietly(log, () => this.api.close());
    await this.stopFeatures();
    if (last) {
      // The gateway first: what it took on still needs its replicas.
      await quietly(log, () => this.gateway.stop({ graceMs }));
      const fence = await this.leader.wait();
      if (fence) await quietly(log, () => this.endReplicas(fence, graceMs));
      else await quietly(log, () => stopEverythingUnder(config.home, graceMs));
    }
    await this.letGo();
    await quietly(log, () => (last ? this.database.stop({ force }) : this.database.leave()));
  }

  async abandon(): Promise<void> {
    await this.letGo();
    await quietly(this.options.log, () => this.database.leave());
  }

  /** Ends what a start that failed had begun, and nothing that was there before it. */
  async undo(): Promise<void> {
    const { log } = this.options;
    const began = this.gateway && !this.gateway.adopted;
    if (this.api) await quietly(log, () => this.api.close());
    if (began) {
      await quietly(log, () => this.gateway.stop({ graceMs: FORCED_MS }));
      const fence = this.leader?.fence;
      if (fence) await quietly(log, () => this.endReplicas(fence, FORCED_MS));
    }
    await this.letGo();
    if (this.database) await quietly(log, () => this.database.undo());
  }

  private async createFeatures(): Promise<void> {
    const { config, log } = this.options;
    const epochScope = await databaseId(this.dataSource);
    this.features = await FEATURES.create({
      config,
      log,
      dataSource: this.dataSource,
      work: this.work,
      notifier: this.notifier,
      projectId: async (name) => (await this.features.registry.projects.byName(name))?.id,
      gatewayAddress: () => this.gateway.endpoints['http']!,
      openEngine: ({ store, modules }) => {
        const { home, tfjsNodeCache: nativeCache, python } = config;
        return (this.engine = new LocalEngine({ home, artifacts: store, runtimes: modules, nativeCache, python, environment: childEnvironment(), epochScope }));
      },
    });
    this.running = Object.values(this.features);
  }

  private async startApi(): Promise<void> {
    const { config, log } = this.options;
    const { startFeatureApi } = await import('./api/feature-api.js');
    this.api = await startFeatureApi({
      features: this.running,
      resolvers: await FEATURES.resolvers(),
      tokens: this.features.access.tokens,
      events: this.features.events.feed,
      ready: databaseReadiness(this.dataSource),
      log,
      host: config.host,
      port: config.port,
      corsOrigins: config.corsOrigins,
      allowedHosts: config.allowedHosts,
      state: serverState({ version: VERSION, epoch: () => this.leader.fence?.epoch }),
    });
  }

  private createListener(url: string): Listener {
    const wakes = new Map<string, (() => unknown)[]>();
    for (const [channel, wake] of this.running.flatMap((feature) => Object.entries(feature.wakes ?? {})))
      wakes.set(channel, [...(wakes.get(channel) ?? []), wake]);
    const onWake = (channel: string): void => wakes.get(channel)?.forEach((wake) => void wake());
    return new Listener([...wakes.keys()], { url, applicationName: 'pilothouse-server', onWake });
  }

  private async endReplicas(fence: Fence, graceMs: number): Promise<void> {
    await this.features.deployments.reconciler.pause();
    await this.engine.shutdown(graceMs, fence.epoch);
    await this.features.deployments.park(fence);
  }

  private async stopFeatures(): Promise<void> {
    for (const feature of this.running.toReversed()) await quietly(this.options.log, async () => feature.stop?.());
  }

  private async letGo(): Promise<void> {
    const { log } = this.options;
    await this.stopFeatures();
    this.gateway?.detach();
    await this.deadGateways?.stop();
    await this.leader?.close();
    await quietly(log, async () => this.listener?.close());
    this.engine?.detach();
    await quietly(log, async () => this.notifier?.close());
    if (this.dataSource?.isInitialized) await quietly(log, () => this.dataSource.destroy());
  }
}

async function databaseId(dataSource: DataSource): Promise<string> {
  const rows: { epoch: string }[] = await dataSource.query('SELECT epoch FROM event_feed WHERE id = 1');
  return rows[0]!.epoch;
}
