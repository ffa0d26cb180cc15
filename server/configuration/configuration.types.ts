/** The configuration as GraphQL shows it. */
import { Field, InputType, ObjectType, registerEnumType } from 'type-graphql';
import { PayloadType } from '../api/conventions.types.js';
import { JsonObjectScalar, JsonScalar } from '../api/scalars.js';
import type { ConfigurationChange } from './changes.js';

export const ConfigurationActionEnum = { CREATE: 'CREATE', UPDATE: 'UPDATE', DELETE: 'DELETE' } as const;
registerEnumType(ConfigurationActionEnum, {
  name: 'ConfigurationAction',
  description: 'What happens to an object.',
  valuesConfig: {
    CREATE: { description: 'The object is created.' },
    UPDATE: { description: 'The object is changed, because a field differs.' },
    DELETE: { description: 'The object is deleted, because no document describes it.' },
  },
});

@ObjectType('ConfigurationChange', { description: 'One field of one object that differs from its document.' })
export class ConfigurationChangeType implements ConfigurationChange {
  @Field(() => String, { description: 'Kind of the object, as in its document.' }) kind!: ConfigurationChange['kind'];
  @Field(() => String, { description: "The project's name." }) project!: string;
  @Field(() => String, { description: 'Name within the project. `churn/errors` is the monitor `errors` of the deployment `churn`.' }) name!: string;
  @Field(() => ConfigurationActionEnum, { description: 'What happens to the object.' }) action!: keyof typeof ConfigurationActionEnum;
  @Field(() => String, { nullable: true, description: 'The field that differs. Null for the whole object.' }) field!: string | null;
  @Field(() => JsonScalar, { nullable: true, description: 'The old value. Null if there was none.' }) before!: unknown;
  @Field(() => JsonScalar, { nullable: true, description: 'The new value. Null if there is none.' }) after!: unknown;
}

@InputType({ description: 'Changes the configuration to match documents.' })
export class ApplyConfigInput {
  @Field(() => [JsonObjectScalar], {
    description: 'Documents of `pilothouse.yaml`, at most 1,000. A field that is left out keeps its value. A new object gets the default.',
  })
  documents!: Record<string, unknown>[];
  @Field(() => Boolean, { defaultValue: false, description: 'Only reports the changes and makes none.' }) dryRun!: boolean;
  @Field(() => Boolean, {
    defaultValue: false,
    description: 'Also deletes deployments, monitors, alert rules and scaling policies that no document describes, in the projects that the documents name.',
  })
  prune!: boolean;
  @Field(() => String, { defaultValue: '', description: 'Reason for the change, stored with the revisions and audit entries.' }) reason!: string;
}

@ObjectType('ApplyConfigPayload', { description: 'What was changed.' })
export class ApplyConfigPayload extends PayloadType {
  @Field(() => [ConfigurationChangeType], {
    nullable: true,
    description: 'The changes. Empty if nothing differs; null if `userErrors` says why nothing was done.',
  })
  changes?: ConfigurationChangeType[] | null;
}
