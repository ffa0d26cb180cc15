/** A replica's end of its socket: says who it is, answers inferences, drains. */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { assertSocketPath } from '../open-inference/address.js';
import {
  FRAME,
  frameBytes,
  FrameReader,
  jsonMessage,
  MAX_ANSWER_BYTES,
  writeFrame,
  type Frame,
  type ReplicaFailure,
  type ReplicaHello,
} from '../open-inference/frame.js';
import { decodeRequest, encodeResponse, type InferRequest } from '../open-inference/message.js';
import { assertInputs, assertOutputs, TensorError } from '../tensor.js';
import { MAX_FRAME_BYTES, type HostSpec } from './host-spec.js';
import type { WarmModel } from './model-session.js';
import { WorkLine, type Job } from './work-line.js';

const GOODBYE_TIMEOUT_MS = 1000;

type State = Pick<ReplicaHello, 'state' | 'reason'>;

/** Jobs of one connection by the id that its peer gave them. */
type Jobs = Map<number, Job>;

export class ReplicaServer {
  private state: State = { state: 'LOADING' };
  private warm: WarmModel | undefined;
  private highestEpoch: number;
  private readonly line: WorkLine;
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;

  /** @param onDrain called once, when the replica is told to take nothing new. */
  constructor(
    private readonly spec: HostSpec,
    private readonly onDrain: () => void,
  ) {
    this.highestEpoch = spec.epoch;
    this.line = new WorkLine(spec.maxConcurrency);
    this.server = createServer((socket) => this.accept(socket));
  }

  /** @throws Error for a path that is too long or that cannot be listened on. */
  async listen(): Promise<void> {
    const { socketPath } = this.spec;
    assertSocketPath(socketPath);
    // Left by a process that was killed: the engine gives a path to one replica only.
    rmSync(socketPath, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(socketPath, resolve);
    });
    chmodSync(socketPath, 0o600);
  }

  /** From now on it answers inferences, unless it was told to drain meanwhile. */
  ready(warm: WarmModel): void {
    this.warm = warm;
    if (this.state.state === 'LOADING') this.state = { state: 'READY' };
  }

  failed(reason: string): void {
    this.state = { state: 'FAILED', reason };
  }

  /** Takes nothing new from now on. */
  startDraining(): void {
    if (this.state.state === 'DRAINING') return;
    this.state = { state: 'DRAINING' };
    this.onDrain();
  }

  /** Resolves when nothing is under way and every peer has been told that nothing more comes. */
  async drained(): Promise<void> {
    await this.line.whenIdle();
    // The answers of the last jobs are written in the same turn as the line empties.
    this.server.close();
    await Promise.all([...this.sockets].map(farewell));
  }

  private hello(): ReplicaHello {
    const { replicaId, versionDigest, runtime } = this.spec;
    return {
      replicaId,
      versionDigest,
      pid: process.pid,
      ...this.state,
      runtime,
      ...(this.warm && { backend: this.warm.model.backend, signature: this.warm.model.signature, loadMs: this.warm.loadMs }),
      memoryBytes: process.memoryUsage.rss(),
      inFlight: this.line.size,
    };
  }

  private accept(socket: Socket): void {
    const jobs: Jobs = new Map();
    const reader = new FrameReader((frame) => this.receive(socket, jobs, frame), MAX_FRAME_BYTES);
    this.sockets.add(socket);
    socket.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch (error) {
        // Not a peer of ours, or one that lost the thread: there is nothing to answer to.
        console.error(`a connection was closed: ${messageOf(error)}`);
        socket.destroy();
      }
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.sockets.delete(socket);
      for (const job of jobs.values()) this.line.drop(job);
    });
  }

  private receive(socket: Socket, jobs: Jobs, frame: Frame): void {
    if (frame.kind === FRAME.INFER) return this.infer(socket, jobs, frame);
    if (frame.kind === FRAME.HELLO) return void writeFrame(socket, frame.id, FRAME.HELLO_ANSWER, jsonMessage(this.hello()));
    if (frame.kind === FRAME.DRAIN) return this.drain(socket, frame);
    if (frame.kind !== FRAME.CANCEL) throw new TensorError(`a frame of the unknown kind ${frame.kind}`);
    const job = jobs.get(frame.id);
    if (!job) return;
    jobs.delete(frame.id);
    this.line.drop(job);
  }

  private drain(socket: Socket, frame: Frame): void {
    const epoch = epochOf(frame);
    if (epoch === undefined) return fail(socket, frame.id, { code: 'INVALID', message: 'a drain needs {"epoch": number}', executed: false });
    if (epoch < this.highestEpoch) {
      return fail(socket, frame.id, {
        code: 'INVALID',
        message: `epoch ${epoch} is over: this replica has heard of epoch ${this.highestEpoch}`,
        executed: false,
      });
    }
    this.highestEpoch = epoch;
    this.startDraining();
    writeFrame(socket, frame.id, FRAME.HELLO_ANSWER, jsonMessage(this.hello()));
  }

  private infer(socket: Socket, jobs: Jobs, frame: Frame): void {
    const { id } = frame;
    const { warm } = this;
    if (this.state.state !== 'READY' || !warm) {
      const draining = this.state.state === 'DRAINING';
      return fail(socket, id, { code: draining ? 'DRAINING' : 'NOT_READY', message: `the replica is ${this.state.state}`, executed: false });
    }
    let request: InferRequest;
    try {
      request = decodeRequest(frame.json, frame.binary);
      assertInputs(warm.model.signature, request.inputs);
      if (request.outputs) assertOutputs(warm.model.signature, request.outputs);
    } catch (error) {
      return fail(socket, id, { code: 'INVALID', message: messageOf(error), executed: false });
    }
    const job = this.line.add(async (signal) => {
      await this.answer(socket, id, warm, request, signal);
      jobs.delete(id);
    });
    // A job may begin at once, but it never ends in the same turn.
    jobs.set(id, job);
  }

  private async answer(socket: Socket, id: number, { model }: WarmModel, request: InferRequest, signal: AbortSignal): Promise<void> {
    const started = performance.now();
    try {
      const outputs = await model.infer(request.inputs, request.outputs?.length ? request.outputs : undefined, signal);
      const computeNs = Math.round((performance.now() - started) * 1e6);
      if (signal.aborted) return;
      const message = encodeResponse({ id: request.id, parameters: { compute_ns: computeNs }, outputs });
      const bytes = frameBytes(message);
      if (bytes <= MAX_ANSWER_BYTES) return void writeFrame(socket, id, FRAME.INFER_ANSWER, message);
      // It would end the connection, and with it what others have under way. Not the runtime's failure: that may put the replica out of use.
      const tooLong = `the outputs take ${bytes} bytes; an answer may have ${MAX_ANSWER_BYTES}: ask for fewer rows or fewer outputs`;
      fail(socket, id, { code: 'INVALID', message: tooLong, executed: true });
    } catch (error) {
      if (signal.aborted) return;
      // What the plugin found wrong with the request before the model saw it.
      const refused = error instanceof TensorError;
      fail(socket, id, { code: refused ? 'INVALID' : 'RUNTIME_FAILED', message: messageOf(error), executed: !refused });
    }
  }
}

function epochOf(frame: Frame): number | undefined {
  try {
    const { epoch } = JSON.parse(frame.json.toString()) as { epoch?: unknown };
    return typeof epoch === 'number' ? epoch : undefined;
  } catch {
    return undefined;
  }
}

function fail(socket: Socket, id: number, failure: ReplicaFailure): void {
  writeFrame(socket, id, FRAME.FAILURE, jsonMessage(failure));
}

/** Says goodbye and waits until the peer has closed, or has had its time. */
function farewell(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve();
    const timer = setTimeout(resolve, GOODBYE_TIMEOUT_MS);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    writeFrame(socket, 0, FRAME.GOODBYE, jsonMessage());
    socket.end();
  });
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
