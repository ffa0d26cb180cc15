/**
 * The process that reads and writes long texts, one at a time (`text-main.ts`): a text of the largest size takes it many seconds, and a
 * hostile one all the memory it has. It is started when there is the first, killed when one takes too long, and ends when idle.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { FrameReader, writeFrame, type Frame, type FrameKind } from '../../../runtimes/open-inference/frame.js';
import { decodeRequest, encodeResponse, type EncodedMessage } from '../../../runtimes/open-inference/message.js';
import { TensorError, type Tensor } from '../../../runtimes/tensor.js';
import { program } from '../../paths.js';
import { GatewayError } from '../gateway-error.js';
import { MAX_FRAME_BYTES, MAX_TEXTS_WAITING, TEXT_HEAP_MB, TEXT_IDLE_MS, TEXT_LIMIT_MS } from '../limits.js';
import type { Call } from '../pending.js';
import type { AnsweredBy, Reading, Text } from './text-protocol.js';
import type { ContextOf, FormOf, TextProtocolName } from './text-protocols.js';

/** What is asked, beside the body or the tensors. */
export type TextTask =
  | { readonly do: 'read'; readonly protocol: TextProtocolName; readonly context: unknown }
  | { readonly do: 'write'; readonly protocol: TextProtocolName; readonly form: unknown; readonly by: AnsweredBy; readonly outputs: string };

/** What comes back, beside the request's tensors or the text. */
export type TextResult =
  | { readonly did: 'read'; readonly request: string; readonly form: unknown }
  | { readonly did: 'write'; readonly sizes: readonly number[] }
  | { readonly did: 'refuse'; readonly reason: string }
  | { readonly did: 'fail'; readonly reason: string };

/** Frames between gateways and replicas have kinds; here there is one. */
export const TEXT_FRAME = 1 as FrameKind;

interface Job {
  readonly message: EncodedMessage;
  /** For the error message: what was too long. */
  readonly what: string;
  readonly call: Call;
  readonly resolve: (frame: Frame) => void;
  readonly reject: (error: Error) => void;
}

export class TextProcess {
  private child: ChildProcess | undefined;
  private current: Job | undefined;
  private readonly waiting: Job[] = [];
  private timer: NodeJS.Timeout | undefined;
  private tooLong = false;

  /** @param limitMs how long one text may take */
  constructor(private readonly limitMs = TEXT_LIMIT_MS) {}

  /** @throws TensorError for what is wrong with the body, also that it takes too much; GatewayError OVERLOADED, CANCELLED */
  async read<N extends TextProtocolName>(protocol: N, context: ContextOf<N>, body: Buffer, call: Call): Promise<Reading<FormOf<N>>> {
    const task: TextTask = { do: 'read', protocol, context };
    const { json, binary } = await this.run('the text of the request', { json: Buffer.from(JSON.stringify(task)), binary: [body] }, call);
    const result = resultOf(json, 'read');
    return { request: decodeRequest(Buffer.from(result.request), binary), form: result.form as FormOf<N> };
  }

  /** @throws TensorError for outputs that cannot be written so, also because it takes too much; GatewayError OVERLOADED, CANCELLED */
  async write<N extends TextProtocolName>(protocol: N, outputs: readonly Tensor[], form: FormOf<N>, by: AnsweredBy, call: Call): Promise<Text> {
    const { json, binary } = encodeResponse({ outputs });
    const task: TextTask = { do: 'write', protocol, form, by, outputs: json.toString() };
    const answer = await this.run('the answer as text', { json: Buffer.from(JSON.stringify(task)), binary }, call);
    const [size, ...sizes] = resultOf(answer.json, 'write').sizes;
    let at = size!;
    const parts = sizes.map((length) => answer.binary.subarray(at, (at += length)));
    return { body: answer.binary.subarray(0, size), ...(parts.length > 0 && { binary: parts }) };
  }

  close(): void {
    this.child?.kill('SIGKILL');
    this.child = undefined;
    clearTimeout(this.timer);
  }

  private run(what: string, message: EncodedMessage, call: Call): Promise<Frame> {
    if (this.waiting.length >= MAX_TEXTS_WAITING)
      throw new GatewayError(
        'OVERLOADED',
        `${MAX_TEXTS_WAITING} long texts wait to be read or written already; send tensors, and ask for them, as binary data`,
        1,
      );
    return new Promise((resolve, reject) => {
      const job: Job = { what, message, call, resolve, reject };
      this.waiting.push(job);
      call.onCancel(() => this.drop(job));
      this.next();
    });
  }

  private next(): void {
    if (this.current) return;
    clearTimeout(this.timer);
    const job = this.waiting.shift();
    if (!job) {
      this.timer = setTimeout(() => this.close(), TEXT_IDLE_MS).unref();
      return;
    }
    this.current = job;
    this.child ??= this.start();
    this.tooLong = false;
    this.timer = setTimeout(() => {
      this.tooLong = true;
      this.child?.kill('SIGKILL');
    }, this.limitMs);
    writeFrame(this.child.stdio[3] as Socket, 0, TEXT_FRAME, job.message);
  }

  private start(): ChildProcess {
    const args = [`--max-old-space-size=${TEXT_HEAP_MB}`, program('server/gateway/text-main')];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'], env: {} });
    const socket = child.stdio[3] as Socket;
    const reader = new FrameReader((frame) => this.settle((job) => job.resolve(frame)), MAX_FRAME_BYTES);
    socket.on('data', (chunk: Buffer) => reader.push(chunk));
    // 'exit' follows, or 'error'.
    socket.on('error', () => undefined);
    const ended = (how: string) => {
      if (this.child !== child) return;
      this.child = undefined;
      this.settle((job) => job.reject(new TensorError(this.whyEnded(job, how))));
    };
    child.once('error', (error) => ended(error.message));
    child.once('exit', (code, signal) => ended(signal ?? `code ${code}`));
    child.unref();
    socket.unref();
    return child;
  }

  private whyEnded({ what }: Job, how: string): string {
    const instead = 'use binary tensor data, or gRPC';
    if (this.tooLong) return `${what} takes more than ${this.limitMs / 1000} s; ${instead}`;
    return `${what} takes more than ${TEXT_HEAP_MB} MB of memory, or cannot be worked on (the process ended: ${how}); ${instead}`;
  }

  private settle(tell: (job: Job) => void): void {
    const job = this.current;
    this.current = undefined;
    if (job) {
      job.call.onCancel(undefined);
      tell(job);
    }
    this.next();
  }

  /** The caller is gone. What is worked on may take long yet: the process is given up with it. */
  private drop(job: Job): void {
    const place = this.waiting.indexOf(job);
    if (place >= 0) this.waiting.splice(place, 1);
    else {
      this.child?.kill('SIGKILL');
      this.child = undefined;
      this.current = undefined;
    }
    job.reject(new GatewayError('CANCELLED', 'the caller is gone'));
    this.next();
  }
}

/** @throws TensorError for what was refused; Error for a fault of ours */
function resultOf<D extends 'read' | 'write'>(json: Buffer, did: D): Extract<TextResult, { did: D }> {
  const result = JSON.parse(json.toString()) as TextResult;
  if (result.did === 'refuse') throw new TensorError(result.reason);
  if (result.did !== did) throw new Error(result.did === 'fail' ? result.reason : `a text process that was to ${did} answered ${result.did}`);
  return result as Extract<TextResult, { did: D }>;
}
