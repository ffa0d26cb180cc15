/** Why a deployment is as it is, as GraphQL shows it. */
import { Field, Float, GraphQLISODateTime, Int, ObjectType } from 'type-graphql';
import { DeploymentType } from '../deployments/deployment.types.js';

@ObjectType('ServingVersion', { description: 'A version that a deployment sends requests to.' })
export class ServingVersionType {
  @Field(() => String, { description: 'Its model and number, such as `churn:3`.' }) version!: string;
  @Field(() => Int, { description: 'Its share of the traffic, relative to the sum of the weights.' }) weight!: number;
  @Field(() => Float, { description: 'For a shadow: percentage of the requests that are copied to it. 0 for any other target.' }) shadowPercent!: number;
  @Field(() => Int, { description: 'Number of its replicas that are READY.' }) readyReplicas!: number;
}

@ObjectType('Why', { description: 'Explanation of a deployment.' })
export class WhyType {
  @Field(() => DeploymentType, { description: 'The deployment.' }) deployment!: DeploymentType;
  @Field(() => [ServingVersionType], { description: 'The versions that get requests.' }) serving!: readonly ServingVersionType[];
  @Field(() => Int, { description: 'Number of the current revision.' }) revision!: number;
  @Field(() => GraphQLISODateTime, { description: 'When the revision was rolled out, or when it was made if that is not done yet.' }) since!: Date;
  @Field(() => String, { description: 'Who made the revision.' }) actor!: string;
  @Field(() => String, { description: 'Reason given for the revision. May be empty.' }) reason!: string;
  @Field(() => Int, { description: 'Wanted number of replicas of each target.' }) replicas!: number;
  @Field(() => String, { description: 'Why this number is wanted: the spec, or the last decision of the scaling policy.' }) replicasReason!: string;
  @Field(() => [String], { description: 'Problems: conditions, failed replicas, firing alerts. Empty if there are none.' }) problems!: readonly string[];
  @Field(() => [String], { description: 'The whole explanation, as lines of text.' }) lines!: string[];
}
