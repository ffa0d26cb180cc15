/** A replica's end of its socket: says who it is, answers inferences, drains. */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { trapMessage } from '../contract.js';
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
import { decodeRequest, encodeTensors, responseOf, type InferRequest } from '../open-inference/message.js';
import { assertInputs, assertOutputs, TensorError } from '../tensor.js';
import { MAX_FRAME_BYTES, type HostSpec } from './host-spec.js';
import { messageOf } from './error-message.js';
import type { WarmModel } from './model-session.js';
import { SelfCheck } from './self-check.js';
import { WorkLine, type Job } from './work-line.js';

const GOODBYE_TIMEOUT_MS = 1000;
/** A broken replica waits less: its peers are told by the end of the connection as well. */
const LAST_WORD_TIMEOUT_MS = 100;

type State = Pick<ReplicaHello, 'state' | 'reason'>;

/** Jobs of one connection by the id that its peer gave them. */
type Jobs = Map<number, Job>;

export interface ReplicaServerEvents {
  /** Called once, when the replica is told to take nothing new. */
  onDrain(): void;
  /** Called once, when the runtime must not be used any more: the process is to end as soon as `lastWords` have been said. */
  onBroken(reason: string): void;
}

export class ReplicaServer {
  private state: State = { state: 'LOADING' };
  private warm: WarmModel | undefined;
  private highestEpoch: number;
  private readonly line: WorkLine;
  private readonly check = new SelfCheck();
  private readonly connections = new Map<Socket, Jobs>();
  private readonly server: Server;

  constructor(
    private readonly spec: HostSpec,
    private readonly events: ReplicaServerEvents,
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
    if (this.state.state === 'DRAINING' || this.state.state === 'FAILED') return;
    this.state = { state: 'DRAINING' };
    this.events.onDrain();
  }

  /**
   * The runtime must not be used any more. Who waits is told that the model never saw the request; who is under way beside the culprit
   * is told by the end of the connection.
   * @param culprit the request that did it; undefined where it is not known, unless only one is under way
   */
  breakDown(reason: string, culprit: { readonly socket: Socket; readonly id: number } | undefined = this.onlyOne()): void {
    if (this.state.state === 'FAILED') return;
    this.failed(reason);
    if (culprit) {
      fail(culprit.socket, culprit.id, { code: 'FATAL', message: reason, executed: true });
      this.connections.get(culprit.socket)?.delete(culprit.id);
    }
    for (const [socket, jobs] of this.connections) {
      for (const [id, job] of jobs) {
        if (job.started) continue;
        jobs.delete(id);
        this.line.drop(job);
        fail(socket, id, { code: 'NOT_READY', message: `the replica is FAILED: ${reason}`, executed: false });
      }
    }
    this.events.onBroken(reason);
  }

  /** Resolves when every peer of a broken replica knows what became of its requests, or has had its time. */
  async lastWords(): Promise<void> {
    this.server.close();
    await Promise.all([...this.connections].map(([socket, jobs]) => farewell(socket, LAST_WORD_TIMEOUT_MS, jobs.size === 0)));
  }

  /** Resolves when nothing is under way and every peer has been told that nothing more comes. */
  async drained(): Promise<void> {
    await this.line.whenIdle();
    // The answers of the last jobs are written in the same turn as the line empties.
    this.server.close();
    await Promise.all([...this.connections.keys()].map((socket) => farewell(socket, GOODBYE_TIMEOUT_MS)));
  }

  private hello(): ReplicaHello {
    const { replicaId, versionDigest, runtime } = this.spec;
    return {
      replicaId,
      versionDigest,
      pid: process.pid,
      ...this.state,
      runtime,
      ...(this.warm && { backend: this.warm.model.backend, signature: this.warm.signature, loadMs: this.warm.loadMs }),
      memoryBytes: process.memoryUsage.rss(),
      inFlight: this.line.size,
    };
  }

  private accept(socket: Socket): void {
    const jobs: Jobs = new Map();
    const reader = new FrameReader((frame) => this.receive(socket, jobs, frame), MAX_FRAME_BYTES);
    this.connections.set(socket, jobs);
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
      this.connections.delete(socket);
      for (const job of jobs.values()) this.line.drop(job);
    });
  }

  /** The request under way, where there is no other. */
  private onlyOne(): { socket: Socket; id: number } | undefined {
    if (this.line.underWay !== 1) return undefined;
    for (const [socket, jobs] of this.connections) for (const [id, job] of jobs) if (job.started) return { socket, id };
    return undefined;
  }

  private receive(socket: Socket, jobs: Jobs, frame: Frame): void {
    // It has been told goodbye.
    if (socket.writableEnded) return;
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
    const began = performance.now();
    let request: InferRequest;
    try {
      request = decodeRequest(frame.json, frame.binary);
      assertInputs(warm.model.signature, request.inputs);
      if (request.outputs) assertOutputs(warm.model.signature, request.outputs);
    } catch (error) {
      return fail(socket, id, { code: 'INVALID', message: messageOf(error), executed: false });
    }
    // Waiting for the runtime is no part of it.
    const inputNs = nanoseconds(performance.now() - began);
    const job = this.line.add(async (signal) => {
      await this.answer(socket, id, warm, request, inputNs, signal);
      jobs.delete(id);
    });
    // A job may begin at once, but it never ends in the same turn.
    jobs.set(id, job);
  }

  private async answer(socket: Socket, id: number, warm: WarmModel, request: InferRequest, inputNs: number, signal: AbortSignal): Promise<void> {
    const started = performance.now();
    try {
      const outputs = await warm.model.infer(request.inputs, request.outputs?.length ? request.outputs : undefined, signal);
      const computed = performance.now();
      if (signal.aborted) return;
      const encoded = encodeTensors(outputs);
      const parameters = { input_ns: inputNs, compute_ns: nanoseconds(computed - started), output_ns: nanoseconds(performance.now() - computed) };
      const message = responseOf({ id: request.id, parameters }, encoded);
      const bytes = frameBytes(message);
      if (bytes <= MAX_ANSWER_BYTES) return void writeFrame(socket, id, FRAME.INFER_ANSWER, message);
      // It would end the connection, and with it what others have under way. Not the runtime's failure: that may put the replica out of use.
      const tooLong = `the outputs take ${bytes} bytes; an answer may have ${MAX_ANSWER_BYTES}: ask for fewer rows or fewer outputs`;
      fail(socket, id, { code: 'INVALID', message: tooLong, executed: true });
    } catch (error) {
      // What the plugin found wrong with the request before the model saw it.
      if (error instanceof TensorError) return signal.aborted ? undefined : fail(socket, id, { code: 'INVALID', message: error.message, executed: false });
      // An error after an abort says nothing of the runtime. A trap does, even if the caller has left.
      if (signal.aborted && trapMessage(error) === undefined) return;
      const broken = await this.check.brokenBecause(warm, error);
      if (broken !== undefined) return this.breakDown(broken, { socket, id });
      if (signal.aborted) return;
      fail(socket, id, { code: 'INVALID', message: `the model cannot compute this request: ${messageOf(error)}`, executed: true });
    }
  }
}

const nanoseconds = (ms: number): number => Math.round(ms * 1e6);

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

/**
 * Says goodbye and waits until the peer has closed, or has had its time.
 * @param nothingUnderWay false where the peer must take its requests for executed: goodbye would say that they were not
 */
function farewell(socket: Socket, timeoutMs: number, nothingUnderWay = true): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve();
    const timer = setTimeout(resolve, timeoutMs);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    if (nothingUnderWay) writeFrame(socket, 0, FRAME.GOODBYE, jsonMessage());
    socket.end();
  });
}
