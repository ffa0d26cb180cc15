/** What one operation may ask for, measured on its document before anything of it runs. */
import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  getNamedType,
  type GraphQLCompositeType,
  GraphQLError,
  type GraphQLField,
  type GraphQLSchema,
  isCompositeType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  Lexer,
  type OperationDefinitionNode,
  SchemaMetaFieldDef,
  type SelectionSetNode,
  Source,
  TokenKind,
  TypeMetaFieldDef,
  visit,
} from 'graphql';
import { type ErrorCode } from '../errors.js';
import { introspectionSizes } from './introspection-size.js';

export interface Limits {
  /** Lexical tokens of a document. */
  readonly tokens: number;
  /** Brackets of any kind inside one another. */
  readonly nesting: number;
  /** Fields inside one another; introspection may go to `introspectionDepth`. */
  readonly depth: number;
  readonly introspectionDepth: number;
  /** Selections in one pair of braces. */
  readonly breadth: number;
  readonly aliases: number;
  readonly directives: number;
  /** Fields that the answer may have; what a list contains counts as often as its `first`. */
  readonly cost: number;
  /** Entries of a list in the input; lists of numbers and of JSON are bounded by the body's size alone. */
  readonly listItems: number;
  /** Arrays and objects inside one another in variables. */
  readonly variableNesting: number;
  /** Errors that one answer tells. */
  readonly errors: number;
  /** Size of a request's body and of a WebSocket message. */
  readonly bodyBytes: number;
  /** Operations under way on one WebSocket, subscriptions among them. */
  readonly subscriptionsPerConnection: number;
  /** Queries and mutations under way over one HTTP connection: only a client that pipelines has more than one. */
  readonly answersPerConnection: number;
  /** Queries and mutations under way with one token, over all connections. */
  readonly answersPerToken: number;
  /** From the WebSocket's opening to its `connection_init`. */
  readonly connectionInitMs: number;
  /** What may come over a WebSocket before its `connection_init` is acknowledged. */
  readonly unacknowledgedBytes: number;
  /** Answers and events that a WebSocket's client has not read; a socket that holds more is closed. */
  readonly unreadBytes: number;
}

export const DEFAULT_LIMITS: Limits = {
  tokens: 5_000,
  nesting: 60,
  depth: 15,
  introspectionDepth: 20,
  breadth: 100,
  aliases: 50,
  directives: 50,
  cost: 50_000,
  listItems: 1_000,
  variableNesting: 32,
  errors: 5,
  bodyBytes: 1024 ** 2,
  subscriptionsPerConnection: 100,
  answersPerConnection: 16,
  answersPerToken: 256,
  connectionInitMs: 5_000,
  unacknowledgedBytes: 16 * 1024,
  unreadBytes: 4 * 1024 ** 2,
};

/** What a list without `first` is taken to hold. */
const ASSUMED_LIST_ITEMS = 10;
/** The root fields of introspection, which no type lists. */
const META_FIELDS = new Map([SchemaMetaFieldDef, TypeMetaFieldDef].map((field) => [field.name, field]));

export const limitExceeded = (limit: keyof Limits, message: string): GraphQLError =>
  new GraphQLError(message, { extensions: { code: 'LIMIT_EXCEEDED' satisfies ErrorCode, limit } });

const exceeds = (limit: keyof Limits, limits: Limits, what: string, found: number): GraphQLError =>
  limitExceeded(limit, `the operation has ${found} ${what}; at most ${limits[limit]} are allowed`);

/** Before parsing: the parser recurses, so a document that is too long or too nested must not reach it. @throws GraphQLError, also for a malformed token */
export function checkSource(query: string, limits: Limits): void {
  const lexer = new Lexer(new Source(query));
  let tokens = 0;
  let nesting = 0;
  for (let token = lexer.advance(); token.kind !== TokenKind.EOF; token = lexer.advance()) {
    if (++tokens > limits.tokens) throw limitExceeded('tokens', `the operation has more than ${limits.tokens} tokens; split it`);
    if (token.kind === TokenKind.BRACE_L || token.kind === TokenKind.BRACKET_L || token.kind === TokenKind.PAREN_L) {
      if (++nesting > limits.nesting) throw limitExceeded('nesting', `the operation has more than ${limits.nesting} levels of nested brackets`);
    } else if (token.kind === TokenKind.BRACE_R || token.kind === TokenKind.BRACKET_R || token.kind === TokenKind.PAREN_R) nesting--;
  }
}

/** What does not depend on the schema, over all operations and fragments. @throws GraphQLError */
export function checkShape(document: DocumentNode, limits: Limits): void {
  let aliases = 0;
  let directives = 0;
  visit(document, {
    Field: (node) => {
      if (node.alias) aliases++;
    },
    Directive: () => {
      directives++;
    },
    SelectionSet: (node) => {
      if (node.selections.length > limits.breadth) throw exceeds('breadth', limits, 'selections in one pair of braces', node.selections.length);
    },
    ListValue: (node) => {
      const numbers = node.values[0]?.kind === Kind.INT || node.values[0]?.kind === Kind.FLOAT;
      if (!numbers && node.values.length > limits.listItems) throw exceeds('listItems', limits, 'entries in one list', node.values.length);
    },
  });
  if (aliases > limits.aliases) throw exceeds('aliases', limits, 'aliases', aliases);
  if (directives > limits.directives) throw exceeds('directives', limits, 'directives', directives);
  const fragments = fragmentsOf(document);
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
    const { data, introspection } = depthOf(definition.selectionSet, fragments);
    if (data > limits.depth) throw exceeds('depth', limits, 'levels of nested fields', data);
    if (introspection > limits.introspectionDepth) throw exceeds('introspectionDepth', limits, 'levels of nested introspection fields', introspection);
  }
}

/** How many fields the answer may have, those of an introspection among them. Every fragment is measured once, so that spreading it often costs no time here. */
export function costOf(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): number {
  const fragments = fragmentsOf(document);
  const known = new Map<string, number>();
  const fragmentCost = (name: string): number => {
    const fragment = fragments.get(name);
    if (!fragment) return 0;
    const before = known.get(name);
    if (before !== undefined) return before;
    known.set(name, 0);
    const type = schema.getType(fragment.typeCondition.name.value);
    const cost = selectionCost(fragment.selectionSet, isCompositeType(type) ? type : undefined);
    known.set(name, cost);
    return cost;
  };
  const selectionCost = (set: SelectionSetNode, parent: GraphQLCompositeType | undefined): number => {
    let cost = 0;
    for (const selection of set.selections) {
      if (selection.kind === Kind.FRAGMENT_SPREAD) cost += fragmentCost(selection.name.value);
      else if (selection.kind === Kind.INLINE_FRAGMENT) {
        const type = selection.typeCondition ? schema.getType(selection.typeCondition.name.value) : parent;
        cost += selectionCost(selection.selectionSet, isCompositeType(type) ? type : undefined);
      } else cost += fieldCost(selection, parent);
    }
    return cost;
  };
  const sizes = introspectionSizes(schema);
  const fieldCost = (node: FieldNode, parent: GraphQLCompositeType | undefined): number => {
    if (!node.selectionSet) return 1;
    const field = META_FIELDS.get(node.name.value) ?? (isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[node.name.value] : undefined);
    const type = field && getNamedType(field.type);
    const items = sizes.get(`${parent?.name}.${node.name.value}`) ?? (field ? itemsOf(node, field, parent!, variables) : 1);
    return 1 + items * selectionCost(node.selectionSet, isCompositeType(type) ? type : undefined);
  };
  const root = schema.getRootType(operation.operation);
  return Math.ceil(selectionCost(operation.selectionSet, root ?? undefined));
}

function itemsOf(node: FieldNode, field: GraphQLField<unknown, unknown>, parent: GraphQLCompositeType, variables: Readonly<Record<string, unknown>>): number {
  const first = field.args.find((arg) => arg.name === 'first');
  if (first) {
    const value = argument(node, 'first', variables) ?? first.defaultValue;
    return typeof value === 'number' && value > 1 ? value : 1;
  }
  const list = isListType(isNonNullType(field.type) ? field.type.ofType : field.type);
  // The page of a connection was counted where its `first` stood.
  if (!list || parent.name.endsWith('Connection')) return 1;
  const lengths = field.args.map((arg) => argument(node, arg.name, variables)).flatMap((value) => (Array.isArray(value) ? [value.length] : []));
  return lengths.length > 0 ? Math.max(...lengths) : ASSUMED_LIST_ITEMS;
}

function argument(node: FieldNode, name: string, variables: Readonly<Record<string, unknown>>): unknown {
  const value = node.arguments?.find((arg) => arg.name.value === name)?.value;
  if (value?.kind === Kind.VARIABLE) return variables[value.name.value];
  if (value?.kind === Kind.INT) return Number(value.value);
  return value?.kind === Kind.LIST ? value.values : undefined;
}

const fragmentsOf = (document: DocumentNode): Map<string, FragmentDefinitionNode> =>
  new Map(document.definitions.flatMap((definition) => (definition.kind === Kind.FRAGMENT_DEFINITION ? [[definition.name.value, definition] as const] : [])));

/** Fields inside one another, of data and of introspection. A fragment that spreads itself counts once; validation refuses it. */
function depthOf(root: SelectionSetNode, fragments: ReadonlyMap<string, FragmentDefinitionNode>): { data: number; introspection: number } {
  const known = new Map<string, number>();
  const depth = (set: SelectionSetNode): number =>
    Math.max(
      0,
      ...set.selections.map((selection) => {
        if (selection.kind === Kind.FIELD) return 1 + (selection.selectionSet ? depth(selection.selectionSet) : 0);
        return selection.kind === Kind.INLINE_FRAGMENT ? depth(selection.selectionSet) : spread(selection.name.value);
      }),
    );
  const spread = (name: string): number => {
    const fragment = fragments.get(name);
    if (!fragment) return 0;
    if (!known.has(name)) {
      known.set(name, 0);
      known.set(name, depth(fragment.selectionSet));
    }
    return known.get(name)!;
  };
  const fields = root.selections.filter((selection) => selection.kind === Kind.FIELD);
  const introspection = fields.filter((field) => field.name.value.startsWith('__'));
  const data = root.selections.filter((selection) => !introspection.includes(selection as FieldNode));
  return { data: depth({ kind: Kind.SELECTION_SET, selections: data }), introspection: depth({ kind: Kind.SELECTION_SET, selections: introspection }) };
}
