/** The configuration as GraphQL shows it. */
import { Field, InputType, ObjectType, registerEnumType } from 'type-graphql';
import { PayloadType } from '../api/conventions.types.js';
import { JsonObjectScalar, JsonScalar } from '../api/scalars.js';
import type { ConfigurationChange } from './changes.js';

export const ConfigurationActionEnum = { CREATE: 'CREATE', UPDATE: 'UPDATE', DELETE: 'DELETE' } as const;
registerEnumType(ConfigurationActionEnum, {
  name: 'ConfigurationAction',
  description: 'What is done to an object.',
  valuesConfig: {
    CREATE: { description: 'It did not exist.' },
    UPDATE: { description: 'It exists and a field differs.' },
    DELETE: { description: 'It exists and no document describes it.' },
  },
});

@ObjectType('ConfigurationChange', { description: 'One field of one object that differs from its document.' })
export class ConfigurationChangeType implements ConfigurationChange {
  @Field(() => String, { description: 'The kind of the object, as in its document.' }) kind!: ConfigurationChange['kind'];
  @Field(() => String, { description: "The project's name." }) project!: string;
  @Field(() => String, { description: 'The name below the project: `churn/errors` is the monitor `errors` of the deployment `churn`.' }) name!: string;
  @Field(() => ConfigurationActionEnum, { description: 'What is done to the object.' }) action!: keyof typeof ConfigurationActionEnum;
  @Field(() => String, { nullable: true, description: 'Which field; null where the whole object is meant.' }) field!: string | null;
  @Field(() => JsonScalar, { nullable: true, description: 'Its value before; null where there was none.' }) before!: unknown;
  @Field(() => JsonScalar, { nullable: true, description: 'Its value from now on; null where there is none.' }) after!: unknown;
}

@InputType({ description: 'Makes the configuration what documents say.' })
export class ApplyConfigInput {
  @Field(() => [JsonObjectScalar], {
    description: 'Documents of `pilothouse.yaml`, at most 1,000. A field that is left out keeps its value, or takes its default at creation.',
  })
  documents!: Record<string, unknown>[];
  @Field(() => Boolean, { defaultValue: false, description: 'Answers with the changes and makes none.' }) dryRun!: boolean;
  @Field(() => Boolean, {
    defaultValue: false,
    description: 'Deletes deployments, monitors, alert rules and scaling policies that no document describes, in the projects that the documents name.',
  })
  prune!: boolean;
  @Field(() => String, { defaultValue: '', description: 'Why, for revisions and the audit.' }) reason!: string;
}

@ObjectType('ApplyConfigPayload', { description: 'What was changed.' })
export class ApplyConfigPayload extends PayloadType {
  @Field(() => [ConfigurationChangeType], { nullable: true, description: 'The changes; empty where nothing differs, null where userErrors say why.' })
  changes?: ConfigurationChangeType[] | null;
}
