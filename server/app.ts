/** The only composition root: every part is made here, by plain constructors, and ended here in the opposite order. */
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import { currentToken } from './access/admin-token.js';
import { TokenService } from './access/token.service.js';
import type { ApiServer } from './api/http-server.js';
import { databaseReadiness } from './api/readiness.js';
import type { Autoscaling } from './autoscaling/autoscaling.js';
import { childEnvironment, type Config } from './config.js';
import type { Configuration } from './configuration/configuration.js';
import { readConnectionLimit } from './database/connection-limit.js';
import { planConnections, type ConnectionPlan } from './database/connection-plan.js';
import { createDataSource, migrate } from './database/data-source.js';
import type { Database } from './database/database.js';
import { Leadership, type Fence } from './database/leadership.js';
import { Listener, Notifier } from './database/notifications.js';
import { UnitOfWork } from './database/unit-of-work.js';
import type { Deployments } from './deployments/deployments.js';
import { InferenceService } from './deployments/inference.service.js';
import { park } from './deployments/park.js';
import { DeadGateways } from './engines/dead-gateways.js';
import { GatewaySupervisor } from './engines/gateway-supervisor.js';
import { hostIdentity } from './engines/host-identity.js';
import { LocalEngine } from './engines/local-engine.js';
import { stopEverythingUnder } from './engines/stop-everything.js';
import { EventFeed } from './events/event-feed.js';
import { Sequencer } from './events/sequencer.js';
import { buildId, gatewayEnvironment } from './gateway-environment.js';
import { NOTIFICATION } from './database/notification-names.js';
import { Housekeeping } from './housekeeping.js';
import { otherServers } from './lifecycle/server-records.js';
import type { Monitoring } from './monitoring/monitoring.js';
import { VERSION } from './paths.js';
import type { Registry } from './registry/registry.js';

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
  /** Path of the file that holds the operator's token. */
  readonly adminTokenPath: string;
  readonly dataSource: DataSource;
  readonly registry: Registry;
  readonly deployments: Deployments;
  readonly inference: InferenceService;
  readonly events: EventFeed;
  stop(options: StopOptions): Promise<void>;
  /** Leaves gateway, replicas and PostgreSQL running, as a crash does. */
  abandon(): Promise<void>;
}

const DRAIN_MS = 15_000;
/** Models that were served are served again before the API opens, where that takes no longer: native TensorFlow loads for 2 s on a slow machine. */
const ROUTES_FIRST_MS = 3_000;
const FORCED_MS = 500;
/** A server that was not the leader becomes it within this time when it is the last. */
const LEAD_MS = 2_000;

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
  private leadership!: Leadership;
  private listener!: Listener;
  private engine!: LocalEngine;
  private api!: ApiServer;
  private gateway!: GatewaySupervisor;
  private deadGateways!: DeadGateways;
  private sequencer!: Sequencer;
  private housekeeping!: Housekeeping;
  private tokens!: TokenService;
  private monitoring!: Monitoring;
  private autoscaling!: Autoscaling;
  private configuration!: Configuration;
  private explanation!: { readonly resolvers: readonly object[] };
  registry!: Registry;
  deployments!: Deployments;
  inference!: InferenceService;
  events!: EventFeed;
  adminTokenPath!: string;
  private fence: Fence | undefined;
  private readonly led: (() => void)[] = [];

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
    const servers = otherServers(this.options.config.home).length + 1;
    const plan = planConnections({ ...(await readConnectionLimit(url)), gateways: this.options.config.gateways, servers });
    this.dataSource = createDataSource(url, plan.serverPool);
    await this.dataSource.initialize();
    await migrate(this.dataSource);
    signal?.throwIfAborted();
    this.notifier = new Notifier((sql, parameters) => this.dataSource.query(sql, parameters));
    const work = new UnitOfWork(this.dataSource, this.notifier);
    this.sequencer = new Sequencer(this.dataSource, this.notifier, log);
    this.housekeeping = new Housekeeping(this.dataSource, log);
    this.leadership = this.createLeadership(url);
    // Whoever may not lead here must not open a port either.
    await this.leadership.join();
    this.deadGateways = this.createDeadGateways();
    await this.deadGateways.start();
    // The gateway takes as long to start as all the rest, and needs nothing of it: the rest is loaded only once it is on its way.
    await this.startGateway(url, plan);
    signal?.throwIfAborted();
    const { createRegistry, createDeployments, createMonitoring, createAutoscaling, createConfiguration, createExplanation, expectFreePrefix } =
      await import('./features.js');
    this.tokens = new TokenService(work);
    this.adminTokenPath = await this.tokens.ensureAdminToken(config.home);
    this.events = new EventFeed(this.dataSource);
    this.registry = await createRegistry({ config, dataSource: this.dataSource, work, log, checkProjectName: expectFreePrefix });
    await this.registry.projects.ensureDefault('system:start');
    const epochScope = await databaseId(this.dataSource);
    this.engine = new LocalEngine({
      home: config.home,
      artifacts: this.registry.store,
      runtimes: this.registry.modules,
      nativeCache: config.tfjsNodeCache,
      environment: childEnvironment(),
      epochScope,
    });
    this.inference = new InferenceService(() => this.gateway.endpoints['http']!, currentToken(this.adminTokenPath));
    this.deployments = createDeployments({ ...this.registry, work, engine: this.engine, inference: this.inference, log });
    this.monitoring = createMonitoring({ dataSource: this.dataSource, work, deployments: this.deployments.service, log });
    this.autoscaling = createAutoscaling({ dataSource: this.dataSource, work, deployments: this.deployments.service, log });
    this.explanation = createExplanation({ work, deployments: this.deployments });
    this.configuration = createConfiguration({
      work,
      registry: this.registry,
      deployments: this.deployments,
      monitoring: this.monitoring,
      autoscaling: this.autoscaling,
    });
    signal?.throwIfAborted();
    await this.leadership.start();
    this.listener = this.createListener(url);
    await Promise.all([this.listener.start(), this.deployments.reconciler.firstPass()]);
    // Making the schema holds this thread for long, and replicas that are READY meanwhile would wait for their route.
    await this.deployments.reconciler.settled(ROUTES_FIRST_MS);
    signal?.throwIfAborted();
    await Promise.all([this.startApi(), this.events.start()]);
    this.registry.validator.start();
  }

  async stop({ force, last }: StopOptions): Promise<void> {
    const { config, log } = this.options;
    const graceMs = force ? FORCED_MS : DRAIN_MS;
    await quietly(log, () => this.api.close());
    // What is VALIDATING stays so: the next start takes it up again.
    await quietly(log, () => this.registry.validator.stop());
    if (last) {
      // The gateway first: what it took on still needs its replicas.
      await quietly(log, () => this.gateway.stop({ graceMs }));
      const fence = await this.becomeLeader();
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
      const { fence } = this;
      if (fence) await quietly(log, () => this.endReplicas(fence, FORCED_MS));
    }
    await this.letGo();
    if (this.database) await quietly(log, () => this.database.undo());
  }

  private async startGateway(url: string, { gatewayPool }: ConnectionPlan): Promise<void> {
    const { config, log } = this.options;
    this.gateway = await GatewaySupervisor.start({
      home: config.home,
      sockets: [
        { name: 'http', host: config.host, port: config.httpPort, variable: 'PILOTHOUSE_HTTP_PORT' },
        { name: 'grpc', host: config.host, port: config.grpcPort, variable: 'PILOTHOUSE_GRPC_PORT' },
      ],
      workers: config.gateways,
      environment: gatewayEnvironment(config, url, gatewayPool),
      serverEnvironment: childEnvironment(),
      build: buildId(),
      log: (message) => log.warn(message),
    });
  }

  private createDeadGateways(): DeadGateways {
    const { config, log } = this.options;
    return new DeadGateways({
      home: config.home,
      remove: async (ids) => {
        const [rows] = (await this.dataSource.query('DELETE FROM gateway WHERE id = ANY($1) RETURNING id', [ids])) as [{ id: string }[], number];
        if (rows.length > 0) this.notifier.wake(NOTIFICATION.GATEWAYS);
        return rows.map(({ id }) => id);
      },
      log: (message) => log.warn(message),
    });
  }

  private async startApi(): Promise<void> {
    const { config, log } = this.options;
    const { AuditResolver, AuditService, EventResolver, NodeResolver, ResolverInstances, RESOLVERS, TokenResolver, createSchema, serverState } =
      await import('./features.js');
    const nodes = [this.registry, this.deployments, this.monitoring, this.autoscaling].flatMap((feature) => feature.nodes);
    const tokens = new TokenResolver(this.tokens);
    const instances = new ResolverInstances([
      new AuditResolver(new AuditService(this.dataSource)),
      tokens,
      new EventResolver(this.events, async (name) => (await this.registry.projects.byName(name))?.id),
      new NodeResolver([tokens.nodes, ...nodes]),
      ...[this.registry, this.deployments, this.monitoring, this.autoscaling, this.configuration, this.explanation].flatMap((feature) => feature.resolvers),
    ]);
    instances.expectAll(RESOLVERS);
    const { startApi } = await import('./api/http-server.js');
    this.api = await startApi({
      schema: createSchema(RESOLVERS, instances),
      instances,
      tokens: this.tokens,
      events: this.events,
      ready: databaseReadiness(this.dataSource),
      log,
      host: config.host,
      port: config.port,
      corsOrigins: config.corsOrigins,
      allowedHosts: config.allowedHosts,
      routes: this.registry.routes,
      state: serverState({ dataSource: this.dataSource, events: this.events, version: VERSION, epoch: () => this.fence?.epoch }),
    });
  }

  private createLeadership(url: string): Leadership {
    const { config, log } = this.options;
    return new Leadership({
      url,
      ...hostIdentity(config.home),
      holder: `${hostname()}:${process.pid}`,
      onError: (error) => log.warn({ err: error }, 'the lead was lost or could not be had'),
      lead: (fence, signal) => {
        log.info({ epoch: fence.epoch }, 'this server leads');
        this.fence = fence;
        signal.addEventListener('abort', () => (this.fence = undefined));
        this.sequencer.lead(fence, signal);
        this.deployments.reconciler.lead(fence, signal);
        // Replicas that have to start are on their way before the rest of a leader's work begins.
        void this.deployments.reconciler.firstPass().then(() => {
          if (signal.aborted) return;
          this.monitoring.scheduler.lead(fence, signal);
          this.autoscaling.autoscaler.lead(fence, signal);
          this.housekeeping.lead(fence, signal);
        });
        for (const tell of this.led.splice(0)) tell();
      },
    });
  }

  private createListener(url: string): Listener {
    const wakes: Readonly<Record<string, () => unknown>> = {
      [NOTIFICATION.EVENTS]: () => this.events.wake().catch((error: unknown) => this.options.log.warn({ err: error }, 'the feed could not be read')),
      [NOTIFICATION.UNSEQUENCED]: () => this.sequencer.wake(),
      [NOTIFICATION.ROUTES]: () => this.tokens.invalidate(),
      [NOTIFICATION.GATEWAYS]: () => this.deployments.reconciler.gatewaysChanged(),
      [NOTIFICATION.RECONCILE]: () => this.deployments.reconciler.deploymentsChanged(),
    };
    return new Listener(Object.keys(wakes), { url, applicationName: 'pilothouse-server', onWake: (channel) => void wakes[channel]!() });
  }

  private async becomeLeader(): Promise<Fence | undefined> {
    if (this.fence) return this.fence;
    await Promise.race([new Promise<void>((resolve) => this.led.push(resolve)), new Promise((resolve) => setTimeout(resolve, LEAD_MS).unref())]);
    return this.fence;
  }

  private async endReplicas(fence: Fence, graceMs: number): Promise<void> {
    await this.deployments.reconciler.pause();
    await this.engine.shutdown(graceMs, fence.epoch);
    await park(new UnitOfWork(this.dataSource, this.notifier), fence);
  }

  private async letGo(): Promise<void> {
    const { log } = this.options;
    await quietly(log, async () => this.registry?.validator.stop());
    this.gateway?.detach();
    await this.deadGateways?.stop();
    this.inference?.close();
    await quietly(log, async () => this.leadership?.close());
    await this.sequencer?.idle();
    await this.housekeeping?.idle();
    await quietly(log, async () => this.deployments?.reconciler.pause());
    await quietly(log, async () => this.monitoring?.scheduler.idle());
    await quietly(log, async () => this.autoscaling?.autoscaler.idle());
    await quietly(log, async () => this.listener?.close());
    this.engine?.detach();
    await quietly(log, async () => this.notifier?.close());
    if (this.dataSource?.isInitialized) await quietly(log, () => this.dataSource.destroy());
  }
}

/** The end goes on whatever one part of it says. */
async function quietly(log: Logger, work: () => Promise<unknown>): Promise<void> {
  await work().catch((error: unknown) => log.warn({ err: error }, 'a part did not end as it should'));
}

async function databaseId(dataSource: DataSource): Promise<string> {
  const rows: { epoch: string }[] = await dataSource.query('SELECT epoch FROM event_feed WHERE id = 1');
  return rows[0]!.epoch;
}
