/**
 * The one door for operations, over HTTP and over WebSocket: parse, measure, validate, coerce the variables. What comes through
 * may be executed; what does not is answered before any resolver ran.
 */
import { createHash } from 'node:crypto';
import {
  type DocumentNode,
  getNamedType,
  getOperationAST,
  getVariableValues,
  GraphQLError,
  type GraphQLInputType,
  type GraphQLSchema,
  isInputObjectType,
  isListType,
  isNonNullType,
  isScalarType,
  Kind,
  type OperationDefinitionNode,
  parse,
  typeFromAST,
  validate,
  type ValidationRule,
  isInputType,
} from 'graphql';
import { subscriptionRootRule } from './subscription-root.js';
import { checkShape, checkSource, costOf, DEFAULT_LIMITS, limitExceeded, type Limits } from './limits.js';

export interface OperationRequest {
  readonly query: string;
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
}

export type Admitted = { readonly document: DocumentNode; readonly operation: OperationDefinitionNode } | { readonly errors: readonly GraphQLError[] };

/** Scalars whose lists may be as long as the body: tensors come so. */
const DATA_SCALARS = new Set(['Int', 'Float', 'JSON', 'JSONObject']);
const MAX_CACHED = 500;
const MAX_CACHED_LENGTH = 20_000;

const withCode = (error: GraphQLError, code: string): GraphQLError =>
  new GraphQLError(error.message, {
    nodes: error.nodes,
    source: error.source,
    positions: error.positions,
    path: error.path,
    extensions: { ...error.extensions, code: error.extensions['code'] ?? code },
  });

export class Admission {
  readonly limits: Limits;
  private readonly documents = new Map<string, DocumentNode>();

  constructor(
    private readonly schema: GraphQLSchema,
    limits: Partial<Limits> = {},
  ) {
    this.limits = { ...DEFAULT_LIMITS, ...limits };
  }

  /** Never throws for what a caller sent. */
  admit({ query, operationName, variables }: OperationRequest): Admitted {
    const prepared = this.prepare(query);
    if ('errors' in prepared) return prepared;
    const operation = getOperationAST(prepared.document, operationName);
    if (!operation) {
      const names =
        operationName == null
          ? 'the document must have exactly one operation, or operationName must name one'
          : `the document has no operation "${operationName.slice(0, 80)}"`;
      return refuse(new GraphQLError(names, { extensions: { code: 'OPERATION_RESOLUTION_FAILURE' } }));
    }
    const refusal = this.checkVariables(operation, variables ?? {}) ?? this.checkCost(prepared.document, operation, variables ?? {});
    return refusal ?? { document: prepared.document, operation };
  }

  /** The document of a query that was admitted lately, by the SHA-256 of its text. */
  documentByHash(hash: string): DocumentNode | undefined {
    return this.documents.get(hash);
  }

  private prepare(query: string): { document: DocumentNode } | { errors: readonly GraphQLError[] } {
    const hash = createHash('sha256').update(query).digest('hex');
    const known = this.documents.get(hash);
    if (known) {
      this.remember(hash, query, known);
      return { document: known };
    }
    let document: DocumentNode;
    try {
      checkSource(query, this.limits);
      document = parse(query);
      checkShape(document, this.limits);
    } catch (error) {
      if (!(error instanceof GraphQLError)) throw error;
      return refuse(withCode(error, 'GRAPHQL_PARSE_FAILED'));
    }
    const check = (rules?: readonly ValidationRule[]): readonly GraphQLError[] => validate(this.schema, document, rules, { maxErrors: this.limits.errors });
    const conditional = check([subscriptionRootRule]);
    // graphql-js's own rules throw where it fails: they look for the values of variables that are not there yet.
    const errors = conditional.length > 0 ? conditional : check();
    if (errors.length > 0) return { errors: errors.map((error) => withCode(error, 'GRAPHQL_VALIDATION_FAILED')) };
    this.remember(hash, query, document);
    return { document };
  }

  private remember(hash: string, query: string, document: DocumentNode): void {
    this.documents.delete(hash);
    if (query.length > MAX_CACHED_LENGTH) return;
    this.documents.set(hash, document);
    if (this.documents.size > MAX_CACHED) this.documents.delete(this.documents.keys().next().value!);
  }

  private checkVariables(operation: OperationDefinitionNode, variables: Readonly<Record<string, unknown>>): { errors: readonly GraphQLError[] } | undefined {
    if (isDeeper(variables, this.limits.variableNesting + 1))
      return refuse(limitExceeded('variableNesting', `the variables have more than ${this.limits.variableNesting} levels of nested arrays and objects`));
    for (const definition of operation.variableDefinitions ?? []) {
      const name = definition.variable.name.value;
      const type = typeFromAST(this.schema, definition.type as never);
      const long = type && isInputType(type) ? this.longList(type, variables[name], `$${name}`) : undefined;
      if (long) return refuse(limitExceeded('listItems', `${long.path} has ${long.length} entries; at most ${this.limits.listItems} are allowed`));
    }
    const { errors } = getVariableValues(this.schema, operation.variableDefinitions ?? [], variables, { maxErrors: this.limits.errors });
    return errors && { errors: errors.map((error) => withCode(error, 'BAD_USER_INPUT')) };
  }

  private checkCost(
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Readonly<Record<string, unknown>>,
  ): { errors: readonly GraphQLError[] } | undefined {
    const defaults = (operation.variableDefinitions ?? []).flatMap((definition) =>
      definition.defaultValue?.kind === Kind.INT ? [[definition.variable.name.value, Number(definition.defaultValue.value)] as const] : [],
    );
    const cost = costOf(this.schema, document, operation, { ...Object.fromEntries(defaults), ...variables });
    if (cost <= this.limits.cost) return undefined;
    return refuse(
      limitExceeded(
        'cost',
        `the operation may return ${cost} fields; at most ${this.limits.cost} are allowed: ask for smaller pages (first), or for fewer nested lists`,
      ),
    );
  }

  private longList(type: GraphQLInputType, value: unknown, path: string): { path: string; length: number } | undefined {
    if (isNonNullType(type)) return this.longList(type.ofType, value, path);
    if (isListType(type)) {
      if (!Array.isArray(value)) return this.longList(type.ofType, value, path);
      const item = getNamedType(type);
      if (isScalarType(item) && DATA_SCALARS.has(item.name)) return undefined;
      if (value.length > this.limits.listItems) return { path, length: value.length };
      for (const [i, entry] of value.entries()) {
        const found = this.longList(type.ofType, entry, `${path}.${i}`);
        if (found) return found;
      }
    } else if (isInputObjectType(type) && typeof value === 'object' && value !== null) {
      for (const field of Object.values(type.getFields())) {
        const found = this.longList(field.type, (value as Record<string, unknown>)[field.name], `${path}.${field.name}`);
        if (found) return found;
      }
    }
    return undefined;
  }
}

const refuse = (error: GraphQLError): { errors: readonly GraphQLError[] } => ({ errors: [error] });

/** Whether arrays and objects go deeper than `limit`; walks without recursion, for the value may be as deep as its text is long. */
function isDeeper(root: unknown, limit: number): boolean {
  let level: unknown[] = [root];
  for (let depth = 0; level.length > 0; depth++) {
    const inner = level.filter((value): value is object => typeof value === 'object' && value !== null);
    if (inner.length > 0 && depth >= limit) return true;
    level = inner.flatMap((value) => (Array.isArray(value) ? value : Object.values(value)) as unknown[]);
  }
  return false;
}
