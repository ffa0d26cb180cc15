/** GraphQL types that every feature shares: Node, connections, payloads with userErrors. */
import 'reflect-metadata';
import { ArgsType, type ClassType, Field, ID, Int, InterfaceType, ObjectType, registerEnumType } from 'type-graphql';
import type { Page } from '../database/pagination.js';
import { DomainError, ERROR_CODES, type ErrorCode } from '../errors.js';
import { readNodeId } from './node-id.js';

export const UserErrorCode = Object.fromEntries(Object.keys(ERROR_CODES).map((code) => [code, code])) as { [C in ErrorCode]: C };
registerEnumType(UserErrorCode, {
  name: 'ErrorCode',
  description:
    "The kind of a failure. GraphQL errors have the same codes in `extensions.code`. A malformed operation has one of GraphQL's own codes there: `GRAPHQL_PARSE_FAILED`, `GRAPHQL_VALIDATION_FAILED`, `BAD_USER_INPUT`, `OPERATION_RESOLUTION_FAILURE`, `BAD_REQUEST`. A fault of the server is `INTERNAL_SERVER_ERROR`. That one, `UNAVAILABLE` and `UNCONFIRMED` may have `extensions.id`: look for this id in the server's log.",
  valuesConfig: Object.fromEntries(Object.entries(ERROR_CODES).map(([code, description]) => [code, { description }])) as never,
});

@ObjectType('UserError', { description: 'An error that the caller can correct. Nothing was changed.' })
export class UserErrorType {
  @Field(() => UserErrorCode, { description: 'The kind of failure.' }) code!: ErrorCode;
  @Field(() => String, { description: 'What is wrong, and what would be right.' }) message!: string;
  @Field(() => [String], { description: 'Path of the field that is wrong, from `input` down. Empty if it is not one field.' }) field!: readonly string[];
}

@InterfaceType('Node', {
  description: 'An object with an opaque id. `node(id)` returns it.',
  // The id tells the type, so that a node may be a plain object.
  resolveType: (node: NodeType) => readNodeId(node.id)?.type,
})
export abstract class NodeType {
  @Field(() => ID, { description: 'Opaque and stable.' }) id!: string;
}

@ObjectType('PageInfo', { description: 'Position of a page in its connection.' })
export class PageInfoType {
  @Field(() => Boolean, { description: 'Whether there are more objects after this page.' }) hasNextPage!: boolean;
  @Field(() => Boolean, { description: 'Always false, because pages are read forwards only. Relay requires the field.' })
  hasPreviousPage!: boolean;
  @Field(() => String, { nullable: true, description: 'The cursor of the first object of the page. Null for an empty page.' }) startCursor!: string | null;
  @Field(() => String, { nullable: true, description: 'Give this cursor as `after` to get the next page. Null for an empty page.' }) endCursor!: string | null;
}

@ArgsType()
export class ConnectionArgs {
  @Field(() => Int, { defaultValue: 20, description: 'How many to return, 1 to 100.' }) first!: number;
  @Field(() => String, { nullable: true, description: '`endCursor` of the previous page.' }) after?: string | null;
}

export interface Connection<N> {
  nodes: N[];
  edges: { cursor: string; node: N }[];
  pageInfo: PageInfoType;
}

/** The connection type of a node type: `connectionType('Model', () => ModelType)`. Call it once a type and export the class. */
export function connectionType<N extends object>(name: string, node: () => ClassType<N>): ClassType<Connection<N>> {
  @ObjectType(`${name}Edge`, { description: `A ${name} in a connection.` })
  class Edge {
    @Field(() => String, { description: 'Give this cursor as `after` to get the objects after this one.' }) cursor!: string;
    @Field(node, { description: `The ${name}.` }) node!: N;
  }
  @ObjectType(`${name}Connection`, { description: `A page of ${name} objects.` })
  class ConnectionClass {
    @Field(() => [node()], { description: 'The objects themselves.' }) nodes!: N[];
    @Field(() => [Edge], { description: 'The objects, each with its cursor.' }) edges!: Edge[];
    @Field(() => PageInfoType, { description: 'Position of this page.' }) pageInfo!: PageInfoType;
  }
  return ConnectionClass;
}

/** A page of rows as a connection of GraphQL objects. */
export function toConnection<E, N>(page: Page<E>, map: (row: E) => N): Connection<N> {
  const nodes = page.rows.map(map);
  const edges = nodes.map((node, i) => ({ node, cursor: page.cursors[i]! }));
  const [startCursor = null, endCursor = null] = [edges[0]?.cursor, edges.at(-1)?.cursor];
  return { nodes, edges, pageInfo: { hasNextPage: page.hasNextPage, hasPreviousPage: false, startCursor, endCursor } };
}

/** What every mutation's payload has beside what it made. */
@ObjectType()
export abstract class PayloadType {
  @Field(() => [UserErrorType], { description: 'Why nothing was changed; empty when the mutation did what it was asked.' }) userErrors!: UserErrorType[];
}

/** Runs a mutation and turns what the caller can act on into `userErrors`; faults, authentication and limits stay GraphQL errors. */
export async function payload<T extends object>(work: () => Promise<T>): Promise<T & { userErrors: UserErrorType[] }> {
  try {
    return { ...(await work()), userErrors: [] };
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return { userErrors: [{ code: error.code, message: error.message, field: ['input', ...error.field] }] } as never;
  }
}
