/**
 * The gateway's HTTP front: listening, which route a request takes, who may, and leaving without cutting anyone off. What a path
 * means is the protocols' business; what is on a connection, `http-connection.ts`'s.
 */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Logger } from 'pino';
import type { AllowedHosts } from '../../allowed-hosts.js';
import type { Call, CallContext } from '../dispatch/call.js';
import type { CorsPolicy } from '../../cors.js';
import { GatewayError } from '../gateway-error.js';
import { AwakeClock } from '../awake-clock.js';
import { ConnectionLimit } from '../connection-limit.js';
import { DRAIN_IDLE_MS, DRAIN_LIMIT_MS } from '../limits.js';
import type { Receptions } from '../receptions.js';
import type { TokenGate } from '../token-gate.js';
import type { UnreadAnswers } from '../unread-answers.js';
import { Connection, type ConnectionOptions } from './http-connection.js';
import { HttpError, type Exchange } from './http-exchange.js';
import type { NewReader } from './http-request-reader.js';
import type { HttpAnswer, HttpRoute, HttpRoutes } from './http-route.js';

/** An address to bind, or the descriptor of a socket that listens already. */
export type ListenAt = { readonly host: string; readonly port: number } | { readonly fd: number };

export interface HttpFrontOptions {
  readonly routes: HttpRoutes;
  readonly gate: TokenGate;
  /** Which web pages of other origins may call; undefined for none. */
  readonly cors?: CorsPolicy | undefined;
  /** Asked about requests that came without a token. */
  readonly hosts: AllowedHosts;
  readonly receptions: Receptions;
  readonly unread: UnreadAnswers;
  /** How requests are read: `http-reader-choice.ts`. */
  readonly newReader: NewReader;
  readonly call: (context: CallContext) => Call;
  /** Told the status of every answer that is an error. */
  readonly onError: (status: number) => void;
  readonly log: Logger;
}

/** Of all routes. */
export const METHODS = 'GET, HEAD, POST';
/** Paths are few and come again and again. */
const REMEMBERED_PATHS = 4_096;
/** How often connections are looked at that have waited too long. */
const SWEEP_MS = 1_000;
/** How often idle connections are looked at while draining. */
const LEAVE_MS = 100;
const NO_BODY = Buffer.alloc(0);
/** What stands before the path where a caller sends what proxies are sent, as it may (RFC 9112, 3.2.2). */
const ABSOLUTE = /^https?:\/\/[^/]*/i;

export class HttpFront {
  private readonly server: Server;
  private readonly remembered = new Map<string, HttpRoute>();
  private readonly connections = new Set<Connection>();
  private readonly connectionOptions: ConnectionOptions;
  private readonly clock: AwakeClock;
  private readonly sweeper: NodeJS.Timeout;
  private draining = false;

  constructor(
    private readonly options: HttpFrontOptions,
    private readonly limit = new ConnectionLimit(),
    private readonly now = (): number => performance.now(),
  ) {
    const { log, onError, receptions, unread, newReader } = options;
    this.clock = new AwakeClock(SWEEP_MS, now);
    const shared = { log, onError, receptions, unread, newReader, clock: this.clock };
    this.connectionOptions = { ...shared, draining: () => this.draining, onTurn: (exchange) => this.handle(exchange) };
    this.server = createServer({ noDelay: true }, (socket) => this.connected(socket));
    this.sweeper = setInterval(() => this.sweep(), SWEEP_MS).unref();
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
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    const clock = new AwakeClock(LEAVE_MS, this.now);
    const started = clock.now;
    const leaving = setInterval(() => {
      clock.tick();
      setImmediate(() => this.letGo(clock.now - started));
    }, LEAVE_MS);
    await closed;
    clearInterval(leaving);
    clearInterval(this.sweeper);
  }

  /** Ends every connection at once. */
  destroy(): void {
    for (const { socket } of this.connections) socket.destroy();
    this.server.close();
  }

  /** @param drainedMs since draining began */
  private letGo(drainedMs: number): void {
    if (drainedMs > DRAIN_LIMIT_MS) this.destroy();
    else if (drainedMs > DRAIN_IDLE_MS) for (const connection of this.connections) if (connection.idle) connection.leave();
  }

  private connected(socket: Socket): void {
    const connection = new Connection(socket, this.connectionOptions);
    this.connections.add(connection);
    socket.once('close', () => this.connections.delete(connection));
    this.limit.add(socket);
  }

  private sweep(): void {
    this.clock.tick();
    // After what came meanwhile was read: a process that stood still finds its timers due first.
    setImmediate(() => {
      for (const connection of this.connections) connection.check();
    });
  }

  private handle(exchange: Exchange): void {
    if (this.options.cors && this.answersBrowser(exchange, this.options.cors)) return;
    let route: HttpRoute;
    try {
      assertProper(exchange);
      route = this.routeOf(exchange);
      if (!route.open) exchange.caller = this.admit(exchange);
      if (exchange.caller === '') this.checkHost(exchange);
    } catch (error) {
      return exchange.fail(error);
    }
    if (route.method === 'GET') {
      exchange.body.abandon();
      return this.run(exchange, route, NO_BODY);
    }
    exchange.readBody((error, body) => {
      if (error) exchange.refuseBody(error);
      else this.run(exchange, route, body);
    });
  }

  /** @returns who calls. @throws GatewayError UNAUTHENTICATED */
  private admit({ head, socket }: Exchange): string {
    const caller = this.options.gate.check(head.headers['authorization']);
    this.limit.admitted(socket);
    return caller;
  }

  /** Marks the answer for web pages of other origins. @returns whether a browser only asked, and has its answer */
  private answersBrowser(exchange: Exchange, cors: CorsPolicy): boolean {
    const { method, headers } = exchange.head;
    exchange.fields = cors.fields(headers);
    const preflight = cors.preflight(method, headers);
    if (!preflight) return false;
    exchange.fields = preflight.fields;
    if (preflight.refusal === undefined) exchange.sendNothing();
    else exchange.fail(new HttpError(403, preflight.refusal));
    return true;
  }

  private run(exchange: Exchange, route: HttpRoute, body: Buffer): void {
    const { caller, head } = exchange;
    const { headers } = head;
    // The deadline runs from here: how long a caller takes to send is its own affair.
    const call = this.options.call({
      requestId: exchange.requestId,
      protocol: route.protocol,
      caller,
      headers,
      requestBytes: exchange.body.receivedBytes,
      path: route.path,
    });
    let answer: HttpAnswer | Promise<HttpAnswer>;
    try {
      answer = route.answer(call, body);
    } catch (error) {
      return exchange.fail(error);
    }
    if (!(answer instanceof Promise)) return exchange.send(answer);
    exchange.call = call;
    answer.then(
      (ready) => exchange.send(ready),
      (error: unknown) => exchange.fail(error),
    );
  }

  /** @throws HttpError 403 */
  private checkHost({ head: { headers } }: Exchange): void {
    const refusal = this.options.hosts.refusal(headers['host'], headers['origin']);
    if (refusal !== undefined) throw new HttpError(403, refusal);
  }

  /** @throws GatewayError NOT_FOUND, INVALID; an HttpError */
  private routeOf(exchange: Exchange): HttpRoute {
    const { url, method } = exchange.head;
    let route = this.remembered.get(url);
    if (!route) {
      const query = url.indexOf('?');
      const path = (query < 0 ? url : url.slice(0, query)).replace(ABSOLUTE, '');
      exchange.failureText = this.options.routes.failureText(path);
      route = this.options.routes.find(path);
      if (!route) throw new GatewayError('NOT_FOUND', `unknown path ${path.slice(0, 200)}`);
      if (this.remembered.size >= REMEMBERED_PATHS) this.remembered.clear();
      if (query < 0) this.remembered.set(url, route);
    }
    exchange.failureText = route.failureText;
    if (method === route.method || (method === 'HEAD' && route.method === 'GET')) return route;
    const allowed = ['Allow', route.method === 'GET' ? 'GET, HEAD' : 'POST'];
    throw new HttpError(405, `${method} is not allowed here; use ${route.method}`, allowed);
  }
}

/** What RFC 9110 asks of every request. @throws HttpError */
function assertProper({ head: { headers, modern } }: Exchange): void {
  if (modern && headers['host'] === undefined) throw new HttpError(400, 'the header Host is missing; HTTP/1.1 requires it');
  // Repeated ones were joined (RFC 9112, 3.2).
  if (headers['host']?.includes(',')) throw new HttpError(400, 'the request has more than one header Host; send one');
  const { expect, 'transfer-encoding': transferCoding } = headers;
  // One that does not end in chunks has no end that can be found: the parser refuses it.
  if (transferCoding !== undefined && /,\s*chunked$/i.test(transferCoding)) {
    throw new HttpError(501, `the header Transfer-Encoding is ${JSON.stringify(transferCoding.slice(0, 40))}; only chunked is supported`);
  }
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') {
    throw new HttpError(417, `the header Expect is ${JSON.stringify(expect.slice(0, 40))}; only 100-continue is supported`);
  }
}
