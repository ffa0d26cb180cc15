/** A route table with the tokens that were valid with it: read from PostgreSQL in one snapshot, kept on disk for when it is away. */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type pg from 'pg';
import * as z from 'zod';
import { readRoutes, type RefusedRoute } from './route-reader.js';
import type { RouteDocument } from './route-document.js';

export interface RouteSnapshot {
  /** The table's version; versions of one database can be compared. */
  readonly version: number;
  /** Which database it is of; undefined in a file of an older Pilothouse. */
  readonly database?: string | undefined;
  readonly routes: readonly RouteDocument[];
  /** Deployments whose document could not be read. */
  readonly refused: readonly RefusedRoute[];
  /** SHA-256 of every valid token, in hexadecimal. */
  readonly tokenHashes: readonly string[];
}

const FORMAT = 1;

const saved = z.object({
  format: z.literal(FORMAT),
  version: z.number(),
  database: z.string().optional(),
  routes: z.array(z.looseObject({ deploymentId: z.string() })),
  tokenHashes: z.array(z.string()),
});

/** One statement is one snapshot. Routes come only when the table is not the one known already: documents may be many. */
const READ = `
  SELECT t.version, (SELECT epoch FROM event_feed WHERE id = 1) AS database,
    CASE WHEN t.version = $1 THEN NULL ELSE (SELECT coalesce(json_agg(json_build_array(deployment_id, document) ORDER BY deployment_id), '[]') FROM route) END AS routes,
    (SELECT coalesce(json_agg(hash ORDER BY hash), '[]') FROM api_token WHERE revoked_at IS NULL) AS token_hashes
  FROM route_table t WHERE t.id = 1`;

/**
 * Reads the table.
 * @param known what was read of this database before: answered itself when neither it nor the tokens changed
 * @param last the routes in force, from wherever
 * @throws what pg throws
 */
export async function readSnapshot(pool: pg.Pool, known: RouteSnapshot | undefined, last: readonly RouteDocument[]): Promise<RouteSnapshot> {
  const { rows } = await pool.query<{ version: string; database: string; routes: [string, unknown][] | null; token_hashes: string[] }>(READ, [
    known?.version ?? -1,
  ]);
  const row = rows[0];
  if (!row) throw new Error('the route table has no row: the database is not migrated');
  const sameTokens =
    known !== undefined && known.tokenHashes.length === row.token_hashes.length && known.tokenHashes.every((hash, i) => hash === row.token_hashes[i]);
  if (known && row.routes === null && sameTokens) return known;
  const { routes, refused } = row.routes === null ? known! : readRoutes(row.routes, last);
  return { version: Number(row.version), database: row.database, routes, refused, tokenHashes: row.token_hashes };
}

export const snapshotPath = (home: string): string => join(home, 'run', 'gateway', 'routes.json');

/**
 * Saves tables where a start without PostgreSQL finds them. Several workers write the same file, and each may be killed while it
 * does: a table is visible only when it is whole. An older one never takes the place of a newer one: a worker that was held up
 * looks at what is there last of all, and a process writes one table after the other.
 */
export class SnapshotSaver {
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly path: string) {}

  /** @throws Error when the disk does not take it */
  save(snapshot: RouteSnapshot): Promise<void> {
    const saved = this.last.then(() => save(this.path, snapshot));
    this.last = saved.catch(() => undefined);
    return saved;
  }
}

async function save(path: string, { version, database, routes, tokenHashes }: RouteSnapshot): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const aside = `${path}.${randomUUID()}`;
  try {
    const file = await open(aside, 'wx', 0o600);
    try {
      await file.writeFile(JSON.stringify({ format: FORMAT, version, database, routes, tokenHashes }));
      await file.sync();
    } finally {
      await file.close();
    }
    if ((await savedVersion(path, database)) > version) await rm(aside, { force: true });
    else await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}

/** -1 for a file that is not there, or holds no table of this database. */
async function savedVersion(path: string, database: string | undefined): Promise<number> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  try {
    const known = saved.pick({ version: true, database: true }).parse(JSON.parse(text));
    return known.database === database ? known.version : -1;
  } catch {
    return -1;
  }
}

/** The saved table; undefined when none was saved. A document that cannot be read is left out, and told in `refused`. @throws Error when the file is not what `SnapshotSaver` writes */
export async function loadSnapshot(path: string): Promise<RouteSnapshot | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { version, database, routes, tokenHashes } = saved.parse(JSON.parse(text));
    const documents = routes.map((route) => [route.deploymentId, route] as const);
    return { version, database, tokenHashes, ...readRoutes(documents, []) };
  } catch (cause) {
    throw new Error(`${path} holds no route table of this gateway`, { cause });
  }
}
