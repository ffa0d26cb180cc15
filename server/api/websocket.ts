/**
 * GraphQL over WebSocket (graphql-transport-ws). Uses graphql-ws's protocol machine on ws directly: its ready-made binding
 * writes to the console and sends error texts to clients.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { setImmediate as tick, setTimeout as delay } from 'node:timers/promises';
import { execute, type ExecutionArgs, getOperationAST, GraphQLError, type GraphQLFormattedError, type GraphQLSchema, OperationTypeNode } from 'graphql';
import { type Context, handleProtocols, makeServer, type Server as Protocol } from 'graphql-ws';
import type { Logger } from 'pino';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Caller, TokenService } from '../access/token.service.js';
import { DomainError } from '../errors.js';
import type { Admission } from './admission.js';
import type { AnswersUnderWay } from './answers-under-way.js';
import { authenticate, bearerOf } from './authentication.js';
import type { Connections } from './connections.js';
import type { ApiContext } from './context.js';
import { formatGraphQLError, noteErrors } from './format-error.js';
import { limitExceeded } from './limits.js';
import type { OperationObserver } from './metrics.js';
import { SocketBounds } from './socket-bounds.js';

/** Close codes of the graphql-transport-ws protocol and of WebSocket itself. */
const CLOSE = { GOING_AWAY: 1001, TRY_AGAIN: 1013, UNAUTHENTICATED: 4401, FAULT: 4500 } as const;
/** A refused caller has this long to read why. */
const REFUSED_MS = 1_000;
const PING_MS = 15_000;
const DRAIN_MS = 10_000;

interface Extra {
  readonly socket: WebSocket;
  readonly request: IncomingMessage;
  readonly bounds: SocketBounds;
  caller?: Caller;
}

export interface WebSocketOptions {
  readonly path: string;
  readonly schema: GraphQLSchema;
  readonly admission: Admission;
  readonly connections: Pick<Connections, 'recognise'>;
  readonly answers: AnswersUnderWay;
  readonly tokens: Pick<TokenService, 'verify' | 'onChange'>;
  readonly log: Logger;
  readonly context: (caller: Caller) => ApiContext;
  /** Told of every query and mutation; a subscription has no end to wait for. */
  readonly observe: OperationObserver;
}

export class GraphqlWebSockets {
  private readonly server: WebSocketServer;
  /** Open connections by their token, so that one check of a token serves all of its connections. */
  private readonly byBearer = new Map<string, Set<WebSocket>>();
  private readonly answering = new Set<Promise<unknown>>();
  private readonly alive = new WeakSet<WebSocket>();
  private readonly ping: NodeJS.Timeout;
  private readonly forget: () => void;
  private closing = false;

  constructor(private readonly options: WebSocketOptions) {
    const { limits } = options.admission;
    this.server = new WebSocketServer({
      noServer: true,
      maxPayload: limits.bodyBytes,
      perMessageDeflate: false,
      // Each message in a turn of its own: many that come at once would else all be executed before the first answer leaves.
      allowSynchronousEvents: false,
      handleProtocols,
    });
    this.ping = setInterval(() => this.pingAll(), PING_MS);
    this.ping.unref();
    this.forget = options.tokens.onChange(() => void this.checkTokens());
    const protocol = makeServer<Record<string, unknown>, Extra>({
      connectionInitWaitTimeout: limits.connectionInitMs,
      onConnect: (context) => this.connect(context),
      onSubscribe: (context, _id, payload) => this.admit(context, payload),
      onNext: (_context, _id, _payload, _args, { errors, ...result }) =>
        (errors ? { ...result, errors: errors.map((error) => this.format(error)) } : undefined) as never,
      onError: (_context, _id, _payload, errors) => errors.map((error) => this.format(error)),
      execute: (args) => this.answer(args as ExecutionArgs),
    });
    this.server.on('connection', (socket: WebSocket, request: IncomingMessage, head: Buffer) => this.serve(protocol, socket, request, head));
  }

  get connections(): number {
    return this.server.clients.size;
  }

  attach(http: Server): void {
    http.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
  }

  /** Takes nothing new, lets what is being answered finish, then says "going away" to everybody. */
  async close(): Promise<void> {
    this.closing = true;
    clearInterval(this.ping);
    this.forget();
    if (this.answering.size > 0) await Promise.race([Promise.allSettled([...this.answering]), delay(DRAIN_MS, undefined, { ref: false })]);
    // The answers leave in the turn after their operation is done.
    await tick();
    const gone = [...this.server.clients].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    for (const socket of this.server.clients) socket.close(CLOSE.GOING_AWAY, 'going away');
    // A client that does not answer the goodbye is cut off.
    await Promise.race([Promise.all(gone), delay(1_000, undefined, { ref: false })]);
    for (const socket of this.server.clients) socket.terminate();
    this.server.close();
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refuse = (status: string): void => {
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      // The caller may keep its side open.
      setTimeout(() => socket.destroy(), REFUSED_MS).unref();
    };
    socket.on('error', () => socket.destroy());
    if (this.closing) return refuse('503 Service Unavailable');
    if (request.url?.split('?')[0] !== this.options.path) return refuse('404 Not Found');
    this.server.handleUpgrade(request, socket, head, (ws) => this.server.emit('connection', ws, request, head));
  }

  private serve(protocol: Protocol<Extra>, socket: WebSocket, request: IncomingMessage, head: Buffer): void {
    const { log, admission } = this.options;
    const bounds = new SocketBounds(socket, request.socket, head.length, admission.limits);
    this.alive.add(socket);
    socket.on('pong', () => this.alive.add(socket));
    // A message that is too big, a frame that is none: ws closes with the fitting code by itself.
    socket.on('error', (error) => log.debug({ err: error }, 'a WebSocket failed'));
    const extra: Extra = { socket, request, bounds };
    const closed = protocol.opened(
      {
        protocol: socket.protocol,
        send: (data) => bounds.send(data),
        close: (code = 1000, reason = '') => bounds.close(code, reason),
        onMessage: (handle) =>
          bounds.onMessage(handle, (error) => {
            log.error({ err: error }, 'a WebSocket message could not be handled');
            bounds.close(CLOSE.FAULT, 'internal error');
          }),
      },
      extra,
    );
    socket.once('close', (code, reason) => {
      this.forgetSocket(extra);
      void closed(code, String(reason));
    });
  }

  private async connect({ extra, connectionParams }: Context<Record<string, unknown>, Extra>): Promise<boolean> {
    const authorization = authorizationOf(extra, connectionParams);
    try {
      extra.caller = await authenticate(this.options.tokens, authorization);
    } catch (error) {
      if (error instanceof DomainError) extra.bounds.close(CLOSE.UNAUTHENTICATED, `${error.code}: ${error.message}`.slice(0, 120));
      else {
        this.format(error);
        extra.bounds.close(CLOSE.TRY_AGAIN, 'UNAVAILABLE: the token could not be checked');
      }
      return false;
    }
    extra.bounds.acknowledged();
    this.options.connections.recognise(extra.request.socket, extra.caller.tokenId);
    const bearer = bearerOf(authorization)!;
    this.byBearer.set(bearer, (this.byBearer.get(bearer) ?? new Set()).add(extra.socket));
    // It may have closed while its token was checked.
    if (extra.socket.readyState !== extra.socket.OPEN) this.forgetSocket(extra);
    return true;
  }

  private admit(
    context: Context<Record<string, unknown>, Extra>,
    payload: { query: string; operationName?: string | null | undefined; variables?: Record<string, unknown> | null | undefined },
  ): readonly GraphQLError[] | ExecutionArgs {
    const { admission, schema } = this.options;
    const { subscriptionsPerConnection } = admission.limits;
    if (this.closing) return [new GraphQLError('this server is stopping; connect again', { extensions: { code: 'UNAVAILABLE' } })];
    if (context.extra.bounds.underWay > subscriptionsPerConnection) {
      return [
        limitExceeded(
          'subscriptionsPerConnection',
          `this connection has ${subscriptionsPerConnection} operations under way, which is the limit; complete some, or open another connection`,
        ),
      ];
    }
    const admitted = admission.admit(payload);
    if ('errors' in admitted) return admitted.errors;
    const caller = context.extra.caller!;
    const refusal = admitted.operation.operation === 'subscription' ? undefined : this.options.answers.refusal(caller.tokenId);
    if (refusal) return [refusal];
    return {
      schema,
      document: admitted.document,
      operationName: payload.operationName,
      variableValues: payload.variables,
      contextValue: this.options.context(caller),
    };
  }

  private answer(args: ExecutionArgs): ReturnType<typeof execute> {
    const started = performance.now();
    // Until it is executed: from then on it is among what the socket has not taken.
    const end = this.options.answers.begin((args.contextValue as ApiContext).tokenId);
    const result = execute(args);
    const operation = getOperationAST(args.document, args.operationName)?.operation ?? OperationTypeNode.QUERY;
    const done = (failed: boolean): void => {
      end();
      this.options.observe(operation, 'websocket', performance.now() - started, failed);
    };
    if (result instanceof Promise)
      result.then(
        ({ errors }) => {
          noteErrors(operation, errors);
          done(errors !== undefined);
        },
        () => done(true),
      );
    else done(result.errors !== undefined);
    if (!(result instanceof Promise)) return result;
    this.answering.add(result);
    void result.finally(() => this.answering.delete(result)).catch(() => undefined);
    return result;
  }

  private format(error: unknown): GraphQLFormattedError {
    return formatGraphQLError(error, this.options.log);
  }

  private pingAll(): void {
    for (const socket of this.server.clients) {
      if (!this.alive.has(socket)) {
        socket.terminate();
        continue;
      }
      this.alive.delete(socket);
      socket.ping();
    }
  }

  /** The set of valid tokens may have changed: connections whose token was revoked are closed. */
  private async checkTokens(): Promise<void> {
    for (const [bearer, sockets] of this.byBearer) {
      // While the database is away no connection is closed: the next wake-up checks again.
      const caller = await this.options.tokens.verify(bearer).catch(() => 'unknown' as const);
      if (caller === undefined) for (const socket of sockets) socket.close(CLOSE.UNAUTHENTICATED, 'UNAUTHENTICATED: the token was revoked');
    }
  }

  private forgetSocket({ socket }: Extra): void {
    for (const [bearer, sockets] of this.byBearer) {
      if (sockets.delete(socket) && sockets.size === 0) this.byBearer.delete(bearer);
    }
  }
}

/** From the upgrade's header, or, for browsers that cannot set one, from the payload of `connection_init`. */
function authorizationOf({ request }: Extra, params: Readonly<Record<string, unknown>> | undefined): unknown {
  return params?.['authorization'] ?? params?.['Authorization'] ?? request.headers.authorization;
}
