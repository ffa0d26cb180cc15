/**
 * The queue before one target's replicas: which request goes next, in which batch, to which replica; what happens when a replica fails
 * or dies under a request. Knows nothing of names, weights or protocols.
 */
import type { InferRequest, InferResponse } from '../../../runtimes/open-inference/message.js';
import { Batch, splitRows, type BatchOwner } from './batch.js';
import type { BatchRule } from './batch-rule.js';
import { Deadlines } from './deadlines.js';
import { DispatchQueue, type QueueBudget, RETRY_AFTER_SECONDS } from './dispatch-queue.js';
import { GatewayError } from '../gateway-error.js';
import { BatchDelay } from './batch-delay.js';
import { Lanes } from '../replicas/lanes.js';
import type { Lane, Link } from '../replicas/lane.js';
import type { ErrorKind } from '../../metering/error-kinds.js';
import type { TargetMeter } from '../metering/meter.js';
import type { Answer } from './answer.js';
import type { Call } from './call.js';
import { PendingRequest } from './pending-request.js';
import { tensorBytes } from './tensor-bytes.js';
import { WaitingRequests } from './waiting-requests.js';
import { NotExecutedError, ReplicaLostError } from '../replicas/transport.js';

export interface DispatcherOptions {
  /** The number of the target's version, as callers see it. */
  readonly version: number;
  readonly meter: TargetMeter;
  readonly budget: QueueBudget;
  /** Those of all targets. */
  readonly waiting?: WaitingRequests;
  readonly now: () => number;
  /** Takes what waits here when the target is gone. */
  readonly reroute: (pending: PendingRequest) => void;
  /** Told when a replica is taken out of use, with the reason, and when it is back. */
  readonly onStanding?: (lane: Lane, reason: string | undefined) => void;
  /** Told, once, when requests are merged no more because the model's outputs had not the rows of its inputs. */
  readonly onUnmergeable?: () => void;
}

/** What a route table says of a target. */
export interface DispatchRule {
  readonly links: readonly Link[];
  /** Messages under way at one replica. */
  readonly maxConcurrency: number;
  readonly batching: BatchRule;
  readonly budget: QueueBudget;
}

export class Dispatcher implements BatchOwner {
  private readonly lanes: Lanes;
  private readonly queue: DispatchQueue;
  private readonly deadlines: Deadlines;
  private batching: BatchRule | undefined;
  /** The model's outputs once did not have the rows of its inputs: whatever the route says, its requests are not merged. */
  private unmergeable = false;
  private readonly batchDelay: BatchDelay;
  private readonly waiting: WaitingRequests;
  private closed = false;

  constructor(private readonly options: DispatcherOptions) {
    const { now, meter, budget, onStanding, waiting = new WaitingRequests() } = options;
    this.lanes = new Lanes({ now, onBack: () => this.pump(), onChange: (lane, reason) => onStanding?.(lane, reason) });
    this.queue = new DispatchQueue(budget, meter, now, (pending, error) => this.fail(pending, error));
    this.waiting = waiting;
    waiting.add(this.queue);
    this.batchDelay = new BatchDelay(now, () => this.pump(false));
    this.deadlines = new Deadlines(now, (pending) => this.expire(pending));
  }

  /** Whether a request would find a replica now. */
  get available(): boolean {
    return this.lanes.available;
  }

  /** Replicas that are connected and not ejected. */
  get usableReplicas(): number {
    return this.lanes.usable;
  }

  /** Whether a request would be taken at all. */
  get hasRoom(): boolean {
    return this.queue.fullBecause(0) === undefined;
  }

  /** Takes effect at once. */
  update({ links, maxConcurrency, batching, budget }: DispatchRule): void {
    this.lanes.update(links, maxConcurrency);
    this.queue.moveTo(budget);
    this.batching = batching;
    this.pump();
  }

  /**
   * Answers a request.
   * @param onAccepted called as soon as this has returned, unless the request is refused
   * @throws GatewayError OVERLOADED, DEADLINE_EXCEEDED, UNAVAILABLE, INVALID, RUNTIME_FAILED, REPLICA_LOST, CANCELLED
   */
  submit(call: Call, request: InferRequest, timeoutMs: number, version?: number, onAccepted?: () => void): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.enter(new PendingRequest(call, request, version, timeoutMs, resolve, reject)) && onAccepted) queueMicrotask(onAccepted);
    });
  }

  /**
   * Takes over a request that waited elsewhere, ahead of those that came later. Its place in the budget is not asked for again.
   * @param pending whose request was read again for this target
   */
  adopt(pending: PendingRequest): void {
    this.measure(pending);
    this.accept(pending);
    this.queue.join(pending);
    this.pump();
  }

  /** The target is gone: hands over waiting requests, in their order. Requests under way are still answered. */
  close(): void {
    this.closed = true;
    this.lanes.close();
    for (let next = this.queue.first; next; next = this.queue.first) this.handOver(next);
    this.waiting.remove(this.queue);
  }

  /** Sends the requests that it can. Called whenever a replica may have become free or usable. */
  pump(mayDelay = true): void {
    const { queue, lanes } = this;
    let reserved: Lane | undefined;
    for (let suspect = queue.suspects.head; suspect; suspect = queue.suspects.head) {
      // The replica with the least to do is left to run dry for them; the others go on.
      reserved = lanes.leastBusy();
      if (!reserved?.idle) break;
      queue.leave(suspect);
      reserved.exclusive = true;
      this.send([suspect], reserved);
    }
    while (queue.room.length > 0) {
      const lane = this.freest(reserved);
      if (!lane) return;
      if (mayDelay && !lane.idle && this.delays()) return;
      this.send(queue.take(this.maxRows), lane);
    }
  }

  answered(batch: Batch, response: InferResponse): void {
    const { now, meter } = this.options;
    const answeredAt = now();
    this.lanes.answered(batch, answeredAt);
    // The replica goes on while the answers are handed out.
    this.pump();
    const { members, sentAt, rows } = batch;
    const alone = members.length === 1;
    const splitAt = alone ? 0 : now();
    const parts = alone ? [response.outputs] : splitRows(response.outputs, members);
    const splitMs = alone ? 0 : now() - splitAt;
    const inputMs = batch.sendMs + saidMs(response, 'input_ns');
    const computeMs = saidMs(response, 'compute_ns');
    const outputMs = saidMs(response, 'output_ns') + splitMs;
    meter.executed(rows, { inputMs, computeMs, outputMs });
    if (!parts) {
      if (!this.unmergeable) this.options.onUnmergeable?.();
      this.unmergeable = true;
      for (const member of members) this.tryAlone(member, batch);
      return this.pump();
    }
    const timing = {
      sentAt,
      answeredAt,
      inputMs,
      computeMs,
      outputMs,
      batchRows: rows,
      batchRequests: members.length,
      replicaId: batch.lane.link.identity.replicaId,
    };
    for (let i = 0; i < members.length; i++) {
      const member = members[i]!;
      if (member.batch !== batch) continue;
      const outputs = parts[i]!;
      const answer = {
        response: { outputs },
        version: this.options.version,
        timing,
        deadline: member.deadline,
        responseBytes: tensorBytes(outputs),
        meter,
      };
      this.finish(member);
      meter.answered(answeredAt);
      member.call.answer = answer;
      if (!member.call.observer) settle(member.call, answer, answeredAt);
      member.resolve(answer);
    }
  }

  failed(batch: Batch, error: Error): void {
    this.lanes.failed(batch, error);
    for (const member of batch.members) if (member.batch === batch) this.settleFailure(member, batch, error);
    this.pump();
  }

  abandoned(batch: Batch, late: boolean): void {
    this.lanes.abandoned(batch, late);
    this.pump();
  }

  private get maxRows(): number {
    return this.unmergeable ? 1 : (this.batching?.maxRows ?? 1);
  }

  /** Whether to wait for more before a message that is not full goes to a replica that has work already. */
  private delays(): boolean {
    const { queue, batching } = this;
    const next = queue.room.oldest!;
    if (next.key === undefined || !batching || queue.room.rowsBeside(next) >= this.maxRows) return false;
    return this.batchDelay.applies(next, batching);
  }

  /** @returns whether it was accepted */
  private enter(pending: PendingRequest): boolean {
    const { call, timeoutMs } = pending;
    if (call.cancelled) return this.refuse(pending, new GatewayError('CANCELLED', 'the client has left'));
    if (pending.deadline <= this.options.now())
      return this.refuse(pending, new GatewayError('DEADLINE_EXCEEDED', `the deadline of ${timeoutMs} ms passed before the request could be sent`));
    this.measure(pending);
    const { queue } = this;
    let full = queue.fullBecause(pending.bytes);
    // Requests that only wait for others to join their batch can be sent now.
    if (full !== undefined && queue.room.length > 0) {
      this.pump(false);
      full = queue.fullBecause(pending.bytes);
    }
    const lane = queue.room.length === 0 ? this.freest() : undefined;
    if (lane && (lane.idle || pending.key === undefined || full !== undefined)) {
      this.accept(pending);
      this.send([pending], lane);
      return true;
    }
    if (full !== undefined) full = this.waiting.makeRoom(queue, pending);
    if (full !== undefined) return this.refuse(pending, new GatewayError('OVERLOADED', full, RETRY_AFTER_SECONDS));
    this.accept(pending);
    queue.join(pending);
    // Waiting requests are sent when a replica is free. Here that is needed only where one is free, or where a batch is held open.
    if (lane || this.batchDelay.active) this.pump();
    return true;
  }

  /** What the request is for this target: how large, and whom it may be merged with. */
  private measure(pending: PendingRequest): void {
    const { request, alone, suspect } = pending;
    const rows = this.batching?.rowsOf(request);
    pending.rows = rows ?? 1;
    pending.key = this.unmergeable || alone || suspect ? undefined : this.batching?.keyOf(request, rows);
    pending.bytes = tensorBytes(request.inputs);
  }

  private accept(pending: PendingRequest): void {
    this.options.meter.enter(this.options.now());
    this.deadlines.watch(pending);
    pending.call.onCancel(() => this.fail(pending, new GatewayError('CANCELLED', 'the client has left')));
  }

  /** Suspects wait for a replica without work. Where there is only one replica, no other request overtakes them. */
  private freest(reserved?: Lane): Lane | undefined {
    const { lanes, queue } = this;
    const best = lanes.freest(reserved);
    return best && !reserved && queue.suspects.length > 0 && best === lanes.leastBusy() ? lanes.freest(best) : best;
  }

  private send(members: PendingRequest[], lane: Lane): void {
    const batch = new Batch(members, lane, this.options.now(), this);
    this.lanes.sent(batch);
    batch.send();
    batch.sendMs = this.options.now() - batch.sentAt;
  }

  private settleFailure(pending: PendingRequest, batch: Batch, error: Error): void {
    const alone = batch.members.length === 1;
    if (error instanceof NotExecutedError) return this.comeBack(pending);
    if (!(error instanceof ReplicaLostError)) {
      // One of them may be at fault for all: each is judged by itself.
      return alone ? this.fail(pending, error) : this.tryAlone(pending, batch);
    }
    if (pending.suspect || (alone && error.alone)) {
      const why =
        error.reason !== undefined ? `: ${error.reason}` : pending.suspect ? ', and so did the replica that worked on it before' : ', and on nothing else';
      return this.fail(
        pending,
        new GatewayError(
          'REPLICA_LOST',
          `the replica died while it worked on this request${why}; the request is not sent again, because it may have caused this`,
        ),
      );
    }
    pending.suspect = true;
    pending.key = undefined;
    this.comeBack(pending);
  }

  private tryAlone(pending: PendingRequest, batch: Batch): void {
    if (pending.batch !== batch) return;
    pending.alone = true;
    pending.key = undefined;
    this.comeBack(pending);
  }

  private comeBack(pending: PendingRequest): void {
    pending.batch = undefined;
    if (this.closed) this.handOver(pending);
    else this.queue.join(pending);
  }

  private handOver(pending: PendingRequest): void {
    this.queue.leave(pending);
    this.deadlines.forget(pending);
    pending.call.onCancel(undefined);
    this.options.meter.withdraw(this.options.now());
    this.options.reroute(pending);
  }

  private expire(pending: PendingRequest): void {
    if (pending.waits && !this.available) {
      const message = `no replica became ready within the request's deadline of ${pending.timeoutMs} ms`;
      return this.fail(pending, new GatewayError('UNAVAILABLE', message, RETRY_AFTER_SECONDS));
    }
    const where = pending.waits ? 'while the request waited for a replica' : 'while a replica worked on the request';
    this.fail(pending, new GatewayError('DEADLINE_EXCEEDED', `the deadline of ${pending.timeoutMs} ms passed ${where}`));
  }

  private fail(pending: PendingRequest, error: Error): void {
    if (pending.done) return;
    const kind = kindOf(error);
    const { batch } = pending;
    const now = this.options.now();
    this.finish(pending);
    this.options.meter.leave(now, now - pending.call.arrivedAt, kind);
    pending.reject(error);
    batch?.drop(pending, kind === 'DEADLINE_EXCEEDED');
  }

  private refuse(pending: PendingRequest, error: GatewayError): false {
    const now = this.options.now();
    pending.done = true;
    this.options.meter.reject(now, kindOf(error), now - pending.call.arrivedAt);
    pending.reject(error);
    return false;
  }

  private finish(pending: PendingRequest): void {
    pending.done = true;
    this.deadlines.forget(pending);
    pending.call.onCancel(undefined);
    this.queue.leave(pending);
  }
}

/** Counts how a request that a replica answered ended. @param failure why its caller has no answer all the same */
export function settle({ arrivedAt, context }: Call, { meter, timing, responseBytes }: Answer, now: number, failure?: ErrorKind): void {
  if (failure !== undefined) return meter.settle(now, now - arrivedAt, failure);
  const { sentAt, inputMs, computeMs, outputMs } = timing;
  meter.settle(now, now - arrivedAt, undefined, { queueMs: sentAt - arrivedAt, inputMs, computeMs, outputMs });
  meter.carried(context.requestBytes, responseBytes);
}

/** A time that the replica measured; a foreign one may say none. */
const saidMs = ({ parameters }: InferResponse, name: 'input_ns' | 'compute_ns' | 'output_ns'): number => Number(parameters?.[name] ?? 0) / 1e6;

/** As the meter counts it. */
export function kindOf(error: unknown): ErrorKind {
  if (!(error instanceof GatewayError)) return 'RUNTIME_FAILED';
  return error.kind === 'NOT_FOUND' || error.kind === 'UNAUTHENTICATED' || error.kind === 'UNSUPPORTED_TYPE' ? 'INVALID' : error.kind;
}
