/** Starts a replica process of the built host, as an engine would, and watches it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { HostSpec } from '../../runtimes/host/host-spec.js';
import type { ModelArtifact } from '../../runtimes/contract.js';
import { ReplicaConnection } from '../../runtimes/open-inference/connection.js';
import type { ReplicaHello } from '../../runtimes/open-inference/frame.js';
import { program } from '../../server/paths.js';

export const SCRIPTED = fileURLToPath(new URL('./outside-plugin/scripted.mjs', import.meta.url));

export interface HostProcess {
  readonly spec: HostSpec;
  readonly child: ChildProcess;
  readonly address: string;
  readonly exit: Promise<{ code: number | null; signal: string | null }>;
  readonly log: () => string;
  readonly outcome: () => { reason: string };
  connect(): Promise<ReplicaConnection>;
}

const running: { child: ChildProcess; folder: string }[] = [];

export function startHost(artifact: ModelArtifact, runtime: string, changes: Partial<HostSpec> = {}): HostProcess {
  const folder = mkdtempSync(join(tmpdir(), 'ph-host-'));
  const spec: HostSpec = {
    replicaId: 'replica-1',
    versionDigest: 'digest-1',
    runtime,
    format: artifact.format,
    folder: artifact.folder,
    files: artifact.files,
    sample: null,
    threads: 1,
    maxConcurrency: 1,
    socketPath: join(folder, 's'),
    runtimes: [SCRIPTED],
    epoch: 5,
    ...changes,
  };
  writeFileSync(join(folder, 'spec.json'), JSON.stringify(spec));
  const child = spawn(process.execPath, [program('runtimes/host/main'), join(folder, 'spec.json')], { stdio: ['ignore', 'pipe', 'pipe'] });
  running.push({ child, folder });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const address = `unix:${spec.socketPath}`;
  return {
    spec,
    child,
    address,
    exit: new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal }))),
    log: () => log,
    outcome: () => JSON.parse(readFileSync(join(folder, 'outcome.json'), 'utf8')) as { reason: string },
    connect: () => connectWhenUp(address, child),
  };
}

/** For `afterEach`: nothing stays. */
export async function stopHosts(): Promise<void> {
  for (const { child, folder } of running.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGKILL');
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  }
}

async function connectWhenUp(address: string, child: ChildProcess): Promise<ReplicaConnection> {
  for (;;) {
    try {
      return await ReplicaConnection.connect(address, { timeoutMs: 1000, maxFrameBytes: 1 << 26 });
    } catch (error) {
      if (child.exitCode !== null || child.signalCode !== null) throw error;
      await sleep(5);
    }
  }
}

export async function untilState(connection: ReplicaConnection, state: ReplicaHello['state'], timeoutMs = 20_000): Promise<ReplicaHello> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const hello = await connection.hello(timeoutMs);
    if (hello.state === state) return hello;
    if (performance.now() > deadline) throw new Error(`the replica is ${hello.state} (${hello.reason ?? 'no reason'}), not ${state}`);
    await sleep(2);
  }
}
