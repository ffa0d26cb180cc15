/** The client: what a deploy bot or an application does with Pilothouse, as typed methods. */
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
import { tensorFromJson, tensorToJson } from '../../../runtimes/open-inference/json.js';
import type { Tensor } from '../../../runtimes/tensor.js';
import { namedSources, upload, type NamedSource, type Source, type UploadedArtifact } from './artifacts.js';
import { fromGraphQLErrors, fromUserErrors, PilothouseError, type GraphQLErrorJson, type UserError } from './errors.js';
import * as operations from './generated/operations.js';
import type {
  CreateModelInput,
  CreateProjectInput,
  CreateVersionInput,
  DeployInput,
  DeploymentEventFieldsFragment as DeploymentEvent,
  DeploymentFieldsFragment as Deployment,
  DeploymentRefInput,
  ModelFieldsFragment as Model,
  ProjectFieldsFragment as Project,
  RollbackInput,
  RolloutFieldsFragment as Rollout,
  ScaleInput,
  VersionFieldsFragment as Version,
} from './generated/operations.js';
import { exchange, fromResponse } from './http.js';
import { isCarriedOut } from './is-carried-out.js';
import { inferAt, toTensor, type Inference, type InferenceOptions, type InputTensor } from './inference.js';
import { Subscriptions, type FollowOptions } from './subscription.js';

export interface ConnectOptions {
  /** Address of the control plane: `http://127.0.0.1:4000`. */
  readonly url: string;
  /** A bearer token; the first start writes the administrator's to `admin-token` in its home. */
  readonly token: string;
  /** Address of the gateway; left out, port 8000 of the control plane's host. */
  readonly gatewayUrl?: string;
}

/** A typed document, as `codegen` writes them; or the text of one. */
export type Document<R, V> = DocumentTypeDecoration<R, V> | string;

/** A deployment: its name in the project `default`, or more exactly. */
export type DeploymentRef = string | DeploymentRefInput;

/** What a change of a deployment answers at once; `follow` and `ready` tell the rest. */
export interface DeploymentChange {
  readonly deployment: Deployment;
  readonly rollout: Rollout | null;
  /** Cursor from before the change: following behind it misses none of its steps. */
  readonly eventsAfter: string;
}

export interface NewVersion extends Omit<CreateVersionInput, 'files'> {
  /** Local files and folders, or bytes under a path. What the control plane has already is not sent again. */
  readonly files: readonly (string | NamedSource)[];
}

export interface WaitOptions {
  readonly signal?: AbortSignal;
  /** How long the connection may be away at a time; 60,000 by default. */
  readonly patienceMs?: number;
}

type ChangePayload = {
  readonly deployment: Deployment | null;
  readonly rollout: Rollout | null;
  readonly eventsAfter: string | null;
  readonly userErrors: readonly UserError[];
};

const withoutSlash = (url: string): string => url.replace(/\/+$/, '');

/** The gateway on the same host, at its usual port. */
function usualGateway(url: string): string {
  const gateway = new URL(url);
  gateway.port = '8000';
  return withoutSlash(gateway.origin);
}

const toRef = (ref: DeploymentRef): DeploymentRefInput => (typeof ref === 'string' ? { name: ref } : ref);

/** Every method throws PilothouseError for what Pilothouse refuses. Nothing is kept open save while events are followed. */
export class PilothouseClient {
  readonly url: string;
  readonly gatewayUrl: string;
  private readonly token: string;
  private readonly subscriptions: Subscriptions;

  constructor({ url, token, gatewayUrl }: ConnectOptions) {
    this.url = withoutSlash(url);
    this.gatewayUrl = withoutSlash(gatewayUrl ?? usualGateway(url));
    this.token = token;
    this.subscriptions = new Subscriptions(this.url, token);
  }

  /** Ends everything that is being followed. */
  async close(): Promise<void> {
    await this.subscriptions.close();
  }

  /** Any operation of the schema: the result of a typed document is typed, and so are its variables. */
  async request<R, V>(document: Document<R, V>, variables?: V, signal?: AbortSignal): Promise<R> {
    const body = JSON.stringify({ query: String(document), variables });
    const response = await exchange({
      url: `${this.url}/graphql`,
      method: 'POST',
      token: this.token,
      headers: { 'content-type': 'application/json' },
      body,
      signal,
    });
    const answer = await readGraphQL<R>(response);
    if (answer.errors && answer.errors.length > 0) throw fromGraphQLErrors(answer.errors, response.status);
    if (answer.data === undefined || answer.data === null)
      throw new PilothouseError('INTERNAL', 'the answer has neither data nor errors', { status: response.status });
    return answer.data;
  }

  async createProject(input: CreateProjectInput): Promise<Project> {
    const { createProject } = await this.request(operations.CreateProjectDocument, { input });
    return made(createProject, createProject.project);
  }

  async createModel(input: CreateModelInput): Promise<Model> {
    const { createModel } = await this.request(operations.CreateModelDocument, { input });
    return made(createModel, createModel.model);
  }

  /** Stores a local file, or bytes, under its SHA-256, unless it is there already. */
  uploadArtifact(
    source: Source,
    options: { readonly signal?: AbortSignal; readonly seen?: (sentBytes: number, totalBytes: number) => void } = {},
  ): Promise<UploadedArtifact> {
    return upload(this.url, this.token, source, options);
  }

  /** Uploads the files and creates a version of them. It answers VALIDATING: `waitForVersion` tells what becomes of it. */
  async createVersion({ files, ...input }: NewVersion, { signal }: { readonly signal?: AbortSignal } = {}): Promise<Version> {
    const uploaded: { path: string; digest: string }[] = [];
    for (const { path, source } of await namedSources(files))
      uploaded.push({ path, digest: (await this.uploadArtifact(source, { ...(signal && { signal }) })).digest });
    const { createVersion } = await this.request(operations.CreateVersionDocument, { input: { ...input, files: uploaded } }, signal);
    return made(createVersion, createVersion.version);
  }

  /** @throws PilothouseError NOT_FOUND */
  async version(id: string, signal?: AbortSignal): Promise<Version> {
    const { node } = await this.request(operations.VersionByIdDocument, { id }, signal);
    if (!isA<Version>(node, 'number')) throw new PilothouseError('NOT_FOUND', `"${id}" is not the id of a version`);
    return node;
  }

  /**
   * Waits until a version is READY.
   * @throws PilothouseError FAILED_PRECONDITION, with the runtime's own message, when it is REJECTED
   */
  async waitForVersion(version: string | { readonly id: string }, options: WaitOptions = {}): Promise<Version> {
    const id = typeof version === 'string' ? version : version.id;
    // The cursor first: what happens between the two requests is then told by the events.
    const { eventCursor } = await this.request(operations.EventCursorDocument, {}, options.signal);
    const now = await this.version(id, options.signal);
    if (now.state !== 'VALIDATING') return expectReady(now);
    const source = (after: string) => ({ query: String(operations.VersionEventsDocument), variables: { version: id, after } });
    const read = ({ versionEvents: event }: operations.VersionEventsSubscription) => ({ cursor: event.cursor, value: event });
    for await (const event of this.subscriptions.follow(source, read, { ...options, after: eventCursor })) {
      if (event.type === 'VERSION_READY' || event.type === 'VERSION_REJECTED') return expectReady(await this.version(id, options.signal));
    }
    throw stopped(options.signal);
  }

  /** null where there is none. */
  async deployment(ref: DeploymentRef): Promise<Deployment | null> {
    const { id, name, project } = toRef(ref);
    if (id != null) {
      const { node } = await this.request(operations.DeploymentByIdDocument, { id });
      return isA<Deployment>(node, 'phase') ? node : null;
    }
    return (await this.request(operations.DeploymentDocument, { name: name ?? '', project: project ?? 'default' })).deployment;
  }

  /** Creates a deployment, or changes its spec. Answers at once: `follow` and `ready` tell how it goes. */
  async deploy(input: DeployInput): Promise<DeploymentChange> {
    return changed((await this.request(operations.DeployDocument, { input })).deploy);
  }

  async scale(deployment: DeploymentRef, replicas: number, input: Omit<ScaleInput, 'deployment' | 'replicas'> = {}): Promise<DeploymentChange> {
    return changed((await this.request(operations.ScaleDocument, { input: { ...input, deployment: toRef(deployment), replicas } })).scale);
  }

  /** Back to the revision that served before, or to `toRevision`. */
  async rollback(deployment: DeploymentRef, input: Omit<RollbackInput, 'deployment'> = {}): Promise<DeploymentChange> {
    return changed((await this.request(operations.RollbackDocument, { input: { ...input, deployment: toRef(deployment) } })).rollback);
  }

  async deleteDeployment(deployment: DeploymentRef, input: { readonly reason?: string; readonly expectedGeneration?: number } = {}): Promise<DeploymentChange> {
    return changed((await this.request(operations.DeleteDeploymentDocument, { input: { ...input, deployment: toRef(deployment) } })).deleteDeployment);
  }

  /**
   * Every step of a deployment, live and in order, over any number of broken connections. Ends when the deployment is DELETED, or
   * with the signal.
   * @throws PilothouseError NOT_FOUND; CURSOR_EXPIRED when `after` lies further back than the feed goes
   */
  async *follow(deployment: DeploymentRef, options: FollowOptions = {}): AsyncGenerator<DeploymentEvent, void, undefined> {
    const after = options.after ?? (await this.request(operations.EventCursorDocument, {}, options.signal)).eventCursor;
    // By its id from here on: after a break, the name may be another one's.
    const found = await this.deployment(deployment);
    // Behind a cursor, one that was deleted since is told to its end.
    if (!found && options.after === undefined)
      throw new PilothouseError('NOT_FOUND', `there is no deployment ${typeof deployment === 'string' ? `"${deployment}"` : JSON.stringify(deployment)}`);
    const ref = found ? { id: found.id } : toRef(deployment);
    const source = (cursor: string) => ({ query: String(operations.DeploymentEventsDocument), variables: { deployment: ref, after: cursor } });
    const read = ({ deploymentEvents: event }: operations.DeploymentEventsSubscription) => ({ cursor: event.cursor, value: event });
    for await (const event of this.subscriptions.follow(source, read, { ...options, after })) {
      yield event;
      if (event.phase === 'DELETED') return;
    }
  }

  /** Alerts as they fire and are resolved, behind a cursor; over any number of broken connections. Ends with the signal. */
  followAlerts(
    of: { readonly deployment?: string | null; readonly project?: string | null },
    options: FollowOptions & { readonly after: string },
  ): AsyncGenerator<operations.AlertEventsSubscription['alertEvents'], void, undefined> {
    const source = (after: string) => ({ query: String(operations.AlertEventsDocument), variables: { ...of, after } });
    const read = ({ alertEvents: event }: operations.AlertEventsSubscription) => ({ cursor: event.cursor, value: event });
    return this.subscriptions.follow(source, read, options);
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
          if (isCarriedOut(event, event.message, deployment)) return (await this.deployment(ref)) ?? { ...deployment, phase: event.phase };
        }
        throw stopped(options.signal);
      } catch (error) {
        if (!(error instanceof PilothouseError) || error.code !== 'CURSOR_EXPIRED') throw error;
      }
      // It was made so long ago that its steps are forgotten; what has become of it is not. The cursor first, as above.
      after = (await this.request(operations.EventCursorDocument, {}, options.signal)).eventCursor;
      const now = await this.deployment(ref);
      if (!now) return { ...deployment, phase: 'DELETED' };
      const reason = now.conditions.map(({ message }) => message).join('; ');
      if (isCarriedOut(now, reason, deployment)) return now;
    }
  }

  /**
   * An inference through the gateway.
   * @param endpoint the deployment's endpoint: `digits`, or `vision.digits` in the project `vision`
   * @param inputs by name
   */
  infer(endpoint: string, inputs: Readonly<Record<string, InputTensor>>, options: InferenceOptions = {}): Promise<Inference> {
    return inferAt(this.gatewayUrl, this.token, endpoint, inputs, options);
  }

  /** The same through the control plane, where the gateway cannot be reached. */
  async inferThroughApi(
    deployment: DeploymentRef,
    inputs: Readonly<Record<string, InputTensor>>,
    { outputs, signal }: Pick<InferenceOptions, 'outputs' | 'signal'> = {},
  ): Promise<{ version: number | null; outputs: Readonly<Record<string, Tensor>> }> {
    const tensors = Object.entries(inputs).map(([name, input]) => tensorToJson(toTensor(name, input)));
    const input = { deployment: toRef(deployment), inputs: tensors, ...(outputs && { outputs }) };
    const { infer } = await this.request(operations.InferDocument, { input }, signal);
    const given = made(infer, infer.outputs);
    return { version: infer.versionNumber, outputs: Object.fromEntries(given.map((output) => [output.name, tensorFromJson(output, 'output')])) };
  }
}

export const connect = (options: ConnectOptions): PilothouseClient => new PilothouseClient(options);

/** Whether `node(id)` gave the type asked for: an object of another one comes without its fields. */
const isA = <T extends object>(node: object | null, field: keyof T & string): node is T => node !== null && field in node;

/** What a mutation made. @throws PilothouseError with its userErrors */
function made<T>({ userErrors }: { readonly userErrors: readonly UserError[] }, value: T | null): T {
  if (userErrors.length > 0) throw fromUserErrors(userErrors);
  if (value === null) throw new PilothouseError('INTERNAL', 'the mutation answered with neither a result nor userErrors');
  return value;
}

function changed(payload: ChangePayload): DeploymentChange {
  return { deployment: made(payload, payload.deployment), rollout: payload.rollout, eventsAfter: made(payload, payload.eventsAfter) };
}

function expectReady(version: Version): Version {
  if (version.state === 'READY') return version;
  throw new PilothouseError('FAILED_PRECONDITION', `version ${version.number} was ${version.state}: ${version.reason ?? 'no reason was given'}`);
}

function stopped(signal: AbortSignal | undefined): unknown {
  return signal?.reason ?? new PilothouseError('UNAVAILABLE', 'the client was closed while it waited');
}

async function readGraphQL<R>(response: Response): Promise<{ data?: R | null; errors?: readonly GraphQLErrorJson[] }> {
  if (!/json/.test(response.headers.get('content-type') ?? '')) throw await fromResponse(response, 'POST /graphql');
  const answer = (await response.clone().json()) as { data?: R | null; errors?: readonly GraphQLErrorJson[] };
  // Refused before it came to GraphQL: an error of plain HTTP.
  if (!response.ok && !answer.errors) throw await fromResponse(response, 'POST /graphql');
  return answer;
}
