/**
 * The PostgreSQL that Pilothouse brings along. It listens on a Unix socket only, in a folder that only its own account may
 * enter. It runs in a session of its own and outlives a crash of the server, which finds it again at its next start. While a
 * server lives, it starts PostgreSQL again when it dies (docs/decisions/0010-embedded-postgresql.md).
 */
import type { Logger } from 'pino';
import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ProcessIdentity, isAlive, killIdentity } from '../engines/process-identity.js';
import { withLock } from '../lifecycle/claim-lock.js';
import { embeddedPostgresPaths, removeOutsideCopies, removeSockets, socketUrl } from './embedded-postgres-paths.js';
import { findPostmaster, killAllOf, processesOf, readPostmasterFile } from './embedded-postgres-process.js';
import { ensureRunning, forgetProcess, type RunningPostgres, recordedProcess } from './embedded-postgres-start.js';

export interface EmbeddedPostgresOptions {
  /** The state folder; the data are in `postgres/` there. */
  readonly home: string;
  readonly log: Logger;
  /** Tells the person at the terminal what takes its time. */
  readonly say?: (line: string) => void;
  /** Called with the new process when a dead PostgreSQL was started again. */
  readonly onRestart?: (pid: number) => void;
  /** Further PostgreSQL settings, such as `{ fsync: 'off' }` for tests. */
  readonly settings?: Readonly<Record<string, string>>;
  /** false: leave user namespaces alone, as where they are refused. */
  readonly namespaces?: boolean;
}

const WATCH_MS = 250;
const MAX_BACKOFF_MS = 5_000;
/** A fast shutdown writes a checkpoint: that can take its time on a slow disk. */
const SHUTDOWN_MS = 30_000;
const FORCED_SHUTDOWN_MS = 3_000;
const IMMEDIATE_MS = 5_000;

export class EmbeddedPostgres {
  private timer: NodeJS.Timeout | undefined;
  private watching = true;
  private restarting: Promise<void> | undefined;

  private constructor(
    private readonly options: EmbeddedPostgresOptions,
    private running: RunningPostgres,
  ) {
    this.watch();
  }

  /**
   * Adopts the PostgreSQL that runs for this home, or starts it, and makes its data folder first where there is none.
   * @throws DomainError FAILED_PRECONDITION with PostgreSQL's own reason; nothing that this began is left then
   */
  static async start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
    const paths = embeddedPostgresPaths(options.home);
    mkdirSync(options.home, { recursive: true, mode: 0o700 });
    const waiting = { onWait: (pid: number) => options.say?.(`Waiting for process ${pid}, which starts or stops the PostgreSQL of ${options.home}…`) };
    const running = await withLock(paths.lock, () => ensureRunning(options, { mayInitialise: true }), waiting);
    return new EmbeddedPostgres(options, running);
  }

  /** `postgres://…?host=<folder of the socket>`: for `pg`, TypeORM and every client that takes a URL. The same after a restart. */
  get url(): string {
    return socketUrl(this.running.socketFolder, this.running.port);
  }

  get pid(): number {
    return this.running.identity.pid;
  }

  /** Whether it ran before this start. */
  get adopted(): boolean {
    return this.running.adopted;
  }

  /** Ends it, and removes what it needed to run. Other users are disconnected. */
  async stop({ force = false } = {}): Promise<void> {
    await this.leave();
    await stopEmbeddedPostgres(this.options.home, { force });
  }

  /** Lets it run on, and no longer looks after it. */
  async leave(): Promise<void> {
    this.watching = false;
    clearTimeout(this.timer);
    await this.restarting;
  }

  private watch(): void {
    if (!this.watching) return;
    this.running.exited?.then(
      () => this.look(),
      () => undefined,
    );
    this.timer = setTimeout(() => this.look(), WATCH_MS);
  }

  private look(): void {
    clearTimeout(this.timer);
    if (!this.watching || this.restarting) return;
    if (isAlive(this.running.identity)) this.watch();
    else this.restarting = this.restart();
  }

  private async restart(): Promise<void> {
    const { log, home, onRestart } = this.options;
    const paths = embeddedPostgresPaths(home);
    log.error({ pid: this.running.identity.pid }, 'PostgreSQL ended; starting it again');
    for (let attempt = 0; this.watching; attempt++) {
      try {
        // Another server of this home may have been quicker: then this adopts what it started. Data that are gone stay gone:
        // an empty database in their place would pass for one where everything was deleted.
        this.running = await withLock(paths.lock, () => ensureRunning({ ...this.options, say: undefined }, { mayInitialise: false }));
        log.warn({ pid: this.running.identity.pid }, 'PostgreSQL runs again');
        onRestart?.(this.running.identity.pid);
        break;
      } catch (error) {
        log.error({ err: error }, 'PostgreSQL could not be started again');
        await sleep(Math.min(MAX_BACKOFF_MS, WATCH_MS * 2 ** attempt), undefined, { ref: false });
      }
    }
    this.restarting = undefined;
    this.watch();
  }
}

/**
 * Ends the PostgreSQL of a home, whichever process started it, and what a killed one left. Only the data remain.
 * @returns the pid of what was ended; undefined when nothing ran
 */
export async function stopEmbeddedPostgres(home: string, { force = false } = {}): Promise<number | undefined> {
  const paths = embeddedPostgresPaths(home);
  return withLock(paths.lock, async () => {
    const postmaster = findPostmaster(paths.data, recordedProcess(paths));
    const socketFolder = readPostmasterFile(paths.data)?.socketFolder;
    if (postmaster) await shutDown(postmaster, force);
    const orphans = processesOf(paths.data);
    await killAllOf(paths.data);
    forgetProcess(paths);
    removeSockets(paths, socketFolder);
    removeOutsideCopies(paths);
    return postmaster?.pid ?? orphans[0]?.pid;
  });
}

/** SIGINT asks for a fast shutdown (sessions are ended, the data are written), SIGQUIT for an immediate one (recovery at the next start). */
async function shutDown(postmaster: ProcessIdentity, force: boolean): Promise<void> {
  const steps = [
    ['SIGINT', force ? FORCED_SHUTDOWN_MS : SHUTDOWN_MS],
    ['SIGQUIT', IMMEDIATE_MS],
  ] as const;
  for (const [signal, patienceMs] of steps) {
    const deadline = performance.now() + patienceMs;
    killIdentity(postmaster, signal);
    while (isAlive(postmaster) && performance.now() < deadline) await sleep(10);
    if (!isAlive(postmaster)) return;
  }
}
