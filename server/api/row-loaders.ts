/** Loaders over rows, so that a field below a list costs one statement and not one a row. */
import type DataLoader from 'dataloader';
import { In, type EntityManager, type FindOptionsWhere, type ObjectLiteral } from 'typeorm';
import { pagesOf, type Page, type PageArgs, type PageQuery } from '../database/pagination.js';
import type { ApiContext } from './context.js';

type EntityClass<E> = new () => E;

/** Rows by id; undefined for an id without a row. */
export function rowsById<E extends ObjectLiteral & { id: string }>(
  { loaders }: ApiContext,
  manager: EntityManager,
  entity: EntityClass<E>,
): DataLoader<string, E | undefined, string> {
  return loaders.of<string, E | undefined>(`${entity.name}.byId`, async (ids) => {
    const rows = await manager.findBy(entity, { id: In([...ids]) } as FindOptionsWhere<E>);
    const byId = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => byId.get(id));
  });
}

/** A page of rows below each parent. `query.parameters` must be the same for all parents. */
export function pageBelow<E extends ObjectLiteral & { id: string }>(
  { loaders }: ApiContext,
  manager: EntityManager,
  entity: EntityClass<E>,
  { first, after }: PageArgs,
  query: PageQuery & { parent: string },
): DataLoader<string, Page<E>, string> {
  return loaders.of<string, Page<E>>(`${entity.name}.page:${JSON.stringify([first, after, query])}`, (parentIds) =>
    pagesOf(manager, entity, { first, after }, query, parentIds),
  );
}
