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
    'What kind of failure it is. The same codes stand in `extensions.code` of GraphQL errors, and beside them what GraphQL says of an operation that is malformed: `GRAPHQL_PARSE_FAILED`, `GRAPHQL_VALIDATION_FAILED`, `BAD_USER_INPUT`, `OPERATION_RESOLUTION_FAILURE`, `BAD_REQUEST`. A fault of the server is `INTERNAL_SERVER_ERROR`; it, `UNAVAILABLE` and `UNCONFIRMED` may come with `extensions.id`, under which the log of the server says more.',
  valuesConfig: Object.fromEntries(Object.entries(ERROR_CODES).map(([code, description]) => [code, { description }])) as never,
});

@ObjectType('UserError', { description: 'Something about the input that the caller can act on. Nothing was changed.' })
export class UserErrorType {
  @Field(() => UserErrorCode, { description: 'What kind of failure it is.' }) code!: ErrorCode;
  @Field(() => String, { description: 'What was wrong, where, and what would be right.' }) message!: string;
  @Field(() => [String], { description: 'Path of the offending field, from `input` down. Empty where it is not one field.' }) field!: readonly string[];
}

@InterfaceType('Node', {
  description: 'An object with an opaque id, which `node(id)` takes.',
  // The id tells the type, so that a node may be a plain object.
  resolveType: (node: NodeType) => readNodeId(node.id)?.type,
})
export abstract class NodeType {
  @Field(() => ID, { description: 'Opaque and stable.' }) id!: string;
}

@ObjectType('PageInfo', { description: 'Where a page of a connection stands.' })
export class PageInfoType {
  @Field(() => Boolean, { description: 'Whether there are more after this page.' }) hasNextPage!: boolean;
  @Field(() => Boolean, { description: 'Always false: pages are read forwards, and what was before one is not counted. Relay wants the field.' })
  hasPreviousPage!: boolean;
  @Field(() => String, { nullable: true, description: 'The cursor of the first object of the page. Null for an empty page.' }) startCursor!: string | null;
  @Field(() => String, { nullable: true, description: 'Give it as `after` to read on. Null for an empty page.' }) endCursor!: string | null;
}

@ArgsType()
export class ConnectionArgs {
  @Field(() => Int, { defaultValue: 20, description: 'How many, 1 to 100.' }) first!: number;
  @Field(() => String, { nullable: true, description: '`endCursor` of the page before.' }) after?: string | null;
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
    @Field(() => String, { description: 'Give it as `after` to read on from here.' }) cursor!: string;
    @Field(node, { description: `The ${name}.` }) node!: N;
  }
  @ObjectType(`${name}Connection`, { description: `A page of ${name} objects.` })
  class ConnectionClass {
    @Field(() => [node()], { description: 'The objects themselves.' }) nodes!: N[];
    @Field(() => [Edge], { description: 'The objects, each with its cursor.' }) edges!: Edge[];
    @Field(() => PageInfoType, { description: 'Where this page stands.' }) pageInfo!: PageInfoType;
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
