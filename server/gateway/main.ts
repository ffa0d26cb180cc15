/** The gateway worker's process: configuration from the environment, signals in, an exit code out. */
import { pino } from 'pino';
import { AllowedHosts } from '../allowed-hosts.js';
import { isLoopback, readConfig, type Config } from '../config.js';
import { DomainError } from '../errors.js';
import { LogSink } from '../log-sink.js';
import { VERSION } from '../paths.js';
import type { ListenAt } from './http/http-server.js';
import { startGateway, type Gateway } from './gateway.js';

/** A second signal within this time is the same Ctrl-C, which reaches a process twice behind npm. */
const SAME_SIGNAL_MS = 1_000;
const STDOUT = 1;

// Libraries and Node's own warnings write there, into a file whose disk may be full.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

async function main(): Promise<void> {
  const config = readConfig();
  const { databaseUrl } = config;
  if (databaseUrl === undefined)
    throw new DomainError('INVALID', 'configuration: a gateway needs DATABASE_URL, the address of the PostgreSQL that its server uses');
  const base = { process: 'gateway', pid: process.pid };
  const log = pino({ level: config.logLevel, base }, new LogSink('gateway', STDOUT, base));
  const {
    home,
    gatewayAuth: auth,
    worker,
    workerSockets,
    workerConnections: connections,
    mlflowDeployment,
    accessLogSample,
    tracing,
    corsOrigins,
    httpParser,
  } = config;
  const gateway = await startGateway({
    ...{ databaseUrl, home, auth, worker, workerSockets, connections, mlflowDeployment, accessLogSample, tracing, corsOrigins, httpParser, log },
    ...listenOptions(config),
    openMetrics: isLoopback(config.host),
    hosts: new AllowedHosts({ bound: config.host, names: config.allowedHosts, origins: corsOrigins }),
    serverVersion: VERSION,
  });
  drainOnSignals(gateway, log);
  const grpc = await gateway.grpc;
  if (grpc) log.info({ id: gateway.id, address: gateway.http, grpc }, 'the gateway serves');
}

function listenOptions({ host, httpFd, httpPort, grpcFd, grpcPort }: Config): { http: ListenAt; grpc: ListenAt } {
  return {
    http: httpFd === undefined ? { host, port: httpPort } : { fd: httpFd },
    grpc: grpcFd === undefined ? { host, port: grpcPort } : { fd: grpcFd },
  };
}

function drainOnSignals(gateway: Gateway, log: pino.Logger): void {
  let first: number | undefined;
  const stop = (signal: string) => {
    const now = performance.now();
    if (first !== undefined) {
      if (now - first > SAME_SIGNAL_MS) process.exit(1);
      return;
    }
    first = now;
    log.info({ signal }, 'draining');
    void gateway.drain().then(() => process.exit(0));
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => stop(signal));
}

try {
  await main();
} catch (error) {
  process.stderr.write(`pilothouse gateway: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
