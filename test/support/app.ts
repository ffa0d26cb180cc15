/** The whole program without its process: real database, engine, gateway and replicas, on free ports, in a home of its own. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { createApp, type App } from '../../server/app.js';
import { readConfig } from '../../server/config.js';
import { openDatabase } from '../../server/database/database.js';
import { prepareHome } from '../../server/lifecycle/home-session.js';
import { PROJECT_ROOT } from '../../server/paths.js';
import { createTestDatabase, type TestDatabase } from './database.js';
import { eventually } from './eventually.js';

export interface TestApp {
  readonly app: App;
  readonly home: string;
  readonly token: string;
  readonly database: TestDatabase;
  readonly logged: Record<string, unknown>[];
  /** `data` of an operation. @throws with the errors of one that failed */
  graphql<T = Record<string, never>>(query: string, variables?: object): Promise<T>;
  /** Registers a version of `digits` and waits until it is READY. Answers its number. */
  addVersion(model: string, file?: Buffer): Promise<number>;
  /** Waits until the deployment is in a phase. */
  phase(name: string, phase: string): Promise<void>;
  infer(name: string): Promise<Response>;
  /** Starts the app once more over the same home and database, as after a crash or a stop. */
  restart(): Promise<App>;
  close(): Promise<void>;
}

/** A handwritten 2, which `digits` tells from the others. */
export const DIGIT = { name: 'pixels', datatype: 'FP32', shape: [1, 64] };

export async function startTestApp(environment: NodeJS.ProcessEnv = {}): Promise<TestApp> {
  const database = await createTestDatabase();
  const home = await mkdtemp(join(tmpdir(), 'pilothouse-app-'));
  prepareHome(home);
  const logged: Record<string, unknown>[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void logged.push(JSON.parse(line) as Record<string, unknown>) });
  const ports = { PILOTHOUSE_PORT: '0', PILOTHOUSE_HTTP_PORT: '0', PILOTHOUSE_GRPC_PORT: '0' };
  const config = readConfig({ PILOTHOUSE_HOME: home, DATABASE_URL: database.url, ...ports, ...environment });
  const start = (): Promise<App> => createApp({ config, log, database: openDatabase(config, { log }) });
  let app = await start();
  const token = (await readFile(app.features.access.adminTokenPath, 'utf8')).trim();
  const headers = { authorization: `Bearer ${token}` };
  const digits = await readFile(join(PROJECT_ROOT, 'server', 'samples', 'digits', 'digits.onnx'));
  const pixels = (JSON.parse(await readFile(join(PROJECT_ROOT, 'server', 'samples', 'digits', 'lineage.json'), 'utf8')) as { samples: { values: number[] }[] })
    .samples[0]!.values;
  const graphql = async <T>(query: string, variables: object = {}): Promise<T> => {
    const response = await fetch(`${app.endpoints.control}/graphql`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    const body = (await response.json()) as { data: T; errors?: unknown };
    if (body.errors) throw new Error(JSON.stringify(body.errors));
    return body.data;
  };
  return {
    get app() {
      return app;
    },
    home,
    token,
    database,
    logged,
    graphql,
    addVersion: async (model, file = digits) => {
      const digest = createHash('sha256').update(file).digest('hex');
      const upload = await fetch(`${app.endpoints.control}/artifacts/${digest}`, { method: 'PUT', headers, body: file });
      if (!upload.ok) throw new Error(await upload.text());
      await graphql('mutation ($input: CreateModelInput!) { createModel(input: $input) { userErrors { code } } }', { input: { name: model } });
      const made = await graphql<{ createVersion: { version: { id: string; number: number } } }>(
        'mutation ($input: CreateVersionInput!) { createVersion(input: $input) { version { id number } userErrors { message } } }',
        { input: { model, files: [{ path: 'model.onnx', digest }] } },
      );
      const { id, number } = made.createVersion.version;
      await eventually(
        async () => {
          const { node } = await graphql<{ node: { state: string; reason: string | null } }>(
            'query ($id: ID!) { node(id: $id) { ... on Version { state reason } } }',
            { id },
          );
          if (node.state === 'REJECTED') throw new Error(node.reason ?? 'REJECTED');
          return node.state === 'READY';
        },
        `version ${number} of ${model} is READY`,
        60_000,
      );
      return number;
    },
    phase: async (name, phase) => {
      await eventually(
        async () => {
          const { deployment } = await graphql<{ deployment: { phase: string; generation: number; observedGeneration: number } | null }>(
            'query ($name: String!) { deployment(name: $name) { phase generation observedGeneration } }',
            { name },
          );
          return deployment?.phase === phase && deployment.observedGeneration === deployment.generation;
        },
        `deployment ${name} is ${phase}`,
        60_000,
      );
    },
    infer: (name) => fetch(`${app.endpoints.http}/v2/models/${name}/infer`, { method: 'POST', body: JSON.stringify({ inputs: [{ ...DIGIT, data: pixels }] }) }),
    restart: async () => (app = await start()),
    close: async () => {
      await app.stop({ force: false, last: true });
      await database.drop();
      await rm(home, { recursive: true, force: true });
    },
  };
}
