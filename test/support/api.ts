/** The API as it ships, on a free port over a database of the test's own, with the features that a test gives it. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, type ClientOptions, createClient } from 'graphql-ws';
import { pino, type Logger } from 'pino';
import { WebSocket } from 'ws';
import { createAccess } from '../../server/access/access.js';
import type { TokenService } from '../../server/access/token.service.js';
import type { ResolverClass } from '../../server/api/create-schema.js';
import { startFeatureApi } from '../../server/api/feature-api.js';
import type { ApiOptions, ApiServer } from '../../server/api/http-server.js';
import type { Limits } from '../../server/api/limits.js';
import { databaseReadiness } from '../../server/api/readiness.js';
import type { Fence } from '../../server/database/leadership.js';
import { Listener, Notifier } from '../../server/database/notifications.js';
import { UnitOfWork } from '../../server/database/unit-of-work.js';
import type { EventFeed } from '../../server/events/event-feed.js';
import { createEvents } from '../../server/events/events.js';
import type { RunningFeature } from '../../server/feature.js';
import { ProjectService } from '../../server/registry/project.service.js';
import { createTestDatabase, type TestDatabase } from './database.js';

/** What features are made of. */
export interface TestParts {
  readonly database: TestDatabase;
  readonly notifier: Notifier;
  readonly work: UnitOfWork;
  readonly tokens: TokenService;
  readonly feed: EventFeed;
  readonly log: Logger;
}

/** What a test adds to the API: a feature of its own, or some of the server's. */
export type TestFeatures = Partial<RunningFeature> | readonly RunningFeature[];

export interface TestApiOptions {
  readonly features?: (parts: TestParts) => TestFeatures | Promise<TestFeatures>;
  readonly limits?: Partial<Limits>;
  readonly connections?: ApiOptions['connections'];
  readonly timeouts?: ApiOptions['timeouts'];
  readonly corsOrigins?: readonly string[];
  readonly allowedHosts?: readonly string[];
  /** Bind address as the configuration has it: it decides whether /metrics is open. */
  readonly host?: string;
  /** Over a database that the test has already; it stays when the API closes. */
  readonly database?: TestDatabase;
}

export interface GraphqlAnswer {
  readonly status: number;
  readonly data?: Record<string, never> | null;
  readonly errors?: readonly { message: string; path?: readonly (string | number)[]; extensions: Record<string, unknown> & { code: string } }[];
}

export interface TestApi extends TestParts {
  readonly server: ApiServer;
  readonly url: string;
  readonly webSocketUrl: string;
  readonly token: string;
  /** What the API logged, one object a line. */
  readonly logged: Record<string, unknown>[];
  /** Sends an operation over HTTP with the admin token, or with `token`; null for none. */
  graphql(query: string, variables?: Record<string, unknown>, token?: string | null): Promise<GraphqlAnswer>;
  wsClient(options?: Partial<ClientOptions>): Client;
  close(): Promise<void>;
}

/** A fence for tests without other servers. */
export const openFence: Fence = { epoch: 1, check: async () => undefined };

export async function startTestApi({
  features,
  limits,
  connections,
  timeouts,
  corsOrigins = [],
  allowedHosts,
  host = '127.0.0.1',
  database: given,
}: TestApiOptions = {}): Promise<TestApi> {
  const database = given ?? (await createTestDatabase());
  const home = await mkdtemp(join(tmpdir(), 'pilothouse-api-'));
  const logged: Record<string, unknown>[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void logged.push(JSON.parse(line) as Record<string, unknown>) });
  const notifier = new Notifier((sql, parameters) => database.dataSource.query(sql, parameters));
  const work = new UnitOfWork(database.dataSource, notifier);
  const projects = new ProjectService(work);
  const core = {
    config: { home },
    dataSource: database.dataSource,
    notifier,
    work,
    log,
    projectId: async (name: string) => (await projects.byName(name))?.id,
  };
  const events = createEvents({ ...core, sequencer: { pollMs: 200 } });
  const access = await createAccess(core);
  const { tokens } = access;
  const { feed } = events;
  const parts: TestParts = { database, notifier, work, tokens, feed, log };
  const added = (await features?.(parts)) ?? [];
  const running: RunningFeature[] = [events, access, ...('length' in added ? added : [{ resolvers: [], ...added }])];
  const token = (await readFile(access.adminTokenPath, 'utf8')).trim();
  await feed.start();
  const stopped = new AbortController();
  void events.lead?.(openFence, stopped.signal);
  const wakes: NonNullable<RunningFeature['wakes']> = { ...events.wakes, ...access.wakes };
  const onWake = (channel: string): void => void wakes[channel]?.();
  const listener = new Listener(Object.keys(wakes), { url: database.url, applicationName: 'pilothouse-test', onWake });
  await listener.start(false);
  const server = await startFeatureApi({
    features: running,
    resolvers: running.flatMap((feature) => feature.resolvers.map((resolver) => resolver.constructor as ResolverClass)),
    tokens,
    events: feed,
    ready: databaseReadiness(database.dataSource),
    log,
    host,
    port: 0,
    corsOrigins,
    ...(limits ? { limits } : {}),
    ...(connections ? { connections } : {}),
    ...(timeouts ? { timeouts } : {}),
    ...(allowedHosts ? { allowedHosts } : {}),
  });
  const clients = new Set<Client>();
  const url = server.url.replace('0.0.0.0', '127.0.0.1');
  const webSocketUrl = `${url.replace('http', 'ws')}/graphql`;
  return {
    ...parts,
    server,
    url,
    webSocketUrl,
    token,
    logged,
    graphql: async (query, variables, bearer = token) => {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }) },
        body: JSON.stringify({ query, variables }),
      });
      return { status: response.status, ...((await response.json()) as object) };
    },
    wsClient: (options = {}) => {
      const client = createClient({
        url: webSocketUrl,
        webSocketImpl: WebSocket,
        connectionParams: { authorization: `Bearer ${token}` },
        retryAttempts: 0,
        lazy: true,
        ...options,
      });
      clients.add(client);
      return client;
    },
    close: async () => {
      for (const client of clients) await client.dispose();
      await server.close();
      stopped.abort();
      await events.idle?.();
      await listener.close();
      await notifier.close();
      if (!given) await database.drop();
      await rm(home, { recursive: true, force: true });
    },
  };
}
