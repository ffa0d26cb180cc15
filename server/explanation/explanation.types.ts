/** Why a deployment is as it is, as GraphQL shows it. */
import { Field, Float, GraphQLISODateTime, Int, ObjectType } from 'type-graphql';
import { DeploymentType } from '../deployments/deployment.types.js';

@ObjectType('ServingVersion', { description: 'A version that a deployment sends requests to.' })
export class ServingVersionType {
  @Field(() => String, { description: 'Its model and number: `churn:3`.' }) version!: string;
  @Field(() => Int, { description: 'Its share, relative to the sum of the weights.' }) weight!: number;
  @Field(() => Float, { description: 'Above 0 it is a shadow: it gets a copy of this percentage of the requests.' }) shadowPercent!: number;
  @Field(() => Int, { description: 'Its replicas that are READY.' }) readyReplicas!: number;
}

@ObjectType('Why', { description: 'Why a deployment is as it is.' })
export class WhyType {
  @Field(() => DeploymentType, { description: 'The deployment.' }) deployment!: DeploymentType;
  @Field(() => [ServingVersionType], { description: 'The versions that get requests.' }) serving!: readonly ServingVersionType[];
  @Field(() => Int, { description: 'Number of the present revision.' }) revision!: number;
  @Field(() => GraphQLISODateTime, { description: 'When the revision was rolled out; when it was made, while it is not.' }) since!: Date;
  @Field(() => String, { description: 'Who made the revision.' }) actor!: string;
  @Field(() => String, { description: 'Why the revision was made; may be empty.' }) reason!: string;
  @Field(() => Int, { description: 'Replicas that are wanted of each target.' }) replicas!: number;
  @Field(() => String, { description: 'Why there are so many: the spec, or the last decision of the scaling policy.' }) replicasReason!: string;
  @Field(() => [String], { description: 'What is wrong: conditions, failed replicas, firing alerts. Empty where nothing is.' }) problems!: readonly string[];
  @Field(() => [String], { description: 'All of it, in lines for people.' }) lines!: string[];
}
