/** Replicas as processes of this machine that outlive the server which started them. */
import { rmSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { HostCommand } from '../../runtimes/contract.js';
import type { HostSpec } from '../../runtimes/host/host-spec.js';
import { diskFullError } from '../disk-full.js';
import { abandon, STARTER_GONE } from './claim.js';
import type { LogPart, ObservedReplica, ReplicaEngine, ReplicaSpec } from './engine.js';
import { EpochFence } from './epoch-fence.js';
import { hostCommand } from './host-command.js';
import { FailedLookError, failedLooks, lookOr } from './look.js';
import { limitPrefix, type MemoryBudget } from './limits.js';
import { MemoryGuards, outOfMemoryKills } from './memory-guards.js';
import { isAlive, ownIdentity } from './process-identity.js';
import { endReplica } from './replica-end.js';
import { listReplicas, record, ReplicaFolder, scratchFolder, sweepAside } from './replica-folder.js';
import { ReplicaLogs } from './replica-log.js';
import { environmentsFolder } from '../paths.js';
import { processEnvironment } from '../process-environment.js';
import { spawnReplica } from './replica-process.js';
import { ReplicaWatcher } from './replica-watcher.js';
import { makeSocketFolder, removeSocketFolder, socketPath } from './socket-folder.js';
import { VersionFolders, type ArtifactSource } from './version-folders.js';

export interface LocalEngineOptions {
  /** Absolute path of the state folder. */
  readonly home: string;
  readonly artifacts: ArtifactSource;
  /** Outside runtime plugins, as configured. */
  readonly runtimes: readonly string[];
  /** PILOTHOUSE_TFJS_NODE_CACHE. */
  readonly nativeCache?: string | undefined;
  /** PILOTHOUSE_PYTHON. Default: `python3`. */
  readonly python?: string;
  /** The server's environment: a few harmless variables of it reach the replicas. */
  readonly environment: NodeJS.ProcessEnv;
  /** What leader epochs count in: the database's own id, where a home may see more than one. */
  readonly epochScope?: string;
  /** A replica that answers nothing for so long is not called READY. Default 30 s. */
  readonly unresponsiveMs?: number;
}

interface Stopping {
  readonly done: Promise<void>;
  /** A later stop with less grace shortens the one under way. */
  readonly shorten: (graceMs: number) => void;
}

/** How long `observe` waits for the first word from replicas that were just taken over. */
const FIRST_LOOK_MS = 500;
const LOG_BOUND_EVERY_MS = 10_000;
/** How much of a log is searched for the reason of an end. */
const REASON_TAIL_BYTES = 4_096;

export class LocalEngine implements ReplicaEngine {
  private readonly fence: EpochFence;
  private readonly versions: VersionFolders;
  private readonly logFiles: ReplicaLogs;
  private readonly watchers = new Map<string, ReplicaWatcher>();
  /** Recorded replicas that could not be looked at yet, so they are not watched. */
  private readonly unknown = new Set<string>();
  private readonly guards = new MemoryGuards();
  private readonly stopping = new Map<string, Stopping>();
  private readonly listeners = new Set<(replicaId: string) => void>();
  private readonly changed = new Set<string>();
  private readonly upkeep: NodeJS.Timeout;
  private swept: Promise<void> | undefined;

  constructor(private readonly options: LocalEngineOptions) {
    const { home } = options;
    makeSocketFolder(home);
    this.fence = new EpochFence(home, options.epochScope);
    this.versions = new VersionFolders(home, options.artifacts);
    this.logFiles = new ReplicaLogs(home);
    sweepAside(home);
    lookOr(undefined, () => this.adopt());
    this.upkeep = setInterval(() => this.watchers.forEach((_, id) => this.logFiles.bound(id)), LOG_BOUND_EVERY_MS);
    this.upkeep.unref();
  }

  /** Also gives up what the leader before has recorded and not started: it may be stopped, and would start it when it wakes. @throws StaleEpochError */
  begin(epoch: number): void {
    this.fence.pass(epoch);
    for (const id of listReplicas(this.options.home)) {
      // A replica that cannot be looked at does not keep this server from leading: the fence holds for it as well.
      lookOr(undefined, () => this.giveUp(new ReplicaFolder(this.options.home, id), epoch));
    }
  }

  private giveUp(folder: ReplicaFolder, epoch: number): void {
    const spec = folder.readSpec();
    if (!spec || spec.epoch >= epoch || folder.claim().state !== 'OPEN') return;
    abandon(folder.path, STARTER_GONE.replaced);
    this.watchers.get(folder.replicaId)?.wake();
  }

  /**
   * @throws StaleEpochError; DomainError INVALID for an id or a file path that cannot be; the artifact store's error for a
   * file that is not there. Nothing is left of a replica whose start threw.
   */
  async start(spec: ReplicaSpec, epoch: number): Promise<void> {
    this.fence.pass(epoch);
    const { replicaId } = spec;
    makeSocketFolder(this.options.home);
    const under = this.stopping.get(replicaId);
    // Recorded in this very turn otherwise, so that a stop that comes right after it finds something to stop.
    if (under) await under.done.catch(() => undefined);
    if (this.watchers.has(replicaId)) return;
    const { home } = this.options;
    const { deploymentId, versionId, memoryLimitBytes } = spec;
    const mine = record(home, { replicaId, deploymentId, versionId, memoryLimitBytes, starter: ownIdentity() }, this.hostSpec(spec, epoch));
    this.watch(replicaId);
    if (!mine) return;
    const folder = new ReplicaFolder(home, replicaId);
    try {
      await this.versions.ensure(spec);
      const host = await this.hostOf(this.hostSpec(spec, epoch));
      const limits = await limitPrefix(this.budget(spec, host, memoryLimitBytes));
      // Copying and installing took their time: another may lead by now, or this replica was stopped meanwhile.
      this.fence.pass(epoch);
      if (folder.claim().state !== 'OPEN' || !folder.readSpec()) return;
      const environment = processEnvironment(this.options.environment, home);
      await spawnReplica({ folder, limits, environment, host, logPath: this.logFiles.pathOf(replicaId), onExit: () => this.shellEnded(folder) });
      this.watchers.get(replicaId)?.wake();
    } catch (error) {
      // Nothing was spawned. Where the disk is full, the claim that says so cannot be written, and is not needed: no other server may start it.
      abandon(folder.path, 'its start failed');
      if (lookOr('OPEN', () => folder.claim().state) !== 'CLAIMED') await this.forget(replicaId, spec.versionDigest);
      throw diskFullError(error) ?? error;
    }
  }

  private shellEnded(folder: ReplicaFolder): void {
    const watcher = this.watchers.get(folder.replicaId);
    const open = lookOr(false, () => folder.claim().state === 'OPEN');
    if (open) watcher?.neverBegan(`its shell ended before it began: it could not write to ${folder.path} (is the disk full?)`);
    else watcher?.wake();
  }

  async observe(): Promise<ObservedReplica[]> {
    this.adopt();
    const watchers = [...this.watchers.values()];
    // A replica that an inference blocks answers later: until then what the last server knew of it holds.
    await Promise.race([Promise.all(watchers.map((watcher) => watcher.looked)), setTimeout(FIRST_LOOK_MS, undefined, { ref: false })]);
    this.swept ??= this.versions.sweep(() => this.versionsInUse()).catch(() => (this.swept = undefined));
    const observed = watchers.filter((watcher) => this.watchers.has(watcher.spec.replicaId)).map((watcher) => watcher.observed());
    return [...observed, ...[...this.unknown].map(unknownReplica)];
  }

  /** @throws StaleEpochError */
  async stop(replicaId: string, graceMs: number, epoch: number): Promise<void> {
    this.fence.pass(epoch);
    const under = this.stopping.get(replicaId);
    if (under) {
      under.shorten(graceMs);
      return under.done;
    }
    this.adopt();
    const watcher = this.watchers.get(replicaId);
    if (!watcher && this.unknown.has(replicaId)) throw new Error(`the record of replica ${replicaId} cannot be read now, so it cannot be stopped`);
    if (!watcher) return;
    let deadline = performance.now() + graceMs;
    const done = endReplica(watcher, epoch, () => deadline)
      .then(() => this.forget(replicaId, watcher.spec.versionDigest))
      .finally(() => this.stopping.delete(replicaId));
    this.stopping.set(replicaId, { done, shorten: (ms) => (deadline = Math.min(deadline, performance.now() + ms)) });
    return done;
  }

  logs(replicaId: string, maxBytes: number): Promise<string> {
    return Promise.resolve(this.logFiles.tail(replicaId, maxBytes));
  }

  logPart(replicaId: string, offset: number | null, maxBytes: number): Promise<LogPart> {
    return Promise.resolve(this.logFiles.part(replicaId, offset, maxBytes));
  }

  onChange(listener: (replicaId: string) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** For a clean stop: ends every replica of the home at once, then removes the folders that only they needed. @throws StaleEpochError */
  async shutdown(graceMs: number, epoch: number): Promise<void> {
    this.fence.pass(epoch);
    this.adopt();
    await Promise.all([...this.watchers.keys()].map((id) => this.stop(id, graceMs, epoch)));
    await this.versions.sweep(() => this.versionsInUse());
    removeSocketFolder(this.options.home);
    this.detach();
  }

  /** Leaves every replica running for the next server, and stops watching. */
  detach(): void {
    clearInterval(this.upkeep);
    this.listeners.clear();
    for (const watcher of this.watchers.values()) watcher.close();
    this.watchers.clear();
    this.guards.endAll();
  }

  /** Takes up what other servers of this home started, or stopped, in the meantime. @throws FailedLookError when the records cannot be listed */
  private adopt(): void {
    const recorded = new Set(listReplicas(this.options.home));
    this.unknown.clear();
    for (const id of recorded) {
      try {
        this.watch(id);
      } catch (error) {
        if (!(error instanceof FailedLookError)) throw error;
        failedLooks.note(error);
        this.unknown.add(id);
      }
    }
    for (const [id, watcher] of this.watchers) {
      if (recorded.has(id) || this.stopping.has(id)) continue;
      watcher.close();
      this.watchers.delete(id);
    }
  }

  private watch(replicaId: string): void {
    if (this.watchers.has(replicaId)) return;
    const folder = new ReplicaFolder(this.options.home, replicaId);
    const spec = folder.readSpec();
    if (!spec) {
      // Records appear whole, but a power cut may empty them; then nothing of the replica runs any more either.
      const claim = folder.claim();
      if (claim.state !== 'CLAIMED' || !isAlive(claim.shell)) folder.remove();
      return;
    }
    const memoryLimitBytes = folder.readRecord()?.memoryLimitBytes ?? null;
    const watcher = new ReplicaWatcher(folder, spec, memoryLimitBytes, {
      onChange: () => this.tell(replicaId),
      logTail: () => this.logFiles.tail(replicaId, REASON_TAIL_BYTES),
      outOfMemoryKills,
      onProcess: ({ pid }) => void this.guard(spec, memoryLimitBytes, pid),
      unresponsiveMs: this.options.unresponsiveMs ?? 30_000,
    });
    this.watchers.set(replicaId, watcher);
    this.tell(replicaId);
  }

  private async guard(spec: HostSpec, memoryLimitBytes: number | null, pid: number): Promise<void> {
    if (memoryLimitBytes === null) return;
    // One that runs was started with it; where it cannot be had again, its libraries count into the model's budget.
    const host = await this.hostOf(spec).catch(() => undefined);
    const kill = (reason: string) => this.watchers.get(spec.replicaId)?.kill(reason);
    await this.guards.watch(spec.replicaId, pid, this.budget(spec, host, memoryLimitBytes), kill);
  }

  private hostOf({ runtime, format, folder, files, options = {}, threads }: HostSpec): Promise<HostCommand | undefined> {
    const { home, python = 'python3' } = this.options;
    const request = { artifact: { folder, files, format }, options, threads, python, cache: environmentsFolder(home) };
    return hostCommand(runtime, this.outsideModules(), { ...request, signal: new AbortController().signal, progress: () => undefined });
  }

  private budget(
    { runtime, threads, backend = null }: Pick<HostSpec, 'runtime' | 'threads' | 'backend'>,
    host: HostCommand | undefined,
    memoryBytes: number | null,
  ): MemoryBudget {
    return { runtime, threads, backend, nativeCache: this.options.nativeCache, outsideModules: this.outsideModules(), host, memoryBytes };
  }

  private async forget(replicaId: string, versionDigest: string): Promise<void> {
    const watcher = this.watchers.get(replicaId);
    watcher?.close();
    this.watchers.delete(replicaId);
    this.guards.end(replicaId);
    rmSync(socketPath(this.options.home, replicaId), { force: true });
    new ReplicaFolder(this.options.home, replicaId).remove();
    await this.versions.release(versionDigest, () => [...this.versionsInUse()].includes(versionDigest));
    this.logFiles.prune(new Set(this.watchers.keys()));
    this.tell(replicaId);
  }

  private versionsInUse(): Set<string> {
    return new Set(listReplicas(this.options.home).map((id) => new ReplicaFolder(this.options.home, id).readSpec()?.versionDigest ?? ''));
  }

  private tell(replicaId: string): void {
    if (this.changed.size === 0) {
      setImmediate(() => {
        const ids = [...this.changed];
        this.changed.clear();
        for (const listener of this.listeners) ids.forEach((id) => listener(id));
      });
    }
    this.changed.add(replicaId);
  }

  /** A path is relative to where the server runs, which is not where its replicas do. */
  private outsideModules(): string[] {
    return this.options.runtimes.map((module) => (module.startsWith('.') && !isAbsolute(module) ? resolve(module) : module));
  }

  private hostSpec(spec: ReplicaSpec, epoch: number): HostSpec {
    const { replicaId, versionDigest, runtime, format, sample, backend, signature, options, declaredSignature, threads, maxConcurrency } = spec;
    return {
      ...{ replicaId, versionDigest, runtime, format, sample, backend, signature, options, declaredSignature, threads, maxConcurrency, epoch },
      scratch: scratchFolder(this.options.home, replicaId),
      nativeCache: this.options.nativeCache ?? null,
      folder: this.versions.folderOf(versionDigest),
      files: spec.files.map((file) => file.path),
      socketPath: socketPath(this.options.home, replicaId),
      runtimes: this.outsideModules(),
    };
  }
}

const unknownReplica = (replicaId: string): ObservedReplica => ({
  replicaId,
  state: 'UNKNOWN',
  address: '',
  pid: null,
  backend: null,
  signature: null,
  memoryBytes: null,
  reason: 'its record cannot be read now',
  exitCode: null,
  exitSignal: null,
});
