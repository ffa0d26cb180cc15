/** Keyset pages, of one list or of the lists of many parents at once, in a constant number of statements. */
import type { EntityManager, EntityTarget, ObjectLiteral } from 'typeorm';
import { DomainError } from '../errors.js';

export const MAX_PAGE = 100;

export interface PageArgs {
  readonly first: number;
  readonly after?: string | null | undefined;
}

export interface Page<E> {
  readonly rows: readonly E[];
  /** One for each row. */
  readonly cursors: readonly string[];
  readonly hasNextPage: boolean;
}

export interface PageQuery {
  /** Property to order by; the id breaks ties. */
  readonly orderBy: string;
  readonly direction: 'ASC' | 'DESC';
  /** Property that holds the parent's id, where the pages of several parents are wanted. */
  readonly parent?: string;
  /** SQL condition over columns (not properties), with parameters from $1 on. */
  readonly where?: string;
  readonly parameters?: readonly unknown[];
}

/** @param list what is listed and how it is ordered: a cursor of another list must not be taken for one of this */
const encode = (list: string, order: string, id: string): string => Buffer.from(JSON.stringify([list, order, id])).toString('base64url');

function decode(cursor: string, list: string): [order: string, id: string] {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(value) && value.length === 3 && value.every((part) => typeof part === 'string') && value[0] === list)
      return value.slice(1) as [string, string];
  } catch {
    // falls through to the one message
  }
  throw notACursor(cursor);
}

const notACursor = (cursor: string): DomainError => new DomainError('INVALID', `"${cursor.slice(0, 80)}" is not a cursor of this connection`, ['after']);

/** PostgreSQL's class of errors for values that are none of their type. */
const isDataException = (error: unknown): boolean => /^22/.test(String((error as { code?: unknown }).code));

/** One page. */
export async function pageOf<E extends ObjectLiteral & { id: string }>(
  manager: EntityManager,
  entity: EntityTarget<E>,
  args: PageArgs,
  query: PageQuery,
): Promise<Page<E>> {
  const pages = await pagesOf(manager, entity, args, query, ['']);
  return pages[0]!;
}

/** The page of each parent, in the order of `parentIds`. */
export async function pagesOf<E extends ObjectLiteral & { id: string }>(
  manager: EntityManager,
  entity: EntityTarget<E>,
  { first, after }: PageArgs,
  { orderBy, direction, parent, where, parameters = [] }: PageQuery,
  parentIds: readonly string[],
): Promise<Page<E>[]> {
  if (!Number.isInteger(first) || first < 1 || first > MAX_PAGE)
    throw new DomainError('INVALID', `first is ${first}; it must be from 1 to ${MAX_PAGE}`, ['first']);
  const metadata = manager.connection.getMetadata(entity);
  const column = (property: string): string => `"${metadata.findColumnWithPropertyName(property)!.databaseName}"`;
  const order = column(orderBy);
  const list = `${metadata.tableName}.${orderBy}`;
  const group = parent ? column(parent) : `''::text`;
  const values: unknown[] = [...parameters];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const conditions = [where ?? 'true'];
  if (parent) conditions.push(`${group} = ANY(${bind(parentIds)})`);
  if (after != null) {
    const [at, id] = decode(after, list);
    const type = metadata.findColumnWithPropertyName(orderBy)!.type as string;
    conditions.push(`(${order}, id) ${direction === 'ASC' ? '>' : '<'} (${bind(at)}::${type}, ${bind(id)}::uuid)`);
  }
  const ranked: Promise<{ id: string; parent: string; key: string }[]> = manager.query(
    `SELECT id, parent, key FROM (
       SELECT id, ${group} AS parent, ${order}::text AS key,
              row_number() OVER (PARTITION BY ${parent ? group : '1'} ORDER BY ${order} ${direction}, id ${direction}) AS place
       FROM "${metadata.tableName}" WHERE ${conditions.join(' AND ')}) ranked
     WHERE place <= ${bind(first + 1)} ORDER BY parent, place`,
    values,
  );
  const keys = await ranked.catch((error: unknown) => {
    // A cursor that somebody made up, or cut.
    throw after != null && isDataException(error) ? notACursor(after) : error;
  });
  const rows =
    keys.length === 0
      ? []
      : await manager
          .createQueryBuilder(entity, 'e')
          .whereInIds(keys.map((k) => k.id))
          .getMany();
  const byId = new Map(rows.map((row) => [row.id, row]));
  return parentIds.map((parentId) => {
    const own = keys.filter((k) => k.parent === parentId && byId.has(k.id));
    const shown = own.slice(0, first);
    return { rows: shown.map((k) => byId.get(k.id)!), cursors: shown.map((k) => encode(list, k.key, k.id)), hasNextPage: own.length > first };
  });
}
