/**
 * A process that reads and writes long texts, one at a time (`text-main.ts`): a text of the largest size takes it many seconds, and a
 * hostile one all the memory it has. It is started when there is the first, killed when one takes too long or no caller waits for it any
 * more, and ends when idle.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { FrameReader, writeFrame, type Frame, type FrameKind } from '../../../runtimes/open-inference/frame.js';
import { decodeRequest, encodeResponse, type EncodedMessage } from '../../../runtimes/open-inference/message.js';
import { TensorError, type RequestPart, type Tensor } from '../../../runtimes/tensor.js';
import { program } from '../../paths.js';
import { GatewayError } from '../gateway-error.js';
import type { HeldBytes } from '../held-bytes.js';
import { now as gatewayNow } from '../clock.js';
import { MAX_FRAME_BYTES, TEXT_HEAP_MB, TEXT_IDLE_MS, TEXT_LIMIT_MS, TEXT_RESTART_MS } from '../limits.js';
import type { Call } from '../dispatch/call.js';
import { TextLine, type WaitingText } from './text-line.js';
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
  | { readonly did: 'refuse'; readonly reason: string; readonly part?: RequestPart | undefined }
  | { readonly did: 'fail'; readonly reason: string };

/** Frames between gateways and replicas have kinds; here there is one. */
export const TEXT_FRAME = 1 as FrameKind;

/** From the process: it has the text whole, and begins. */
export const TEXT_BEGUN = 2 as FrameKind;

/** What is done, as messages say it. */
const WORK = {
  read: { text: 'the text of the request', waits: 'the text of the request waited to be read', runs: 'the text of the request was read' },
  write: { text: 'the answer as text', waits: 'the answer waited to be written as text', runs: 'the answer was written as text' },
} as const;

interface Job extends WaitingText {
  readonly work: (typeof WORK)[keyof typeof WORK];
  readonly message: EncodedMessage;
  readonly call: Call;
  readonly deadline: number;
  readonly resolve: (frame: Frame) => void;
  readonly reject: (error: Error) => void;
  timer?: NodeJS.Timeout;
  /** The process said so: should it die now, it died of this. */
  begun: boolean;
  /** A process died before it had begun. */
  again: boolean;
  /** Its caller has been told. */
  over: boolean;
}

export class TextProcess {
  private child: ChildProcess | undefined;
  private current: Job | undefined;
  private readonly line: TextLine<Job>;
  private timer: NodeJS.Timeout | undefined;

  /**
   * @param limitMs how long one text may take
   * @param now the clock of calls' arrivals
   */
  constructor(
    held: HeldBytes,
    private readonly limitMs = TEXT_LIMIT_MS,
    private readonly now = gatewayNow,
  ) {
    this.line = new TextLine(held);
  }

  /**
   * @param deadline when it is given up, by the gateway's clock
   * @throws TensorError for what is wrong with the body, also that it takes too much; GatewayError OVERLOADED, CANCELLED, DEADLINE_EXCEEDED,
   *   UNAVAILABLE
   */
  async read<N extends TextProtocolName>(protocol: N, context: ContextOf<N>, body: Buffer, call: Call, deadline: number): Promise<Reading<FormOf<N>>> {
    const task: TextTask = { do: 'read', protocol, context };
    const { json, binary } = await this.run('read', { json: Buffer.from(JSON.stringify(task)), binary: [body] }, call, deadline);
    const result = resultOf(json, 'read');
    return { request: decodeRequest(Buffer.from(result.request), binary), form: result.form as FormOf<N> };
  }

  /** @throws as `read`, of outputs that cannot be written so */
  async write<N extends TextProtocolName>(
    protocol: N,
    outputs: readonly Tensor[],
    form: FormOf<N>,
    by: AnsweredBy,
    call: Call,
    deadline: number,
  ): Promise<Text> {
    const { json, binary } = encodeResponse({ outputs });
    const task: TextTask = { do: 'write', protocol, form, by, outputs: json.toString() };
    const answer = await this.run('write', { json: Buffer.from(JSON.stringify(task)), binary }, call, deadline);
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

  private run(work: keyof typeof WORK, message: EncodedMessage, call: Call, deadline: number): Promise<Frame> {
    return new Promise((resolve, reject) => {
      const bytes = message.binary.reduce((sum, part) => sum + part.byteLength, 0);
      const { caller } = call.context;
      const job: Job = { work: WORK[work], message, caller, bytes, call, deadline, resolve, reject, begun: false, again: false, over: false };
      const left = deadline - this.now();
      if (call.cancelled) return reject(gone());
      if (left <= 0) return reject(late(job, 'waits'));
      job.timer = setTimeout(() => this.giveUp(job, late(job, job === this.current ? 'runs' : 'waits')), left);
      call.onCancel(() => this.giveUp(job, gone()));
      for (const refused of this.line.join(job)) this.end(refused, (each) => each.reject(overloaded()));
      this.next();
    });
  }

  private next(): void {
    if (this.current) return;
    clearTimeout(this.timer);
    this.current = this.line.take();
    if (this.current) this.begin(this.current);
    else this.timer = setTimeout(() => this.close(), TEXT_IDLE_MS).unref();
  }

  private begin(job: Job): void {
    const reason = `${job.work.text} takes more than ${this.limitMs / 1000} s; ${INSTEAD}`;
    this.timer = setTimeout(() => this.abort(new TensorError(reason)), this.limitMs);
    try {
      this.child ??= this.start();
    } catch (error) {
      return this.died((error as Error).message);
    }
    const socket = socketOf(this.child);
    if (socket) writeFrame(socket, 0, TEXT_FRAME, job.message);
  }

  private start(): ChildProcess {
    const args = [`--max-old-space-size=${TEXT_HEAP_MB}`, program('server/gateway/text/text-main')];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'], env: {} });
    const reader = new FrameReader((frame) => this.receive(child, frame), MAX_FRAME_BYTES);
    const socket = socketOf(child);
    socket?.on('data', (chunk: Buffer) => reader.push(chunk));
    // 'exit' follows, or 'error'.
    socket?.on('error', () => undefined);
    const ended = (how: string) => {
      if (this.child !== child) return;
      this.child = undefined;
      this.died(how);
    };
    child.once('error', (error) => ended(error.message));
    child.once('exit', (code, signal) => ended(signal ?? `code ${code}`));
    child.unref();
    socket?.unref();
    return child;
  }

  private receive(child: ChildProcess, frame: Frame): void {
    const { current } = this;
    // One that was given up may have written before it was killed.
    if (this.child !== child || !current) return;
    if (frame.kind === TEXT_BEGUN) current.begun = true;
    else this.settle((job) => job.resolve(frame));
  }

  /** The process ended, or did not start. Where it had not begun with the text, that was not the text's doing. */
  private died(how: string): void {
    const job = this.current;
    if (!job) return;
    if (job.begun || job.over) {
      const reason = `${job.work.text} needs more than ${TEXT_HEAP_MB} MB of memory, or makes its process fail (it ended with ${how}); ${INSTEAD}`;
      return this.settle(() => job.reject(new TensorError(reason)));
    }
    if (job.again) {
      const reason = `cannot start the process that reads and writes long texts (${how}); ${INSTEAD}`;
      return this.settle(() => job.reject(new GatewayError('UNAVAILABLE', reason, 1)));
    }
    job.again = true;
    clearTimeout(this.timer);
    this.begin(job);
  }

  private settle(tell: (job: Job) => void): void {
    const job = this.current;
    this.current = undefined;
    if (job) this.end(job, tell);
    this.next();
  }

  private end(job: Job, tell: (job: Job) => void): void {
    clearTimeout(job.timer);
    job.call.onCancel(undefined);
    tell(job);
  }

  /** For a job that no caller waits for any more. The current job may be done soon; if it takes longer, its process is killed. */
  private giveUp(job: Job, error: Error): void {
    if (job !== this.current) {
      if (this.line.leave(job)) this.end(job, () => job.reject(error));
      return;
    }
    job.over = true;
    this.end(job, () => job.reject(error));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.abort(error), TEXT_RESTART_MS);
  }

  private abort(error: Error): void {
    this.close();
    this.settle((job) => job.reject(error));
  }
}

const INSTEAD = 'use binary tensor data, or gRPC';
const gone = () => new GatewayError('CANCELLED', 'the client has left');
const overloaded = () => new GatewayError('OVERLOADED', `queue full: too many long texts are waiting to be read or written; ${INSTEAD}, or retry after 1 s`, 1);
const late = ({ work, deadline, call }: Job, which: 'waits' | 'runs') =>
  new GatewayError('DEADLINE_EXCEEDED', `the deadline of ${Math.round(deadline - call.arrivedAt)} ms passed while ${work[which]}`);

/** Undefined where the process could not be started. */
const socketOf = (child: ChildProcess): Socket | undefined => (child.stdio as ChildProcess['stdio'] | undefined)?.[3] as Socket | undefined;

/** @throws TensorError for what was refused; Error for a fault of ours */
function resultOf<D extends 'read' | 'write'>(json: Buffer, did: D): Extract<TextResult, { did: D }> {
  const result = JSON.parse(json.toString()) as TextResult;
  if (result.did === 'refuse') throw new TensorError(result.reason, result.part && { part: result.part });
  if (result.did !== did) throw new Error(result.did === 'fail' ? result.reason : `a text process that was to ${did} answered ${result.did}`);
  return result as Extract<TextResult, { did: D }>;
}
