/**
 * The gateway's HTTP front: sockets, headers, bodies, limits, and leaving without cutting anyone off. On bare `node:http`, because
 * this is where most of a small request's time goes. What a path means is the protocols' business.
 */
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import { Server as NetServer, type AddressInfo, type Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Call, CallContext } from '../pending.js';
import { FAILURE_KINDS, GatewayError } from '../gateway-error.js';
import { DRAIN_IDLE_MS, DRAIN_LIMIT_MS, HEADERS_TIMEOUT_MS, KEEP_ALIVE_TIMEOUT_MS, MAX_CONNECTIONS, MAX_HEADER_BYTES, REQUEST_TIMEOUT_MS } from '../limits.js';
import type { TokenGate } from '../token-gate.js';
import { readBody, type BodyError } from './http-body.js';
import type { HttpAnswer, HttpRoute, HttpRoutes } from './http-route.js';
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
/** How long a caller whose body is refused may go on sending before the connection is closed: an answer sent into unread data is lost. */
const LINGER_MS = 1_000;

const NO_BODY = Buffer.alloc(0);

export class HttpFront {
  private readonly server: Server;
  private readonly remembered = new Map<string, HttpRoute>();
  private readonly sockets = new Set<Socket>();
  private draining = false;

  constructor(private readonly options: HttpFrontOptions) {
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
    this.draining = true;
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
    const requestId = requestIdOf(request.headers['x-request-id']);
    let route: HttpRoute;
    let caller = '';
    try {
      route = this.routeOf(request, response);
      if (!route.open) caller = this.options.gate.check(request.headers.authorization);
    } catch (error) {
      // What the caller still sends is read and forgotten, so that the connection can be used again.
      request.resume();
      this.fail(response, requestId, error);
      return;
    }
    if (route.method === 'GET') {
      request.resume();
      return this.run(route, this.callOf(route, request, requestId, caller, 0), NO_BODY, response, requestId);
    }
    readBody(
      request,
      (error, body) => {
        if (error) return this.refuseBody(request, response, requestId, error);
        // The deadline runs from here: how long a caller takes to send is its own affair.
        const call = this.callOf(route, request, requestId, caller, body.length);
        response.once('close', () => call.cancel());
        this.run(route, call, body, response, requestId);
      },
      () => undefined,
    );
  }

  private callOf({ protocol }: HttpRoute, { headers }: IncomingMessage, requestId: string, caller: string, requestBytes: number): Call {
    return this.options.call({ requestId, protocol, caller, headers, requestBytes });
  }

  private run(route: HttpRoute, call: Call, body: Buffer, response: ServerResponse, requestId: string): void {
    let answer: HttpAnswer | Promise<HttpAnswer>;
    try {
      answer = route.answer(call, body);
    } catch (error) {
      return this.fail(response, requestId, error);
    }
    if (!(answer instanceof Promise)) return this.send(response, requestId, answer);
    answer.then(
      (ready) => this.send(response, requestId, ready),
      (error: unknown) => this.fail(response, requestId, error),
    );
  }

  /** @throws GatewayError NOT_FOUND, INVALID; a MethodError */
  private routeOf(request: IncomingMessage, response: ServerResponse): HttpRoute {
    const url = request.url!;
    let route = this.remembered.get(url);
    if (!route) {
      const query = url.indexOf('?');
      const path = query < 0 ? url : url.slice(0, query);
      route = this.options.routes(path);
      if (!route) throw new GatewayError('NOT_FOUND', `there is nothing at ${path.slice(0, 200)}`);
      if (this.remembered.size >= REMEMBERED_PATHS) this.remembered.clear();
      if (query < 0) this.remembered.set(url, route);
    }
    const { method } = request;
    if (method === route.method || (method === 'HEAD' && route.method === 'GET')) return route;
    response.setHeader('Allow', route.method === 'GET' ? 'GET, HEAD' : 'POST');
    throw new MethodError(`${method} is not possible here; use ${route.method}`);
  }

  private send(response: ServerResponse, requestId: string, { status, body, version }: HttpAnswer): void {
    if (response.destroyed) return;
    const headers: OutgoingHttpHeaders = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body), 'X-Request-Id': requestId };
    if (version !== undefined) headers['X-Pilothouse-Version'] = version;
    if (this.draining) headers['Connection'] = 'close';
    response.writeHead(status, headers);
    response.end(body);
  }

  private fail(response: ServerResponse, requestId: string, error: unknown): void {
    if (response.destroyed) return;
    if (error instanceof MethodError) return this.send(response, requestId, failure(405, error.message));
    if (!(error instanceof GatewayError)) {
      this.options.log.error({ err: error, requestId }, 'a request failed for a reason that is ours');
      return this.send(response, requestId, failure(500, `an internal error; the gateway's log has it under request ${requestId}`));
    }
    if (error.kind === 'CANCELLED') return;
    if (error.kind === 'UNAUTHENTICATED') response.setHeader('WWW-Authenticate', 'Bearer');
    if (error.retryAfterSeconds !== undefined) response.setHeader('Retry-After', error.retryAfterSeconds);
    this.send(response, requestId, failure(FAILURE_KINDS[error.kind].httpStatus, error.message));
  }

  /** Answers before the body is whole, then goes on reading for a moment: closing at once would reset the connection under the answer. */
  private refuseBody(request: IncomingMessage, response: ServerResponse, requestId: string, error: BodyError): void {
    const { status, body } = failure(error.status, error.message);
    const headers: OutgoingHttpHeaders = {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
      'X-Request-Id': requestId,
      Connection: 'close',
    };
    if (status === 503) headers['Retry-After'] = 1;
    response.writeHead(status, headers);
    response.write(body);
    const end = () => {
      clearTimeout(timer);
      response.end();
    };
    const timer = setTimeout(end, LINGER_MS);
    request.once('end', end);
    request.once('close', end);
    request.resume();
  }
}

/** Thrown for a method that the path does not have. */
class MethodError extends Error {
  override readonly name = 'MethodError';
}

const failure = (status: number, message: string): HttpAnswer => ({ status, body: JSON.stringify({ error: message }) });

/** Bytes that are no HTTP, headers that are too long, a client that takes too long: answered in the protocol's shape, and closed. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const [status, reason, message] = malformed(error);
  const body = JSON.stringify({ error: message });
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
