/** Aliases as GraphQL shows them. */
import { Field, GraphQLISODateTime, InputType, Int, ObjectType } from 'type-graphql';
import { connectionType, NodeType, PayloadType } from '../api/conventions.types.js';
import { LABEL_RULE } from './names.js';

@ObjectType('Alias', { implements: NodeType, description: 'A name of a version that can be moved to another version of its model.' })
export class AliasType extends NodeType {
  @Field(() => String, { description: 'Unique in its model: `champion`.' }) name!: string;
  @Field(() => String, { description: 'Who moved it last.' }) movedBy!: string;
  @Field(() => GraphQLISODateTime, { description: 'When it was moved last.' }) movedAt!: Date;
  rowId!: string;
  modelRowId!: string;
  versionRowId!: string;
}

@ObjectType('AliasMove', { description: 'One move of an alias.' })
export class AliasMoveType {
  @Field(() => Int, { description: 'Its number in the alias, from 1 on without a gap.' }) number!: number;
  @Field(() => String, { description: 'Who moved it.' }) actor!: string;
  @Field(() => String, { description: 'Why; may be empty.' }) reason!: string;
  @Field(() => GraphQLISODateTime, { description: 'When.' }) at!: Date;
  fromRowId!: string | null;
  toRowId!: string;
}
export const AliasMoveConnection = connectionType('AliasMove', () => AliasMoveType);

@InputType({ description: 'Creates an alias, or moves it to another version.' })
export class SetAliasInput {
  @Field(() => String, { defaultValue: 'default', description: "The project's name." }) project!: string;
  @Field(() => String, { description: "The model's name." }) model!: string;
  @Field(() => String, { description: `The alias: ${LABEL_RULE}` }) name!: string;
  @Field(() => Int, { description: 'Number of the version that it names from now on. The version must be READY.' }) version!: number;
  @Field(() => Int, {
    nullable: true,
    description: 'Number of the version that the caller believes it to name; 0 for "does not exist". Another one is a CONFLICT.',
  })
  expectedVersion?: number | null;
  @Field(() => String, { defaultValue: '', description: 'Why, for its history.' }) reason!: string;
  @Field(() => String, { nullable: true, description: 'A repetition with the same key answers the same and does nothing.' }) idempotencyKey?: string | null;
}

@ObjectType('AliasPayload', { description: 'What a mutation made of an alias.' })
export class AliasPayload extends PayloadType {
  @Field(() => AliasType, { nullable: true, description: 'The alias as it is now; null when nothing was changed.' }) alias?: AliasType | null;
}
