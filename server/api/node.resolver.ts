import { Arg, Ctx, ID, Query, Resolver } from 'type-graphql';
import type { ApiContext } from './context.js';
import { NodeType } from './conventions.types.js';
import { DomainError } from '../errors.js';
import { readNodeId } from './node-id.js';

/** How the objects of one type are found by id. Each feature gives one for every type that implements Node. */
export interface NodeSource {
  /** The GraphQL type's name, as `toNodeId` got it. */
  readonly type: string;
  /** Row ids in, objects out, in their order; undefined where there is none. One call has all ids of a request. */
  load(ids: readonly string[]): Promise<readonly (object | undefined)[]>;
}

const MAX_IDS = 100;

/** An error as one of many objects: GraphQL answers null and the error there, and the others all the same. A fault is no id's. */
function inItsPlace(error: unknown): Error {
  if (error instanceof DomainError) return error;
  throw error;
}

@Resolver()
export class NodeResolver {
  private readonly sources: ReadonlyMap<string, NodeSource>;

  constructor(sources: readonly NodeSource[]) {
    this.sources = new Map(sources.map((source) => [source.type, source]));
    if (this.sources.size !== sources.length) throw new Error(`two node sources for one type among ${sources.map((source) => source.type).join(', ')}`);
  }

  @Query(() => NodeType, { nullable: true, description: 'Any object by its id. Null if it does not exist, or no longer exists.' })
  async node(@Arg('id', () => ID, { description: 'The opaque id.' }) id: string, @Ctx() context: ApiContext): Promise<object | null> {
    return this.load(id, ['id'], context);
  }

  @Query(() => [NodeType], {
    nullable: 'items',
    description: 'Objects by their ids, in the same order. Null for an id without an object; a malformed id also gives an error.',
  })
  async nodes(@Arg('ids', () => [ID], { description: 'Opaque ids, 1 to 100.' }) ids: string[], @Ctx() context: ApiContext): Promise<(object | null)[]> {
    if (ids.length < 1 || ids.length > MAX_IDS) throw new DomainError('INVALID', `ids has ${ids.length} entries; it must have 1 to ${MAX_IDS}`, ['ids']);
    return Promise.all(ids.map((id, i) => this.load(id, ['ids', String(i)], context).catch(inItsPlace)));
  }

  private async load(nodeId: string, field: readonly string[], context: ApiContext): Promise<object | null> {
    const read = readNodeId(nodeId);
    const source = read && this.sources.get(read.type);
    if (!source) throw new DomainError('INVALID', `"${nodeId.slice(0, 80)}" is not the id of an object`, field);
    const loader = context.loaders.of<string, object | null>(`node:${source.type}`, async (ids) => (await source.load(ids)).map((object) => object ?? null));
    return loader.load(read.id);
  }
}
