/** A database and a home of the previous release (`test/support/previous-release`) start under this one, with every row intact. */
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { pino } from 'pino';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { schemaSql } from '../../migrations/schema-sql.js';
import { createApp, type App } from '../../server/app.js';
import { readConfig } from '../../server/config.js';
import { createDataSource, migrate } from '../../server/database/data-source.js';
import { ENTITIES } from '../../server/features.js';
import { openDatabase } from '../../server/database/database.js';
import { prepareHome } from '../../server/lifecycle/home-session.js';
import { PROJECT_ROOT } from '../../server/paths.js';
import { createEmptyDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const PREVIOUS = join(PROJECT_ROOT, 'test', 'support', 'previous-release');
/** Tables whose rows nothing but their own mutations changes. */
const LASTING = ['api_token', 'artifact', 'audit_entry', 'model', 'project', 'revision', 'version', 'version_file'];

type Rows = Record<string, Record<string, unknown>[]>;

async function loadPrevious(): Promise<{ url: string; drop(): Promise<void> }> {
  const database = await createEmptyDatabase();
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    await client.query(await readFile(join(PREVIOUS, 'database.sql'), 'utf8'));
  } finally {
    await client.end();
  }
  return database;
}

async function rowsOf(dataSource: DataSource): Promise<Rows> {
  const tables: { name: string }[] = await dataSource.query(
    `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'migration' ORDER BY 1`,
  );
  const rows: Rows = {};
  for (const { name } of tables)
    rows[name] = (
      await dataSource.query<{ row: Record<string, unknown> }[]>(`SELECT to_jsonb(t) AS row FROM "${name}" t ORDER BY to_jsonb(t)::text COLLATE "C"`)
    ).map(({ row }) => row);
  return rows;
}

/** A row without the columns that were added since. */
const asBefore = (row: Record<string, unknown>, before: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(row).filter(([column]) => column in before));
const byKey = (rows: readonly Record<string, unknown>[]): string[] => rows.map((row) => JSON.stringify(Object.entries(row).sort())).sort();

describe('the migrations', () => {
  let database: { url: string; drop(): Promise<void> };
  let dataSource: DataSource;
  let before: Rows;
  let after: Rows;
  beforeAll(async () => {
    database = await loadPrevious();
    dataSource = await createDataSource(database.url, ENTITIES, 2).initialize();
    before = await rowsOf(dataSource);
    await migrate(dataSource);
    after = await rowsOf(dataSource);
  });
  afterAll(async () => {
    await dataSource?.destroy();
    await database?.drop();
  });

  test('find rows of everything that people make', () => {
    const empty = Object.keys(before).filter((table) => before[table]!.length === 0);
    // Gateways that stopped leave no row.
    expect(empty).toEqual(['gateway']);
  });

  test('lose no row', () => {
    const counts = (rows: Rows) => Object.fromEntries(Object.keys(before).map((table) => [table, rows[table]?.length]));
    expect(counts(after)).toEqual(counts(before));
  });

  test.each(LASTING)('leave the rows of %s as they were', (table) => {
    const [first] = before[table]!;
    expect(byKey(after[table]!.map((row) => asBefore(row, first!)))).toEqual(byKey(before[table]!.map((row) => asBefore(row, after[table]![0]!))));
  });

  test('lead to the schema that a new database has', async () => {
    expect(await schemaSql((sql, parameters) => dataSource.query(sql, parameters))).toBe(
      await readFile(join(PROJECT_ROOT, 'migrations', 'schema.sql'), 'utf8'),
    );
  });
});

describe('the program', () => {
  let database: { url: string; drop(): Promise<void> };
  let home: string;
  let token: string;
  let app: App;
  beforeAll(async () => {
    database = await loadPrevious();
    home = await mkdtemp(join(tmpdir(), 'pilothouse-upgrade-'));
    await cp(join(PREVIOUS, 'home'), home, { recursive: true });
    prepareHome(home);
    token = (await readFile(join(home, 'admin-token'), 'utf8')).trim();
    const ports = { PILOTHOUSE_PORT: '0', PILOTHOUSE_HTTP_PORT: '0', PILOTHOUSE_GRPC_PORT: '0' };
    const config = readConfig({ PILOTHOUSE_HOME: home, DATABASE_URL: database.url, ...ports });
    const log = pino({ level: 'silent' });
    app = await createApp({ config, log, database: openDatabase(config, { log }) });
  });
  afterAll(async () => {
    await app?.stop({ force: false, last: true });
    await database?.drop();
    if (home) await rm(home, { recursive: true, force: true });
  });

  async function graphql<T>(query: string, variables: object = {}): Promise<T> {
    const response = await fetch(`${app.endpoints.control}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await response.json()) as { data: T; errors?: unknown };
    expect(errors).toBeUndefined();
    return data;
  }

  test('takes the old token, and answers for what was registered', async () => {
    expect(
      await graphql(`
        {
          model(project: "vision", name: "my_model") {
            description
            project {
              description
            }
            versions {
              nodes {
                number
                state
                reason
                description
                lineage {
                  metrics
                }
                parent {
                  number
                }
                files {
                  path
                  sizeBytes
                }
              }
            }
          }
        }
      `),
    ).toEqual({
      model: {
        description: 'With an underscore.',
        project: { description: 'Pictures.' },
        versions: {
          nodes: [
            {
              number: 2,
              state: 'REJECTED',
              reason: expect.stringMatching(/\w/),
              description: 'cannot be loaded',
              lineage: { metrics: null },
              parent: { number: 1 },
              files: [{ path: 'model.onnx', sizeBytes: '16' }],
            },
            {
              number: 1,
              state: 'READY',
              reason: null,
              description: 'first',
              lineage: { metrics: { accuracy: 0.97 } },
              parent: null,
              files: [{ path: 'model.onnx', sizeBytes: '20373' }],
            },
          ],
        },
      },
    });
  });

  test('answers for revisions, monitors, alerts, scaling policies and tokens', async () => {
    const found = await graphql(`
      {
        deployment(project: "vision", name: "digits") {
          generation
          spec {
            threads
            timeoutMs
            maxBatchSize
          }
          revisions {
            nodes {
              number
              reason
            }
          }
        }
        digits: deployment(name: "digits") {
          monitors {
            nodes {
              name
              metric
              alertRules {
                nodes {
                  name
                  threshold
                  severity
                }
              }
            }
          }
        }
        iris: deployment(name: "iris") {
          scalingPolicy {
            minReplicas
            maxReplicas
          }
        }
        alerts {
          nodes {
            state
            rule {
              name
            }
          }
        }
        tokens {
          nodes {
            name
            revokedAt
          }
        }
      }
    `);
    const rule = { name: 'slow', threshold: 0, severity: 'CRITICAL' };
    expect(found).toEqual({
      deployment: {
        generation: 2,
        spec: { threads: 2, timeoutMs: 20_000, maxBatchSize: 8 },
        revisions: {
          nodes: [
            { number: 2, reason: 'shorter' },
            { number: 1, reason: '' },
          ],
        },
      },
      digits: { monitors: { nodes: [{ name: 'latency', metric: 'LATENCY', alertRules: { nodes: [rule] } }] } },
      iris: { scalingPolicy: { minReplicas: 1, maxReplicas: 3 } },
      alerts: { nodes: [{ state: 'FIRING', rule: { name: 'slow' } }] },
      tokens: {
        nodes: expect.arrayContaining([
          { name: 'admin', revokedAt: null },
          { name: 'deploy-bot', revokedAt: null },
          { name: 'left-the-team', revokedAt: expect.any(String) },
        ]),
      },
    });
  });

  test.each(['digits', 'vision.digits', 'iris'])('serves %s again', async (model) => {
    const [name, project] = model.split('.').reverse() as [string, string | undefined];
    await eventually(
      async () => {
        const { deployment } = await graphql<{ deployment: { phase: string } }>(
          'query ($project: String!, $name: String!) { deployment(project: $project, name: $name) { phase } }',
          { project: project ?? 'default', name },
        );
        return deployment.phase === 'READY';
      },
      `${model} is READY`,
      60_000,
    );
    const metadata = (await (await fetch(`${app.endpoints.http}/v2/models/${model}`)).json()) as {
      inputs: { name: string; datatype: string; shape: number[] }[];
    };
    const inputs = metadata.inputs.map(({ shape, ...input }) => {
      const sizes = shape.map((size) => (size === -1 ? 1 : size));
      return { ...input, shape: sizes, data: new Array<number>(sizes.reduce((a, b) => a * b)).fill(0) };
    });
    const answer = await fetch(`${app.endpoints.http}/v2/models/${model}/infer`, { method: 'POST', body: JSON.stringify({ inputs }) });
    expect([answer.status, await answer.json()]).toMatchObject([200, { model_name: model, model_version: '1' }]);
  });

  test('makes new versions beside the old ones', async () => {
    const { version } = await graphql<{ version: { files: object[] } }>(
      '{ version(project: "vision", model: "my_model", number: 1) { files { path digest } } }',
    );
    const { createVersion } = await graphql<{ createVersion: object }>(
      'mutation ($input: CreateVersionInput!) { createVersion(input: $input) { version { number parent { number } } userErrors { message } } }',
      { input: { project: 'vision', model: 'my_model', files: version.files } },
    );
    expect(createVersion).toEqual({ version: { number: 3, parent: { number: 2 } }, userErrors: [] });
  });
});
