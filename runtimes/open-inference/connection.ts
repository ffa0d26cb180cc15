/** The client's end of a replica's socket: many requests under way at once, told apart by their id. */
import { connect, type Socket } from 'node:net';
import { parseAddress } from './address.js';
import { FRAME, FrameReader, jsonMessage, writeFrame, type Frame, type FrameKind, type ReplicaFailure, type ReplicaHello } from './frame.js';
import { decodeResponse, encodeRequest, type EncodedMessage, type InferRequest, type InferResponse } from './message.js';

export type ReplicaErrorCode = ReplicaFailure['code'] | 'CONNECTION_LOST' | 'TIMED_OUT';

/**
 * Why a replica gave no answer.
 * `executed: false` promises that the model never saw the request, so that it is safe to send it elsewhere; `true` means
 * that it may have. TIMED_OUT is only of `connect`, `hello` and `drain`; CANCELLED also of an aborted signal.
 */
export class ReplicaError extends Error {
  override readonly name = 'ReplicaError';

  constructor(
    readonly code: ReplicaErrorCode,
    message: string,
    readonly executed: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface ConnectOptions {
  readonly timeoutMs: number;
  /** A longer frame from the peer ends the connection. */
  readonly maxFrameBytes: number;
}

/** Who waits for the answer to an inference. Exactly one of the two is called, once, and neither after a cancellation. */
export interface Reply {
  answered(response: InferResponse): void;
  /** @param error a ReplicaError; a TensorError for an answer that is malformed */
  failed(error: Error): void;
}

interface Pending {
  readonly infers: boolean;
  readonly resolve: (frame: Frame) => void;
  readonly reject: (error: ReplicaError) => void;
}

/** What waits in the socket's own memory because the replica does not read: beyond it the connection counts as congested. */
const CONGESTED_BYTES = 64 * 1024 * 1024;

const MAX_ID = 0xffff_ffff;

export class ReplicaConnection {
  /** Resolves, never rejects, when the connection is gone, from whichever side. */
  readonly closed: Promise<void>;
  private readonly pending = new Map<number, Pending>();
  private inferring = 0;
  private lastId = 0;
  private lost: ReplicaError | undefined;
  private cause: Error | undefined;
  private drainListener: (() => void) | undefined;

  private constructor(
    private readonly socket: Socket,
    readonly address: string,
    maxFrameBytes: number,
  ) {
    const reader = new FrameReader((frame) => this.receive(frame), maxFrameBytes);
    socket.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    socket.on('error', (error) => (this.cause = error));
    socket.on('drain', () => this.drainListener?.());
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.fail(
          new ReplicaError('CONNECTION_LOST', `the connection to the replica at ${address} broke${this.cause ? `: ${this.cause.message}` : ''}`, true, {
            cause: this.cause,
          }),
        );
        resolve();
      });
    });
  }

  /** @throws ReplicaError CONNECTION_LOST when no process answers there, TIMED_OUT; Error for an invalid address. */
  static connect(address: string, options: ConnectOptions): Promise<ReplicaConnection> {
    const target = parseAddress(address);
    return new Promise((resolve, reject) => {
      const socket = connect(target);
      const giveUp = (error: ReplicaError) => {
        clearTimeout(timer);
        socket.destroy();
        reject(error);
      };
      const timer = setTimeout(
        () => giveUp(new ReplicaError('TIMED_OUT', `no connection to ${address} within ${options.timeoutMs} ms`, false)),
        options.timeoutMs,
      );
      const refused = (cause: Error) => giveUp(new ReplicaError('CONNECTION_LOST', `cannot connect to ${address}: ${cause.message}`, false, { cause }));
      socket.once('error', refused);
      socket.once('connect', () => {
        clearTimeout(timer);
        socket.removeListener('error', refused);
        resolve(new ReplicaConnection(socket, address, options.maxFrameBytes));
      });
    });
  }

  /** Inferences sent and not yet answered. */
  get inFlight(): number {
    return this.inferring;
  }

  get open(): boolean {
    return this.lost === undefined;
  }

  /** The replica has long ceased to read: what is sent now would only pile up here. */
  get congested(): boolean {
    return this.socket.writableLength > CONGESTED_BYTES;
  }

  /** Called whenever all that waited to be read has been handed over. */
  onDrain(listener: () => void): void {
    this.drainListener = listener;
  }

  /** @throws ReplicaError CONNECTION_LOST, TIMED_OUT. */
  async hello(timeoutMs: number): Promise<ReplicaHello> {
    return parseJson<ReplicaHello>(await this.ask(FRAME.HELLO, undefined, timeoutMs));
  }

  /**
   * Asks the replica to take nothing new, finish and exit; answers at once with its state.
   * @throws ReplicaError INVALID when it has seen a higher epoch, CONNECTION_LOST, TIMED_OUT.
   */
  async drain(epoch: number, timeoutMs = 10_000): Promise<ReplicaHello> {
    return parseJson<ReplicaHello>(await this.ask(FRAME.DRAIN, { epoch }, timeoutMs));
  }

  /**
   * Answers one request.
   * @param signal its abort drops the request at the replica where it still waits there, and rejects at once.
   * @throws ReplicaError
   */
  infer(request: InferRequest, signal?: AbortSignal): Promise<InferResponse> {
    if (signal?.aborted) return Promise.reject(new ReplicaError('CANCELLED', 'the request was cancelled before it was sent', false));
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.cancel(id);
        reject(new ReplicaError('CANCELLED', 'the request was cancelled', true));
      };
      const done = () => signal?.removeEventListener('abort', abort);
      const id = this.start(encodeRequest(request), {
        answered: (response) => {
          done();
          resolve(response);
        },
        failed: (error) => {
          done();
          reject(error);
        },
      });
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /**
   * Sends one encoded request: what `infer` does, without a promise or a signal for each.
   * @returns its id, for `cancel`. Nothing is called before this returns.
   */
  start(message: EncodedMessage, reply: Reply): number {
    return this.send(
      FRAME.INFER,
      message,
      (frame) => {
        let response: InferResponse;
        try {
          response = decodeResponse(frame.json, frame.binary);
        } catch (error) {
          return reply.failed(error as Error);
        }
        reply.answered(response);
      },
      (error) => reply.failed(error),
    );
  }

  /** Drops a request at the replica where it still waits there; its reply is not called any more. */
  cancel(id: number): void {
    if (this.take(id)) writeFrame(this.socket, id, FRAME.CANCEL, jsonMessage());
  }

  /** Ends the connection; what is under way rejects with CONNECTION_LOST. */
  close(): void {
    this.fail(new ReplicaError('CONNECTION_LOST', `the connection to the replica at ${this.address} was closed here`, true));
    this.socket.destroy();
  }

  private send(kind: FrameKind, message: EncodedMessage, resolve: Pending['resolve'], reject: Pending['reject']): number {
    const id = this.nextId();
    if (this.lost) {
      const { code, message: reason } = this.lost;
      queueMicrotask(() => reject(new ReplicaError(code, reason, false)));
      return id;
    }
    const infers = kind === FRAME.INFER;
    this.pending.set(id, { infers, resolve, reject });
    if (infers) this.inferring += 1;
    writeFrame(this.socket, id, kind, message);
    return id;
  }

  private ask(kind: typeof FRAME.HELLO | typeof FRAME.DRAIN, body: unknown, timeoutMs: number): Promise<Frame> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.take(id)?.reject(new ReplicaError('TIMED_OUT', `the replica at ${this.address} did not answer within ${timeoutMs} ms`, false));
      }, timeoutMs);
      const settle =
        <T>(end: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer);
          end(value);
        };
      const id = this.send(kind, jsonMessage(body), settle(resolve), settle(reject));
    });
  }

  private nextId(): number {
    do this.lastId = this.lastId === MAX_ID ? 1 : this.lastId + 1;
    while (this.pending.has(this.lastId));
    return this.lastId;
  }

  private take(id: number): Pending | undefined {
    const pending = this.pending.get(id);
    if (!pending) return undefined;
    this.pending.delete(id);
    if (pending.infers) this.inferring -= 1;
    return pending;
  }

  private receive(frame: Frame): void {
    if (frame.kind === FRAME.GOODBYE) {
      this.fail(new ReplicaError('DRAINING', `the replica at ${this.address} has drained and is gone`, false));
      this.socket.destroy();
      return;
    }
    const pending = this.take(frame.id);
    // The answer to what was cancelled, or timed out, in the meantime.
    if (!pending) return;
    if (frame.kind !== FRAME.FAILURE) {
      pending.resolve(frame);
      return;
    }
    const failure = parseJson<ReplicaFailure>(frame);
    pending.reject(new ReplicaError(failure.code, failure.message, failure.executed));
  }

  private fail(error: ReplicaError): void {
    if (this.lost) return;
    this.lost = error;
    for (const id of [...this.pending.keys()]) this.take(id)?.reject(error);
  }
}

function parseJson<T>(frame: Frame): T {
  return JSON.parse(frame.json.toString()) as T;
}
