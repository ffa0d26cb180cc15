/** Puts the gateway's rooms together. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import type { AllowedHosts } from '../allowed-hosts.js';
import { corsPolicy } from '../cors.js';
import { followWallClock, now, wallTime } from './clock.js';
import { ControlLink } from './control-link.js';
import { DataPlane } from './dispatch/data-plane.js';
import type { TracingConfig } from '../config.js';
import { ErrorAnswers } from './observe/error-answers.js';
import { createGatewayMetrics } from './observe/gateway-metrics.js';
import { Meter } from './metering/meter.js';
import { httpProtocols, httpRoutes } from './protocols/http-paths.js';
import { TextInferences } from './protocols/text-inferences.js';
import { METRICS_ROOT, metricsProtocol } from './http/metrics-route.js';
import { createObservers } from './observe/observers.js';
import type { GrpcFront } from './grpc/grpc-server.js';
import { HttpFront, METHODS, type ListenAt } from './http/http-server.js';
import { TextProcess } from './text/text-process.js';
import { BodyCodec } from './text/body-codec.js';
import { chooseReader, type WantedReader } from './http/http-reader-choice.js';
import { HeldBytes } from './held-bytes.js';
import { forgetProcess, recordProcess } from './process-record.js';
import { Receptions } from './receptions.js';
import { ReplicaLinks } from './replicas/replica-links.js';
import { loadSnapshot, SnapshotSaver, snapshotPath, type RouteSnapshot } from '../routing/route-snapshot.js';
import { Router } from './dispatch/router.js';
import { TokenGate } from './token-gate.js';
import { UnreadAnswers } from './unread-answers.js';

/** A start waits this long for PostgreSQL before it begins with the saved routes. */
const FIRST_READ_MS = 1_000;
/** gRPC's library, 0.3 s of CPU to load, is not loaded while the first replica starts, and until that has answered who waits for it. */
const REPLICAS_FIRST_MS = 2_000;
const FIRST_ANSWERS_MS = 200;

export interface GatewayOptions {
  readonly databaseUrl: string;
  readonly home: string;
  readonly auth: 'off' | 'required';
  readonly http: ListenAt;
  readonly httpParser: WantedReader;
  /** The deployment that answers MLflow's requests at the root; undefined for none. */
  readonly mlflowDeployment: string | undefined;
  /** Whether `/metrics` is answered without a token. */
  readonly openMetrics: boolean;
  /** Which of the workers on this machine it is, and the folder of sockets where they ask one another; undefined for the only one. */
  readonly worker: number;
  readonly workerSockets: string | undefined;
  /** To PostgreSQL, in its pool. Default 3. */
  readonly connections?: number;
  /** Fraction of the requests that the access log has. */
  readonly accessLogSample: number;
  readonly tracing: TracingConfig | undefined;
  readonly grpc: ListenAt;
  /** Origins whose web pages may call. */
  readonly corsOrigins: readonly string[];
  /** Who may call where no token is asked for. */
  readonly hosts: AllowedHosts;
  readonly serverVersion: string;
  readonly log: Logger;
}

export interface Gateway {
  /** One start of one worker, as in the table `gateway`. */
  readonly id: string;
  readonly http: AddressInfo;
  /** Resolves when gRPC is answered too, to undefined when the gateway was drained before; rejects when it cannot listen. */
  readonly grpc: Promise<AddressInfo | undefined>;
  /** Leaves without cutting anyone off; resolves when nothing is left of it. */
  drain(): Promise<void>;
}

/** Starts a gateway: HTTP is answered when this resolves. @throws Error when it cannot listen */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { log, home } = options;
  const id = randomUUID();
  record(home, id, log);
  const path = snapshotPath(home);
  const saver = new SnapshotSaver(path);
  const meter = new Meter(undefined, wallTime);
  const gate = new TokenGate(options.auth === 'required');
  let turnToGrpc!: () => void;
  const grpcsTurn = new Promise<void>((resolve) => (turnToGrpc = resolve));
  const links = new ReplicaLinks({
    shared: options.workerSockets !== undefined,
    onUsable: () => {
      setTimeout(turnToGrpc, FIRST_ANSWERS_MS);
      pumpAll(router);
    },
    onDrained: () => control.acknowledge(),
    onTrouble: (replica, reason) => log.warn({ replica: replica.replicaId, address: replica.address, reason }, 'a replica cannot be used; retrying'),
  });
  const held = new HeldBytes();
  const router: Router = new Router({
    held,
    meter,
    now,
    linkTo: (replica, target) => links.to(replica, target),
    onStanding: ({ link: { identity } }, reason) => {
      if (reason === undefined) log.info({ replica: identity.replicaId }, 'an ejected replica serves again');
      else log.warn({ replica: identity.replicaId, reason }, 'a replica is ejected: it gets no requests until a probe succeeds');
    },
    onUnmergeable: (deployment, version) =>
      log.warn(
        { deployment, version },
        'the outputs of the model do not have one row for each row of its inputs: its requests are no longer merged; register it with a better sample',
      ),
  });
  const { worker, workerSockets: folder, serverVersion, accessLogSample, tracing } = options;
  const observers = await createObservers({ home, worker, instanceId: id, serverVersion, accessLogSample, tracing, log });
  const reader = await chooseReader(options.httpParser);
  if (reader.reason !== undefined) log.warn({ reason: reader.reason }, 'HTTP requests are read through node:http, which is slower than the internal parser');
  const dataPlane = new DataPlane({ router, now, serverVersion, extensions: reader.extensions, ...(observers.observe && { observe: observers.observe }) });

  const errors = new ErrorAnswers();
  const metrics = createGatewayMetrics({
    router,
    errors,
    refusedRoutes: () => control.refused.length,
    serverVersion,
    worker: String(worker),
    folder,
    log,
  });

  const tables = new TableSwap(async ({ routes, tokenHashes }) => {
    await links.prepare(routes);
    router.apply(routes);
    gate.replace(tokenHashes);
    links.retain(routes);
  });
  const control: ControlLink = new ControlLink({
    url: options.databaseUrl,
    connections: options.connections,
    gatewayId: id,
    host: hostname(),
    meter,
    log,
    now,
    tick: () => followWallClock(),
    inFlight: () => links.inFlight(),
    apply: async (snapshot) => {
      await tables.serve(snapshot);
      // The table is in force whether or not the disk takes it.
      await saver.save(snapshot).catch((error: Error) => log.error({ err: error }, 'cannot save the route table, which a start without PostgreSQL needs'));
    },
  });

  await firstTable(control, tables, path, log);
  await metrics.start();
  const textProcesses = { long: new TextProcess(held), longest: new TextProcess(held) };
  const protocols = httpProtocols(dataPlane, new TextInferences(dataPlane, new BodyCodec(textProcesses)), options).set(
    METRICS_ROOT,
    metricsProtocol(() => metrics.text(), options.openMetrics),
  );
  const routes = httpRoutes(protocols);
  const receptions = new Receptions();
  const unread = new UnreadAnswers(held);
  const front = new HttpFront({
    routes,
    gate,
    receptions,
    unread,
    newReader: reader.create,
    hosts: options.hosts,
    cors: corsPolicy(options.corsOrigins, METHODS),
    call: (context) => dataPlane.call(context),
    onError: (code) => errors.count('http', String(code)),
    log,
  });
  const http = await front.listen(options.http);
  // Where the socket is open already, no caller is refused meanwhile.
  const replicasFirst = 'fd' in options.grpc && [...router.deployments].length > 0;
  if (replicasFirst) setTimeout(turnToGrpc, REPLICAS_FIRST_MS);
  else turnToGrpc();
  const grpc = openGrpc();

  return {
    id,
    http,
    grpc: grpc.then((opened) => opened?.address),
    drain: async () => {
      dataPlane.draining = true;
      turnToGrpc();
      metrics.close();
      const drainGrpc = grpc.then(
        (opened) => opened?.front.drain(),
        () => undefined,
      );
      await Promise.all([front.drain(), drainGrpc]);
      for (const textProcess of Object.values(textProcesses)) textProcess.close();
      receptions.close();
      links.close();
      await Promise.all([observers.close(), control.close()]);
      forgetProcess(home, id);
    },
  };

  async function openGrpc(): Promise<{ front: GrpcFront; address: AddressInfo } | undefined> {
    await grpcsTurn;
    if (dataPlane.draining) return undefined;
    const { GrpcFront } = await import('./grpc/grpc-server.js');
    const front = new GrpcFront({ dataPlane, gate, receptions, unread, onError: (code) => errors.count('grpc', code), log });
    return { front, address: await front.listen(options.grpc) };
  }
}

/** A gateway serves without its record too, on a full disk for example. */
function record(home: string, id: string, log: Logger): void {
  try {
    recordProcess(home, id);
  } catch (error) {
    log.warn({ err: error }, 'cannot record this gateway: if it is killed, servers notice that only by its missing heartbeat');
  }
}

/** Reads the table from PostgreSQL; where that takes too long, begins with the one that was saved, and the other follows. */
async function firstTable(control: ControlLink, tables: TableSwap, path: string, log: Logger): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), FIRST_READ_MS)));
  const read = await Promise.race([control.start(), late]);
  clearTimeout(timer);
  if (read) return;
  try {
    const snapshot = await loadSnapshot(path);
    if (!snapshot) return log.warn('PostgreSQL cannot be reached and no route table was saved: the gateway serves nothing yet');
    if (!(await tables.serveSaved(snapshot))) return;
    control.adopt(snapshot);
    log.warn({ version: snapshot.version, deployments: snapshot.routes.length }, 'PostgreSQL cannot be reached; serving the saved route table');
  } catch (error) {
    log.error({ err: error }, 'the saved route table cannot be used');
  }
}

/** Puts tables into force one after the other, and never a saved one after one that was read. */
class TableSwap {
  private last: Promise<unknown> = Promise.resolve();
  private read = false;

  constructor(private readonly swap: (snapshot: RouteSnapshot) => Promise<void>) {}

  serve(snapshot: RouteSnapshot): Promise<void> {
    this.read = true;
    return this.inTurn(() => this.swap(snapshot));
  }

  /** Whether it was taken. */
  serveSaved(snapshot: RouteSnapshot): Promise<boolean> {
    return this.inTurn(async () => {
      if (this.read) return false;
      await this.swap(snapshot);
      return true;
    });
  }

  private inTurn<T>(task: () => Promise<T>): Promise<T> {
    const run = this.last.then(task, task);
    this.last = run.catch(() => undefined);
    return run;
  }
}

function pumpAll(router: Router): void {
  for (const { targets } of router.deployments) for (const { dispatcher } of targets) dispatcher.pump();
}
