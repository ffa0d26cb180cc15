/**
 * A model that a plugin's own host has loaded, asked over the host's socket as a gateway asks a replica. The host is a child of this process, in its
 * group, and ends with it.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { RuntimeTrapError, type HostCommand, type LoadedModel } from '../contract.js';
import { ReplicaConnection, ReplicaError } from '../open-inference/connection.js';
import type { ReplicaHello } from '../open-inference/frame.js';
import { MAX_FRAME_BYTES, OUTCOME_FILE, type HostOutcome, type HostSpec } from './host-spec.js';
import type { ModelRequest } from './model-session.js';

const LOOK_MS = 10;
const CONNECT_MS = 5_000;
/** The validation's own time limit ends one that takes longer. */
const ANSWER_MS = 2 ** 31 - 1;

export interface HostedModel extends LoadedModel {
  /** Resident memory of the host's process. */
  residentBytes(): Promise<number>;
}

/** @throws Error with the host's own reason, or how its process ended */
export async function loadHosted(host: HostCommand, request: ModelRequest, signal: AbortSignal): Promise<HostedModel> {
  signal.throwIfAborted();
  // Short: a socket's path may have about a hundred bytes.
  const folder = mkdtempSync(join(tmpdir(), 'pilothouse-'));
  const spec = specOf(request, folder);
  const specPath = join(folder, 'spec.json');
  writeFileSync(specPath, JSON.stringify(spec));
  const [program, ...args] = host.command;
  // eslint-disable-next-line no-restricted-properties -- what this process was given, the host gets too
  const child = spawn(program!, [...args, specPath], { env: { ...process.env, ...host.environment }, stdio: ['ignore', 2, 2] });
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`it could not be started: ${error.message}`));
    child.once('exit', (code, name) => resolve(reasonIn(folder) ?? `it ended with ${name ?? `code ${code}`}`));
  });
  const end = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const connection = await connected(child, ended, spec.socketPath, signal);
    return asModel(connection, await readyHello(connection, ended, signal), end);
  } catch (error) {
    await end();
    throw error;
  }
}

function specOf(request: ModelRequest, folder: string): HostSpec {
  const { runtime, format, files, sample, threads, backend, signature, options, declaredSignature, scratch } = request;
  return {
    ...{ runtime, format, files, sample, threads, scratch, folder: request.folder },
    ...{ backend: backend ?? null, signature: signature ?? null, options: options ?? {}, declaredSignature: declaredSignature ?? null },
    ...{ replicaId: 'validation', versionDigest: 'validation', maxConcurrency: 1, epoch: 0, runtimes: [], socketPath: join(folder, 's') },
  };
}

async function connected(child: ChildProcess, ended: Promise<string>, path: string, signal: AbortSignal): Promise<ReplicaConnection> {
  for (;;) {
    signal.throwIfAborted();
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) throw new Error(await ended);
    try {
      if (existsSync(path)) return await ReplicaConnection.connect(`unix:${path}`, { timeoutMs: CONNECT_MS, maxFrameBytes: MAX_FRAME_BYTES });
    } catch {
      // It does not listen yet, or has just ended.
    }
    await setTimeout(LOOK_MS);
  }
}

async function readyHello(connection: ReplicaConnection, ended: Promise<string>, signal: AbortSignal): Promise<ReplicaHello> {
  for (;;) {
    signal.throwIfAborted();
    const hello = await connection.hello(ANSWER_MS).catch(async () => Promise.reject(new Error(await ended)));
    if (hello.state === 'READY') return hello;
    if (hello.state === 'FAILED') throw new Error(hello.reason ?? 'it gave no reason');
    await setTimeout(LOOK_MS);
  }
}

function asModel(connection: ReplicaConnection, hello: ReplicaHello, end: () => Promise<void>): HostedModel {
  return {
    signature: hello.signature!,
    backend: hello.backend!,
    library: hello.library,
    async infer(inputs, requestedOutputs, signal) {
      signal.throwIfAborted();
      try {
        return [...(await connection.infer({ inputs, ...(requestedOutputs && { outputs: requestedOutputs }) }, signal)).outputs];
      } catch (error) {
        if (error instanceof ReplicaError && (error.code === 'FATAL' || error.code === 'CONNECTION_LOST')) throw new RuntimeTrapError(error.message);
        throw error instanceof ReplicaError ? new Error(error.message.replace(/^the model cannot compute this request: /, ''), { cause: error }) : error;
      }
    },
    residentBytes: async () => (await connection.hello(ANSWER_MS)).memoryBytes ?? 0,
    async dispose() {
      connection.close();
      await end();
    },
  };
}

function reasonIn(folder: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(join(folder, OUTCOME_FILE), 'utf8')) as HostOutcome).reason;
  } catch {
    return undefined;
  }
}
