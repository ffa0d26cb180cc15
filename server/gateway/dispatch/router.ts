/**
 * The route table in force: which deployment a model name means, and which of its targets a request goes to. A new table is
 * swapped in at once, between two requests; what the old one still has under way is finished by it.
 */
import { BatchRule } from './batch-rule.js';
import { QueueBudget } from './dispatch-queue.js';
import { Dispatcher, kindOf } from './dispatcher.js';
import { GatewayError } from '../gateway-error.js';
import type { HeldBytes } from '../held-bytes.js';
import type { Lane, Link } from '../replicas/lane.js';
import type { Meter, TargetMeter } from '../metering/meter.js';
import type { CallContext } from './call.js';
import type { PendingRequest } from './pending-request.js';
import { readFor } from './reading.js';
import type { ReplicaRoute, RouteDocument, TargetRoute } from '../../routing/route-document.js';
import { WaitingRequests } from './waiting-requests.js';
import { pickByKey, pickWeighted } from './weighted.js';

/** One version that a deployment sends traffic to, as it is served now. */
export interface Target {
  readonly route: TargetRoute;
  readonly dispatcher: Dispatcher;
  readonly meter: TargetMeter;
  readonly weight: number;
  credit: number;
  /** What a shadow is owed of the deployment's requests, in percent of one. */
  shadowCredit: number;
}

export interface Deployment {
  readonly route: RouteDocument;
  readonly budget: QueueBudget;
  /** For copies that wait for a shadow. */
  readonly shadowBudget: QueueBudget;
  readonly targets: readonly Target[];
  /** Those of them that get copies. */
  readonly shadows: readonly Target[];
}

export interface RouterOptions {
  readonly held: HeldBytes;
  readonly meter: Meter;
  readonly now: () => number;
  /** The link to a replica of the table that is being swapped in. */
  readonly linkTo: (replica: ReplicaRoute, target: TargetRoute) => Link;
  /** Told when a replica is taken out of use though it is connected, with the reason, and when it is back. */
  readonly onStanding?: (lane: Lane, reason: string | undefined) => void;
  /** Told when a target's requests are merged no more, whatever its route says: the model's outputs had not the rows of its inputs. */
  readonly onUnmergeable?: (deployment: string, version: number) => void;
}

export class Router {
  private byName = new Map<string, Deployment>();
  private byId = new Map<string, Deployment>();
  private loaded = false;
  private readonly waiting = new WaitingRequests();

  constructor(private readonly options: RouterOptions) {}

  /** Whether there ever was a table. */
  get ready(): boolean {
    return this.loaded;
  }

  get deployments(): Iterable<Deployment> {
    return this.byName.values();
  }

  /** @throws GatewayError NOT_FOUND; UNAVAILABLE while no table was read yet */
  find(name: string): Deployment {
    const deployment = this.byName.get(name);
    if (deployment) return deployment;
    if (!this.loaded) throw new GatewayError('UNAVAILABLE', 'the gateway has no route table yet: PostgreSQL cannot be reached and none was saved', 1);
    throw new GatewayError('NOT_FOUND', `model "${name}" is unknown: no deployment of that name is routed`, undefined, { part: { field: 'model' } });
  }

  /** A target of an earlier table as this one has it under that name; undefined where it is gone. */
  current(name: string, { dispatcher }: Target): Target | undefined {
    return this.byName.get(name)?.targets.find((target) => target.dispatcher === dispatcher);
  }

  /**
   * The target for one request: the version asked for by number, or by the sticky header where the request has it, or by the weights.
   * Call it once a request: weights are exact.
   * @throws GatewayError NOT_FOUND for a version without a target, UNAVAILABLE when every weight is zero
   */
  pick(deployment: Deployment, version?: number, headers?: CallContext['headers']): Target {
    if (version !== undefined) return this.targetOf(deployment, version);
    const { route, targets } = deployment;
    const key = route.stickyHeader === null || targets.length === 1 ? undefined : stickyKey(headers?.[route.stickyHeader]);
    const target = key === undefined ? pickWeighted(targets) : pickByKey(targets, ({ route: { versionId } }) => versionId, key);
    if (!target) throw new GatewayError('UNAVAILABLE', `model "${deployment.route.name}" has no version that gets traffic`, 1);
    return target;
  }

  /** The target that speaks for a deployment where none is picked: the asked one, or the one with the most traffic. */
  representative(deployment: Deployment, version?: number): Target {
    if (version !== undefined) return this.targetOf(deployment, version);
    const [first, ...others] = deployment.targets;
    if (!first) throw new GatewayError('UNAVAILABLE', `model "${deployment.route.name}" has no version to serve`, 1);
    return others.reduce((best, target) => (target.weight > best.weight ? target : best), first);
  }

  /** Swaps a table in. Targets that stay keep their queues, their requests and their place in the weights. */
  apply(routes: readonly RouteDocument[]): void {
    const old = this.byId;
    this.byId = new Map();
    this.byName = new Map();
    this.loaded = true;
    const updates: (() => void)[] = [];
    for (const route of routes) {
      const deployment = this.build(route, old.get(route.deploymentId), updates);
      this.byId.set(route.deploymentId, deployment);
      this.byName.set(route.name, deployment);
    }
    for (const update of updates) update();
    this.closeGone(old);
  }

  private build(route: RouteDocument, before: Deployment | undefined, updates: (() => void)[]): Deployment {
    const { held, meter, now, linkTo, onStanding, onUnmergeable } = this.options;
    const budget = before?.budget ?? new QueueBudget(held);
    const shadowBudget = before?.shadowBudget ?? new QueueBudget(held, 'shadowCopies');
    budget.limit = shadowBudget.limit = route.maxQueue;
    const targets = route.targets.map((targetRoute): Target => {
      const same = before?.targets.find((target) => isSame(target.route, targetRoute));
      const targetMeter = meter.target(route.deploymentId, targetRoute.versionId, now());
      const dispatcher =
        same?.dispatcher ??
        new Dispatcher({
          version: targetRoute.versionNumber,
          meter: targetMeter,
          budget,
          waiting: this.waiting,
          now,
          reroute: (pending) => this.reroute(route.deploymentId, pending, targetRoute.versionNumber),
          ...(onStanding && { onStanding }),
          onUnmergeable: () => onUnmergeable?.(route.name, targetRoute.versionNumber),
        });
      const links = targetRoute.replicas.map((replica) => linkTo(replica, targetRoute));
      // Once the whole table stands: sending may hand a request over to another target.
      const { weight, shadowPercent, signature } = targetRoute;
      const batching = new BatchRule(signature, targetRoute.batching);
      const own = shadowPercent > 0 ? shadowBudget : budget;
      updates.push(() => dispatcher.update({ links, maxConcurrency: route.maxConcurrency, batching, budget: own }));
      const credit = same?.weight === weight ? same.credit : 0;
      return { route: targetRoute, dispatcher, meter: targetMeter, weight, credit, shadowCredit: same?.shadowCredit ?? 0 };
    });
    // Credits only mean something among the same weights.
    if (targets.length !== before?.targets.length || targets.some((target, i) => target.weight !== before.targets[i]!.weight))
      for (const target of targets) target.credit = 0;
    return { route, budget, shadowBudget, targets, shadows: targets.filter((target) => target.route.shadowPercent > 0) };
  }

  private closeGone(old: ReadonlyMap<string, Deployment>): void {
    for (const [id, { targets }] of old) {
      const kept = new Set(this.byId.get(id)?.targets.map((target) => target.dispatcher));
      const routed = new Set(this.byId.get(id)?.targets.map((target) => target.route.versionId));
      for (const { dispatcher, route } of targets) {
        if (!kept.has(dispatcher)) dispatcher.close();
        if (!routed.has(route.versionId)) this.options.meter.retire(id, route.versionId);
      }
    }
  }

  /** Sends a request that waited for a target that is gone, of the version `from`, to what serves its deployment now. */
  private reroute(deploymentId: string, pending: PendingRequest, from: number): void {
    let target: Target;
    try {
      const deployment = this.byId.get(deploymentId);
      if (!deployment) throw new GatewayError('NOT_FOUND', 'the deployment was deleted while the request waited', undefined, { part: { field: 'model' } });
      target = this.pick(deployment, pending.version, pending.call.context.headers);
    } catch (error) {
      return refuse(pending, error as Error);
    }
    const { call, request } = pending;
    try {
      pending.request = readFor(target.route, call.decode ?? (() => request));
    } catch (error) {
      const now = this.options.now();
      target.meter.reject(now, kindOf(error), now - call.arrivedAt);
      return refuse(pending, afterMove(error as Error, from, target.route.versionNumber));
    }
    target.dispatcher.adopt(pending);
  }

  private targetOf({ route, targets }: Deployment, version: number): Target {
    const target = targets.find((candidate) => candidate.route.versionNumber === version);
    if (target) return target;
    const known = targets.map((candidate) => candidate.route.versionNumber).join(', ');
    const message = `model "${route.name}" does not serve version ${version}; it serves ${known || 'no version'}`;
    throw new GatewayError('NOT_FOUND', message, undefined, { part: { field: 'version' } });
  }
}

function refuse(pending: PendingRequest, error: Error): void {
  pending.done = true;
  pending.reject(error);
}

/** The caller knows nothing of the move: the request was right when it came. */
function afterMove(error: Error, from: number, to: number): Error {
  if (!(error instanceof GatewayError) || error.kind !== 'INVALID') return error;
  const message = `version ${to} replaced version ${from} while the request waited, and the request does not fit version ${to}: ${error.message}`;
  return new GatewayError('INVALID', message, undefined, { part: error.part });
}

/** An empty header is no key. */
function stickyKey(value: CallContext['headers'][string]): string | undefined {
  const key = typeof value === 'string' ? value : value?.join();
  return key === '' ? undefined : key;
}

const isSame = (a: TargetRoute, b: TargetRoute): boolean => a.versionId === b.versionId && a.versionDigest === b.versionDigest;
