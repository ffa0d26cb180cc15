/** The client's end of a replica's socket: many requests under way at once, told apart by their id. */
import { connect, type Socket } from 'node:net';
import { parseAddress } from './address.js';
import { FRAME, FrameReader, jsonMessage, writeFrame, type Frame, type ReplicaFailure, type ReplicaHello } from './frame.js';
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

interface Pending {
  readonly infers: boolean;
  readonly resolve: (frame: Frame) => void;
  readonly reject: (error: ReplicaError) => void;
  /** Only where the caller may abort. */
  abort?: { readonly signal: AbortSignal; readonly listener: () => void };
}

const MAX_ID = 0xffff_ffff;

export class ReplicaConnection {
  /** Resolves, never rejects, when the connection is gone, from whichever side. */
  readonly closed: Promise<void>;
  private readonly pending = new Map<number, Pending>();
  private inferring = 0;
  private lastId = 0;
  private lost: ReplicaError | undefined;
  private cause: Error | undefined;

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

  /** @throws ReplicaError CONNECTION_LOST when nobody answers there, TIMED_OUT; Error for an address that is none. */
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
  async infer(request: InferRequest, signal?: AbortSignal): Promise<InferResponse> {
    if (signal?.aborted) throw new ReplicaError('CANCELLED', 'the request was cancelled before it was sent', false);
    const answer = this.send(FRAME.INFER, encodeRequest(request));
    if (signal) this.cancelOn(signal, this.lastId);
    const frame = await answer;
    return decodeResponse(frame.json, frame.binary);
  }

  /** Ends the connection; what is under way rejects with CONNECTION_LOST. */
  close(): void {
    this.fail(new ReplicaError('CONNECTION_LOST', `the connection to the replica at ${this.address} was closed here`, true));
    this.socket.destroy();
  }

  private send(kind: typeof FRAME.INFER | typeof FRAME.HELLO | typeof FRAME.DRAIN, message: EncodedMessage): Promise<Frame> {
    if (this.lost) return Promise.reject(new ReplicaError(this.lost.code, this.lost.message, false));
    const id = this.nextId();
    const infers = kind === FRAME.INFER;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { infers, resolve, reject });
      if (infers) this.inferring += 1;
      writeFrame(this.socket, id, kind, message);
    });
  }

  private cancelOn(signal: AbortSignal, id: number): void {
    const pending = this.pending.get(id);
    if (!pending) return;
    const listener = () => {
      this.take(id);
      writeFrame(this.socket, id, FRAME.CANCEL, jsonMessage());
      pending.reject(new ReplicaError('CANCELLED', 'the request was cancelled', true));
    };
    pending.abort = { signal, listener };
    signal.addEventListener('abort', listener, { once: true });
  }

  private async ask(kind: typeof FRAME.HELLO | typeof FRAME.DRAIN, body: unknown, timeoutMs: number): Promise<Frame> {
    const answer = this.send(kind, jsonMessage(body));
    const id = this.lastId;
    const timer = setTimeout(() => {
      this.take(id)?.reject(new ReplicaError('TIMED_OUT', `the replica at ${this.address} did not answer within ${timeoutMs} ms`, false));
    }, timeoutMs);
    try {
      return await answer;
    } finally {
      clearTimeout(timer);
    }
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
    if (pending.abort) pending.abort.signal.removeEventListener('abort', pending.abort.listener);
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
