/**
 * Keeps the gateway of a home running, and its ports open, whatever dies: workers are replaced by their holder, the holder by
 * whichever server lives, and a server that comes back takes over what runs.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { DomainError } from '../errors.js';
import { program, PROJECT_ROOT } from '../paths.js';
import { HOLDER } from './gateway-holder.js';
import {
  askToEnd,
  createLaunch,
  endLaunch,
  fingerprint,
  FIRST_FD,
  listLaunches,
  workerText,
  type GatewayLaunch,
  type GatewaySocket,
  type WorkerCommand,
} from './gateway-launch.js';
import { withLock } from '../lifecycle/claim-lock.js';
import { FailedLookError, failedLooks } from './look.js';
import { withListening } from './listening-sockets.js';
import { isAlive, killIdentity } from './process-identity.js';
import { boundLog } from './replica-log.js';
import { processEnvironment } from '../process-environment.js';

export interface GatewayOptions {
  /** Absolute path of the state folder. */
  readonly home: string;
  readonly sockets: readonly GatewaySocket[];
  /** Gateway processes that share the sockets. */
  readonly workers: number;
  /** What the workers get beside PATH and the like: the configuration, and DATABASE_URL. When it differs at the next start, they are replaced. */
  readonly environment: Readonly<Record<string, string>>;
  /** The server's own environment: a few harmless variables of it reach the gateway. */
  readonly serverEnvironment: NodeJS.ProcessEnv;
  /** Names the program's build: workers of another build are replaced at the next start. */
  readonly build: string;
  /** What runs instead of the gateway's own main, for tests. */
  readonly command?: readonly string[];
  readonly log: (message: string) => void;
  /** How often the holder is looked at. Default 1 s. */
  readonly lookMs?: number;
}

const LOCK_MS = 15_000;
const CLAIM_MS = 5_000;
/** How long the workers of a lost holder may keep the port from its successor. */
const PORT_MS = 3_000;
const DRAIN_MS = 30_000;
const RETRY_MS = 20;

export class GatewaySupervisor {
  private timer: NodeJS.Timeout | undefined;
  private busy: Promise<void> | undefined;
  private ended = false;

  private constructor(
    private readonly options: GatewayOptions,
    private launch: GatewayLaunch,
    /** Whether it ran before this server did. */
    readonly adopted: boolean,
  ) {}

  /**
   * Takes over the gateway of this home when it has the wanted ports, else starts one. Connections are taken from now on, and
   * answered as soon as a worker is up.
   * @throws DomainError UNAVAILABLE for a port that is taken
   */
  static async start(options: GatewayOptions): Promise<GatewaySupervisor> {
    mkdirSync(join(options.home, 'logs'), { recursive: true });
    return withLock(
      lockPath(options.home),
      async () => {
        const launches = listLaunches(options.home);
        const running = launches.find((launch) => launch.isWhole() && matches(launch, options));
        if (running) bringUpToDate(running, options);
        const launch = running ?? (await supersede(options, options.sockets, launches));
        const supervisor = new GatewaySupervisor(options, launch, running !== undefined);
        supervisor.monitor();
        return supervisor;
      },
      { timeoutMs: LOCK_MS },
    );
  }

  /** Where the gateway really listens, by the sockets' names. */
  get endpoints(): Readonly<Record<string, { readonly host: string; readonly port: number; readonly url: string }>> {
    const entries = this.launch.record.sockets.map(
      ({ name, host, port }) => [name, { host, port, url: `http://${isIPv6(host) ? `[${host}]` : host}:${port}` }] as const,
    );
    return Object.fromEntries(entries);
  }

  /** The holder's process id. */
  get holderPid(): number | undefined {
    return this.launch.holder()?.pid;
  }

  /** Ends the gateway: no new connections from now on; what is under way has `graceMs`. */
  async stop({ graceMs }: { readonly graceMs: number }): Promise<void> {
    this.detach();
    await this.busy?.catch(() => undefined);
    await withLock(
      lockPath(this.options.home),
      async () => {
        // Those that were superseded, and drain, were told before.
        await Promise.all(listLaunches(this.options.home).map((launch) => endLaunch(launch, graceMs, !launch.isWhole())));
      },
      { timeoutMs: LOCK_MS },
    );
  }

  /** Leaves the gateway running for the next server. */
  detach(): void {
    this.ended = true;
    clearTimeout(this.timer);
  }

  private monitor(): void {
    if (this.ended) return;
    this.timer = globalThis.setTimeout(() => {
      this.busy = this.look()
        .catch((error: unknown) => {
          if (error instanceof FailedLookError) failedLooks.note(error);
          else this.options.log(`the gateway could not be started again: ${error instanceof Error ? error.message : String(error)}`);
        })
        .finally(() => this.monitor());
    }, this.options.lookMs ?? 1_000);
    this.timer.unref();
  }

  private async look(): Promise<void> {
    for (const path of [logPath(this.options.home), accessLogPath(this.options.home)]) boundLog(path);
    if (this.launch.isWhole()) return;
    await withLock(
      lockPath(this.options.home),
      async () => {
        if (this.ended) return;
        this.options.log('the holder of the gateway is gone: starting another');
        this.launch = await this.replace();
      },
      { timeoutMs: LOCK_MS },
    );
  }

  private async replace(): Promise<GatewayLaunch> {
    // Another server of this home may have done it already.
    const launches = listLaunches(this.options.home);
    const another = launches.find((launch) => launch.folder !== this.launch.folder && launch.isWhole());
    return another ?? supersede(this.options, this.launch.record.sockets, launches);
  }
}

/** Workers of another build or configuration make way for new ones; the socket stays. */
function bringUpToDate(launch: GatewayLaunch, options: GatewayOptions): void {
  const wanted = workerText(workerCommand(options), launch.record.sockets);
  const holder = launch.holder();
  if (!holder || launch.fingerprint() === fingerprint(wanted)) return;
  options.log('the gateway runs another build or configuration: replacing its workers');
  launch.writeWorker(wanted);
  killIdentity(holder, 'SIGHUP');
}

function matches(launch: GatewayLaunch, options: GatewayOptions): boolean {
  const { sockets, workers } = launch.record;
  if (workers !== options.workers || sockets.length !== options.sockets.length) return false;
  return options.sockets.every((wanted, i) => {
    const { name, host, port } = sockets[i]!;
    return wanted.name === name && wanted.host === host && (wanted.port === 0 || wanted.port === port);
  });
}

/** Starts a gateway in the place of these, which let go of their ports at once and drain behind its back. */
async function supersede(options: GatewayOptions, sockets: readonly GatewaySocket[], old: readonly GatewayLaunch[]): Promise<GatewayLaunch> {
  const living = old.filter((launch) => launch.processes().length > 0);
  living.forEach(askToEnd);
  const give = performance.now() + (living.length > 0 ? PORT_MS : 0);
  for (;;) {
    try {
      const opened = await open(options, sockets);
      for (const launch of old) void endLaunch(launch, DRAIN_MS, true).catch((error: Error) => options.log(error.message));
      return opened;
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      if (performance.now() > give) {
        if (living.length === 0) throw error;
        // Workers that do not let go of the port serve no callers any more.
        await Promise.all(living.splice(0).map((launch) => endLaunch(launch, 0, true)));
      }
      await setTimeout(RETRY_MS);
    }
  }
}

/** Opens the sockets and starts a holder with them. */
async function open(options: GatewayOptions, wanted: readonly GatewaySocket[]): Promise<GatewayLaunch> {
  const { launch, spawned } = await withListening(wanted, ({ sockets, descriptors }) => {
    const launch = createLaunch(options.home, sockets, options.workers, workerText(workerCommand(options), sockets));
    return { launch, spawned: once(spawnHolder(options, launch, descriptors), 'spawn') };
  });
  try {
    await spawned;
    const give = performance.now() + CLAIM_MS;
    while (!launch.holder() && performance.now() < give) await setTimeout(RETRY_MS / 4);
    const holder = launch.holder();
    if (!holder || !isAlive(holder)) throw new Error(`the gateway's holder did not start; see ${logPath(options.home)}`);
    return launch;
  } catch (error) {
    await endLaunch(launch, 0);
    throw error;
  }
}

function spawnHolder(options: GatewayOptions, launch: GatewayLaunch, descriptors: readonly number[]) {
  const log = openSync(logPath(options.home), 'a', 0o600);
  try {
    const fds = descriptors.map((_, i) => FIRST_FD + i).join(' ');
    const shell = spawn('/bin/sh', ['-c', HOLDER, 'pilothouse-gateway-holder', launch.folder, '0', String(options.workers), fds, HOLDER], {
      cwd: options.home,
      env: processEnvironment(options.serverEnvironment, options.home),
      detached: true,
      stdio: ['ignore', log, log, ...descriptors],
    });
    shell.unref();
    return shell;
  } finally {
    closeSync(log);
  }
}

function workerCommand({ command, environment, home, build }: GatewayOptions): WorkerCommand {
  return {
    command: command ?? [process.execPath, program('server/gateway/main')],
    environment: { ...environment, PILOTHOUSE_HOME: home, PILOTHOUSE_BUILD: build },
    cwd: PROJECT_ROOT,
  };
}

const lockPath = (home: string): string => join(home, 'run', 'locks', 'gateway');
const logPath = (home: string): string => join(home, 'logs', 'gateway.log');
/** Written by the workers (`gateway/observe/access-log.ts`). */
const accessLogPath = (home: string): string => join(home, 'logs', 'gateway-access.log');
