/** The schema, from resolver classes; their instances come later, so that it can be printed without a database. */
import 'reflect-metadata';
import { type GraphQLSchema, lexicographicSortSchema, printSchema } from 'graphql';
import { buildSchemaSync, type NonEmptyArray } from 'type-graphql';
import { NodeResolver } from './node.resolver.js';

export type ResolverClass = abstract new (...args: never[]) => object;

/** The container: one instance for each resolver class. */
export class ResolverInstances {
  private readonly byClass: ReadonlyMap<unknown, object>;

  constructor(instances: readonly object[]) {
    this.byClass = new Map(instances.map((instance) => [instance.constructor, instance]));
  }

  /** @throws Error for a class without an instance */
  get<T extends object>(resolver: abstract new (...args: never[]) => T): T {
    const instance = this.byClass.get(resolver);
    if (!instance) throw new Error(`no instance of ${resolver.name} was given to the API`);
    return instance as T;
  }

  /** @throws Error that names the classes without an instance, so that a forgotten one is found at the start and not by a caller */
  expectAll(classes: readonly ResolverClass[]): void {
    const missing = classes.filter((resolver) => !this.byClass.has(resolver));
    if (missing.length > 0) throw new Error(`no instance was given for ${missing.map((resolver) => resolver.name).join(', ')}`);
  }
}

const unused = (): never => {
  throw new Error('subscriptions read the event feed (events/follow-feed.ts), not a pubSub');
};

/** @param classes of all features; the API's own is added */
export function createSchema(classes: readonly ResolverClass[], instances: ResolverInstances): GraphQLSchema {
  return buildSchemaSync({
    resolvers: [NodeResolver, ...classes] as unknown as NonEmptyArray<new () => object>,
    container: { get: (resolver: abstract new (...args: never[]) => object) => instances.get(resolver) },
    validate: false,
    // type-graphql asks for one even where every subscription has its own `subscribe`.
    pubSub: { publish: unused, subscribe: unused },
  });
}

/** The text that is checked in. */
export const schemaText = (schema: GraphQLSchema): string => `${printSchema(lexicographicSortSchema(schema))}\n`;
