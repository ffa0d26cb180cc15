/** What all methods of the client share: the connection, operations, lists and inferences. */
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
import { fromGraphQLErrors, fromUserErrors, PilothouseError, type GraphQLErrorJson, type UserError } from './errors.js';
import * as operations from './generated/operations.js';
import { exchange, fromResponse, readText } from './http.js';
import type { Platform } from './platform.js';
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

export interface RequestOptions {
  /** Ends the request; the method throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface ListOptions extends RequestOptions {
  /** How many objects one request reads, 100 by default. The iterator reads on as long as it is asked. */
  readonly pageSize?: number;
}

export interface WaitOptions extends RequestOptions {
  /** How long the connection may be away at a time; 60,000 by default. */
  readonly patienceMs?: number;
  /** Called with the reason when the connection breaks off, once until it stands again. */
  readonly onBreak?: (reason: string) => void;
}

interface Page<T> {
  readonly nodes: readonly T[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

const PAGE_SIZE = 100;

const withoutSlash = (url: string): string => url.replace(/\/+$/, '');

/** The gateway on the same host, at its usual port. */
function usualGateway(url: string): string {
  const gateway = new URL(url);
  gateway.port = '8000';
  return withoutSlash(gateway.origin);
}

export abstract class Requests {
  readonly url: string;
  readonly gatewayUrl: string;
  protected readonly token: string;
  protected readonly subscriptions: Subscriptions;

  constructor(
    { url, token, gatewayUrl }: ConnectOptions,
    protected readonly platform: Platform,
  ) {
    this.url = withoutSlash(url);
    this.gatewayUrl = withoutSlash(gatewayUrl ?? usualGateway(url));
    this.token = token;
    this.subscriptions = new Subscriptions(this.url, token, platform.WebSocket);
  }

  /** Ends everything that is being followed. */
  async close(): Promise<void> {
    await this.subscriptions.close();
  }

  /** Any operation of the schema: the result of a typed document is typed, and so are its variables. */
  async request<R, V>(document: Document<R, V>, variables?: V, signal?: AbortSignal): Promise<R> {
    const body = JSON.stringify({ query: String(document), variables });
    const headers = { 'content-type': 'application/json' };
    const response = await exchange({ url: `${this.url}/graphql`, method: 'POST', token: this.token, headers, body, signal });
    const answer = await readGraphQL<R>(response);
    if (answer.errors && answer.errors.length > 0) throw fromGraphQLErrors(answer.errors, response.status);
    if (answer.data === undefined || answer.data === null)
      throw new PilothouseError('INTERNAL', 'the answer has neither data nor errors', { status: response.status });
    return answer.data;
  }

  /** Cursor of the newest event. Read it before a change: following behind it then misses nothing of the change. */
  async eventCursor({ signal }: RequestOptions = {}): Promise<string> {
    return (await this.request(operations.EventCursorDocument, {}, signal)).eventCursor;
  }

  /** The objects of a list, read page by page as they are asked for. */
  protected async *list<R, V extends { readonly first: number }, T>(
    document: DocumentTypeDecoration<R, V>,
    variables: Omit<V, 'first' | 'after'>,
    pageOf: (data: R) => Page<T>,
    { signal, pageSize = PAGE_SIZE }: ListOptions,
  ): AsyncGenerator<T, void, undefined> {
    for (let after: string | null = null; ;) {
      const page: Page<T> = pageOf(await this.request(document, { ...variables, first: pageSize, after } as unknown as V, signal));
      yield* page.nodes;
      if (!page.pageInfo.hasNextPage) return;
      after = page.pageInfo.endCursor;
    }
  }

  /** Messages of a subscription behind a cursor, over any number of broken connections. */
  protected followDocument<R, V, T extends { readonly cursor: string }>(
    document: DocumentTypeDecoration<R, V>,
    variables: Omit<V, 'after'>,
    read: (data: R) => T,
    options: FollowOptions & { readonly after: string },
  ): AsyncGenerator<T, void, undefined> {
    const source = (after: string) => ({ query: String(document), variables: { ...variables, after } });
    const readOne = (data: R): { cursor: string; value: T } => {
      const value = read(data);
      return { cursor: value.cursor, value };
    };
    return this.subscriptions.follow(source, readOne, options);
  }
}

/** What a mutation made. @throws PilothouseError with its userErrors */
export function made<T>({ userErrors }: { readonly userErrors: readonly UserError[] }, value: T | null): T {
  if (userErrors.length > 0) throw fromUserErrors(userErrors);
  if (value === null) throw new PilothouseError('INTERNAL', 'the mutation answered with neither a result nor userErrors');
  return value;
}

/** Whether `node(id)` gave the type asked for: an object of another one comes without its fields. */
export const isA = <T extends object>(node: object | null, field: keyof T & string): node is T => node !== null && field in node;

export function stopped(signal: AbortSignal | undefined): unknown {
  return signal?.reason ?? new PilothouseError('UNAVAILABLE', 'the client was closed while it waited');
}

async function readGraphQL<R>(response: Response): Promise<{ data?: R | null; errors?: readonly GraphQLErrorJson[] }> {
  if (!/json/.test(response.headers.get('content-type') ?? '')) throw await fromResponse(response, 'POST /graphql');
  const whole = response.clone();
  const answer = JSON.parse(await readText(response, 'POST /graphql')) as { data?: R | null; errors?: readonly GraphQLErrorJson[] };
  // Refused before it came to GraphQL: an error of plain HTTP.
  if (!response.ok && !answer.errors) throw await fromResponse(whole, 'POST /graphql');
  return answer;
}
