/**
 * The gateway's HTTP front: sockets, headers, bodies, limits, and leaving without cutting anyone off. On bare `node:http`, because
 * this is where most of a small request's time goes. What a path means is the protocols' business.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Server as NetServer, type AddressInfo, type Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Call, CallContext } from '../pending.js';
import { GatewayError } from '../gateway-error.js';
import { DRAIN_IDLE_MS, DRAIN_LIMIT_MS, HEADERS_TIMEOUT_MS, KEEP_ALIVE_TIMEOUT_MS, MAX_CONNECTIONS, MAX_HEADER_BYTES, REQUEST_TIMEOUT_MS } from '../limits.js';
import type { TokenGate } from '../token-gate.js';
import { readBody } from './http-body.js';
import { Exchange, MethodError, type ExchangeOptions } from './http-exchange.js';
import { errorText, type HttpAnswer, type HttpRoute, type HttpRoutes } from './http-route.js';
import { requestIdOf } from './request-id.js';

/** An address to bind, or the descriptor of a socket that listens already. */
export type ListenAt = { readonly host: string; readonly port: number } | { readonly fd: number };

export interface HttpFrontOptions {
  readonly routes: HttpRoutes;
  readonly gate: TokenGate;
  readonly call: (context: CallContext) => Call;
  readonly log: Logger;
}

/** Paths are few and come again and again. */
const REMEMBERED_PATHS = 4_096;
const NO_BODY = Buffer.alloc(0);

export class HttpFront {
  private readonly server: Server;
  private readonly remembered = new Map<string, HttpRoute>();
  private readonly sockets = new Set<Socket>();
  private readonly state: ExchangeOptions;

  constructor(private readonly options: HttpFrontOptions) {
    this.state = { log: options.log, draining: false };
    this.server = createServer(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
        connectionsCheckingInterval: 2_000,
        noDelay: true,
      },
      (request, response) => this.handle(request, response),
    );
    this.server.maxConnections = MAX_CONNECTIONS;
    this.server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
    this.server.on('clientError', refuseMalformed);
  }

  /** @throws Error when the address is taken, or the descriptor is no listening socket */
  async listen(where: ListenAt): Promise<AddressInfo> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen({ backlog: 4_096, ...where }, () => {
        this.server.removeListener('error', reject);
        resolve();
      });
    });
    return this.server.address() as AddressInfo;
  }

  /**
   * Leaves without cutting anyone off: accepts nothing new, ends connections with their next answer, keeps idle ones long enough for
   * what is already on the wire. Resolves when the last connection is closed; what is not answered by then is cut off.
   */
  async drain(): Promise<void> {
    this.state.draining = true;
    // Not http.Server's close, which ends idle connections at once and resets what a client has just sent.
    const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(this.server, () => resolve()));
    const started = performance.now();
    const sweep = setInterval(() => {
      const elapsed = performance.now() - started;
      if (elapsed > DRAIN_LIMIT_MS) this.server.closeAllConnections();
      else if (elapsed > DRAIN_IDLE_MS) this.server.closeIdleConnections();
    }, 100);
    await closed;
    clearInterval(sweep);
  }

  /** Ends every connection at once. */
  destroy(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }

  private handle(request: IncomingMessage, response: ServerResponse): void {
    const exchange = new Exchange(request, response, requestIdOf(request.headers['x-request-id']), this.state);
    let route: HttpRoute;
    let caller = '';
    try {
      route = this.routeOf(exchange);
      if (!route.open) caller = this.options.gate.check(request.headers.authorization);
    } catch (error) {
      // What the caller still sends is read and forgotten, so that the connection can be used again.
      request.resume();
      return exchange.fail(error);
    }
    if (route.method === 'GET') {
      request.resume();
      return this.run(exchange, route, caller, NO_BODY);
    }
    readBody(request, (error, body) => {
      if (error) exchange.refuseBody(error);
      else this.run(exchange, route, caller, body);
    });
  }

  private run(exchange: Exchange, route: HttpRoute, caller: string, body: Buffer): void {
    const { headers } = exchange.request;
    // The deadline runs from here: how long a caller takes to send is its own affair.
    const call = this.options.call({ requestId: exchange.requestId, protocol: route.protocol, caller, headers, requestBytes: body.length });
    let answer: HttpAnswer | Promise<HttpAnswer>;
    try {
      answer = route.answer(call, body);
    } catch (error) {
      return exchange.fail(error);
    }
    if (!(answer instanceof Promise)) return exchange.send(answer);
    exchange.response.once('close', () => call.cancel());
    answer.then(
      (ready) => exchange.send(ready),
      (error: unknown) => exchange.fail(error),
    );
  }

  /** @throws GatewayError NOT_FOUND, INVALID; a MethodError */
  private routeOf(exchange: Exchange): HttpRoute {
    const { request, response } = exchange;
    const url = request.url!;
    let route = this.remembered.get(url);
    if (!route) {
      const query = url.indexOf('?');
      const path = query < 0 ? url : url.slice(0, query);
      exchange.failureText = this.options.routes.failureText(path);
      route = this.options.routes.find(path);
      if (!route) throw new GatewayError('NOT_FOUND', `there is nothing at ${path.slice(0, 200)}`);
      if (this.remembered.size >= REMEMBERED_PATHS) this.remembered.clear();
      if (query < 0) this.remembered.set(url, route);
    }
    exchange.failureText = route.failureText;
    const { method } = request;
    if (method === route.method || (method === 'HEAD' && route.method === 'GET')) return route;
    response.setHeader('Allow', route.method === 'GET' ? 'GET, HEAD' : 'POST');
    throw new MethodError(`${method} is not possible here; use ${route.method}`);
  }
}

/** Bytes that are no HTTP, headers that are too long, a client that takes too long: answered in the protocol's shape, and closed. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const [status, reason, message] = malformed(error);
  const body = errorText(status, message);
  socket.end(
    `HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function malformed(error: NodeJS.ErrnoException): readonly [number, string, string] {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return [431, 'Request Header Fields Too Large', `the headers have more than ${MAX_HEADER_BYTES} bytes`];
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return [
        408,
        'Request Timeout',
        `the request took too long to arrive: headers have ${HEADERS_TIMEOUT_MS / 1000} s, a whole request ${REQUEST_TIMEOUT_MS / 1000} s`,
      ];
    default:
      return [400, 'Bad Request', `this is no HTTP/1.1 request: ${error.message}`];
  }
}
