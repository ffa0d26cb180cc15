/** Real gateway and replica processes for tests. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { ReplicaConnection } from '../../runtimes/open-inference/connection.js';
import type { ReplicaHello } from '../../runtimes/open-inference/frame.js';
import type { Signature } from '../../runtimes/tensor.js';
import { Call } from '../../server/gateway/dispatch/call.js';
import { NOTIFICATION } from '../../server/database/notification-names.js';
import type { RouteDocument, TargetRoute } from '../../server/routing/route-document.js';
import { program } from '../../server/paths.js';
import { eventually } from './eventually.js';
import { samplesOf } from './promtool.js';

/** Obeys commands: see the file. */
const COMMAND_PLUGIN = fileURLToPath(new URL('engine-plugin.mjs', import.meta.url));
/** For a process to start in, on a machine that has much else to do. */
const START_MS = 60_000;

export interface TestReplica {
  readonly replicaId: string;
  readonly versionDigest: string;
  readonly address: string;
  readonly socketPath: string;
  readonly pid: number;
  readonly process: ChildProcess;
  readonly signature: Signature;
  /** What it says of itself. */
  hello(): Promise<ReplicaHello>;
  kill(): Promise<void>;
  drain(): Promise<void>;
}

/** A command that a `COMMAND_MODEL` works on until it is let go: pauses only guess what has happened meanwhile. */
export interface Held {
  readonly command: string;
  /** Resolves when so many replicas have begun with it. */
  begun(times?: number): Promise<void>;
  letGo(): void;
}

export interface ReplicaModel {
  readonly runtime: string;
  readonly format: string;
  readonly files: Readonly<Record<string, string | Buffer>>;
}

/** A model that obeys the commands it is sent. */
export const COMMAND_MODEL: ReplicaModel = { runtime: 'engine-test', format: 'engine-test', files: { 'model.json': '{}' } };
export const onnx = (model: Buffer): ReplicaModel => ({ runtime: 'onnx', format: 'onnx', files: { 'model.onnx': model } });

/** Everything that a test starts; `close` ends all of it. */
export class GatewayBench {
  readonly home = mkdtempSync(join(tmpdir(), 'ph-gw-'));
  private readonly children = new Set<ChildProcess>();
  private sockets = 0;
  private holds = 0;

  held(): Held {
    const path = join(this.home, `hold${this.holds++}`);
    const begun = () => (existsSync(`${path}.begun`) ? readFileSync(`${path}.begun`).length : 0);
    return {
      command: `hold:${path}`,
      begun: async (times = 1) => void (await eventually(() => begun() >= times, `the beginning of what is held, ${times} times`, START_MS)),
      letGo: () => writeFileSync(path, ''),
    };
  }

  /** Starts a replica process; resolves when it is READY. */
  async replica(
    model: ReplicaModel,
    options: { versionDigest?: string; maxConcurrency?: number; socketPath?: string; replicaId?: string } = {},
  ): Promise<TestReplica> {
    const { versionDigest = 'digest-1', maxConcurrency = 4, replicaId = randomUUID(), socketPath = join(this.home, `r${this.sockets++}.sock`) } = options;
    const folder = join(this.home, replicaId);
    mkdirSync(folder, { recursive: true });
    for (const [name, content] of Object.entries(model.files)) writeFileSync(join(folder, name), content);
    const spec = join(this.home, `${replicaId}.json`);
    writeFileSync(
      spec,
      JSON.stringify({
        replicaId,
        versionDigest,
        runtime: model.runtime,
        format: model.format,
        folder,
        files: Object.keys(model.files),
        sample: null,
        threads: 1,
        maxConcurrency,
        socketPath,
        runtimes: [COMMAND_PLUGIN],
        epoch: 0,
      }),
    );
    const child = this.start(program('runtimes/host/main'), [spec], { stdio: ['ignore', 'ignore', 'inherit'] });
    const address = `unix:${socketPath}`;
    const ask = async (): Promise<ReplicaHello> => {
      const connection = await ReplicaConnection.connect(address, { timeoutMs: START_MS, maxFrameBytes: 1 << 20 });
      return connection.hello(START_MS).finally(() => connection.close());
    };
    const hello = await eventually(
      async () => {
        if (child.exitCode !== null) throw new Error(`the replica exited with ${child.exitCode}`);
        if (!existsSync(socketPath)) return undefined;
        const answer = await ask().catch(() => undefined);
        return answer?.state === 'READY' && answer.replicaId === replicaId && answer;
      },
      'a replica that is READY',
      START_MS,
    );
    return {
      replicaId,
      versionDigest,
      address,
      socketPath,
      pid: child.pid!,
      process: child,
      signature: hello.signature!,
      hello: ask,
      kill: () => end(child, 'SIGKILL'),
      drain: () => end(child, 'SIGTERM'),
    };
  }

  /**
   * Starts a gateway process on free ports; resolves when it serves a route table, be it the saved one. One that is slow to get an answer
   * from PostgreSQL begins without any, and refuses what is asked meanwhile.
   * @param fds descriptors of listening sockets for it to use instead: HTTP's, then gRPC's
   */
  async gateway(databaseUrl: string, env: Record<string, string> = {}, ...fds: readonly number[]): Promise<TestGateway> {
    const gateway = await this.gatewayWithoutTable(databaseUrl, env, ...fds);
    await gateway.logged((msg) => msg === 'serving a new route table' || msg.endsWith('serving the saved route table'), 'a gateway with a route table');
    return gateway;
  }

  /** The same; resolves when it listens. */
  async gatewayWithoutTable(databaseUrl: string, env: Record<string, string> = {}, ...fds: readonly number[]): Promise<TestGateway> {
    const child = this.start(program('server/gateway/main'), [], {
      env: {
        PATH: process.env['PATH'],
        PILOTHOUSE_HOME: this.home,
        DATABASE_URL: databaseUrl,
        PILOTHOUSE_HTTP_PORT: '0',
        PILOTHOUSE_GRPC_PORT: '0',
        PILOTHOUSE_LOG_LEVEL: 'info',
        ...(fds[0] !== undefined && { PILOTHOUSE_HTTP_FD: '3' }),
        ...(fds[1] !== undefined && { PILOTHOUSE_GRPC_FD: '4' }),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'inherit', ...fds],
    });
    return TestGateway.over(child);
  }

  async close(): Promise<void> {
    await Promise.all([...this.children].map((child) => end(child, 'SIGKILL')));
    rmSync(this.home, { recursive: true, force: true });
  }

  private start(file: string, args: string[], options: Parameters<typeof spawn>[2]): ChildProcess {
    const child = spawn(process.execPath, [file, ...args], options);
    this.children.add(child);
    child.once('exit', () => this.children.delete(child));
    return child;
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: { error?: string; outputs?: { name: string; data: unknown[] }[]; [field: string]: unknown };
}

export class TestGateway {
  readonly log: Record<string, unknown>[] = [];
  private constructor(
    readonly process: ChildProcess,
    readonly id: string,
    readonly port: number,
    readonly grpcPort: number,
  ) {}

  static async over(child: ChildProcess): Promise<TestGateway> {
    const lines: Record<string, unknown>[] = [];
    let rest = '';
    child.stdout!.on('data', (chunk: Buffer) => {
      const parts = (rest + chunk.toString()).split('\n');
      rest = parts.pop()!;
      for (const part of parts) lines.push(JSON.parse(part) as Record<string, unknown>);
    });
    const serving = await eventually(
      () => {
        if (child.exitCode !== null) throw new Error(`the gateway exited with ${child.exitCode}`);
        return lines.find((line) => line['msg'] === 'the gateway serves');
      },
      'a gateway that serves',
      START_MS,
    );
    const [http, grpc] = [serving['address'], serving['grpc']] as { port: number }[];
    const gateway = new TestGateway(child, serving['id'] as string, http!.port, grpc!.port);
    Object.assign(gateway, { log: lines });
    return gateway;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Waits for a line of its log, which comes through a pipe in its own time. */
  logged(is: (msg: string) => boolean, what: string): Promise<Record<string, unknown>> {
    return eventually(() => this.log.find((line) => is(String(line['msg']))), what, START_MS);
  }

  /** Waits until a replica of each of these models is connected: a table is served before, when one is slow to answer. */
  async reaches(...models: readonly string[]): Promise<void> {
    for (const model of models) await eventually(async () => (await this.isReady(model)) && model, `a gateway that reaches ${model}`, START_MS);
  }

  /** Waits until it has noticed that no replica of a model is left. */
  async misses(model: string): Promise<void> {
    await eventually(async () => !(await this.isReady(model)), `a gateway that misses ${model}`, START_MS);
  }

  async isReady(model: string): Promise<boolean> {
    return (await this.request(`/v2/models/${encodeURIComponent(model)}/ready`)).status === 200;
  }

  /** Waits until so many requests for a model wait for a replica, or are accepted and not answered. */
  async counts(model: string, gauge: 'queued' | 'in_flight', count: number): Promise<void> {
    await eventually(
      async () => {
        const samples = samplesOf(await (await fetch(`${this.url}/metrics`)).text(), `pilothouse_inference_${gauge}`);
        return samples.filter(({ labels }) => labels['deployment'] === model).reduce((sum, { value }) => sum + value, 0) === count;
      },
      `${count} requests for ${model} that are ${gauge}`,
      START_MS,
    );
  }

  async request(path: string, init: RequestInit = {}): Promise<HttpReply> {
    const response = await fetch(this.url + path, init);
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: (text === '' ? {} : JSON.parse(text)) as HttpReply['body'] };
  }

  infer(model: string, body: unknown, init: RequestInit = {}): Promise<HttpReply> {
    return this.request(`/v2/models/${encodeURIComponent(model)}/infer`, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...init,
    });
  }

  /** Sends a command to a `COMMAND_MODEL`. */
  command(command: string, more: { parameters?: Record<string, unknown>; model?: string; init?: RequestInit } = {}): Promise<HttpReply> {
    const inputs = [{ name: 'command', datatype: 'BYTES', shape: [1], data: [command] }];
    return this.infer(more.model ?? 'm', { inputs, ...(more.parameters && { parameters: more.parameters }) }, more.init);
  }

  async stop(): Promise<number | null> {
    const exit = once(this.process, 'exit');
    this.process.kill('SIGTERM');
    const [code] = (await exit) as [number | null];
    return code;
  }

  kill(): Promise<void> {
    return end(this.process, 'SIGKILL');
  }
}

/** A target over given replicas. */
export function targetOf(replicas: readonly TestReplica[], more: Partial<TargetRoute> & { signature?: Signature } = {}): TargetRoute {
  const signature = more.signature ?? replicas[0]!.signature;
  return {
    versionId: randomUUID(),
    versionNumber: 1,
    versionDigest: replicas[0]?.versionDigest ?? 'digest-1',
    runtime: 'engine-test',
    format: 'engine-test',
    weight: 1,
    shadowPercent: 0,
    batching: null,
    replicas: replicas.map(({ replicaId, address }) => ({ replicaId, address })),
    ...more,
    signature,
  };
}

export function routeOf(targets: readonly TargetRoute[], more: Partial<RouteDocument> = {}): RouteDocument {
  // The deadline is for those who ask for one: a slow machine must not be taken for a gateway that keeps nobody's.
  const limits = { timeoutMs: 60_000, maxConcurrency: 4, maxQueue: 100, stickyHeader: null };
  return { deploymentId: randomUUID(), name: 'm', project: 'default', generation: 1, ...limits, targets, ...more };
}

/** A request that arrives at this time, over no protocol in particular. */
export const callAt = (arrivedAt: number): Call => new Call(arrivedAt, { requestId: 'r', protocol: 'oip-rest', caller: '', headers: {}, requestBytes: 0 });

/** Makes these the route table, as the reconciler does: in one transaction, then the wake-up. Answers the table's version. */
export async function publish(databaseUrl: string, routes: readonly RouteDocument[], notify = true): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('BEGIN');
    const { rows } = await client.query<{ version: string }>('UPDATE route_table SET version = version + 1 WHERE id = 1 RETURNING version');
    const version = Number(rows[0]!.version);
    await client.query('DELETE FROM route');
    for (const route of routes)
      await client.query('INSERT INTO route (deployment_id, version, document, updated_at) VALUES ($1, $2, $3, now())', [
        route.deploymentId,
        version,
        JSON.stringify(route),
      ]);
    await client.query('COMMIT');
    if (notify) await client.query(`SELECT pg_notify('${NOTIFICATION.ROUTES}', '')`);
    return version;
  } finally {
    await client.end();
  }
}

/** Waits until a gateway says that it serves a table, and answers its row. */
export function acknowledged(
  query: (sql: string, parameters: unknown[]) => Promise<unknown>,
  gateway: TestGateway,
  version: number,
): Promise<{ acknowledged_version: string; in_flight: Record<string, number> }> {
  return eventually(
    async () => {
      const rows = (await query('SELECT acknowledged_version, in_flight FROM gateway WHERE id = $1', [gateway.id])) as {
        acknowledged_version: string;
        in_flight: Record<string, number>;
      }[];
      return rows[0] && Number(rows[0].acknowledged_version) >= version && rows[0];
    },
    `the gateway's acknowledgement of table ${version}`,
    START_MS,
  );
}

/** A way to the database that can be cut and mended. Its port stays its own meanwhile: one that is given back may be somebody else's then. */
export async function databaseProxy(databaseUrl: string): Promise<{ url: string; cut(): void; mend(): void; close(): void }> {
  const { connect } = await import('node:net');
  const target = new URL(databaseUrl);
  // The test run's own PostgreSQL listens on a Unix socket, and the URL names its folder.
  const folder = target.searchParams.get('host');
  const sockets = new Set<Socket>();
  let whole = true;
  const server = createServer((inner) => {
    inner.on('error', () => undefined);
    if (!whole) return inner.destroy();
    const outer = folder ? connect(`${folder}/.s.PGSQL.${target.port}`) : connect(Number(target.port), target.hostname);
    outer.on('error', () => undefined);
    for (const socket of [inner, outer]) {
      sockets.add(socket);
      socket.on('close', () => {
        sockets.delete(socket);
        inner.destroy();
        outer.destroy();
      });
    }
    inner.pipe(outer).pipe(inner);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as { port: number };
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${port}`;
  url.searchParams.delete('host');
  const cut = () => {
    whole = false;
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: url.href,
    cut,
    mend: () => void (whole = true),
    close: () => {
      cut();
      server.close();
    },
  };
}
