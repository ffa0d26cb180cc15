/**
 * The gateway's tie to PostgreSQL, which may be cut at any time: reads the route table on every wake-up and slowly by itself, says
 * what it serves, and writes what it metered. Nothing here is on the path of a request.
 */
import type { Logger } from 'pino';
import pg from 'pg';
import { KEEP_ALIVE } from '../database/limited-client.js';
import { Listener, Notifier } from '../database/notifications.js';
import { acknowledge } from '../routing/acknowledgements.js';
import { HEARTBEAT_MS, METER_FLUSH_MS, POLL_MS } from './limits.js';
import { writeWindows } from '../metering/window-writer.js';
import type { Meter } from './metering/meter.js';
import type { RefusedRoute } from '../routing/route-reader.js';
import { readSnapshot, type RouteSnapshot } from '../routing/route-snapshot.js';
import { NOTIFICATION } from '../database/notification-names.js';

export interface ControlLinkOptions {
  readonly url: string;
  /** In its pool, beside the one that listens. Default 3. */
  readonly connections?: number | undefined;
  readonly gatewayId: string;
  readonly host: string;
  readonly meter: Meter;
  readonly log: Logger;
  readonly now: () => number;
  /** Makes a table the one in force; resolves when every new request is routed by it. */
  readonly apply: (snapshot: RouteSnapshot) => Promise<void>;
  readonly inFlight: () => Record<string, number>;
  /** Keeps the machine's clock in sight, once a second. */
  readonly tick: () => void;
}

export class ControlLink {
  private readonly pool: pg.Pool;
  private readonly listener: Listener;
  private readonly notifier: Notifier;
  private readonly startedAt = new Date();
  private timers: NodeJS.Timeout[] = [];
  private known: RouteSnapshot | undefined;
  /** Whether `known` is of this database: one from the disk may be of another, with the same version by chance. */
  private confirmed = false;
  private acknowledged = -1;
  private closed = false;
  private readonly refresh: Coalesced;
  private readonly beat: Coalesced;
  private readonly flush: Coalesced;
  private down: string | undefined;

  constructor(private readonly options: ControlLinkOptions) {
    this.pool = new pg.Pool({
      connectionString: options.url,
      application_name: 'pilothouse-gateway',
      max: options.connections ?? 3,
      connectionTimeoutMillis: 3_000,
      query_timeout: 10_000,
      statement_timeout: 10_000,
      ...KEEP_ALIVE,
    });
    // A connection that breaks while it is idle. The next query opens another one, or fails.
    this.pool.on('error', (error) => this.report(error));
    // The pool stops listening when it hands a connection out, and its user begins to listen a moment later.
    this.pool.on('connect', (client) => client.on('error', () => undefined));
    this.notifier = new Notifier((sql, parameters) => this.pool.query(sql, parameters));
    this.refresh = new Coalesced(() => this.readRoutes());
    this.beat = new Coalesced(() => this.writeRow());
    this.flush = new Coalesced(() => writeWindows(this.pool, options.gatewayId, options.meter, options.now()).catch((error: Error) => this.report(error)));
    this.listener = new Listener([NOTIFICATION.ROUTES], {
      url: options.url,
      applicationName: 'pilothouse-gateway',
      onWake: () => void this.refresh.run(),
      pollMs: POLL_MS,
      onDown: (error) => this.report(error),
    });
  }

  /** Notes the table that a start without PostgreSQL began with. */
  adopt(snapshot: RouteSnapshot): void {
    reportRefused(snapshot, undefined, this.options.log);
    this.known ??= snapshot;
  }

  /** Deployments whose document in the table in force could not be read. */
  get refused(): readonly RefusedRoute[] {
    return this.known?.refused ?? [];
  }

  /** Reads the table for the first time; resolves to whether that worked. It goes on trying by itself afterwards. */
  async start(): Promise<boolean> {
    const first = this.refresh.run();
    await this.listener.start();
    this.timers = [
      setInterval(() => {
        this.options.tick();
        void this.beat.run();
      }, HEARTBEAT_MS),
      setInterval(() => void this.flush.run(), METER_FLUSH_MS),
    ];
    await first;
    return this.confirmed;
  }

  /** Something that the reconciler waits for changed: tell it at once. */
  acknowledge(): void {
    if (this.closed) return;
    void this.beat.run().then(() => this.notifier.wake(NOTIFICATION.GATEWAYS));
  }

  /** Writes what is left and takes the gateway's row away, as far as PostgreSQL is there to take it. */
  async close(): Promise<void> {
    this.closed = true;
    for (const timer of this.timers) clearInterval(timer);
    await Promise.all([this.listener.close(), this.refresh.idle(), this.beat.idle()]);
    await this.flush.run();
    await this.pool.query('DELETE FROM gateway WHERE id = $1', [this.options.gatewayId]).catch((error: Error) => this.report(error));
    this.notifier.wake(NOTIFICATION.GATEWAYS);
    await this.notifier.close();
    await this.pool.end().catch(() => undefined);
  }

  private async readRoutes(): Promise<void> {
    if (this.closed) return;
    let snapshot: RouteSnapshot;
    try {
      snapshot = await readSnapshot(this.pool, this.confirmed ? this.known : undefined, this.known?.routes ?? []);
    } catch (error) {
      this.report(error as Error);
      return;
    }
    this.recovered();
    if (snapshot === this.known) return;
    const before = this.known;
    try {
      await this.options.apply(snapshot);
    } catch (error) {
      // The one in force stays: better yesterday's table than none.
      this.options.log.error({ err: error, version: snapshot.version }, 'the route table cannot be served: skipped');
      return;
    }
    reportRefused(snapshot, before, this.options.log);
    this.known = snapshot;
    this.confirmed = true;
    if (before?.version !== snapshot.version)
      this.options.log.info({ version: snapshot.version, deployments: snapshot.routes.length }, 'serving a new route table');
    this.acknowledge();
  }

  private async writeRow(): Promise<void> {
    if (this.closed) return;
    const { gatewayId, host, inFlight } = this.options;
    const version = this.known?.version ?? 0;
    try {
      await acknowledge(
        this.pool,
        { id: gatewayId, pid: process.pid, host, startedAt: this.startedAt },
        { acknowledgedVersion: version, inFlight: inFlight() },
      );
      this.recovered();
      if (version !== this.acknowledged) this.notifier.wake(NOTIFICATION.GATEWAYS);
      this.acknowledged = version;
    } catch (error) {
      this.report(error as Error);
    }
  }

  private report(error: Error): void {
    // Once for each reason: while PostgreSQL is away this is tried every second.
    if (this.closed || this.down === error.message) return;
    this.down = error.message;
    this.options.log.warn({ err: error }, 'PostgreSQL cannot be reached; serving the last known routes');
  }

  private recovered(): void {
    if (this.down !== undefined) this.options.log.info('PostgreSQL is back');
    this.down = undefined;
  }
}

/** Once for each document that cannot be read, not with every table. */
function reportRefused({ refused }: RouteSnapshot, before: RouteSnapshot | undefined, log: Logger): void {
  for (const route of refused) {
    if (before?.refused.some(({ deploymentId, reason }) => deploymentId === route.deploymentId && reason === route.reason)) continue;
    log.error(route, 'cannot read the route of this deployment: skipped; the other deployments are served');
  }
}

/** Runs a task one at a time; calls during a run lead to exactly one more. */
class Coalesced {
  private running: Promise<void> | undefined;
  private next: Promise<void> | undefined;

  constructor(private readonly task: () => Promise<void>) {}

  /** Resolves when a run that began after this call is over. */
  run(): Promise<void> {
    if (this.running) {
      return (this.next ??= this.running.then(() => {
        this.next = undefined;
        return this.run();
      }));
    }
    this.running = this.task().finally(() => (this.running = undefined));
    return this.running;
  }

  /** Resolves when nothing runs. */
  async idle(): Promise<void> {
    await (this.next ?? this.running);
  }
}
