import { randomUUID } from 'node:crypto';
import type { Client } from 'graphql-ws';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { type ApiContext, Loaders } from '../../server/api/context.js';
import { toNodeId } from '../../server/api/node-id.js';
import { followFeed } from '../../server/events/follow-feed.js';
import { startTestApi, type TestApi } from '../support/api.js';
import { eventually } from '../support/eventually.js';
import { ProbeResolver } from '../support/probe.resolver.js';

let api: TestApi;
let probe: ProbeResolver;
beforeAll(async () => {
  api = await startTestApi({
    features: ({ work }) => {
      probe = new ProbeResolver(work);
      return { resolvers: [probe], nodes: [probe.nodes] };
    },
  });
});
afterAll(() => api.close());

interface Told {
  readonly cursor: string;
  readonly message: string;
}
const query =
  'subscription ($subject: ID!, $after: String) { probeEvents(subject: $subject, after: $after) { __typename cursor at actor type message subjectId payload } }';

/** Follows a subject; `told` grows. */
function follow(client: Client, subjectId: string, after?: string): { told: Told[]; errors: unknown[]; stop: () => void; ended: Promise<void> } {
  const told: Told[] = [];
  const errors: unknown[] = [];
  let stop = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    stop = client.subscribe<{ probeEvents: Told }>(
      { query, variables: { subject: toNodeId('Deployment', subjectId), after } },
      {
        next: ({ data, errors: found }) => (data ? told.push(data.probeEvents) : errors.push(...(found ?? []))),
        error: (error) => (errors.push(error), resolve()),
        complete: resolve,
      },
    );
  });
  return { told, errors, stop, ended };
}

test('events arrive live and in order, each with a cursor; who comes back with it misses nothing', async () => {
  const subject = randomUUID();
  const first = follow(api.wsClient(), subject);
  await eventually(() => api.feed.waiting === 1, 'the subscription');
  await probe.emit(subject, 'one', 'CREATED');
  await probe.emit(randomUUID(), 'of another subject');
  await probe.emit(subject, 'two');
  await eventually(() => first.told.length === 2, 'two events');
  expect(first.told[0]).toEqual({
    __typename: 'DeploymentEvent',
    cursor: expect.any(String),
    at: expect.stringMatching(/^\d{4}-.*Z$/),
    actor: 'token:probe',
    type: 'CREATED',
    message: 'one',
    subjectId: toNodeId('Deployment', subject),
    payload: { phase: 'PENDING', generation: 1, message: 'one' },
  });
  first.stop();
  await first.ended;
  await eventually(() => api.feed.waiting === 0, 'the end of the subscription');
  await probe.emit(subject, 'three');
  await probe.emit(subject, 'four');
  const again = follow(api.wsClient(), subject, first.told[0]!.cursor);
  await eventually(() => again.told.length === 3, 'what was missed');
  await probe.emit(subject, 'five');
  await eventually(() => again.told.length === 4, 'what is new');
  expect(again.told.map((event) => event.message)).toEqual(['two', 'three', 'four', 'five']);
  again.stop();
});

test('a connection that breaks ends its subscriptions at the server', async () => {
  const sockets: WebSocket[] = [];
  class Kept extends WebSocket {
    constructor(...args: ConstructorParameters<typeof WebSocket>) {
      super(...args);
      sockets.push(this);
    }
  }
  await eventually(() => api.feed.waiting === 0, 'silence');
  const { ended } = follow(api.wsClient({ webSocketImpl: Kept }), randomUUID());
  await eventually(() => api.feed.waiting === 1, 'the subscription');
  sockets[0]!.terminate();
  await ended;
  await eventually(() => api.feed.waiting === 0, 'the end of the subscription');
});

test('many subscribers of one connection and of many are told the same', async () => {
  const subject = randomUUID();
  const one = api.wsClient();
  const followers = [...Array.from({ length: 50 }, () => follow(one, subject)), ...Array.from({ length: 20 }, () => follow(api.wsClient(), subject))];
  await eventually(() => api.feed.waiting === 70, 'seventy subscriptions');
  for (let i = 0; i < 5; i++) await probe.emit(subject, `${i}`);
  await eventually(() => followers.every(({ told }) => told.length === 5), 'five events each');
  for (const { told } of followers) expect(told.map((event) => event.message)).toEqual(['0', '1', '2', '3', '4']);
  for (const { stop } of followers) stop();
});

test('a subscription that cannot begin says why', async () => {
  const wrong = follow(api.wsClient(), 'x');
  await wrong.ended;
  expect(wrong.errors).toEqual([
    {
      message: expect.stringContaining('is not the id of a Deployment'),
      path: ['probeEvents'],
      locations: expect.anything(),
      extensions: { code: 'INVALID', field: ['subject'] },
    },
  ]);
  const malformed = follow(api.wsClient(), randomUUID(), 'rubbish');
  await malformed.ended;
  expect(malformed.errors).toMatchObject([{ extensions: { code: 'INVALID', field: ['after'] } }]);
  const other = Buffer.from(`${randomUUID()}:1`).toString('base64url');
  const expired = follow(api.wsClient(), randomUUID(), other);
  await expired.ended;
  expect(expired.errors).toMatchObject([{ extensions: { code: 'CURSOR_EXPIRED', field: ['after'] } }]);
});

test('a subscription whose feed is replaced under it ends with CURSOR_EXPIRED', async () => {
  const own = await startTestApi({
    features: ({ work }) => ({ resolvers: [new ProbeResolver(work)] }),
  });
  try {
    const subscription = follow(own.wsClient(), randomUUID());
    await eventually(() => own.feed.waiting === 1, 'the subscription');
    await own.database.dataSource.query('UPDATE event_feed SET epoch = gen_random_uuid()');
    await own.feed.wake();
    await subscription.ended;
    expect(subscription.errors).toMatchObject([[{ extensions: { code: 'CURSOR_EXPIRED' } }]]);
  } finally {
    await own.close();
  }
});

test('the feed is listed with the cursors of the subscription, and its head is a cursor', async () => {
  const head = (await api.graphql('{ eventCursor }')).data as unknown as { eventCursor: string };
  const subject = randomUUID();
  await probe.emit(subject, 'listed');
  const told = follow(api.wsClient(), subject, head.eventCursor);
  await eventually(() => told.told.length === 1, 'the event');
  const list =
    'query ($after: String, $topic: EventTopic) { events(after: $after, topic: $topic, first: 5) { nodes { __typename message } edges { cursor } pageInfo { hasNextPage endCursor } } }';
  const { data, errors } = await api.graphql(list, { after: head.eventCursor, topic: 'DEPLOYMENT' });
  expect(errors).toBeUndefined();
  expect(data).toEqual({
    events: {
      nodes: [{ __typename: 'DeploymentEvent', message: 'listed' }],
      edges: [{ cursor: told.told[0]!.cursor }],
      pageInfo: { hasNextPage: false, endCursor: told.told[0]!.cursor },
    },
  });
  expect((await api.graphql(list, { after: head.eventCursor, topic: 'ALERT' })).data).toMatchObject({ events: { nodes: [] } });
  told.stop();
});

test('every event is resolved with fresh loaders: a subscription that lasts would else answer from its beginning', async () => {
  const subject = randomUUID();
  const loaders = new Loaders();
  const context = { events: api.feed, loaders } as ApiContext;
  const items = (await followFeed(() => ({ subjectId: subject }))({ args: {}, context }))[Symbol.asyncIterator]();
  let state = 'old';
  const load = (): Promise<string> => loaders.of<string, string>('state', async (keys) => keys.map(() => state)).load('x');
  expect(await load()).toBe('old');
  const step = items.next();
  state = 'new';
  expect(await load()).toBe('old');
  await probe.emit(subject, 'it changed');
  await step;
  expect(await load()).toBe('new');
  await items.return!();
});
