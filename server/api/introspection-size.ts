/** How large the lists of an introspection are, on the average over a schema's types: what `costOf` counts with. */
import { type GraphQLSchema, isEnumType, isInputObjectType, isInterfaceType, isObjectType, isUnionType } from 'graphql';

const known = new WeakMap<GraphQLSchema, ReadonlyMap<string, number>>();

/** A type that is wrapped in one more list or non-null: about every second one. */
const WRAPPED = 0.5;

/** Items of each field of the introspection types that is a list, or recurses, by `Type.field`. */
export function introspectionSizes(schema: GraphQLSchema): ReadonlyMap<string, number> {
  let sizes = known.get(schema);
  if (!sizes) known.set(schema, (sizes = measure(schema)));
  return sizes;
}

function measure(schema: GraphQLSchema): ReadonlyMap<string, number> {
  const types = Object.values(schema.getTypeMap());
  const withFields = types.flatMap((type) => (isObjectType(type) || isInterfaceType(type) ? [Object.values(type.getFields())] : []));
  const fields = withFields.flat();
  const count = (lists: readonly (readonly unknown[])[]): number => lists.reduce((sum, list) => sum + list.length, 0);
  const directives = schema.getDirectives();
  const perType = (items: number): number => items / types.length;
  return new Map([
    ['__Schema.types', types.length],
    ['__Schema.directives', directives.length],
    ['__Directive.args', count(directives.map(({ args }) => args)) / Math.max(1, directives.length)],
    ['__Directive.locations', count(directives.map(({ locations }) => locations)) / Math.max(1, directives.length)],
    ['__Type.fields', perType(fields.length)],
    ['__Type.inputFields', perType(count(types.map((type) => (isInputObjectType(type) ? Object.keys(type.getFields()) : []))))],
    ['__Type.enumValues', perType(count(types.map((type) => (isEnumType(type) ? type.getValues() : []))))],
    ['__Type.interfaces', perType(count(types.map((type) => (isObjectType(type) || isInterfaceType(type) ? type.getInterfaces() : []))))],
    ['__Type.possibleTypes', perType(count(types.map((type) => (isUnionType(type) || isInterfaceType(type) ? schema.getPossibleTypes(type) : []))))],
    ['__Type.ofType', WRAPPED],
    ['__Field.args', count(fields.map(({ args }) => args)) / Math.max(1, fields.length)],
  ]);
}
