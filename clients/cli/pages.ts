/** Lists of the API, page after page. */
interface Page<T> {
  readonly nodes: readonly T[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

const PAGE = 100;

/** Up to `limit` objects of a list. */
export async function readPages<T>(limit: number, read: (page: { first: number; after: string | null }) => Promise<Page<T>>): Promise<T[]> {
  const all: T[] = [];
  let after: string | null = null;
  while (all.length < limit) {
    const { nodes, pageInfo }: Page<T> = await read({ first: Math.min(PAGE, limit - all.length), after });
    all.push(...nodes);
    if (!pageInfo.hasNextPage) break;
    after = pageInfo.endCursor;
  }
  return all;
}
