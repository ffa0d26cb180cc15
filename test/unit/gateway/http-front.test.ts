/** The HTTP front on the wire, byte by byte: what `node:http` would have done for us, and what it would not. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { pino } from 'pino';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { AllowedHosts } from '../../../server/allowed-hosts.js';
import { ANSWER_TIMEOUT_MS, HEADERS_TIMEOUT_MS, KEEP_ALIVE_TIMEOUT_MS, MAX_BODY_BYTES, REQUEST_TIMEOUT_MS } from '../../../server/gateway/limits.js';
import { AwakeClock } from '../../../server/gateway/awake-clock.js';
import { UnreadAnswers } from '../../../server/gateway/unread-answers.js';
import { HeldBytes } from '../../../server/gateway/held-bytes.js';
import { Call } from '../../../server/gateway/dispatch/call.js';
import { Connection, type ConnectionOptions } from '../../../server/gateway/http/http-connection.js';
import { errorText, routesOf, type HttpAnswer, type HttpRoute } from '../../../server/gateway/http/http-route.js';
import { HttpFront } from '../../../server/gateway/http/http-server.js';
import { NodeHttpReader } from '../../../server/gateway/http/http-node-reader.js';
import { RequestParser } from '../../../server/gateway/http/http-parser.js';
import type { NewReader } from '../../../server/gateway/http/http-request-reader.js';
import { Receptions } from '../../../server/gateway/receptions.js';
import { TokenGate } from '../../../server/gateway/token-gate.js';

const { get, post } = routesOf('oip-rest');
// Bytes on their way have as long as a machine that is busy needs.
vi.setConfig({ testTimeout: 120_000 });
const soon = (check: () => void, timeout = 30_000): Promise<void> => vi.waitFor(check, { timeout, interval: 10 });
const log = pino({ level: 'silent' });
const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const undo of cleanUp.splice(0).reverse()) await undo();
});

const READERS: readonly (readonly [string, NewReader])[] = [
  ["Node's internal parser", (listener) => new RequestParser(listener)],
  ['node:http', (listener) => new NodeHttpReader(listener)],
];
/** The reader of the tests below. */
let newReader: NewReader;

interface World {
  readonly front: HttpFront;
  readonly port: number;
  /** Requests that are waited for, by their path. */
  readonly release: Map<string, () => void>;
  readonly calls: Call[];
  readonly started: string[];
}

/** `/echo` says what it was sent, `/wait/…` when it is released, `/large` a megabyte. */
async function world(tokens?: string[], bound = '0.0.0.0'): Promise<World> {
  const release = new Map<string, () => void>();
  const calls: Call[] = [];
  const started: string[] = [];
  const route = (path: string): HttpRoute | undefined => {
    if (path === '/get') return get(() => ({ status: 200, body: 'got' }), true);
    if (path === '/large') return get(() => ({ status: 200, body: 'é'.repeat(512 * 1024) }));
    if (path === '/echo') return post((_call, body) => ({ status: 200, body: `${body.length}:${body.toString()}` }));
    if (path === '/bytes') return post((call, body) => ({ status: 200, body: `${call.context.requestBytes} of ${body.length}` }));
    if (path === '/headers') return post((call) => ({ status: 200, body: JSON.stringify(call.context.headers) }));
    if (path === '/broken') return get(() => Promise.reject(new Error('not for callers')));
    if (!path.startsWith('/wait/')) return undefined;
    return post(
      () =>
        new Promise<HttpAnswer>((resolve) => {
          started.push(path);
          release.set(path, () => resolve({ status: 200, body: path }));
        }),
    );
  };
  const gate = new TokenGate(tokens !== undefined);
  gate.replace((tokens ?? []).map((token) => createHash('sha256').update(token).digest('hex')));
  const front = new HttpFront({
    routes: { find: route, failureText: () => errorText },
    gate,
    receptions: new Receptions(),
    unread: new UnreadAnswers(new HeldBytes()),
    newReader,
    hosts: new AllowedHosts({ bound, names: [], origins: [] }),
    call: (context) => {
      const call = new Call(0, context);
      calls.push(call);
      return call;
    },
    onError: () => undefined,
    log,
  });
  const { port } = await front.listen({ host: '127.0.0.1', port: 0 });
  cleanUp.push(() => front.destroy());
  return { front, port, release, calls, started };
}

/** A caller that says exactly what it is told to, and keeps what it hears. */
class Caller {
  heard = '';
  closed = false;

  private constructor(readonly socket: Socket) {
    socket.on('data', (chunk) => (this.heard += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => (this.closed = true));
  }

  static async to(port: number): Promise<Caller> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    cleanUp.push(() => socket.destroy());
    return new Caller(socket);
  }

  say(text: string | Uint8Array): this {
    this.socket.write(text);
    return this;
  }

  hears(pattern: RegExp): Promise<void> {
    return soon(() => expect(this.heard).toMatch(pattern));
  }

  async ends(): Promise<string> {
    await soon(() => expect(this.closed).toBe(true));
    return this.heard;
  }

  /** Statuses and bodies so far. */
  get answers(): string[] {
    return [...this.heard.matchAll(/HTTP\/1\.1 (\d+) [^]*?\r\n\r\n([^]*?)(?=HTTP\/1\.1 \d|$)/g)].map(([, status, body]) => `${status} ${body}`);
  }
}

const getting = (path: string, headers = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`;
const posting = (path: string, body = '', headers = ''): string =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`;

describe.each(READERS)('over %s', (name, create) => {
  const overNodeHttp = name === 'node:http';
  beforeAll(() => {
    newReader = create;
  });

  test('the bytes of a body are counted as they came', async () => {
    const { port } = await world();
    const caller = await Caller.to(port);
    const packed = gzipSync(Buffer.alloc(5_000, 'a'));
    caller.say(posting('/bytes', 'abc'));
    caller.say(`POST /bytes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`);
    caller.say(`POST /bytes HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: ${packed.length}\r\n\r\n`).say(packed);
    await soon(() => expect(caller.answers).toEqual(['200 3 of 3', '200 5 of 5', `200 ${packed.length} of 5000`]));
  });

  describe('requests sent ahead', () => {
    test('are taken in turn, and answered in order, whatever each takes', async () => {
      const { port, release, started } = await world();
      const caller = await Caller.to(port);
      caller.say(posting('/wait/1') + posting('/echo', 'two') + posting('/wait/3') + getting('/get'));
      await soon(() => expect(started).toEqual(['/wait/1']));
      expect(caller.heard).toBe('');
      release.get('/wait/1')!();
      await soon(() => expect(started).toEqual(['/wait/1', '/wait/3']));
      release.get('/wait/3')!();
      await soon(() => expect(caller.answers).toEqual(['200 /wait/1', '200 3:two', '200 /wait/3', '200 got']));
      caller.say(posting('/echo', 'again'));
      await caller.hears(/5:again$/);
    });

    test('thousands at once neither exhaust the stack nor lose their order', async () => {
      const { port } = await world();
      const caller = await Caller.to(port);
      const bodies = Array.from({ length: 3_000 }, (_, i) => `b${i}`);
      caller.say(bodies.map((body) => posting('/echo', body)).join(''));
      await soon(() => expect(caller.answers).toHaveLength(bodies.length));
      expect(caller.answers).toEqual(bodies.map((body) => `200 ${body.length}:${body}`));
    });

    test('beyond a little are left with their sender until their turn has come', async () => {
      const { port, release, started } = await world();
      const caller = await Caller.to(port);
      const body = 'b'.repeat(64 * 1024);
      const many = 512;
      caller.say(posting('/wait/1') + posting('/echo', body).repeat(many));
      await soon(() => expect(started).toEqual(['/wait/1']));
      await sleep(300);
      // 32 MB are more than the system's own buffers take.
      expect(caller.socket.writableLength).toBeGreaterThan(0);
      release.get('/wait/1')!();
      await soon(() => expect(caller.heard.length).toBeGreaterThan(many * body.length));
      await soon(() => expect(caller.socket.writableLength).toBe(0));
    });

    test('what is no request after good ones is refused after their answers', async () => {
      const { port, release, started } = await world();
      const caller = await Caller.to(port);
      caller.say(`${posting('/wait/1')}${posting('/echo', 'two')}!!!\r\n\r\n${getting('/get')}`);
      await soon(() => expect(started).toEqual(['/wait/1']));
      release.get('/wait/1')!();
      await caller.ends();
      expect(caller.answers).toEqual(['200 /wait/1', '200 3:two', expect.stringMatching(/^400 \{"error":"this is not an HTTP\/1\.1 request: /)]);
    });

    test('a caller that takes no answers is not served on', async () => {
      const { port, calls } = await world();
      const caller = await Caller.to(port);
      caller.socket.pause();
      caller.say(getting('/large').repeat(200));
      // Until the system's buffers are full, which takes a machine that is busy a while.
      for (let served = -1; served !== calls.length; await sleep(300)) served = calls.length;
      expect(calls.length).toBeLessThan(50);
      caller.socket.resume();
      await soon(() => expect(calls.length).toBe(200));
      await soon(() => expect(caller.heard.match(/HTTP\/1\.1 200/g)).toHaveLength(200));
    });
  });

  describe('Expect: 100-continue', () => {
    const asking = (path: string, length: number, version = '1.1'): string =>
      `POST ${path} HTTP/${version}\r\nHost: a\r\nContent-Length: ${length}\r\nExpect: 100-Continue\r\n\r\n`;

    test('the caller is told to go on, and then answered', async () => {
      const { port } = await world();
      const caller = (await Caller.to(port)).say(asking('/echo', 3));
      await caller.hears(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
      caller.say('abc');
      await caller.hears(/\r\n\r\nHTTP\/1\.1 200 OK\r\n[^]*3:abc$/);
      expect(caller.closed).toBe(false);
    });

    test.each([
      ['/nowhere', 3, 404],
      ['/get', 3, 405],
      ['/echo', MAX_BODY_BYTES + 1, 413],
    ])('%s with %d bytes is refused before it is sent, with %d', async (path, length, status) => {
      const { port } = await world();
      const heard = await (await Caller.to(port)).say(asking(path, length)).ends();
      expect(heard).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [^]*Connection: close\r\n`));
    });

    test('not of HTTP/1.0, whose callers do not know it; any other expectation is 417', async () => {
      const { port } = await world();
      const old = (await Caller.to(port)).say(asking('/echo', 1, '1.0'));
      await sleep(100);
      expect(old.heard).toBe('');
      old.say('x');
      await old.hears(/^HTTP\/1\.1 200 [^]*Connection: close[^]*1:x$/);
      const other = (await Caller.to(port)).say(getting('/get', 'Expect: tea\r\n'));
      await other.hears(/^HTTP\/1\.1 417 [^]*the header Expect is \\"tea\\"; only 100-continue is supported/);
    });
  });

  describe('what RFC 9112 asks', () => {
    test.each([
      ['no Host', 'GET /get HTTP/1.1\r\n\r\n', 400, /the header Host is missing/],
      ['two Hosts', 'GET /get HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400, /more than one header Host/],
      [
        'another coding below the chunks',
        posting('/echo', '', 'Transfer-Encoding: gzip, chunked\r\n').replace(/Content-Length.*\r\n/, ''),
        501,
        /only chunked is supported/,
      ],
      ['two lengths', 'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', 400, /not an HTTP\/1\.1 request/],
      [
        'a length and chunks',
        'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
        400,
        /not an HTTP\/1\.1 request/,
      ],
      ['a bad length', 'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na', 400, /not an HTTP\/1\.1 request/],
      ['a space before a colon', 'GET /get HTTP/1.1\r\nHost : a\r\n\r\n', 400, /not an HTTP\/1\.1 request/],
      ['a bare line feed', 'GET /get HTTP/1.1\nHost: a\n\n', 400, /not an HTTP\/1\.1 request/],
      ['a chunk that is none', 'POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 400, /not an HTTP\/1\.1 request/],
      ['a transfer coding that is not known', 'POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\nabc', 400, /not an HTTP\/1\.1 request/],
      ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, /this port speaks HTTP\/1\.1, and the request is HTTP\/2/],
      ['long headers', `GET /get HTTP/1.1\r\nHost: a\r\n${'name: value\r\n'.repeat(5_000)}\r\n`, 431, /more than 16384 bytes/],
      ['a tunnel', 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n', 404, /unknown path a:1/],
    ] as const)('%s', async (_what, bytes, status, message) => {
      const { port } = await world();
      const caller = (await Caller.to(port)).say(bytes);
      await caller.hears(message);
      expect(caller.answers).toHaveLength(1);
      expect(caller.answers[0]).toMatch(new RegExp(`^${status} `));
      expect((await fetch(`http://127.0.0.1:${port}/get`)).status).toBe(200);
    });

    test('a target with a scheme and a host, as proxies are sent it, is the path in it', async () => {
      const { port } = await world();
      const caller = (await Caller.to(port)).say(getting('http://model.example:8000/get?a=b') + getting('http://model.example'));
      await caller.hears(/200 OK[^]*got[^]*404 Not Found/);
    });

    test('without a token only pages of this machine get an answer, and the connection goes on', async () => {
      const { port, calls } = await world(undefined, '127.0.0.1');
      const from = (headers: string): string => posting('/echo', 'one').replace('Host: a\r\n', headers);
      const caller = (await Caller.to(port)).say(
        from('Host: evil.example\r\n') +
          from('Host: localhost\r\nOrigin: http://evil.example\r\n') +
          getting('/get') +
          from('Host: localhost:8000\r\nOrigin: http://127.0.0.1:3000\r\n'),
      );
      const refused = (header: string): unknown => expect.stringMatching(`^403 \\{"error":"the header ${header}; without a token only `);
      await soon(() =>
        expect(caller.answers).toEqual([
          refused('Host is \\\\"evil.example\\\\"'),
          refused('Origin is \\\\"http://evil.example\\\\"'),
          refused('Host is \\\\"a\\\\"'),
          '200 3:one',
        ]),
      );
      expect(calls).toHaveLength(1);
    });

    test('with a token every page gets an answer; what is open without one is still closed to other names', async () => {
      const { port } = await world(['good'], '127.0.0.1');
      const good = 'Authorization: Bearer good\r\nOrigin: http://evil.example\r\n';
      const caller = (await Caller.to(port)).say(posting('/echo', 'one', good) + getting('/get') + getting('/get', good));
      await soon(() => expect(caller.answers).toEqual(['200 3:one', expect.stringMatching(/^403 /), expect.stringMatching(/^403 /)]));
    });

    test('HTTP/1.0 is answered and closed, or kept where it asks for it', async () => {
      const { port } = await world();
      const plain = (await Caller.to(port)).say('GET /get HTTP/1.0\r\n\r\n');
      expect(await plain.ends()).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*Connection: close\r\n[^]*got$/);
      const kept = (await Caller.to(port)).say('GET /get HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
      await kept.hears(/Connection: keep-alive\r\nKeep-Alive: timeout=70\r\n[^]*got$/);
      kept.say('GET /get HTTP/1.0\r\n\r\n');
      expect((await kept.ends()).match(/got/g)).toHaveLength(2);
    });

    test('HEAD has the headers of GET alone, and Date is now', async () => {
      const { port } = await world();
      const caller = (await Caller.to(port)).say('HEAD /get HTTP/1.1\r\nHost: a\r\n\r\n');
      await caller.hears(/^HTTP\/1\.1 200 OK\r\n[^]*Content-Length: 3\r\n[^]*\r\n\r\n$/);
      expect(Math.abs(Date.parse(/Date: (.*)\r/.exec(caller.heard)![1]!) - Date.now())).toBeLessThan(30_000);
    });

    test.runIf(overNodeHttp)('an offer of HTTP/2 is not taken: its request is answered, and the connection ends', async () => {
      const { port } = await world();
      const offer = 'Connection: Upgrade\r\nUpgrade: h2c\r\n';
      const caller = (await Caller.to(port)).say(getting('/get') + posting('/echo', 'one', offer).slice(0, -1));
      await caller.hears(/got$/);
      caller.say(`e${posting('/echo', 'two')}`);
      expect(await caller.ends()).toMatch(/Connection: close\r\n[^]*3:one$/);
      expect(caller.answers).toEqual(['200 got', '200 3:one']);
    });

    test.skipIf(overNodeHttp)('an offer of HTTP/2 is not taken: with a body or without, the connection goes on', async () => {
      const { port } = await world();
      const offer = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n';
      const caller = (await Caller.to(port)).say(getting('/get', offer) + posting('/echo', 'one', offer) + posting('/echo', 'two'));
      await soon(() => expect(caller.answers).toEqual(['200 got', '200 3:one', '200 3:two']));
    });

    test.skipIf(overNodeHttp).each(['h2c, in two pieces', 'h2c, in chunks'])('nothing that was sent ahead behind an offer is lost: %s', async (how) => {
      const { port } = await world();
      const offer = 'Connection: Upgrade\r\nUpgrade: h2c\r\n';
      const first = {
        'h2c, in two pieces': [posting('/echo', 'one', offer).slice(0, -1), 'e'],
        'h2c, in chunks': [`POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n${offer}\r\n3\r\no`, 'ne\r\n0\r\n\r\n'],
      }[how]!;
      const caller = (await Caller.to(port)).say(first[0]!);
      await sleep(50);
      caller.say(first[1]! + getting('/get') + posting('/echo', 'two'));
      await soon(() => expect(caller.answers).toEqual(['200 3:one', '200 got', '200 3:two']));
    });

    test.each([
      ['in one piece', 0],
      ['in pieces', 40],
    ])('what follows a refused CONNECT is its tunnel, never a request: %s', async (_how, at) => {
      const { port, calls } = await world();
      const smuggled = posting('/echo', 'smuggled');
      const connect = `CONNECT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: ${smuggled.length}\r\n\r\n`;
      const caller = (await Caller.to(port)).say(posting('/echo', 'before') + connect + smuggled.slice(0, at));
      if (at > 0) await caller.hears(/405 Method Not Allowed/);
      caller.say(smuggled.slice(at) + getting('/get'));
      expect(await caller.ends()).toMatch(/405 Method Not Allowed\r\n[^]*Connection: close\r\n/);
      expect(caller.answers).toEqual(['200 6:before', expect.stringMatching(/^405 /)]);
      expect(calls).toHaveLength(1);
    });

    test.skipIf(overNodeHttp).each([
      ['at once', true],
      ['later', false],
    ])('garbage after an offer that was not taken is answered 400: %s', async (_when, together) => {
      const { port } = await world();
      const offer = getting('/get', 'Connection: Upgrade\r\nUpgrade: h2c\r\n');
      const garbage = '\x00\x01 this is nothing\r\n\r\n';
      const caller = (await Caller.to(port)).say(together ? offer + garbage : offer);
      if (!together) {
        await caller.hears(/got$/);
        caller.say(garbage);
      }
      await caller.ends();
      expect(caller.answers).toEqual(['200 got', expect.stringMatching(/^400 .*not an HTTP\/1\.1 request/)]);
    });

    test('headers: many, repeated, odd, and trailers', async () => {
      const { port } = await world();
      const many = Array.from({ length: 100 }, (_, i) => `X-${i}: ${i}\r\n`).join('');
      const odd = `__proto__: p\r\nA: 1\r\na: 2\r\nAuthorization: first\r\nAuthorization: second\r\nConnection: close\r\n`;
      const chunks = 'Transfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n0\r\nTrailer: late\r\nHost: evil\r\n\r\n';
      const caller = (await Caller.to(port)).say(`POST /headers HTTP/1.1\r\nHost: a\r\n${many}${odd}${chunks}`);
      await caller.ends();
      const headers = JSON.parse(caller.answers[0]!.slice(4)) as Record<string, string>;
      expect(headers).toMatchObject({ host: 'a', a: '1, 2', authorization: 'first', 'x-0': '0', 'x-99': '99' });
      expect(Object.keys(headers)).toContain('__proto__');
      expect(headers).not.toHaveProperty('trailer');
    });

    test('bytes that come one by one, or as they like, are the same requests', async () => {
      const { port } = await world();
      const request = fc.record({
        body: fc.string({ maxLength: 40, unit: 'binary' }),
        form: fc.constantFrom('length', 'chunks', 'gzip'),
      });
      const written = (body: string, form: string): Buffer => {
        const bytes = Buffer.from(body);
        if (form === 'length') return Buffer.from(posting('/echo', body));
        if (form === 'gzip') {
          const packed = gzipSync(bytes);
          return Buffer.concat([Buffer.from(`POST /echo HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: ${packed.length}\r\n\r\n`), packed]);
        }
        const chunk = bytes.length > 0 ? [Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')] : [];
        return Buffer.concat([Buffer.from('POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'), ...chunk, Buffer.from('0\r\n\r\n')]);
      };
      await fc.assert(
        fc.asyncProperty(
          fc.array(request, { minLength: 1, maxLength: 6 }),
          fc.array(fc.integer({ min: 1, max: 90 }), { maxLength: 12 }),
          async (requests, cuts) => {
            const caller = await Caller.to(port);
            const bytes = Buffer.concat([...requests.map(({ body, form }) => written(body, form)), Buffer.from(getting('/get', 'Connection: close\r\n'))]);
            let at = 0;
            for (const cut of cuts) {
              caller.say(bytes.subarray(at, (at += cut)));
              await new Promise(setImmediate);
            }
            caller.say(bytes.subarray(at));
            const heard = Buffer.from(await caller.ends(), 'latin1').toString();
            const bodies = requests.map(({ body }) => `${Buffer.byteLength(body)}:${body}`);
            let from = 0;
            for (const body of [...bodies, 'got']) {
              const found = heard.indexOf(`\r\n\r\n${body}`, from);
              expect(found, `${JSON.stringify(body)} in ${JSON.stringify(heard)}`).toBeGreaterThanOrEqual(from);
              from = found + 4 + body.length;
            }
            expect(from).toBe(heard.length);
          },
        ),
        { numRuns: 60 },
      );
    });
  });

  describe('refusals', () => {
    test('a token is asked for before the body is read, and the connection goes on', async () => {
      const { port, calls } = await world([]);
      const caller = (await Caller.to(port)).say(posting('/echo', 'secret') + getting('/get'));
      await soon(() => expect(caller.answers).toEqual([expect.stringMatching(/^401 .*requires a token/), '200 got']));
      expect(caller.heard).toMatch(/WWW-Authenticate: Bearer\r\n/);
      expect(calls).toHaveLength(1);
    });

    test('a fault of ours is not told to callers', async () => {
      const { port } = await world();
      const caller = (await Caller.to(port)).say(getting('/broken', 'X-Request-Id: r1\r\n'));
      await caller.hears(/^HTTP\/1\.1 500 [^]*X-Request-Id: r1\r\n[^]*internal error; see request r1 in the log of the gateway","kind":"INTERNAL"\}$/);
    });

    test('an answer that was given before its body came whole is not followed by another', async () => {
      const { port } = await world();
      const caller = (await Caller.to(port)).say('POST /nowhere HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n');
      await caller.hears(/^HTTP\/1\.1 404 /);
      caller.say('no chunk\r\n');
      await caller.ends();
      expect(caller.answers).toHaveLength(1);
    });
  });

  test('a caller that leaves is cancelled, with what it sent ahead', async () => {
    const { port, started, calls } = await world();
    const caller = (await Caller.to(port)).say(posting('/wait/1') + posting('/wait/2'));
    await soon(() => expect(started).toEqual(['/wait/1']));
    caller.socket.destroy();
    await soon(() => expect(calls[0]!.cancelled).toBe(true));
    await sleep(50);
    expect(started).toEqual(['/wait/1']);
  });

  describe('patience', () => {
    interface Clocked {
      readonly server: Server;
      readonly caller: Caller;
      readonly connection: Connection;
      /** Sets the clock. */
      at(ms: number): void;
      /** Says it, and waits until it has arrived: only then does the clock go on. */
      says(text: string): Promise<void>;
    }

    async function clocked(onTurn: ConnectionOptions['onTurn']): Promise<Clocked> {
      let time = 0;
      const clock = new AwakeClock(Infinity, () => time);
      const connections: Connection[] = [];
      const server = createServer((socket) =>
        connections.push(
          new Connection(socket, {
            log,
            onError: () => undefined,
            receptions: new Receptions(),
            unread: new UnreadAnswers(new HeldBytes()),
            newReader,
            draining: () => false,
            clock,
            onTurn,
          }),
        ),
      );
      await once(server.listen(0, '127.0.0.1'), 'listening');
      cleanUp.push(() => server.close());
      const caller = await Caller.to((server.address() as AddressInfo).port);
      await soon(() => expect(connections).toHaveLength(1));
      const at = (ms: number): void => {
        time = ms;
        clock.tick();
        connections[0]!.check();
      };
      const [connection] = connections;
      const says = async (text: string): Promise<void> => {
        const heard = connection!.socket.bytesRead + Buffer.byteLength(text);
        caller.say(text);
        await soon(() => expect(connection!.socket.bytesRead).toBe(heard));
      };
      return { server, caller, connection: connection!, at, says };
    }
    const echo: ConnectionOptions['onTurn'] = (exchange) => exchange.readBody((_error, body) => exchange.send({ status: 200, body: body.toString() }));
    const tooLong =
      /^HTTP\/1\.1 408 [^]*Connection: close[^]*the request took too long to arrive: the limit is 10 s for headers and 120 s for a whole request","kind":"REQUEST_TIMEOUT"\}$/;

    test('a silent connection, and half a head', async () => {
      const silent = await clocked(echo);
      silent.at(HEADERS_TIMEOUT_MS);
      silent.at(HEADERS_TIMEOUT_MS + 1);
      expect(await silent.caller.ends()).toMatch(tooLong);
      const half = await clocked(echo);
      half.at(HEADERS_TIMEOUT_MS - 1);
      await half.says('POST / HTTP/1.1\r\nHost');
      half.at(2 * HEADERS_TIMEOUT_MS - 2);
      await half.says(': a\r\nX');
      expect(half.connection.socket.writableEnded).toBe(false);
      half.at(2 * HEADERS_TIMEOUT_MS);
      expect(await half.caller.ends()).toMatch(tooLong);
    });

    test('half a head that came with the end of another request', async () => {
      const half = await clocked(echo);
      await half.says(`${posting('/', 'ab')}POST / HTTP/1.1\r\nHo`);
      await half.caller.hears(/ab$/);
      // `node:http` does not say that it has begun: the connection counts as idle.
      const patience = overNodeHttp ? KEEP_ALIVE_TIMEOUT_MS : HEADERS_TIMEOUT_MS;
      half.at(patience);
      expect(half.connection.socket.writableEnded).toBe(false);
      half.at(patience + 1);
      const heard = await half.caller.ends();
      if (!overNodeHttp) expect(heard).toContain('408');
    });

    test('half a body; then one that came in time, and an idle connection after it', async () => {
      const half = await clocked(echo);
      await half.says('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na');
      half.at(REQUEST_TIMEOUT_MS);
      expect(half.connection.socket.writableEnded).toBe(false);
      half.at(REQUEST_TIMEOUT_MS + 1);
      expect(await half.caller.ends()).toMatch(tooLong);
      const idle = await clocked(echo);
      idle.caller.say(posting('/', 'ab'));
      await idle.caller.hears(/ab$/);
      idle.at(KEEP_ALIVE_TIMEOUT_MS);
      expect(idle.connection.socket.writableEnded).toBe(false);
      idle.at(KEEP_ALIVE_TIMEOUT_MS + 1);
      expect(await idle.caller.ends()).toMatch(/ab$/);
    });

    test('an answer that takes long is waited for; one that is not taken is not', async () => {
      let answer!: (body: string) => void;
      const { caller, connection, at } = await clocked((exchange) => (answer = (body) => exchange.send({ status: 200, body })));
      caller.say(posting('/'));
      await soon(() => expect(answer).toBeDefined());
      at(10 * REQUEST_TIMEOUT_MS);
      expect(connection.idle).toBe(false);
      caller.socket.pause();
      answer('x'.repeat(32 * 1024 * 1024));
      await sleep(100);
      at(10 * REQUEST_TIMEOUT_MS + ANSWER_TIMEOUT_MS);
      expect(connection.socket.destroyed).toBe(false);
      at(10 * REQUEST_TIMEOUT_MS + ANSWER_TIMEOUT_MS + 1);
      expect(connection.socket.destroyed).toBe(true);
    });
  });
});
