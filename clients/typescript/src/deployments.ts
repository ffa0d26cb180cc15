/** Deployments: deploy, change, follow, look into. */
import { PilothouseError, type UserError } from './errors.js';
import * as operations from './generated/operations.js';
import type {
  DeployInput,
  DeploymentEventFieldsFragment as DeploymentEvent,
  DeploymentFieldsFragment as Deployment,
  DeploymentRefInput,
  LogLineFieldsFragment as LogLine,
  RollbackInput,
  RolloutFieldsFragment as Rollout,
  ScaleInput,
} from './generated/operations.js';
import { isCarriedOut } from './is-carried-out.js';
import { Registry } from './registry.js';
import { isA, made, stopped, type ListOptions, type RequestOptions, type WaitOptions } from './requests.js';
import type { FollowOptions } from './subscription.js';

/** A deployment: its name in the project `default`, or more exactly. */
export type DeploymentRef = string | DeploymentRefInput;

/** What a change of a deployment answers at once; `follow` and `ready` tell the rest. */
export interface DeploymentChange {
  readonly deployment: Deployment;
  readonly rollout: Rollout | null;
  /** Cursor from before the change: following behind it misses none of its steps. */
  readonly eventsAfter: string;
}

/** Whose lines of logs: those of a deployment's replicas, or of one replica. */
export type LogSource = DeploymentRef | { readonly replica: string };

export interface LogFilter {
  /** Only lines that contain this text, in upper or lower case. */
  readonly filter?: string;
}

/** A deployment as lists show it. */
export type DeploymentSummary = operations.DeploymentsQuery['deployments']['nodes'][number];

type RevisionsNode = Extract<operations.DeploymentRevisionsQuery['node'], { readonly revisions: unknown }>;
/** A spec that was deployed, with who deployed it and why. */
export type Revision = RevisionsNode['revisions']['nodes'][number];

type ChangePayload = {
  readonly deployment: Deployment | null;
  readonly rollout: Rollout | null;
  readonly eventsAfter: string | null;
  readonly userErrors: readonly UserError[];
};

export const toRef = (ref: DeploymentRef): DeploymentRefInput => (typeof ref === 'string' ? { name: ref } : ref);

export abstract class Deployments extends Registry {
  /** null where there is none. */
  async deployment(ref: DeploymentRef, { signal }: RequestOptions = {}): Promise<Deployment | null> {
    const { id, name, project } = toRef(ref);
    if (id != null) {
      const { node } = await this.request(operations.DeploymentByIdDocument, { id }, signal);
      return isA<Deployment>(node, 'phase') ? node : null;
    }
    return (await this.request(operations.DeploymentDocument, { name: name ?? '', project: project ?? 'default' }, signal)).deployment;
  }

  /** The deployments of all projects, or of one. */
  deployments({ project, ...options }: ListOptions & { readonly project?: string } = {}): AsyncGenerator<DeploymentSummary, void, undefined> {
    return this.list(operations.DeploymentsDocument, { project: project ?? null }, ({ deployments }) => deployments, options);
  }

  /** What was deployed before, newest first. */
  async *revisions(ref: DeploymentRef, options: ListOptions = {}): AsyncGenerator<Revision, void, undefined> {
    const id = await this.idOf(ref, options);
    yield* this.list(operations.DeploymentRevisionsDocument, { id }, ({ node }) => listOf(node, 'revisions'), options);
  }

  /** Creates a deployment, or changes its spec. Answers at once: `follow` and `ready` tell how it goes. */
  async deploy(input: DeployInput, { signal }: RequestOptions = {}): Promise<DeploymentChange> {
    return changed((await this.request(operations.DeployDocument, { input }, signal)).deploy);
  }

  async scale(
    deployment: DeploymentRef,
    replicas: number,
    input: Omit<ScaleInput, 'deployment' | 'replicas'> = {},
    { signal }: RequestOptions = {},
  ): Promise<DeploymentChange> {
    return changed((await this.request(operations.ScaleDocument, { input: { ...input, deployment: toRef(deployment), replicas } }, signal)).scale);
  }

  /** Back to the revision that served before, or to `toRevision`. */
  async rollback(deployment: DeploymentRef, input: Omit<RollbackInput, 'deployment'> = {}, { signal }: RequestOptions = {}): Promise<DeploymentChange> {
    return changed((await this.request(operations.RollbackDocument, { input: { ...input, deployment: toRef(deployment) } }, signal)).rollback);
  }

  async deleteDeployment(
    deployment: DeploymentRef,
    input: { readonly reason?: string; readonly expectedGeneration?: number } = {},
    { signal }: RequestOptions = {},
  ): Promise<DeploymentChange> {
    const ofInput = { ...input, deployment: toRef(deployment) };
    return changed((await this.request(operations.DeleteDeploymentDocument, { input: ofInput }, signal)).deleteDeployment);
  }

  /**
   * Every step of a deployment, live and in order, over any number of broken connections. Ends when the deployment is DELETED, or
   * with the signal.
   * @throws PilothouseError NOT_FOUND; CURSOR_EXPIRED when `after` lies further back than the feed goes
   */
  async *follow(ref: DeploymentRef, options: FollowOptions = {}): AsyncGenerator<DeploymentEvent, void, undefined> {
    const after = options.after ?? (await this.eventCursor(options));
    // By its id from here on: after a break, the name may be another one's.
    const found = await this.deployment(ref, options);
    // Behind a cursor, one that was deleted since is told to its end.
    if (!found && options.after === undefined) throw noDeployment(ref);
    const deployment = found ? { id: found.id } : toRef(ref);
    const events = this.followDocument(operations.DeploymentEventsDocument, { deployment }, (data) => data.deploymentEvents, { ...options, after });
    for await (const event of events) {
      yield event;
      if (event.phase === 'DELETED') return;
    }
  }

  /**
   * Waits until a change is carried out: READY, or DELETED after `deleteDeployment`.
   * @param seen is called with every step
   * @throws PilothouseError FAILED_PRECONDITION, saying why, when its rollout fails; CONFLICT when a later change took its place
   */
  async ready(
    { deployment, eventsAfter }: DeploymentChange,
    options: WaitOptions & { readonly seen?: (event: DeploymentEvent) => void } = {},
  ): Promise<Deployment> {
    const ref = { id: deployment.id };
    let after = eventsAfter;
    for (;;) {
      try {
        for await (const event of this.follow(ref, { ...options, after })) {
          options.seen?.(event);
          if (isCarriedOut(event, event.message, deployment)) return (await this.deployment(ref, options)) ?? { ...deployment, phase: event.phase };
        }
        throw stopped(options.signal);
      } catch (error) {
        if (!(error instanceof PilothouseError) || error.code !== 'CURSOR_EXPIRED') throw error;
      }
      // It was made so long ago that its steps are forgotten; what has become of it is not. The cursor first, as above.
      after = await this.eventCursor(options);
      const now = await this.deployment(ref, options);
      if (!now) return { ...deployment, phase: 'DELETED' };
      const reason = now.conditions.map(({ message }) => message).join('; ');
      if (isCarriedOut(now, reason, deployment)) return now;
    }
  }

  /** What serves, since when and through whom, why there are so many replicas, and what is wrong. */
  async why(ref: DeploymentRef, { signal }: RequestOptions = {}): Promise<operations.WhyQuery['why']> {
    return (await this.request(operations.WhyDocument, { deployment: toRef(ref) }, signal)).why;
  }

  /** The last lines of logs; behind `after`, the first ones. `endCursor` goes on behind them. */
  async logs(
    of: LogSource,
    { signal, first = 200, filter, after }: RequestOptions & LogFilter & { readonly first?: number; readonly after?: string } = {},
  ): Promise<operations.LogsQuery['logs']> {
    return (await this.request(operations.LogsDocument, { ...toLogSource(of), filter, after, first }, signal)).logs;
  }

  /** Lines of logs as they are written, over any number of broken connections. Ends with the signal. */
  async *followLogs(of: LogSource, { filter, after, ...options }: FollowOptions & LogFilter = {}): AsyncGenerator<LogLine, void, undefined> {
    const start = after ?? (await this.logs(of, { first: 1, signal: options.signal })).endCursor;
    const variables = { ...toLogSource(of), filter };
    yield* this.followDocument(operations.FollowLogsDocument, variables, ({ logs }) => logs, { ...options, after: start });
  }

  /** @throws PilothouseError NOT_FOUND */
  protected async idOf(ref: DeploymentRef, options: RequestOptions): Promise<string> {
    const id = toRef(ref).id ?? (await this.deployment(ref, options))?.id;
    if (id == null) throw noDeployment(ref);
    return id;
  }
}

const noDeployment = (ref: DeploymentRef): PilothouseError =>
  new PilothouseError('NOT_FOUND', `there is no deployment ${typeof ref === 'string' ? `"${ref}"` : JSON.stringify(ref)}`);

/** A list of a deployment that was asked for by its id. @throws PilothouseError NOT_FOUND where it is gone */
export function listOf<N extends object, K extends string>(node: N | null, field: K): Extract<N, Record<K, unknown>>[K] {
  if (node === null || !(field in node)) throw new PilothouseError('NOT_FOUND', 'the deployment is deleted');
  return (node as Extract<N, Record<K, unknown>>)[field];
}

const toLogSource = (of: LogSource): { readonly deployment?: DeploymentRefInput; readonly replica?: string } =>
  typeof of === 'object' && 'replica' in of ? { replica: of.replica } : { deployment: toRef(of) };

function changed(payload: ChangePayload): DeploymentChange {
  return { deployment: made(payload, payload.deployment), rollout: payload.rollout, eventsAfter: made(payload, payload.eventsAfter) };
}
