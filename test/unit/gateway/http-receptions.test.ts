/** Bodies on their way over HTTP: who is refused where there is no room, and what comes too slowly. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AllowedHosts } from '../../../server/allowed-hosts.js';
import { DRAIN_LIMIT_MS, RECEPTION_SLOW_MS, REQUEST_TIMEOUT_MS } from '../../../server/gateway/limits.js';
import { UnreadAnswers } from '../../../server/gateway/unread-answers.js';
import { HeldBytes } from '../../../server/gateway/held-bytes.js';
import { Call, type CallContext } from '../../../server/gateway/dispatch/call.js';
import { errorText, routesOf } from '../../../server/gateway/http/http-route.js';
import { HttpFront } from '../../../server/gateway/http/http-server.js';
import { NodeHttpReader } from '../../../server/gateway/http/http-node-reader.js';
import { RequestParser } from '../../../server/gateway/http/http-parser.js';
import type { NewReader } from '../../../server/gateway/http/http-request-reader.js';
import { Receptions } from '../../../server/gateway/receptions.js';
import { TokenGate } from '../../../server/gateway/token-gate.js';

const LIMIT = 1_000_000;
const MIB = 1024 * 1024;
const LARGE = 8 * MIB;
const TOKENS = ['a', 'b'];
let now: number;
/** How often the front has asked for the time. */
let looks: number;
let receptions: Receptions;
let held: HeldBytes;
let front: HttpFront;
let port: number;
let sockets: Socket[];

const READERS: readonly (readonly [string, NewReader])[] = [
  ["Node's internal parser", (listener) => new RequestParser(listener)],
  ['node:http', (listener) => new NodeHttpReader(listener)],
];

describe.each(READERS)('over %s', (_name, create) => {
  beforeEach(async () => {
    now = looks = 0;
    sockets = [];
    receptions = new Receptions(LIMIT, () => now);
    held = new HeldBytes(20 * MIB);
    const gate = new TokenGate(true);
    gate.replace(TOKENS.map((token) => createHash('sha256').update(token).digest('hex')));
    const { get, post } = routesOf('oip-rest');
    const route = post((_call, body) => ({ status: 200, body: `${body.length} bytes` }));
    const large = get(() => ({ status: 200, body: Buffer.alloc(LARGE) }));
    const options = {
      routes: { find: (path: string) => (path === '/large' ? large : route), failureText: () => errorText },
      gate,
      receptions,
      unread: new UnreadAnswers(held),
      newReader: create,
      hosts: new AllowedHosts({ bound: '0.0.0.0', names: [], origins: [] }),
      call: (context: CallContext) => new Call(0, context),
      onError: () => undefined,
      log: pino({ level: 'silent' }),
    };
    front = new HttpFront(options, undefined, () => {
      looks++;
      return now;
    });
    ({ port } = await front.listen({ host: '127.0.0.1', port: 0 }));
  });
  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    front.destroy();
    receptions.close();
  });

  interface Sender {
    heard: string;
    readonly socket: Socket;
  }

  async function connected(): Promise<Sender> {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    await once(socket, 'connect');
    const sender: Sender = { heard: '', socket };
    socket.on('data', (chunk: Buffer) => (sender.heard += chunk.toString())).on('error', () => undefined);
    return sender;
  }

  /** Asks for a large answer, and does not read it yet. */
  async function ask(token: string): Promise<Sender> {
    const sender = await connected();
    sender.socket.pause();
    sender.socket.write(`GET /large HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n\r\n`);
    return sender;
  }

  /** Sends the head of a request and the first part of its body. */
  async function begin(token: string, declared: number, sent: number): Promise<Sender> {
    const sender = await connected();
    const { socket } = sender;
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Length: ${declared}\r\n\r\n`);
    socket.write(Buffer.alloc(sent));
    return sender;
  }
  const heard = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 25_000, interval: 10 });
  /** What all senders together sent so far is there. */
  const arrived = (senders: number, least: number): Promise<void> =>
    heard(() => {
      const { accounts } = receptions as unknown as { accounts: Map<string, { bytes: number; receptions: Set<unknown> }> };
      const all = [...accounts.values()];
      expect(all.reduce((sum, { receptions: { size } }) => sum + size, 0)).toBe(senders);
      expect(all.reduce((sum, { bytes }) => sum + bytes, 0)).toBeGreaterThanOrEqual(least);
    });

  test('where there is no room the caller that holds the most gets 503, and another is heard out', async () => {
    const flood = [await begin('a', 500_000, 450_000), await begin('a', 500_000, 450_000)];
    await arrived(2, 900_000);
    const other = await begin('b', 400_000, 300_000);
    await heard(() =>
      expect(flood.filter((sender) => /^HTTP\/1\.1 503 [^]*Retry-After: 1\r\n[^]*too many bytes are being received/.test(sender.heard))).toHaveLength(1),
    );
    other.socket.write(Buffer.alloc(100_000));
    await heard(() => expect(other.heard).toMatch(/^HTTP\/1\.1 200 [^]*400000 bytes$/));
  });

  test('a small body that is whole is not counted', async () => {
    const flood = [await begin('a', 600_000, 493_000), await begin('a', 600_000, 493_000)];
    await arrived(2, 986_000);
    const small = await begin('a', 20_000, 20_000);
    await heard(() => expect(small.heard).toMatch(/^HTTP\/1\.1 200 /));
    expect(flood.map((sender) => sender.heard)).toEqual(['', '']);
  });

  test('a body that stands still gets 408, and its connection is closed', async () => {
    const sender = await begin('a', 500_000, 400_000);
    await arrived(1, 400_000);
    for (let i = 0; i < RECEPTION_SLOW_MS; i += 1_000) {
      now += 1_000;
      receptions.sweep();
    }
    expect(sender.heard).toBe('');
    // The last second in which it was fast may have been the first one.
    for (let i = 0; i < 3; i++) {
      now += 1_000;
      receptions.sweep();
    }
    await heard(() => expect(sender.heard).toMatch(/^HTTP\/1\.1 408 [^]*Connection: close[^]*the request arrives too slowly/));
    await heard(() => expect(sender.socket.closed).toBe(true));
  });

  test('where there is no room for an answer the caller that holds the most gets 503, and for another it gives up its oldest', async () => {
    const greedy: Sender[] = [];
    for (const answers of [1, 2]) {
      greedy.push(await ask('a'));
      await heard(() => expect(held.bytes).toBeGreaterThan(answers * LARGE));
    }
    const refused = await ask('a');
    refused.socket.resume();
    await heard(() => expect(refused.heard).toMatch(/^HTTP\/1\.1 503 [^]*no room for the answer/));
    const other = await ask('b');
    other.socket.resume();
    await heard(() => expect(other.heard.length).toBeGreaterThan(LARGE));
    for (const { socket } of greedy) socket.resume();
    await heard(() => expect(greedy[1]!.heard.length).toBeGreaterThan(LARGE));
    await heard(() => expect(greedy[0]!.socket.closed).toBe(true));
    expect(greedy[0]!.heard.length).toBeLessThan(LARGE);
  });

  describe('a gateway that stood still for longer than a caller may take', () => {
    const MINUTES = 2 * REQUEST_TIMEOUT_MS;
    const looked = (times: number): Promise<void> => {
      const before = looks;
      return heard(() => expect(looks).toBeGreaterThanOrEqual(before + times));
    };

    test('answers a request whose body was half sent before', async () => {
      const sender = await begin('a', 500_000, 400_000);
      await arrived(1, 400_000);
      now += MINUTES;
      receptions.sweep();
      await looked(1);
      sender.socket.write(Buffer.alloc(100_000));
      await heard(() => expect(sender.heard).toMatch(/^HTTP\/1\.1 200 [^]*500000 bytes$/));
    });

    test('answers it also where it is about to end', async () => {
      const sender = await begin('a', 500_000, 400_000);
      await arrived(1, 400_000);
      const drained = front.drain();
      now += 2 * DRAIN_LIMIT_MS;
      receptions.sweep();
      await looked(3);
      sender.socket.write(Buffer.alloc(100_000));
      await heard(() => expect(sender.heard).toMatch(/^HTTP\/1\.1 200 [^]*500000 bytes$/));
      await drained;
    });
  });
});
