/** Subscriptions that outlive their connection: after a break they go on behind the last event that was seen, and miss nothing. */
import { CloseCode, createClient, type Client } from 'graphql-ws';
import { fromGraphQLErrors, PilothouseError, type GraphQLErrorJson } from './errors.js';
import { reasonOf } from './http.js';

export interface FollowOptions {
  /** Cursor of the last event that was seen. Left out: from now on. */
  readonly after?: string;
  readonly signal?: AbortSignal | undefined;
  /** How long the connection may be away at a time before it is given up; 60,000 by default. */
  readonly patienceMs?: number;
  /** Called with the reason when the connection breaks off, once until it stands again. */
  readonly onBreak?: (reason: string) => void;
}

/** Closing codes that another attempt would meet again. */
const FINAL: readonly number[] = [
  CloseCode.BadRequest,
  CloseCode.Unauthorized,
  CloseCode.Forbidden,
  CloseCode.SubprotocolNotAcceptable,
  CloseCode.SubscriberAlreadyExists,
];

export interface Source {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

export class Subscriptions {
  private readonly client: Client;
  private connectedAt = -Infinity;

  /** @param webSocketImpl left out, the global WebSocket */
  constructor(url: string, token: string, webSocketImpl?: unknown) {
    this.client = createClient({
      url: `${url.replace(/^http/, 'ws')}/graphql`,
      webSocketImpl,
      connectionParams: { authorization: `Bearer ${token}` },
      // Reconnecting is done below: only there is it known where to go on.
      retryAttempts: 0,
      keepAlive: 10_000,
      on: { connected: () => (this.connectedAt = performance.now()) },
    });
  }

  close(): void | Promise<void> {
    return this.client.dispose();
  }

  /**
   * The events of a subscription. Ends when the signal does.
   * @param source the operation that goes on behind a cursor
   * @param read takes one message apart
   * @param after cursor to begin behind
   * @throws PilothouseError for what the server refuses, CURSOR_EXPIRED among it, and UNAVAILABLE when it stays away too long
   */
  async *follow<T, E>(
    source: (after: string) => Source,
    read: (data: T) => { cursor: string; value: E },
    { after, signal, patienceMs = 60_000, onBreak }: FollowOptions & { after: string },
  ): AsyncGenerator<E, void, undefined> {
    let cursor = after;
    let awaySince: number | undefined;
    let pauseMs = 50;
    while (!signal?.aborted) {
      const iterator = this.client.iterate<T>(source(cursor))[Symbol.asyncIterator]();
      const stop = () => void iterator.return?.();
      signal?.addEventListener('abort', stop, { once: true });
      try {
        for (let item = await iterator.next(); !item.done; item = await iterator.next()) {
          const { data, errors } = item.value;
          if (errors) throw fromGraphQLErrors(errors as readonly GraphQLErrorJson[]);
          if (!data) continue;
          pauseMs = 50;
          const event = read(data);
          cursor = event.cursor;
          yield event.value;
        }
        if (signal?.aborted) return;
        // A feed has no end: a server that says so is stopping.
        throw new Error('the server ended it');
      } catch (error) {
        if (signal?.aborted) return;
        const lost = asLoss(error);
        if (awaySince === undefined || this.connectedAt > awaySince) {
          awaySince = performance.now();
          onBreak?.(lost);
        }
        if (performance.now() - awaySince > patienceMs)
          throw new PilothouseError('UNAVAILABLE', `the subscription's connection is away for ${patienceMs} ms: ${lost}`, { cause: error });
      } finally {
        signal?.removeEventListener('abort', stop);
        await iterator.return?.();
      }
      await pause(pauseMs, signal);
      pauseMs = Math.min(pauseMs * 2, 2_000);
    }
  }
}

/** Why the connection broke. @throws the error itself, as a PilothouseError, where trying again would not help */
function asLoss(error: unknown): string {
  if (error instanceof PilothouseError) throw error;
  // graphql-ws rejects with the list of errors of an operation that was refused, and with the close event of a connection that ended.
  if (Array.isArray(error)) throw fromGraphQLErrors(error as GraphQLErrorJson[]);
  const { code, reason } = error as { code?: unknown; reason?: unknown };
  if (typeof code === 'number') {
    const text = typeof reason === 'string' && reason !== '' ? reason : `closed with code ${code}`;
    if (FINAL.includes(code)) throw new PilothouseError(code === CloseCode.BadRequest ? 'INVALID' : 'UNAUTHENTICATED', text, { cause: error });
    return text;
  }
  return error instanceof Error || (error as { message?: unknown })?.message !== undefined ? reasonOf(error) : String(error);
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end, { once: true });
  });
}
