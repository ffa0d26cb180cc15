/**
 * Triton's ModelStreamInfer: a stream of requests, each answered in its turn on the same stream. Requests run at the same time, and
 * as in Triton their answers come in the requests' order. One that fails says so in its answer, and the stream goes on.
 */
import { status, type handleBidiStreamingCall, type ServerDuplexStream } from '@grpc/grpc-js';
import { GatewayError } from '../gateway-error.js';
import { ANSWER_TIMEOUT_MS, DRAIN_IDLE_MS } from '../limits.js';
import type { Call } from '../dispatch/call.js';
import { answerMetadata, beginCall, callerOf, cancelUnlessLate, requestIdIn, type GrpcOptions } from './grpc-call.js';
import { countError } from './grpc-error-count.js';
import { addressOf, infer } from './grpc-infer.js';
import { streamFailure, streamResponse } from './grpc-infer-response.js';
import { StatusError, statusOf } from './grpc-status.js';
import { cut, holdUnread } from './grpc-unread.js';
import type { WireMessage } from './grpc-wire-message.js';

type Stream = ServerDuplexStream<Buffer, WireMessage>;

/** Requests of one stream under way at once: fewer than queues hold, so that its caller is slowed down instead of refused. */
const MAX_UNDER_WAY = 64;

const GONE = new GatewayError('CANCELLED', 'the stream has ended');

export class InferStreams {
  private readonly open = new Set<InferStream>();
  private draining = false;

  constructor(private readonly options: GrpcOptions) {}

  readonly handler: handleBidiStreamingCall<Buffer, WireMessage> = (rpc) => {
    const stream = new InferStream(rpc, this.options);
    if (!stream.start()) return;
    this.open.add(stream);
    rpc.once('close', () => this.open.delete(stream));
    if (this.draining) stream.drain();
  };

  /** Ends each stream as soon as it is idle for a while: its caller may keep it for hours. */
  drain(): void {
    this.draining = true;
    for (const stream of this.open) stream.drain();
  }
}

class InferStream {
  private readonly requestId: string;
  private readonly calls = new Set<Call>();
  /** The end of the answers' line. */
  private last: Promise<void> = Promise.resolve();
  private over = false;
  private idle: NodeJS.Timeout | undefined;
  /** Lets go who waits to write. */
  private writable: () => void = () => undefined;
  /** Of answers that were written and are not taken, what is to be told when they are. */
  private readonly unread = new Set<() => void>();
  private patience: NodeJS.Timeout | undefined;

  constructor(
    private readonly rpc: Stream,
    private readonly options: GrpcOptions,
  ) {
    this.requestId = requestIdIn(rpc);
  }

  /** Whether the caller may have a stream. */
  start(): boolean {
    const { rpc } = this;
    try {
      callerOf(rpc, this.options.gate);
    } catch (error) {
      this.end(error);
      return false;
    }
    rpc.sendMetadata(answerMetadata(this.requestId));
    rpc.on('data', (message: Buffer) => this.take(message));
    rpc.on('drain', () => this.writable());
    rpc.once('end', () => void this.last.then(() => this.end()));
    rpc.once('cancelled', () => {
      this.over = true;
      clearTimeout(this.idle);
      this.writable();
      this.forgetUnread();
      for (const call of this.calls) cancelUnlessLate(rpc, call);
    });
    return true;
  }

  drain(): void {
    clearTimeout(this.idle);
    this.idle = setTimeout(() => {
      if (this.calls.size > 0) this.drain();
      else this.end(new StatusError(status.UNAVAILABLE, 'the gateway is shutting down; open another stream'));
    }, DRAIN_IDLE_MS);
  }

  private take(message: Buffer): void {
    if (this.over) return;
    const { rpc, options, requestId } = this;
    let call: Call;
    try {
      // A token may be revoked while its stream is open.
      call = beginCall(rpc, options, requestId, callerOf(rpc, options.gate), message.length);
    } catch (error) {
      return this.end(error);
    }
    this.calls.add(call);
    if (this.calls.size >= MAX_UNDER_WAY) rpc.pause();
    this.idle?.refresh();
    const answered = this.answer(call, message);
    this.last = this.last.then(async () => {
      const { message, release, error } = await answered;
      call.end(error ?? (this.over ? GONE : undefined));
      await this.write(message, () => {
        release();
        this.calls.delete(call);
        if (rpc.isPaused() && !this.over) rpc.resume();
      });
    });
  }

  /** Never throws. */
  private async answer(call: Call, message: Buffer): Promise<{ message: WireMessage; release: () => void; error?: unknown }> {
    const { options } = this;
    let id = '';
    try {
      const address = addressOf(message);
      id = address.id;
      const { outputs, version, forms, finalResponseWanted: final } = await infer(options, call, address, message);
      const answer = streamResponse({ model: address.model, version, id, outputs, forms, final });
      return { message: answer, release: holdUnread(options.unread, this.rpc, call.context.caller, answer.byteLength) };
    } catch (error) {
      const failure = statusOf(error, this.requestId, options);
      // The call goes on: what fails on it is counted here.
      countError(failure, options.onError);
      return { message: streamFailure(id, error instanceof GatewayError ? error.message : failure.details), release: () => undefined, error };
    }
  }

  /** Waits where the caller does not read. @param sent called once, also where it never will be */
  private async write(message: WireMessage, sent: () => void): Promise<void> {
    const { rpc, unread } = this;
    if (this.over) return sent();
    unread.add(sent);
    this.patience ??= setTimeout(() => cut(rpc), ANSWER_TIMEOUT_MS);
    const goesOn = rpc.write(message, () => {
      if (!unread.delete(sent)) return;
      sent();
      if (unread.size > 0) this.patience?.refresh();
      else this.forgetUnread();
    });
    if (!goesOn) await new Promise<void>((resolve) => (this.writable = resolve));
  }

  private forgetUnread(): void {
    clearTimeout(this.patience);
    this.patience = undefined;
    for (const sent of this.unread) sent();
    this.unread.clear();
  }

  private end(error?: unknown): void {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.idle);
    if (error === undefined) this.rpc.end();
    else this.rpc.emit('error', statusOf(error, this.requestId, this.options));
  }
}
