/** The client against a real WebSocket server that breaks off, is away, and refuses: a subscription misses nothing and repeats nothing. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GraphQLError, GraphQLInt, GraphQLNonNull, GraphQLObjectType, GraphQLSchema, GraphQLString } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocket, WebSocketServer } from 'ws';
import { afterEach, expect, test } from 'vitest';
import { Subscriptions } from '../../clients/typescript/src/subscription.js';
import { ownLoopback } from '../support/loopback.js';

/** Servers go away here, and come back where they were. */
const HOST = ownLoopback();

interface Feed {
  readonly port: number;
  /** Ends every connection without a word, as a killed server does. */
  breakOff(): void;
  close(): Promise<void>;
  connections: number;
}

const open: Feed[] = [];
afterEach(async () => {
  for (const feed of open.splice(0)) await feed.close();
});

/** Events 1, 2, 3, … behind a cursor; `each` decides before every event what happens to it. */
async function serve(each: (n: number, feed: Feed) => 'send' | 'break' | 'complete' | 'expire' | 'hold', { port = 0, token = 't' } = {}): Promise<Feed> {
  const event = new GraphQLObjectType({
    name: 'Event',
    fields: { cursor: { type: new GraphQLNonNull(GraphQLString) }, n: { type: new GraphQLNonNull(GraphQLInt) } },
  });
  async function* events(after: string) {
    for (let n = Number(after) + 1; ; n++) {
      // Client and server share this thread: a feed that never waited would let nobody else run.
      await new Promise((resolve) => setImmediate(resolve));
      const act = each(n, feed);
      if (act === 'complete') return;
      if (act === 'expire') throw new GraphQLError('the feed no longer goes back that far', { extensions: { code: 'CURSOR_EXPIRED' } });
      if (act === 'break') feed.breakOff();
      if (act !== 'send') await new Promise(() => undefined);
      yield { events: { cursor: String(n), n } };
    }
  }
  const schema = new GraphQLSchema({
    query: new GraphQLObjectType({ name: 'Query', fields: { x: { type: GraphQLInt } } }),
    subscription: new GraphQLObjectType({
      name: 'Subscription',
      fields: { events: { type: event, args: { after: { type: GraphQLString } }, subscribe: (_: unknown, { after }: { after: string }) => events(after) } },
    }),
  });
  const http: Server = createServer();
  const sockets = new WebSocketServer({ server: http, path: '/graphql' });
  sockets.on('connection', () => feed.connections++);
  useServer({ schema, onConnect: ({ connectionParams }) => connectionParams?.['authorization'] === `Bearer ${token}` }, sockets);
  await new Promise<void>((resolve) => http.listen(port, HOST, resolve));
  const feed: Feed = {
    port: (http.address() as AddressInfo).port,
    connections: 0,
    breakOff: () => sockets.clients.forEach((socket) => socket.terminate()),
    close: async () => {
      sockets.clients.forEach((socket) => socket.terminate());
      await new Promise((resolve) => http.close(resolve));
    },
  };
  open.push(feed);
  return feed;
}

const source = (after: string) => ({ query: 'subscription ($after: String) { events(after: $after) { cursor n } }', variables: { after } });
const read = ({ events }: { events: { cursor: string; n: number } }) => ({ cursor: events.cursor, value: events.n });

async function collect(
  port: number,
  until: number,
  options: { signal?: AbortSignal; patienceMs?: number; after?: string; token?: string; onEvent?: (n: number) => void } = {},
): Promise<number[]> {
  const { token = 't', onEvent, after = '0', ...rest } = options;
  const subscriptions = new Subscriptions(`http://${HOST}:${port}`, token, WebSocket);
  const seen: number[] = [];
  try {
    for await (const n of subscriptions.follow(source, read, { after, ...rest })) {
      seen.push(n);
      onEvent?.(n);
      if (n === until) break;
    }
  } finally {
    await subscriptions.close();
  }
  return seen;
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

test('a connection that breaks now and then: every event once, in order', async () => {
  const broken = new Set<number>();
  const feed = await serve((n) => (n % 7 === 0 && !broken.has(n) && broken.add(n) ? 'break' : 'send'));
  expect(await collect(feed.port, 30)).toEqual(range(1, 30));
  expect(feed.connections).toBe(5);
});

test('it begins behind the cursor that it was given', async () => {
  const feed = await serve(() => 'send');
  expect(await collect(feed.port, 12, { after: '9' })).toEqual([10, 11, 12]);
});

test('a server that ends the subscription because it stops, and comes back on the same port', async () => {
  const first = await serve((n) => (n <= 3 ? 'send' : 'complete'));
  let second: Promise<Feed> | undefined;
  const seen = await collect(first.port, 6, {
    onEvent: (n) => {
      if (n === 3) second = first.close().then(() => serve(() => 'send', { port: first.port }));
    },
  });
  await second;
  expect(seen).toEqual(range(1, 6));
});

test('an expired cursor is told, not tried again', async () => {
  const feed = await serve((n) => (n === 3 ? 'expire' : 'send'));
  await expect(collect(feed.port, 5)).rejects.toMatchObject({
    name: 'PilothouseError',
    code: 'CURSOR_EXPIRED',
    message: 'the feed no longer goes back that far',
  });
  expect(feed.connections).toBe(1);
});

test('a refused token is told, not tried again', async () => {
  const feed = await serve(() => 'send');
  await expect(collect(feed.port, 5, { token: 'other' })).rejects.toMatchObject({ name: 'PilothouseError', code: 'UNAUTHENTICATED' });
  expect(feed.connections).toBe(1);
});

test('a server that stays away is given up after the patience', async () => {
  const feed = await serve(() => 'send');
  await feed.close();
  await expect(collect(feed.port, 5, { patienceMs: 300 })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringMatching(/away for 300 ms: .*ECONNREFUSED/),
  });
});

test('the signal ends it, while it waits for an event and while the server is away', async () => {
  const feed = await serve((n) => (n <= 2 ? 'send' : 'hold'));
  const stop = new AbortController();
  const waiting = collect(feed.port, 5, { signal: stop.signal, onEvent: (n) => n === 2 && setImmediate(() => stop.abort()) });
  expect(await waiting).toEqual([1, 2]);
  await feed.close();
  const again = new AbortController();
  const away = collect(feed.port, 5, { signal: again.signal });
  setImmediate(() => again.abort());
  expect(await away).toEqual([]);
});
