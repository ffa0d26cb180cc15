/** Logs of replicas as GraphQL shows them. */
import { ArgsType, Field, GraphQLISODateTime, ID, ObjectType, registerEnumType } from 'type-graphql';
import { DeploymentRefInput } from './deployment-inputs.types.js';

export const LogLevelEnum = { DEBUG: 'DEBUG', INFO: 'INFO', WARNING: 'WARNING', ERROR: 'ERROR' } as const;
registerEnumType(LogLevelEnum, {
  name: 'LogLevel',
  description: 'Log level of a line.',
  valuesConfig: {
    DEBUG: { description: 'Details for finding a fault.' },
    INFO: { description: 'Normal operation.' },
    WARNING: { description: 'Something is wrong, and the program goes on.' },
    ERROR: { description: 'Something failed.' },
  },
});

@ObjectType('LogLine', { description: "A line of a replica's log." })
export class LogLineType {
  @Field(() => ID, { description: 'Id of the replica that wrote the line.' }) replicaId!: string;
  @Field(() => GraphQLISODateTime, { nullable: true, description: 'The time at the beginning of the line. Null if it has none.' }) time!: Date | null;
  @Field(() => LogLevelEnum, { nullable: true, description: 'The level named in the line. Null if it names none.' })
  level!: keyof typeof LogLevelEnum | null;
  @Field(() => String, { description: 'The line, at most 4,000 characters.' }) text!: string;
  @Field(() => String, { description: 'Give this cursor as `after` to continue after this line.' }) cursor!: string;
}

@ObjectType('LogPage', { description: 'Lines of logs.' })
export class LogPageType {
  @Field(() => [LogLineType], { description: 'The lines. Lines of one replica stay together, the oldest replica first.' }) lines!: LogLineType[];
  @Field(() => String, { description: 'Give this cursor as `after` to get the next page.' }) endCursor!: string;
}

@ArgsType()
export class LogArgs {
  @Field(() => ID, { nullable: true, description: "A replica's id." }) replica?: string | null;
  @Field(() => DeploymentRefInput, {
    nullable: true,
    description: 'A deployment: logs of its 20 newest replicas, including ended ones while their logs exist.',
  })
  deployment?: DeploymentRefInput | null;
  @Field(() => String, { nullable: true, description: 'Only lines that contain this text, ignoring case.' }) filter?: string | null;
  @Field(() => String, { nullable: true, description: '`cursor` of a line, or `endCursor` of a page: returns the lines after it.' }) after?: string | null;
}
