/** The life of a server process: configuration, home, log, the app, signals, the end. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type Config, readConfig, unknownVariables } from '../config.js';
import { failedLooks, lookOr } from '../engines/look.js';
import { VERSION } from '../paths.js';
import { enterHome, leaveHome, prepareHome } from './home-session.js';
import { describeUnknown } from './mistyped.js';
import { nodeAdvice } from './node-version.js';
import { checkPorts, configuredPorts, explainListenError } from './ports.js';
import { openServerLog, serverLogPath } from './server-log.js';
import { forgetServer, otherServers, recordServer, watchEndpoints, writeEndpoints } from './server-records.js';
import { SAME_MS, signalMeanings, STOP_SIGNALS } from './signals.js';
import { endShared } from './stop-home.js';
import { complain, type Say, terminal } from './terminal.js';

export interface StopOptions {
  /** Do not wait for what is under way. May come while a stop without it is still at work. */
  readonly force: boolean;
  /** Whether this was the last server of the home: only then gateway, replicas and PostgreSQL end with it. */
  readonly last: boolean;
}

export interface RunningApp {
  /** Base addresses; `grpc` is `host:port`. */
  readonly endpoints: { readonly control: string; readonly http: string; readonly grpc: string };
  stop(options: StopOptions): Promise<void>;
}

export interface StartOptions {
  readonly config: Config;
  readonly log: Logger;
  /** A line for the person at the terminal. */
  readonly say: Say;
  /** Aborted when the server was asked to stop: give up, or finish; it is stopped either way, and nothing is said any more. */
  readonly signal: AbortSignal;
}

export interface ServerProgram<App extends RunningApp> {
  /** When it throws, it has ended what it began, and left what it adopted. */
  create(options: StartOptions): Promise<App>;
  /** What comes once the app listens, before the person is told that it is ready. The server runs on when it throws. */
  introduce?(app: App, options: StartOptions): Promise<void>;
}

/** How long a forced stop may take before everything is killed. */
const FORCED_MS = 10_000;
/** How soon `endpoints.json` names another server after the one that it names was killed. */
const CHECK_ENDPOINTS_MS = 5_000;

/** Runs a server until it is told to stop, and ends the process: 0 after a clean stop, 1 otherwise. */
export async function runServer<App extends RunningApp>(
  program: ServerProgram<App>,
  { checkEndpointsMs = CHECK_ENDPOINTS_MS, sameSignalMs = SAME_MS } = {},
): Promise<void> {
  const say = terminal();
  const server = new ServerProcess(program, say, checkEndpointsMs, signalMeanings(sameSignalMs));
  // First of all: a signal that comes while the rest is loaded must not end the process half-way.
  for (const signal of STOP_SIGNALS) process.on(signal, () => server.onSignal(signal));
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) process.on(event, (error) => server.onFault(error));
  await server.run();
}

class ServerProcess<App extends RunningApp> {
  private readonly aborter = new AbortController();
  private config: Config | undefined;
  private log: Logger | undefined;
  private app: App | undefined;
  private start: Promise<void> | undefined;
  private entered = false;
  /** Known once the stop has begun. */
  private last = false;
  private ended = false;

  constructor(
    private readonly program: ServerProgram<App>,
    private readonly say: Say,
    private readonly checkEndpointsMs: number,
    private readonly meaning: ReturnType<typeof signalMeanings>,
  ) {}

  async run(): Promise<void> {
    const began = performance.now();
    const options = this.begin();
    // A start that fails has cleaned up after itself; a caller that waits for its end does not need the error.
    this.start = options.then(
      () => undefined,
      () => undefined,
    );
    try {
      await this.introduce(await options, began);
    } catch (error) {
      // What the stop was waiting for has given up: that is no failure.
      if (this.aborter.signal.aborted) this.log?.warn({ err: error }, 'the start was cancelled');
      else await this.fail(error);
    }
  }

  onSignal(signal: NodeJS.Signals): void {
    const meaning = this.meaning(performance.now());
    this.log?.info({ signal, meaning }, 'signal');
    if (meaning === 'stop') void this.stop();
    if (meaning === 'force') void this.force();
  }

  /** A fault of ours: what a crash would leave is left, so that gateway and replicas go on answering and the next start adopts them. */
  onFault(error: unknown): void {
    this.log?.fatal({ err: error }, 'the server stops because of a fault');
    complain(error, this.config && serverLogPath(this.config.home));
    process.exit(1);
  }

  private async begin(): Promise<StartOptions> {
    const config = (this.config = readConfig());
    const mistyped = describeUnknown(unknownVariables());
    for (const line of mistyped) this.say(line);
    const known = { version: VERSION, ports: configuredPorts(config) };
    prepareHome(config.home);
    await checkPorts(config);
    const log = (this.log = openServerLog(config.home, config.logLevel));
    failedLooks.report = (message, fields) => log.warn(fields, message);
    log.info({ version: VERSION, node: process.version, home: config.home }, 'the server starts');
    for (const line of mistyped) log.warn(line);
    const { signal } = this.aborter;
    // A cancelled start says nothing more: the terminal has just said that it stops.
    const say: Say = (line) => signal.aborted || this.say(line);
    await enterHome(config.home, known, say);
    this.entered = true;
    const options = { config, log, say, signal };
    signal.throwIfAborted();
    const app = (this.app = await this.program.create(options));
    recordServer(config.home, { ...known, endpoints: { ...app.endpoints } });
    writeEndpoints(config.home, { ...app.endpoints });
    watchEndpoints(config.home, this.checkEndpointsMs, (error) => log.warn({ err: error }, 'endpoints.json could not be written'));
    return options;
  }

  private async introduce(options: StartOptions, began: number): Promise<void> {
    const { config, log, signal, say } = options;
    const app = this.app!;
    try {
      await this.program.introduce?.(app, options);
    } catch (error) {
      if (signal.aborted) return;
      log.error({ err: error }, 'the sample models could not be introduced');
      complain(error, serverLogPath(config.home));
    }
    if (signal.aborted) return;
    const tookMs = performance.now() - began;
    log.info({ endpoints: app.endpoints, startMs: Math.round(tookMs) }, 'the server is ready');
    for (const line of this.introduction(app, config, tookMs)) say(line);
    const advice = nodeAdvice(process.versions.node);
    if (advice === undefined) return;
    say(advice);
    log.info(advice);
  }

  private introduction({ endpoints }: App, { home }: Config, tookMs: number): string[] {
    return [
      `Pilothouse ${VERSION} is ready (${(tookMs / 1000).toFixed(1)} s).`,
      `  GraphQL      ${endpoints.control}/graphql`,
      `  Inference    ${endpoints.http}/v2`,
      `  gRPC         ${endpoints.grpc}`,
      `  Admin token  ${join(home, 'admin-token')}`,
      `  Logs         ${join(home, 'logs')}`,
      'Ctrl-C stops it.',
    ];
  }

  private async stop(): Promise<void> {
    // At once: what a start has just begun it may have to finish first, and that can take seconds.
    this.say('Stopping…');
    this.aborter.abort();
    await this.start;
    if (this.ended) return;
    try {
      await this.leave(() => this.endAll());
    } catch (error) {
      this.log?.error({ err: error }, 'the stop failed');
      complain(error, this.config && serverLogPath(this.config.home));
      return this.force();
    }
    this.say('Stopped.');
    this.end(0);
  }

  /** A start that was given up has ended what it began; what a killed server left it would have adopted, and that ends here too. */
  private async endAll(): Promise<void> {
    const { app, config, last } = this;
    if (app) await app.stop({ force: false, last });
    else if (config && last) await endShared(config.home);
  }

  private async force(): Promise<void> {
    this.say('Stopping at once…');
    this.aborter.abort();
    const home = this.config?.home;
    if (home !== undefined && this.entered) {
      // Where the others cannot be looked at, there may be one, and nothing that it uses is ended.
      this.last = lookOr(false, () => otherServers(home).length === 0);
      const stopped = this.app?.stop({ force: true, last: this.last }).catch((error: unknown) => this.log?.error({ err: error }, 'the forced stop failed'));
      await Promise.race([stopped, sleep(FORCED_MS, undefined, { ref: false })]);
      if (this.last) await endShared(home, { force: true }).catch((error: unknown) => complain(error, serverLogPath(home)));
      forgetServer(home);
    }
    this.end(1);
  }

  private async fail(error: unknown): Promise<void> {
    const config = this.config;
    const explained = config ? explainListenError(error, config) : error;
    this.log?.error({ err: error }, 'the server did not start');
    complain(explained, this.log && config && serverLogPath(config.home));
    await this.leave(async () => undefined).catch(() => undefined);
    this.end(1);
  }

  private async leave(work: () => Promise<void>): Promise<void> {
    if (!this.entered || !this.config) return work();
    await leaveHome(this.config.home, async (last) => {
      this.last = last;
      await work();
    });
  }

  private end(code: number): void {
    if (this.ended) return;
    this.ended = true;
    this.log?.info({ code }, 'the server ended');
    process.exit(code);
  }
}
