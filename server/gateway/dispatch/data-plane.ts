/**
 * What the gateway does, free of any transport: protocols decode, call one function here, and encode. Checks, deadlines, timing
 * and failure counts live here and below, in one place for all of them.
 */
import type { InferRequest } from '../../../runtimes/open-inference/message.js';
import type { TensorSpec } from '../../../runtimes/tensor.js';
import { kindOf, settle } from './dispatcher.js';
import { asRefusal, GatewayError } from '../gateway-error.js';
import { MAX_TIMEOUT_MS } from '../limits.js';
import type { RequestObserver } from '../observe/observer.js';
import type { Answer } from './answer.js';
import { Call, type CallContext, type CallObserver } from './call.js';
import { fitted, type Decode } from './reading.js';
import type { TargetRoute } from '../../routing/route-document.js';
import type { TargetStatistics } from '../metering/statistics.js';
import type { Router, Target } from './router.js';
import { mirror } from './shadows.js';

export interface ModelMetadata {
  readonly name: string;
  readonly versions: readonly string[];
  readonly platform: string;
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
}

export interface TensorMetadata extends Pick<TensorSpec, 'name' | 'datatype' | 'shape'> {
  /** Only what is true: `unknown_rank`, where the model does not say how many dimensions there are, and `optional`. */
  readonly parameters?: Readonly<Record<string, true>>;
}

export interface DataPlaneOptions {
  readonly router: Router;
  readonly now: () => number;
  readonly serverVersion: string;
  readonly observe?: RequestObserver;
  /** What every protocol names among its extensions. */
  readonly extensions?: readonly string[];
}

export class DataPlane implements CallObserver {
  draining = false;

  constructor(private readonly options: DataPlaneOptions) {}

  get serverVersion(): string {
    return this.options.serverVersion;
  }

  /** A request arrives now. */
  call(context: CallContext): Call {
    return new Call(this.options.now(), context, this);
  }

  /** Whether new requests may come: a table is there, and the gateway is not about to end. */
  ready(): boolean {
    return this.options.router.ready && !this.draining;
  }

  /** @param extensions those of Triton's extensions that the asking protocol has, by Triton's names */
  serverMetadata(extensions: readonly string[]): { name: string; version: string; extensions: readonly string[] } {
    return { name: 'pilothouse', version: this.serverVersion, extensions: [...extensions, ...(this.options.extensions ?? [])] };
  }

  /** @throws GatewayError NOT_FOUND, UNAVAILABLE */
  modelMetadata(name: string, version?: number): ModelMetadata {
    const { router } = this.options;
    const deployment = router.find(name);
    const { route } = router.representative(deployment, version);
    const versions = version === undefined ? deployment.route.targets.map((target) => String(target.versionNumber)) : [String(version)];
    const { inputs, outputs } = route.signature;
    return { name, versions, platform: `${route.runtime}_${route.format}`, inputs: inputs.map(metadataOf), outputs: outputs.map(metadataOf) };
  }

  /** The route of the target that a name and a version stand for. @throws GatewayError NOT_FOUND, UNAVAILABLE */
  targetRoute(name: string, version?: number): TargetRoute {
    const { router } = this.options;
    return router.representative(router.find(name), version).route;
  }

  /**
   * Until when a request is answered that asks for no deadline of its own, by the gateway's clock.
   * @throws GatewayError NOT_FOUND
   */
  deadline({ arrivedAt, context }: Call, name: string): number {
    return arrivedAt + (context.timeoutMs ?? this.options.router.find(name).route.timeoutMs);
  }

  /** Every version that some deployment routes to, by the deployments' names. */
  models(): { name: string; version: number; ready: boolean }[] {
    const models = [...this.options.router.deployments].flatMap(({ route, targets }) =>
      targets.map((target) => ({ name: route.name, version: target.route.versionNumber, ready: !this.draining && target.dispatcher.available })),
    );
    return models.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.version - b.version));
  }

  /** Totals of one version, of all of a deployment, or of everything routed. @throws GatewayError NOT_FOUND */
  statistics(name?: string, version?: number): TargetStatistics[] {
    const { router } = this.options;
    const deployments = name === undefined ? [...router.deployments] : [router.find(name)];
    if (name !== undefined && version !== undefined) router.representative(deployments[0]!, version);
    return deployments.flatMap(({ route, targets }) =>
      targets
        .filter((target) => version === undefined || target.route.versionNumber === version)
        .map((target) => target.meter.statistics(route.name, target.route.versionNumber)),
    );
  }

  /** Whether some replica would take a request for the model now. @throws GatewayError NOT_FOUND, UNAVAILABLE */
  modelReady(name: string, version?: number): boolean {
    if (this.draining) return false;
    const { router } = this.options;
    const deployment = router.find(name);
    if (version !== undefined) return router.representative(deployment, version).dispatcher.available;
    return deployment.targets.some((target) => target.weight > 0 && target.dispatcher.available);
  }

  /**
   * The target that a request goes to, for a protocol that cannot read it in the same turn. Once a request: weights are exact.
   * @throws GatewayError NOT_FOUND, UNAVAILABLE
   */
  pick(call: Call, name: string, version: number | undefined): Target {
    const { router } = this.options;
    return router.pick(router.find(name), version, call.context.headers);
  }

  /** Whether a target that was picked a while ago still serves the name. */
  serves(name: string, target: Target): boolean {
    return this.options.router.current(name, target) !== undefined;
  }

  /**
   * Answers one inference. What the protocol makes of the answer is part of it: it ends with `call.end`.
   * @param decode may be called more than once: a request that waits may go to another target than it was read for first
   * @param picked by `pick`; where it is gone, or nothing was picked, the request goes to another
   * @throws GatewayError
   */
  infer(call: Call, name: string, version: number | undefined, decode: Decode, picked?: Target): Promise<Answer> {
    call.model = name;
    try {
      return this.answer(call, name, version, decode, picked);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /** Counts what a replica answered, and tells the observers; what no replica answered was counted where it failed. */
  ended(call: Call, model: string, error: unknown): void {
    const { now, observe } = this.options;
    const { answer } = call;
    const endedAt = now();
    if (answer) settle(call, answer, endedAt, error === undefined ? undefined : kindOf(error));
    if (!observe) return;
    const failure = error === undefined ? undefined : error instanceof GatewayError ? error.kind : 'INTERNAL';
    observe({ call, model, version: answer?.version, endedAt, failure, timing: answer?.timing, responseBytes: answer?.responseBytes ?? 0 });
  }

  private answer(call: Call, name: string, version: number | undefined, decode: Decode, picked: Target | undefined): Promise<Answer> {
    const { router, now } = this.options;
    const deployment = router.find(name);
    // Before the request is read: versions may have other names for their inputs, and its protocol none.
    const target = (picked && router.current(name, picked)) ?? router.pick(deployment, version, call.context.headers);
    let request: InferRequest;
    let timeoutMs: number;
    try {
      const decoded = decode(target.route);
      request = fitted(target.route, decoded);
      timeoutMs = timeoutOf(decoded.parameters?.['timeout'], deployment.route.timeoutMs, call.context.timeoutMs);
    } catch (error) {
      throw this.refused(target, call, asRefusal(error));
    }
    call.decode = decode;
    if (deployment.shadows.length === 0) return target.dispatcher.submit(call, request, timeoutMs, version);
    const answer = target.dispatcher.submit(call, request, timeoutMs, version, () => mirror(deployment, target, call, request, answer, now));
    return answer;
  }

  /** Why a request did not get as far as a target's queue, counted at the target that would have served it. */
  private refused({ meter }: Target, { arrivedAt }: Call, error: unknown): Error {
    if (!(error instanceof GatewayError)) return error as Error;
    const now = this.options.now();
    meter.reject(now, kindOf(error), now - arrivedAt);
    return error;
  }
}

/** The request parameter `timeout` is in microseconds, as Triton has it; zero means none. A protocol's own deadline is never exceeded. */
function timeoutOf(timeout: unknown, policyMs: number, protocolMs: number | undefined): number {
  if (timeout === undefined || timeout === 0) return protocolMs ?? policyMs;
  if (typeof timeout !== 'number' || !Number.isSafeInteger(timeout) || timeout < 0) {
    const message = `parameter "timeout" is ${JSON.stringify(timeout)}; it must be a whole number of microseconds`;
    throw new GatewayError('INVALID', message, undefined, { part: { field: 'parameters' } });
  }
  return Math.min(timeout / 1000, MAX_TIMEOUT_MS, protocolMs ?? Infinity);
}

function metadataOf({ name, datatype, shape, optional }: TensorSpec): TensorMetadata {
  const parameters = { ...(shape === null && { unknown_rank: true as const }), ...(optional && { optional: true as const }) };
  return { name, datatype, shape, ...(Object.keys(parameters).length > 0 && { parameters }) };
}
