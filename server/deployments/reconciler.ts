/**
 * Carries deployments from what is to what is wanted. Level-triggered: it is told only which deployment to look at, reads
 * everything anew, takes the next step, and may be told twice. Runs in the leader alone.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { NotLeaderError, type Fence } from '../database/leadership.js';
import { StaleEpochError, type ObservedReplica, type ReplicaEngine, type ReplicaSpec } from '../engines/engine.js';
import { FailedLookError } from '../engines/look.js';
import { LeaderLoop } from '../leader-loop.js';
import type { VersionEntity } from '../registry/registry.entities.js';
import { ClockWatch } from './clock-watch.js';
import type { DeploymentStore, Snapshot } from './deployment-store.js';
import { decide, type Pass } from './pass.js';
import { StaleSnapshotError, type PassWriter } from './pass-writer.js';
import { replicaSpec } from './replica-spec.js';
import { isFinal } from './replica-states.js';
import { WorkQueue } from './work-queue.js';

/** What the reconciler asks of the registry. */
export interface VersionReader {
  byIds(ids: readonly string[]): Promise<VersionEntity[]>;
  files(versionId: string): Promise<{ path: string; digest: string }[]>;
}

export interface ReconcilerDependencies {
  readonly store: DeploymentStore;
  readonly writer: PassWriter;
  readonly engine: ReplicaEngine;
  readonly versions: VersionReader;
  readonly log: Logger;
}

/** Bytes of a failed replica's log that its row keeps. */
const LOG_TAIL_BYTES = 4_096;
/** A replica that drains gets the longest that a request sent to it may take, and a little. */
const DRAIN_MARGIN_MS = 5_000;
const CONCURRENCY = 4;
const RESYNC_MS = 10_000;
const FIRST_PASS_MS = 2_000;
const SETTLED_POLL_MS = 5;
/** After a jump of the clock every living gateway has written its heartbeat again within this time. */
const HEARTBEATS_MS = 2_000;

export class Reconciler {
  private queue: WorkQueue | undefined;
  private end: () => Promise<void> = () => Promise.resolve();
  private readonly resyncs: LeaderLoop;
  /** Deployments that wait for gateways or replicas: looked at again whenever those say something. */
  private readonly unsettled = new Set<string>();
  private readonly stopping = new Map<string, Promise<void>>();
  /** Copying a version's files may take minutes: no pass waits for it. */
  private readonly starting = new Map<string, Promise<void>>();
  /** Why the engine refused to start a replica: seen by the next pass as the replica's end. */
  private readonly refusals = new Map<string, string>();
  private readonly clock = new ClockWatch();
  /** No leader worked on a rollout before this moment: there was none, or the machine slept. */
  private workedSince = new Date();
  /** When the machine's clock jumped last, by the monotonic one. */
  private jumpedAt = -Infinity;

  constructor(private readonly parts: ReconcilerDependencies) {
    // By milliseconds: node-cron's first schedule holds this thread for 50 ms, when a start has replicas to launch.
    const run = (fence: Fence): Promise<void> => this.resync(fence);
    this.resyncs = new LeaderLoop({ name: 'resync', every: RESYNC_MS, run, failure: 'the periodic resync failed', log: parts.log });
  }

  /** Reconciles until `signal` aborts. @throws StaleEpochError */
  lead(fence: Fence, signal: AbortSignal): void {
    const { engine, log } = this.parts;
    // Before anything is read: the leader before may wake up at any time, with a command that it had decided on.
    engine.begin(fence.epoch);
    const queue = new WorkQueue({
      concurrency: CONCURRENCY,
      work: (id) => this.reconcile(id, fence),
      onError: (id, error) => {
        if (error instanceof NotLeaderError || error instanceof StaleEpochError) return false;
        if (!(error instanceof StaleSnapshotError)) log.error({ err: error, deploymentId: id }, 'a reconcile pass failed and will be tried again');
        return true;
      },
    });
    this.queue = queue;
    this.workedSince = this.look().now;
    const unsubscribe = engine.onChange((replicaId) => void this.replicaChanged(replicaId));
    this.end = async () => {
      unsubscribe();
      this.resyncs.stop();
      if (this.queue === queue) this.queue = undefined;
      await Promise.all([this.resyncs.idle(), queue.close()]);
      await Promise.all([...this.stopping.values(), ...this.starting.values()]);
    };
    signal.addEventListener('abort', () => void this.pause());
    this.resyncs.lead(fence, signal);
  }

  /** Look at this deployment soon. Does nothing where another server leads. */
  enqueue(deploymentId: string): void {
    this.queue?.add(deploymentId);
  }

  /** A gateway acknowledged a table or ran empty. */
  gatewaysChanged(): void {
    for (const id of this.unsettled) this.queue?.add(id);
  }

  /** Some deployment, we are not told which, has work to do. */
  async deploymentsChanged(): Promise<void> {
    await this.enqueueAll(true);
  }

  /** Waits, not for long, until each deployment was looked at once: what has to start is on its way then. */
  async firstPass(): Promise<void> {
    const patience = new Promise<void>((resolve) => setTimeout(resolve, FIRST_PASS_MS).unref());
    await Promise.race([this.resyncs.idle().then(() => this.queue?.idle()), patience]);
  }

  /** Waits, at most this long, until nothing is left to do. */
  async settled(patienceMs: number): Promise<void> {
    for (const end = performance.now() + patienceMs; this.unsettled.size > 0 && performance.now() < end;) await sleep(SETTLED_POLL_MS);
  }

  /** Ends reconciling, and waits for what is under way. */
  async pause(): Promise<void> {
    await this.end();
  }

  /** Repairs what a crash left between a commit and its wake-up, and ends replicas that no row wants. */
  private async resync(fence: Fence): Promise<void> {
    const { engine, store } = this.parts;
    await this.enqueueAll(false);
    const observed = await engine.observe();
    const active = await store.activeReplicas(observed.map((o) => o.replicaId));
    for (const { replicaId } of observed) if (!active.has(replicaId)) this.stop(replicaId, 0, fence, undefined);
  }

  private async enqueueAll(unsettledOnly: boolean): Promise<void> {
    try {
      for (const id of await this.parts.store.ids(unsettledOnly)) this.queue?.add(id);
    } catch (error) {
      this.parts.log.warn({ err: error }, 'the deployments could not be listed');
    }
  }

  private async replicaChanged(replicaId: string): Promise<void> {
    try {
      const deploymentId = await this.parts.store.deploymentOf(replicaId);
      if (deploymentId) this.enqueue(deploymentId);
    } catch (error) {
      this.parts.log.warn({ err: error, replicaId }, 'a change of a replica waits for the next resync');
    }
  }

  private async reconcile(id: string, fence: Fence): Promise<Date | null> {
    const { jumpedAt, now } = this.look();
    // Heartbeats look old, or come from the future: a replica must not be stopped because its gateways seem dead.
    if (performance.now() - jumpedAt < HEARTBEATS_MS) return new Date(now.getTime() + HEARTBEATS_MS);
    const snapshot = await this.parts.store.snapshot(id);
    if (!snapshot) {
      this.unsettled.delete(id);
      return null;
    }
    const observed = await this.observe();
    const pass = decide(snapshot, observed, this.look().now, this.workedSince);
    this.remember(id, pass);
    const graceMs = snapshot.longestTimeoutMs + DRAIN_MARGIN_MS;
    if (pass.settled) {
      for (const replicaId of pass.stopAgain) this.stop(replicaId, graceMs, fence, id);
      if (pass.restart.length > 0) await this.launch(id, pass.restart, fence);
      return pass.lookAgainAt;
    }
    const versions = await this.versionsOf(snapshot, pass);
    const { launch, stop } = await this.parts.writer.write(snapshot, pass, fence, versions, await this.logTails(pass));
    for (const replicaId of stop) this.stop(replicaId, graceMs, fence, id);
    for (const { row, change } of pass.changes) {
      if (!change.state || !isFinal(change.state) || !observed.has(row.id)) continue;
      this.refusals.delete(row.id);
      this.stop(row.id, 0, fence, undefined);
    }
    if (launch.length > 0) await this.launch(id, launch, fence);
    // What was just written may make the next step possible at once.
    this.queue?.add(id);
    return pass.lookAgainAt;
  }

  private async observe(): Promise<Map<string, ObservedReplica>> {
    const observed = new Map((await this.parts.engine.observe()).map((o) => [o.replicaId, o]));
    for (const [replicaId, reason] of this.refusals) {
      observed.set(replicaId, {
        replicaId,
        state: 'EXITED',
        address: '',
        pid: null,
        backend: null,
        signature: null,
        memoryBytes: null,
        reason,
        exitCode: null,
        exitSignal: null,
      });
    }
    return observed;
  }

  /** Looks at the machine's clock. */
  private look(): { readonly now: Date; readonly jumpedAt: number } {
    const [now, at] = [new Date(), performance.now()];
    if (this.clock.jumped(now.getTime(), at)) [this.workedSince, this.jumpedAt] = [now, at];
    return { now, jumpedAt: this.jumpedAt };
  }

  private remember(id: string, { settled, status }: Pass): void {
    if (settled && (status.phase === 'READY' || status.phase === 'FAILED')) this.unsettled.delete(id);
    else this.unsettled.add(id);
  }

  private async launch(deploymentId: string, replicaIds: readonly string[], fence: Fence): Promise<void> {
    const { store, versions } = this.parts;
    const snapshot = await store.snapshot(deploymentId);
    for (const replicaId of replicaIds) {
      const row = snapshot?.replicas.find((r) => r.id === replicaId);
      if (!snapshot || row?.state !== 'STARTING' || this.starting.has(replicaId)) continue;
      const [version] = await versions.byIds([row.versionId]);
      const files = await versions.files(row.versionId);
      this.start(replicaSpec(row, snapshot, version!, files), fence, deploymentId);
    }
  }

  private start(spec: ReplicaSpec, fence: Fence, deploymentId: string): void {
    const { engine, log } = this.parts;
    const start = async (): Promise<void> => engine.start(spec, fence.epoch);
    const done = start()
      .catch((error: unknown) => {
        // A server that no longer leads writes nothing about it. After a failed look, nothing was tried.
        if (error instanceof StaleEpochError) return;
        if (error instanceof FailedLookError) {
          log.warn({ err: error, replicaId: spec.replicaId }, 'a replica could not be started; the next resync tries again');
          return;
        }
        this.refusals.set(spec.replicaId, `could not be started: ${error instanceof Error ? error.message : String(error)}`);
        this.enqueue(deploymentId);
      })
      .finally(() => this.starting.delete(spec.replicaId));
    this.starting.set(spec.replicaId, done);
  }

  private stop(replicaId: string, graceMs: number, fence: Fence, deploymentId: string | undefined): void {
    if (this.stopping.has(replicaId)) return;
    const done = this.parts.engine
      .stop(replicaId, graceMs, fence.epoch)
      .catch((error: unknown) => this.parts.log.warn({ err: error, replicaId }, 'a replica could not be stopped and will be tried again'))
      .finally(() => {
        this.stopping.delete(replicaId);
        if (deploymentId) this.enqueue(deploymentId);
      });
    this.stopping.set(replicaId, done);
  }

  private async versionsOf(snapshot: Snapshot, pass: Pass): Promise<Map<string, VersionEntity>> {
    const ids = new Set(pass.steps.flatMap((s) => (s.kind === 'ROUTE' ? s.route.targets.map((t) => t.versionId) : [])));
    return new Map((await this.parts.versions.byIds([...ids])).map((v) => [v.id, v]));
  }

  private async logTails(pass: Pass): Promise<Map<string, string>> {
    const failed = pass.changes.filter(({ change }) => change.state === 'FAILED');
    return new Map(await Promise.all(failed.map(async ({ row }) => [row.id, await this.parts.engine.logs(row.id, LOG_TAIL_BYTES)] as const)));
  }
}
