/** Logs of replicas as GraphQL shows them. */
import { ArgsType, Field, GraphQLISODateTime, ID, ObjectType, registerEnumType } from 'type-graphql';
import { DeploymentRefInput } from './deployment-inputs.types.js';

export const LogLevelEnum = { DEBUG: 'DEBUG', INFO: 'INFO', WARNING: 'WARNING', ERROR: 'ERROR' } as const;
registerEnumType(LogLevelEnum, {
  name: 'LogLevel',
  description: 'The level that a line of a log names.',
  valuesConfig: {
    DEBUG: { description: 'For who looks for a fault.' },
    INFO: { description: 'What happens as it should.' },
    WARNING: { description: 'Something is not as it should be, and the program goes on.' },
    ERROR: { description: 'Something failed.' },
  },
});

@ObjectType('LogLine', { description: "A line of a replica's log." })
export class LogLineType {
  @Field(() => ID, { description: 'Id of the replica that wrote it.' }) replicaId!: string;
  @Field(() => GraphQLISODateTime, { nullable: true, description: 'The time that the line begins with; null where it has none.' }) time!: Date | null;
  @Field(() => LogLevelEnum, { nullable: true, description: 'The level that the line names; null where it names none.' })
  level!: keyof typeof LogLevelEnum | null;
  @Field(() => String, { description: 'The line, at most 4,000 characters.' }) text!: string;
  @Field(() => String, { description: 'Give it as `after` to read on behind this line.' }) cursor!: string;
}

@ObjectType('LogPage', { description: 'Lines of logs.' })
export class LogPageType {
  @Field(() => [LogLineType], { description: 'Lines of one replica stay together, the oldest replica first.' }) lines!: LogLineType[];
  @Field(() => String, { description: 'Give it as `after` to read on.' }) endCursor!: string;
}

@ArgsType()
export class LogArgs {
  @Field(() => ID, { nullable: true, description: "A replica's id." }) replica?: string | null;
  @Field(() => DeploymentRefInput, { nullable: true, description: 'A deployment: its 20 newest replicas, ended ones included while their logs exist.' })
  deployment?: DeploymentRefInput | null;
  @Field(() => String, { nullable: true, description: 'Only lines that contain it, whatever the case.' }) filter?: string | null;
  @Field(() => String, { nullable: true, description: '`cursor` of a line, or `endCursor` of a page: what comes behind it.' }) after?: string | null;
}
