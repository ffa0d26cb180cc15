/** Reading the audit log. Writing it is the unit of work's business. */
import type { DataSource } from 'typeorm';
import { MAX_PAGE, type Page, type PageArgs } from '../database/pagination.js';
import { unstorable } from '../database/storable-text.js';
import { DomainError } from '../errors.js';
import { AuditEntryEntity } from '../database/change.entities.js';

export interface AuditFilter {
  readonly object?: { readonly type: string; readonly id: string } | undefined;
  /** Name of a project. */
  readonly project?: string | null | undefined;
  readonly actor?: string | null | undefined;
}

const CURSOR = /^audit:([1-9]\d{0,17})$/;

export class AuditService {
  /** @param projectId finds a project's row id by its name */
  constructor(
    private readonly dataSource: DataSource,
    private readonly projectId: (name: string) => Promise<string | undefined>,
  ) {}

  /** Newest first. @throws DomainError INVALID, NOT_FOUND for a project that does not exist */
  async list({ object, project, actor }: AuditFilter, { first, after }: PageArgs): Promise<Page<AuditEntryEntity>> {
    if (!Number.isInteger(first) || first < 1 || first > MAX_PAGE)
      throw new DomainError('INVALID', `first is ${first}; it must be from 1 to ${MAX_PAGE}`, ['first']);
    const query = this.dataSource.manager
      .createQueryBuilder(AuditEntryEntity, 'a')
      .orderBy('a.sequence', 'DESC')
      .take(first + 1);
    if (object) query.andWhere('a.object_type = :type AND a.object_id = :id', object);
    const problem = actor == null ? undefined : unstorable(actor);
    if (problem) throw new DomainError('INVALID', `actor ${problem}`, ['actor']);
    if (actor != null) query.andWhere('a.actor = :actor', { actor });
    if (project != null) query.andWhere('a.project_id = :projectId', { projectId: await this.expectProject(project) });
    if (after != null) query.andWhere('a.sequence < :after', { after: readCursor(after) });
    const rows = await query.getMany();
    const shown = rows.slice(0, first);
    return { rows: shown, cursors: shown.map((row) => Buffer.from(`audit:${row.sequence}`).toString('base64url')), hasNextPage: rows.length > first };
  }

  private async expectProject(name: string): Promise<string> {
    const id = await this.projectId(name);
    if (id === undefined) throw new DomainError('NOT_FOUND', `project "${name.slice(0, 80)}" does not exist`, ['project']);
    return id;
  }
}

function readCursor(cursor: string): string {
  const sequence = CURSOR.exec(Buffer.from(cursor, 'base64url').toString('utf8'))?.[1];
  if (!sequence) throw new DomainError('INVALID', `"${cursor.slice(0, 80)}" is not a cursor of this connection`, ['after']);
  return sequence;
}
