import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isSpecifiedDirective,
  isSpecifiedScalarType,
} from 'graphql';
import { beforeAll, expect, test } from 'vitest';
import { createSchema, ResolverInstances, schemaText } from '../../server/api/create-schema.js';
import { PROJECT_ROOT } from '../../server/paths.js';
import { FEATURES } from '../../server/features.js';

let schema: GraphQLSchema;
beforeAll(async () => {
  schema = createSchema(await FEATURES.resolvers(), new ResolverInstances([]));
});

test('server/schema.graphql is what the code makes (run `npm run schema`)', async () => {
  expect(schemaText(schema)).toBe(await readFile(join(PROJECT_ROOT, 'server', 'schema.graphql'), 'utf8'));
});

test('every type, field, argument and enum value has a description', () => {
  const missing: string[] = [];
  const expectDescription = (name: string, described: { description?: string | null | undefined }): void => {
    if (!described.description?.trim()) missing.push(name);
  };
  for (const type of Object.values(schema.getTypeMap())) {
    if (isIntrospectionType(type) || isSpecifiedScalarType(type)) continue;
    // The root types are GraphQL's own.
    if (![schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].includes(type as never)) expectDescription(type.name, type);
    if (isEnumType(type)) for (const value of type.getValues()) expectDescription(`${type.name}.${value.name}`, value);
    if (isInputObjectType(type)) for (const field of Object.values(type.getFields())) expectDescription(`${type.name}.${field.name}`, field);
    if (!isObjectType(type) && !isInterfaceType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      expectDescription(`${type.name}.${field.name}`, field);
      for (const arg of field.args) expectDescription(`${type.name}.${field.name}(${arg.name})`, arg);
    }
  }
  expect(missing).toEqual([]);
  expect(schema.getDirectives().every(isSpecifiedDirective)).toBe(true);
});

test('every mutation takes one input and answers with userErrors', () => {
  for (const field of Object.values(schema.getMutationType()!.getFields())) {
    expect(
      field.args.map((arg) => arg.name),
      field.name,
    ).toEqual(['input']);
    const payload = schema.getType(String(field.type).replaceAll('!', ''));
    expect(isObjectType(payload) && String(payload.getFields()['userErrors']?.type), field.name).toBe('[UserError!]!');
  }
});

test('every subscription can be resumed', () => {
  for (const field of Object.values(schema.getSubscriptionType()!.getFields())) {
    expect(
      field.args.map((arg) => arg.name),
      field.name,
    ).toContain('after');
    const event = schema.getType(String(field.type).replaceAll('!', ''));
    expect((isObjectType(event) || isInterfaceType(event)) && Object.keys(event.getFields()), field.name).toContain('cursor');
  }
});

test('a resolver class without an instance is found at the start', async () => {
  const classes = await FEATURES.resolvers();
  expect(() => new ResolverInstances([]).expectAll(classes)).toThrow('no instance was given for EventResolver, AuditResolver, ');
});
