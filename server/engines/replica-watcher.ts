/** Watches one replica, started by this server or by one before it, and always knows what can be said of it. */
import type { HostSpec } from '../../runtimes/host/host-spec.js';
import { ReplicaError } from '../../runtimes/open-inference/connection.js';
import type { ReplicaHello } from '../../runtimes/open-inference/frame.js';
import type { ObservedReplica } from './engine.js';
import { describeExit, type ExitReport } from './exit-reason.js';
import { FailedLookError, failedLooks, lookOr } from './look.js';
import { isAlive, killIdentity, type ProcessIdentity } from './process-identity.js';
import type { ReplicaFolder } from './replica-folder.js';
import { ReplicaProbe, type ProbeAnswer } from './replica-probe.js';

/** How soon the next look is, while the replica starts, and later. */
const STARTING_LOOK_MS = 10;
const SLOW_LOAD_LOOK_MS = 100;
const SLOW_LOAD_AFTER_MS = 10_000;
const STEADY_LOOK_MS = 500;
/** How often a steady replica is asked for its memory. */
const HELLO_EVERY_MS = 5_000;
/** How long a process that runs may be without a connection before it is no longer called READY. */
const UNREACHABLE_MS = 1_000;
/** After a sample that failed. */
const RETRY_SAMPLE_MS = 1_000;
/** How long the shell may take to record the end of its process: it lives, so it will as soon as a busy machine lets it. */
const SHELL_MS = 10_000;
const SHELL_LOOK_MS = 5;
/** After a look that failed. */
const FAILED_LOOK_MS = 200;

export interface WatcherOptions {
  readonly onChange: () => void;
  /** The end of the replica's log. */
  readonly logTail: () => string;
  /** How many processes the kernel ended for want of memory so far. */
  readonly outOfMemoryKills: () => number;
  /** Called once, when the process that hosts the model is known. */
  readonly onProcess: (process: ProcessIdentity) => void;
  /** After so long without an answer the replica is no longer called READY. It is not ended: a long inference blocks it just so. */
  readonly unresponsiveMs: number;
}

type Changing = Pick<ObservedReplica, 'state' | 'reason' | 'backend' | 'signature' | 'memoryBytes' | 'exitCode' | 'exitSignal' | 'starterGone'>;

export class ReplicaWatcher {
  /** Resolves once the replica was asked, or cannot be: until then the state is what the last server knew. */
  readonly looked: Promise<void>;
  /** Which signal the engine sent, for the reason. */
  sentSignal: NodeJS.Signals | null = null;

  private current: Changing = { state: 'STARTING', reason: null, backend: null, signature: null, memoryBytes: null, exitCode: null, exitSignal: null };
  private readonly probe: ReplicaProbe;
  private process: ProcessIdentity | undefined;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;
  private asking = false;
  private nextAsk = 0;
  /** What the replica said of its failure. */
  private message: string | null = null;
  /** When the connection broke; undefined while there is one, or before the first. */
  private lostAt: number | undefined;
  private processGoneAt: number | undefined;
  private killsBefore: number;
  private readonly begun = performance.now();
  private markLooked!: () => void;

  constructor(
    readonly folder: ReplicaFolder,
    readonly spec: HostSpec,
    private readonly memoryLimitBytes: number | null,
    private readonly options: WatcherOptions,
  ) {
    this.looked = new Promise((resolve) => (this.markLooked = resolve));
    this.probe = new ReplicaProbe(spec, options.unresponsiveMs, () => this.lost());
    this.killsBefore = options.outOfMemoryKills();
    const ready = folder.readReady();
    if (ready && isAlive(ready.process)) {
      // It is the very process that answered its sample to the last server.
      this.found(ready.process);
      this.probe.sampleAnswered = true;
      this.current = { ...this.current, state: 'READY', ...known(ready.hello) };
    }
    this.look();
  }

  observed(): ObservedReplica {
    return { replicaId: this.spec.replicaId, address: `unix:${this.spec.socketPath}`, pid: this.process?.pid ?? null, ...this.current };
  }

  /** Its shell ended before it claimed the replica, so nothing of it began. */
  neverBegan(reason: string): void {
    this.exited({ reason, exitCode: null, exitSignal: null });
  }

  /** Looks now instead of at the next turn. */
  wake(): void {
    if (!this.closed) this.again(0);
  }

  /** Asks the replica to drain; false when it cannot be asked. */
  async drain(epoch: number, timeoutMs: number): Promise<boolean> {
    const drains = await this.probe.drain(epoch, timeoutMs);
    if (drains) this.become({ state: 'DRAINING' });
    return drains;
  }

  /** Ends the process at once, for a reason that its end will be reported with. */
  kill(reason: string): void {
    this.folder.writeOutcome(reason);
    this.sentSignal = 'SIGKILL';
    if (this.process) lookOr(false, () => killIdentity(this.process!, 'SIGKILL'));
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.probe.close();
    this.markLooked();
  }

  /** A look that fails changes nothing: the state stays, and the next look comes in its turn. */
  private look(): void {
    if (this.closed || this.current.state === 'EXITED') return;
    try {
      this.lookNow();
    } catch (error) {
      if (!(error instanceof FailedLookError)) throw error;
      failedLooks.note(error);
      this.again(FAILED_LOOK_MS);
    }
  }

  private lookNow(): void {
    const claim = this.folder.claim();
    if (claim.state === 'ABANDONED') return this.exited({ reason: claim.reason, exitCode: null, exitSignal: null, starterGone: claim.starterGone });
    if (claim.state === 'CLAIMED') {
      if (!this.process) this.found(this.folder.process());
      if (this.folder.exitStatus() !== undefined || !isAlive(this.process ?? claim.shell)) return this.finish(claim.shell);
      if (this.process && !this.asking && performance.now() >= this.nextAsk) void this.ask(this.process);
    } else {
      this.markLooked();
    }
    if (this.current.state === 'READY') this.killsBefore = this.options.outOfMemoryKills();
    this.again(this.interval());
  }

  private found(process: ProcessIdentity | undefined): void {
    this.process = process;
    if (process) this.options.onProcess(process);
  }

  private interval(): number {
    const steady = this.current.state === 'READY' || this.current.state === 'DRAINING';
    // A broken connection of a process that still lives is most often its last moment.
    if (steady && this.probe.connected) return STEADY_LOOK_MS;
    return performance.now() - (this.lostAt ?? this.begun) > SLOW_LOAD_AFTER_MS ? SLOW_LOAD_LOOK_MS : STARTING_LOOK_MS;
  }

  private again(ms: number): void {
    if (this.closed) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), ms);
    // Watching keeps no server alive.
    this.timer.unref();
  }

  /** Not waited for by the looks: while the replica does not answer, its process is still looked after. */
  private async ask(process: ProcessIdentity): Promise<void> {
    this.asking = true;
    try {
      const answer = await this.probe.ask(process.pid);
      if (!this.closed) this.heard(answer, process);
    } catch (error) {
      if (!this.closed) this.unanswered(error);
    } finally {
      this.asking = false;
      this.markLooked();
    }
  }

  private heard(answer: ProbeAnswer, process: ProcessIdentity): void {
    if (answer.kind === 'STRANGER') return this.exited({ reason: answer.reason, exitCode: null, exitSignal: null });
    if (answer.kind === 'ABSENT') {
      // Before its socket there is none; afterwards somebody removed it.
      if (this.current.state !== 'STARTING') this.unreachable(`its socket ${this.spec.socketPath} is gone`);
      return;
    }
    const { hello } = answer;
    this.lostAt = undefined;
    if (hello.state === 'FAILED') this.message = hello.reason ?? null;
    if (hello.state !== 'READY') return this.become({ state: hello.state === 'DRAINING' ? 'DRAINING' : 'LOADING', reason: this.message, ...known(hello) });
    this.nextAsk = performance.now() + HELLO_EVERY_MS;
    // The answer crossed with a drain.
    if (this.current.state === 'DRAINING') return;
    if (this.current.state !== 'READY') this.folder.writeReady({ process, hello });
    this.become({ state: 'READY', reason: null, ...known(hello) });
  }

  private unanswered(error: unknown): void {
    if (error instanceof FailedLookError) {
      failedLooks.note(error);
      this.nextAsk = performance.now() + FAILED_LOOK_MS;
      return;
    }
    const code = error instanceof ReplicaError ? error.code : undefined;
    const text = error instanceof Error ? error.message : String(error);
    // The process is looked at next: whether it lives decides what a broken connection means.
    if (code === 'DRAINING' || code === 'NOT_READY') return;
    if (code === 'CONNECTION_LOST') return this.unreachable(text);
    this.nextAsk = performance.now() + RETRY_SAMPLE_MS;
    this.doubt(
      code === 'TIMED_OUT' ? `has not answered for ${this.options.unresponsiveMs} ms: an inference blocks it, or it hangs` : `its sample failed: ${text}`,
    );
  }

  private lost(): void {
    this.lostAt = performance.now();
    this.nextAsk = 0;
    this.wake();
  }

  private unreachable(why: string): void {
    this.lostAt ??= performance.now();
    if (performance.now() - this.lostAt > UNREACHABLE_MS) this.doubt(`its process runs but cannot be reached: ${why}`);
  }

  private doubt(reason: string): void {
    if (this.current.state !== 'READY' && this.current.state !== 'LOADING') return;
    this.probe.sampleAnswered = false;
    this.become({ state: 'LOADING', reason });
  }

  /** The process is gone: waits for what its shell records of its end. */
  private finish(shell: ProcessIdentity): void {
    const shellStatus = this.folder.exitStatus() ?? null;
    if (shellStatus === null && isAlive(shell)) {
      this.processGoneAt ??= performance.now();
      if (performance.now() - this.processGoneAt < SHELL_MS) return this.again(SHELL_LOOK_MS);
    }
    this.exited(
      describeExit({
        shellStatus,
        message: this.folder.outcome() ?? this.message,
        sentSignal: this.sentSignal,
        kernelOutOfMemory: this.options.outOfMemoryKills() > this.killsBefore,
        memoryLimitBytes: this.memoryLimitBytes,
        logTail: this.options.logTail(),
      }),
    );
  }

  private exited(report: ExitReport & Pick<ObservedReplica, 'starterGone'>): void {
    this.become({ state: 'EXITED', ...report });
    this.probe.close();
    this.markLooked();
  }

  private become(next: Partial<Changing>): void {
    if (this.current.state === 'EXITED') return;
    const changed = (['state', 'reason', 'backend'] as const).some((name) => next[name] !== undefined && next[name] !== this.current[name]);
    this.current = { ...this.current, ...next };
    if (changed && !this.closed) this.options.onChange();
  }
}

function known(hello: ReplicaHello): Partial<Changing> {
  return {
    ...(hello.backend !== undefined && { backend: hello.backend }),
    ...(hello.signature !== undefined && { signature: hello.signature }),
    ...(hello.memoryBytes !== undefined && { memoryBytes: hello.memoryBytes }),
  };
}
