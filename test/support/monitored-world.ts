/** Deployments with metric windows, as gateways would have written them, and a clock that the test moves. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { createAutoscaling, type Autoscaling } from '../../server/autoscaling/autoscaling.js';
import { NotLeaderError, type Fence } from '../../server/database/leadership.js';
import { Notifier } from '../../server/database/notifications.js';
import { UnitOfWork } from '../../server/database/unit-of-work.js';
import { DeploymentEntity } from '../../server/deployments/deployment.entities.js';
import { GatewayEntity, RouteEntity } from '../../server/routing/routing.entities.js';
import { createDeployments, type Deployments } from '../../server/deployments/deployments.js';
import { BATCH_SIZE_BUCKETS, batchSizeBucketOf, BUCKETS, bucketOf } from '../../server/metering/histogram.js';
import { createMonitoring, type Monitoring } from '../../server/monitoring/monitoring.js';
import { MetricWindowEntity } from '../../server/metering/metric-window.entities.js';
import { ModelEntity, ProjectEntity, VersionEntity } from '../../server/registry/registry.entities.js';
import { createRegistry, type Registry } from '../../server/registry/registry.js';
import { createTestDatabase, type TestDatabase } from './database.js';

export const ACTOR = 'token:test';
/** A fence of a server that leads. */
export const leads: Fence = { epoch: 1, check: async () => undefined };
/** A fence of a server that does not lead any more. */
export const lost: Fence = {
  epoch: 1,
  check: async () => {
    throw new NotLeaderError('epoch 1 is over; epoch 2 began');
  },
};

export interface WindowValues {
  readonly requests?: number;
  readonly errors?: Readonly<Record<string, number>>;
  /** Every request took so long. */
  readonly latencyMs?: number;
  /** Mean requests in flight. */
  readonly inFlight?: number;
  readonly inFlightMax?: number;
  readonly queue?: number;
  readonly queueMax?: number;
  readonly windowMs?: number;
  /** Of every request that did not fail. */
  readonly queueTimeMs?: number;
  readonly computeTimeMs?: number;
  /** Rows of each batch that was executed. */
  readonly batches?: readonly number[];
  readonly requestBytes?: number;
  readonly responseBytes?: number;
}

export interface TestDeployment {
  readonly id: string;
  readonly versionIds: readonly string[];
}

export class MonitoredWorld {
  /** On a whole slot of 5 s, and a little. */
  now = new Date(Date.parse('2030-01-01T12:00:03.000Z'));
  gatewayId!: string;

  private constructor(
    readonly database: TestDatabase,
    readonly work: UnitOfWork,
    readonly registry: Registry,
    readonly deployments: Deployments,
    readonly monitoring: Monitoring,
    readonly autoscaling: Autoscaling,
    readonly projectId: string,
    private readonly modelId: string,
    private readonly close: () => Promise<void>,
  ) {}

  /** @param given a database, and what its API wakes; else the world has its own */
  static async create(given?: { database: TestDatabase; notifier: Notifier }): Promise<MonitoredWorld> {
    const database = given?.database ?? (await createTestDatabase());
    const { dataSource } = database;
    const notifier = given?.notifier ?? new Notifier((sql, parameters) => dataSource.query(sql, parameters));
    const log = pino({ level: 'silent' });
    const home = await mkdtemp(join(tmpdir(), 'pilothouse-monitored-'));
    const clock = (): Date => world.now;
    const work = new UnitOfWork(dataSource, notifier, clock);
    const config = {
      home,
      runtimes: [],
      tfjsNodeCache: undefined,
      python: 'python3',
      maxArtifactBytes: 1_000_000,
      validationTimeoutMs: 1_000,
      validationMemoryBytes: 1_000_000,
    };
    const registry = await createRegistry({ config, dataSource, work, log });
    // Nothing here reconciles or infers: replicas and gateways are rows.
    const nowhere = { access: { adminTokenPath: '' }, gatewayAddress: () => ({ host: '127.0.0.1', port: 1 }), openEngine: () => undefined as never };
    const deployments = createDeployments({ dataSource, work, log, registry, ...nowhere });
    const monitoring = createMonitoring({ dataSource, work, registry, deployments, log, clock });
    const autoscaling = createAutoscaling({ dataSource, work, deployments, log });
    const [projectId, modelId] = [randomUUID(), randomUUID()];
    const world: MonitoredWorld = new MonitoredWorld(database, work, registry, deployments, monitoring, autoscaling, projectId, modelId, async () => {
      await notifier.close();
      if (!given) await database.drop();
      await rm(home, { recursive: true, force: true });
    });
    const made = { createdBy: ACTOR, createdAt: world.now };
    await dataSource.manager.insert(ProjectEntity, { id: projectId, name: 'default', ...made });
    await dataSource.manager.insert(ModelEntity, { id: modelId, projectId, name: 'model', ...made });
    world.gatewayId = await world.addGateway();
    return world;
  }

  drop(): Promise<void> {
    return this.close();
  }

  /** Lets time pass; gateways stay alive. */
  async pass(ms: number): Promise<void> {
    this.now = new Date(this.now.getTime() + ms);
    await this.database.dataSource.manager.createQueryBuilder().update(GatewayEntity).set({ heartbeatAt: this.now }).execute();
  }

  async addGateway(): Promise<string> {
    const id = randomUUID();
    await this.database.dataSource.manager.insert(GatewayEntity, {
      id,
      pid: 1,
      host: 'test',
      startedAt: new Date(this.now.getTime() - 3_600_000),
      heartbeatAt: this.now,
    });
    return id;
  }

  async addVersion(): Promise<string> {
    const id = randomUUID();
    const rows: { number: number }[] = await this.database.dataSource.query('SELECT count(*)::int + 1 AS number FROM version');
    await this.database.dataSource.manager.insert(VersionEntity, {
      id,
      modelId: this.modelId,
      number: rows[0]!.number,
      format: 'onnx',
      runtime: 'onnx',
      digest: id,
      lineage: {},
      state: 'READY',
      createdBy: ACTOR,
      createdAt: this.now,
    } as never);
    return id;
  }

  async addDeployment(name: string, { replicas = 1, targets = 1 } = {}): Promise<TestDeployment> {
    const versionIds: string[] = [];
    for (let i = 0; i < targets; i++) versionIds.push(await this.addVersion());
    const spec = { targets: versionIds.map((versionId) => ({ versionId, weight: 100, shadowPercent: 0 })), replicas };
    const deployment = await this.deployments.service.deploy(ACTOR, { project: 'default', name, spec, reason: '', input: {} });
    return { id: deployment.id, versionIds };
  }

  /** The route to the deployment's versions, as the reconciler would have written it. */
  async addRoute({ id, versionIds }: TestDeployment): Promise<void> {
    const targets = versionIds.map((versionId) => ({ versionId, weight: 100, shadowPercent: 0, replicas: [] }));
    await this.database.dataSource.manager.insert(RouteEntity, {
      deploymentId: id,
      version: 1,
      document: { deploymentId: id, generation: 1, targets } as never,
      updatedAt: this.now,
    });
  }

  /** As `deleteDeployment` and then the reconciler would leave it. */
  async deleteDeployment(id: string): Promise<void> {
    await this.deployments.service.delete(ACTOR, { ref: { id }, reason: '' });
  }

  deployment(id: string): Promise<DeploymentEntity> {
    return this.database.dataSource.manager.findOneByOrFail(DeploymentEntity, { id });
  }

  /** One window of 5 s each, the last of which ends `endsAgoMs` ago, on whole slots; null leaves one out. */
  async addWindows(
    { id, versionIds }: TestDeployment,
    values: readonly (WindowValues | null)[],
    { gatewayId = this.gatewayId, versionId = versionIds[0]!, endsAgoMs = 3_000 } = {},
  ): Promise<void> {
    const end = this.now.getTime() - endsAgoMs;
    const rows = values.flatMap((value, i) =>
      value === null ? [] : [{ deploymentId: id, versionId, gatewayId, ...toRow(value, end - (values.length - i) * 5_000) }],
    );
    await this.database.dataSource.manager.upsert(MetricWindowEntity, rows as never[], ['gatewayId', 'windowStart', 'deploymentId', 'versionId']);
  }

  async count(table: string): Promise<number> {
    const rows: { n: string }[] = await this.database.dataSource.query(`SELECT count(*) AS n FROM ${table}`);
    return Number(rows[0]!.n);
  }

  /** How many rows there are of everything that a change may write. */
  async footprint(): Promise<Record<string, unknown>> {
    const counts: Record<string, unknown> = {};
    for (const table of ['monitor', 'monitor_run', 'alert_rule', 'alert', 'scaling_policy', 'scaling_decision', 'event', 'audit_entry', 'idempotency_record'])
      counts[table] = await this.count(table);
    const rows: unknown[] = await this.database.dataSource.query('SELECT id, generation, scaled_replicas, updated_at FROM deployment ORDER BY id');
    return { ...counts, deployments: rows };
  }
}

function toRow(
  {
    requests = 0,
    errors = {},
    latencyMs = 10,
    inFlight = 0,
    inFlightMax = Math.ceil(inFlight),
    queue = 0,
    queueMax = Math.ceil(queue),
    windowMs = 5_000,
    queueTimeMs = 0,
    computeTimeMs = 0,
    batches = [],
    requestBytes = 0,
    responseBytes = 0,
  }: WindowValues,
  startMs: number,
): object {
  const answered = requests - Object.values(errors).reduce((sum, count) => sum + count, 0);
  const batchSizes = new Array<number>(BATCH_SIZE_BUCKETS).fill(0);
  for (const rows of batches) batchSizes[batchSizeBucketOf(rows)]!++;
  return {
    windowStart: new Date(startMs),
    windowMs,
    requests,
    errors,
    latency: histogram(latencyMs, requests),
    queueTime: histogram(queueTimeMs, answered),
    computeTime: histogram(computeTimeMs, answered),
    executions: batches.length,
    rows: batches.reduce((sum, rows) => sum + rows, 0),
    batchSizes,
    requestBytes,
    responseBytes,
    inFlightMs: inFlight * windowMs,
    inFlightMax,
    queueMs: queue * windowMs,
    queueMax,
  };
}

function histogram(ms: number, count: number): number[] {
  const counts = new Array<number>(BUCKETS).fill(0);
  counts[bucketOf(ms)] = count;
  return counts;
}
