/**
 * The line before one target's replicas: who waits, who goes next, and to which replica; what happens when a replica dies under a
 * request. Knows nothing of names, weights or protocols.
 */
import type { InferRequest, InferResponse } from '../../runtimes/open-inference/message.js';
import { GatewayError } from './gateway-error.js';
import type { ErrorKind, TargetMeter } from './meter.js';
import { Line, type Answer, type Call, type Pending } from './pending.js';
import { NotExecutedError, ReplicaLostError, type ReplicaLink } from './transport.js';

/** How many may wait, over all targets of a deployment. */
export interface QueueBudget {
  waiting: number;
  limit: number;
}

export interface DispatcherOptions {
  /** The number of the target's version, as callers see it. */
  readonly version: number;
  readonly meter: TargetMeter;
  readonly budget: QueueBudget;
  readonly now: () => number;
  /** Takes what waits here when the target is gone. */
  readonly reroute: (pending: Pending) => void;
}

/** What a dispatcher needs of a link; `transport.ts` has the real one. */
export type Link = Pick<ReplicaLink, 'identity' | 'usable' | 'inFlight' | 'exclusive' | 'send'>;

const RETRY_AFTER_SECONDS = 1;

export class Dispatcher {
  private links: readonly Link[] = [];
  private maxConcurrency = 1;
  private turn = 0;
  private closed = false;
  private readonly waiting = new Line();
  /** Those that were under way at a replica that crashed. One at a time, with a replica for itself: one of them may be poison. */
  private readonly suspects = new Line();

  constructor(private readonly options: DispatcherOptions) {}

  /** Whether a request would find a replica now. */
  get available(): boolean {
    return this.links.some((link) => link.usable);
  }

  /** Takes effect at once. */
  update(links: readonly Link[], maxConcurrency: number): void {
    this.links = links;
    this.maxConcurrency = maxConcurrency;
    this.pump();
  }

  /**
   * Answers a request.
   * @throws GatewayError OVERLOADED, DEADLINE_EXCEEDED, UNAVAILABLE, INVALID, RUNTIME_FAILED, REPLICA_LOST, CANCELLED
   */
  submit(call: Call, request: InferRequest, timeoutMs: number, version?: number): Promise<Answer> {
    const { budget } = this.options;
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        call,
        request,
        version,
        timeoutMs,
        resolve,
        reject,
        done: false,
        suspect: false,
        sentAt: 0,
        timer: undefined,
        abort: undefined,
        line: undefined,
        before: undefined,
        after: undefined,
      };
      const left = call.arrivedAt + timeoutMs - this.options.now();
      if (call.cancelled) return this.refuse(pending, new GatewayError('CANCELLED', 'the caller is gone'));
      if (left <= 0)
        return this.refuse(pending, new GatewayError('DEADLINE_EXCEEDED', `the deadline of ${timeoutMs} ms passed before the request could be sent`));
      const link = this.waiting.length === 0 ? this.freest() : undefined;
      if (!link && budget.waiting >= budget.limit) {
        const message = `${budget.waiting} requests wait already, the limit of the deployment is ${budget.limit}`;
        return this.refuse(pending, new GatewayError('OVERLOADED', message, RETRY_AFTER_SECONDS));
      }
      this.accept(pending, left);
      if (link) this.send(pending, link);
      else this.enqueue(pending);
    });
  }

  /** Takes over a request that waited elsewhere, ahead of those that came later. Its place in the budget is not asked for again. */
  adopt(pending: Pending): void {
    const left = pending.call.arrivedAt + pending.timeoutMs - this.options.now();
    this.accept(pending, Math.max(left, 0));
    this.enqueue(pending);
    this.pump();
  }

  /** The target is gone: hands over who waits, in their order. What is under way is still answered. */
  close(): void {
    this.closed = true;
    for (const line of [this.suspects, this.waiting]) for (let next = line.head; next; next = line.head) this.handOver(next);
  }

  /** Sends whom it can. Called whenever a replica may have become free or usable. */
  pump(): void {
    let reserved: Link | undefined;
    for (let suspect = this.suspects.head; suspect; suspect = this.suspects.head) {
      // The replica with the least to do is left to run dry for them; the others go on.
      reserved = this.leastBusy();
      if (!reserved || reserved.inFlight > 0) break;
      this.dequeue(suspect);
      reserved.exclusive = true;
      this.send(suspect, reserved);
    }
    for (let next = this.waiting.head; next; next = this.waiting.head) {
      const link = this.freest(reserved);
      if (!link) return;
      this.dequeue(next);
      this.send(next, link);
    }
  }

  private leastBusy(): Link | undefined {
    let best: Link | undefined;
    for (const link of this.links) if (link.usable && !link.exclusive && (!best || link.inFlight < best.inFlight)) best = link;
    return best;
  }

  /** The replica with the least outstanding work that may take one more; between equals, in turn. */
  private freest(except?: Link): Link | undefined {
    const { links } = this;
    let best: Link | undefined;
    for (let i = 0; i < links.length; i++) {
      const link = links[(this.turn + i) % links.length]!;
      if (!link.usable || link.exclusive || link === except || link.inFlight >= this.maxConcurrency) continue;
      if (!best || link.inFlight < best.inFlight) best = link;
    }
    if (best) this.turn = (links.indexOf(best) + 1) % links.length;
    // Suspects wait for a replica to run dry: with one replica only, nobody overtakes them.
    return best && except === undefined && this.suspects.length > 0 && best === this.leastBusy() ? this.freest(best) : best;
  }

  private accept(pending: Pending, leftMs: number): void {
    this.options.meter.enter(this.options.now());
    pending.timer = setTimeout(() => this.expire(pending), leftMs);
    pending.call.onCancel(() => this.fail(pending, new GatewayError('CANCELLED', 'the caller is gone')));
  }

  private send(pending: Pending, link: Link): void {
    const abort = (pending.abort = new AbortController());
    pending.sentAt = this.options.now();
    link.send(pending.request, abort.signal).then(
      (response) => {
        link.exclusive = false;
        this.succeed(pending, response, link);
        this.pump();
      },
      (error: Error) => {
        link.exclusive = false;
        pending.abort = undefined;
        this.settleFailure(pending, error);
        this.pump();
      },
    );
  }

  private settleFailure(pending: Pending, error: Error): void {
    if (pending.done) return;
    if (error instanceof NotExecutedError) return this.comeBack(pending);
    if (!(error instanceof ReplicaLostError)) return this.fail(pending, error);
    if (error.alone || pending.suspect) {
      const why = pending.suspect ? 'and so did the one it was tried on before' : 'with nothing else under way there';
      return this.fail(
        pending,
        new GatewayError('REPLICA_LOST', `the replica died while it worked on this request, ${why}; it is not tried again, because it may be what kills it`),
      );
    }
    pending.suspect = true;
    this.comeBack(pending);
  }

  private comeBack(pending: Pending): void {
    if (this.closed) this.handOver(pending);
    else this.enqueue(pending);
  }

  private handOver(pending: Pending): void {
    this.dequeue(pending);
    clearTimeout(pending.timer);
    pending.call.onCancel(undefined);
    this.options.meter.withdraw(this.options.now());
    this.options.reroute(pending);
  }

  private expire(pending: Pending): void {
    if (pending.line && !this.available) {
      const message = `no replica came back within the request's deadline of ${pending.timeoutMs} ms`;
      return this.fail(pending, new GatewayError('UNAVAILABLE', message, RETRY_AFTER_SECONDS));
    }
    const where = pending.line ? 'while the request waited for a replica' : 'while a replica worked on the request';
    this.fail(pending, new GatewayError('DEADLINE_EXCEEDED', `the deadline of ${pending.timeoutMs} ms passed ${where}`));
  }

  private succeed(pending: Pending, response: InferResponse, { identity }: Link): void {
    if (!this.finish(pending)) return;
    const computeMs = Number(response.parameters?.['compute_ns'] ?? 0) / 1e6;
    const timing = { sentAt: pending.sentAt, answeredAt: this.options.now(), computeMs, batchRows: 1, batchRequests: 1, replicaId: identity.replicaId };
    pending.resolve({ response, version: this.options.version, timing });
  }

  private fail(pending: Pending, error: Error): void {
    if (!this.finish(pending, kindOf(error))) return;
    pending.abort?.abort();
    pending.reject(error);
  }

  private refuse(pending: Pending, error: GatewayError): void {
    this.options.meter.reject(this.options.now(), kindOf(error));
    pending.reject(error);
  }

  private finish(pending: Pending, failure?: ErrorKind): boolean {
    if (pending.done) return false;
    pending.done = true;
    clearTimeout(pending.timer);
    pending.call.onCancel(undefined);
    this.dequeue(pending);
    const now = this.options.now();
    this.options.meter.leave(now, now - pending.call.arrivedAt, failure);
    return true;
  }

  private enqueue(pending: Pending): void {
    (pending.suspect ? this.suspects : this.waiting).join(pending);
    this.options.budget.waiting++;
    this.options.meter.queue(1, this.options.now());
  }

  private dequeue(pending: Pending): void {
    if (!pending.line) return;
    pending.line.remove(pending);
    this.options.budget.waiting--;
    this.options.meter.queue(-1, this.options.now());
  }
}

function kindOf(error: Error): ErrorKind {
  if (!(error instanceof GatewayError)) return 'RUNTIME_FAILED';
  return error.kind === 'NOT_FOUND' || error.kind === 'UNAUTHENTICATED' ? 'INVALID' : error.kind;
}
