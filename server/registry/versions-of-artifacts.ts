/** The versions that use an artifact: their files stand between the two, so that no column of a version names its parent here. */
import type { EntityManager } from 'typeorm';
import { readNodeId, toNodeId } from '../api/node-id.js';
import { MAX_PAGE, type Page, type PageArgs } from '../database/pagination.js';
import { DomainError } from '../errors.js';
import type { Digest } from './digest.js';
import { VersionEntity } from './registry.entities.js';

/**
 * The page of each artifact, newest first, in the order of `digests`; in two statements. A version that holds the bytes under several paths is
 * there once. A cursor is the version's own id: versions are never deleted, nor does their place ever change.
 * @throws DomainError INVALID
 */
export async function versionsOfArtifacts(manager: EntityManager, { first, after }: PageArgs, digests: readonly Digest[]): Promise<Page<VersionEntity>[]> {
  if (!Number.isInteger(first) || first < 1 || first > MAX_PAGE)
    throw new DomainError('INVALID', `first is ${first}; it must be from 1 to ${MAX_PAGE}`, ['first']);
  const keys: { digest: Digest; id: string }[] = await manager.query(
    `SELECT digest, id FROM (
       SELECT f.digest, v.id, row_number() OVER (PARTITION BY f.digest ORDER BY v.created_at DESC, v.id DESC) AS place
       FROM (SELECT DISTINCT digest, version_id FROM version_file WHERE digest = ANY($1)) f JOIN version v ON v.id = f.version_id
       WHERE $2::uuid IS NULL OR (v.created_at, v.id) < (SELECT created_at, id FROM version WHERE id = $2)) ranked
     WHERE place <= $3 ORDER BY digest, place`,
    [digests, after == null ? null : readCursor(after), first + 1],
  );
  const rows =
    keys.length === 0
      ? []
      : await manager
          .createQueryBuilder(VersionEntity, 'v')
          .whereInIds([...new Set(keys.map(({ id }) => id))])
          .getMany();
  const byId = new Map(rows.map((row) => [row.id, row]));
  return digests.map((digest) => {
    const own = keys.filter((key) => key.digest === digest);
    const shown = own.slice(0, first).map(({ id }) => byId.get(id)!);
    return { rows: shown, cursors: shown.map(({ id }) => toNodeId('Version', id)), hasNextPage: own.length > first };
  });
}

function readCursor(cursor: string): string {
  const read = readNodeId(cursor);
  if (read?.type === 'Version') return read.id;
  throw new DomainError('INVALID', `"${cursor.slice(0, 80)}" is not a cursor of this connection`, ['after']);
}
