/** Starts gateways and replicas as processes of their own, and ends them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReplicaConnection } from '../../runtimes/open-inference/connection.js';
import type { ReplicaHello } from '../../runtimes/open-inference/frame.js';
import type { Signature } from '../../runtimes/tensor.js';
import { program } from '../../server/paths.js';
import { eventually } from './eventually.js';
import { end, START_MS } from './processes.js';
import { COMMAND_PLUGIN, type ReplicaModel } from './replica-models.js';
import { TestGateway } from './test-gateway.js';

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
