/** Scaling policies and their ledger as GraphQL shows them. */
import { Field, Float, GraphQLISODateTime, InputType, Int, ObjectType, registerEnumType } from 'type-graphql';
import { connectionType, NodeType, PayloadType } from '../api/conventions.types.js';
import { JsonObjectScalar } from '../api/scalars.js';
import { DeploymentRefInput } from '../deployments/deployment-inputs.types.js';
import { DeploymentType } from '../deployments/deployment.types.js';

export const ScalingActionEnum = { SCALE_UP: 'SCALE_UP', SCALE_DOWN: 'SCALE_DOWN', HOLD: 'HOLD' } as const;
registerEnumType(ScalingActionEnum, {
  name: 'ScalingAction',
  description: 'What the autoscaler decided.',
  valuesConfig: {
    SCALE_UP: { description: 'The number of replicas goes up.' },
    SCALE_DOWN: { description: 'The number of replicas goes down.' },
    HOLD: { description: 'The number of replicas stays. Recorded only when the reason changes.' },
  },
});

@ObjectType('ScalingPolicy', { implements: NodeType, description: 'Adjusts the number of replicas of a deployment to its load.' })
export class ScalingPolicyType extends NodeType {
  @Field(() => Int, { description: 'Counts the changes of the policy. Give it back as `expectedGeneration`.' }) generation!: number;
  @Field(() => Int, { description: 'Fewest replicas of each target.' }) minReplicas!: number;
  @Field(() => Int, { description: 'Most replicas of each target.' }) maxReplicas!: number;
  @Field(() => Float, { description: 'Requests in flight that one replica should have, including waiting ones.' }) targetInFlight!: number;
  @Field(() => Int, { description: 'Time over which the load is averaged.' }) windowMs!: number;
  @Field(() => Int, { description: 'Replicas stop only when fewer were enough for this whole time.' }) scaleDownWindowMs!: number;
  @Field(() => String, { description: 'Who created it.' }) createdBy!: string;
  @Field(() => GraphQLISODateTime, { description: 'When it was created.' }) createdAt!: Date;
  @Field(() => GraphQLISODateTime, { description: 'When it last changed.' }) updatedAt!: Date;
  @Field(() => GraphQLISODateTime, { nullable: true, description: 'When it was deleted. Null while it exists. Its decisions remain.' }) deletedAt!: Date | null;
  rowId!: string;
  deploymentRowId!: string;
}

@ObjectType('ScalingDecision', { implements: NodeType, description: 'One decision of the autoscaler, with its inputs and its reason.' })
export class ScalingDecisionType extends NodeType {
  @Field(() => GraphQLISODateTime, { description: 'When it was made.' }) at!: Date;
  @Field(() => ScalingActionEnum, { description: 'The decision.' }) action!: keyof typeof ScalingActionEnum;
  @Field(() => Int, { description: 'Replicas of each target before.' }) fromReplicas!: number;
  @Field(() => Int, { description: 'Replicas of each target from then on.' }) toReplicas!: number;
  @Field(() => String, { description: 'Why, in a sentence.' }) reason!: string;
  @Field(() => JsonObjectScalar, {
    description: 'Inputs of the decision: the policy, the load by version id, the ratio, and `rule`, which names the rule that decided.',
  })
  inputs!: Readonly<Record<string, unknown>>;
  rowId!: string;
  policyRowId!: string;
  deploymentRowId!: string;
}
export const ScalingDecisionConnection = connectionType('ScalingDecision', () => ScalingDecisionType);

@InputType({ description: "Creates or replaces a deployment's scaling policy. A number of replicas outside its limits is corrected at once." })
export class SetScalingPolicyInput {
  @Field(() => DeploymentRefInput, { description: 'Which deployment.' }) deployment!: DeploymentRefInput;
  @Field(() => Int, { defaultValue: 1, description: 'Fewest replicas of each target, 1 to 64.' }) minReplicas!: number;
  @Field(() => Int, { description: 'Most replicas of each target, at most 64.' }) maxReplicas!: number;
  @Field(() => Float, { description: 'Requests in flight that one replica should have, including waiting ones. Greater than 0.' }) targetInFlight!: number;
  @Field(() => Int, { defaultValue: 30_000, description: 'Time over which the load is averaged, 10000 to 3600000.' }) windowMs!: number;
  @Field(() => Int, { defaultValue: 300_000, description: 'Replicas stop only when fewer were enough for this whole time, 0 to 3600000.' })
  scaleDownWindowMs!: number;
  @Field(() => Int, {
    nullable: true,
    description: 'The policy\'s generation that the caller read, or 0 for "there is none". Any other current generation gives CONFLICT.',
  })
  expectedGeneration?: number | null;
  @Field(() => String, { nullable: true, description: 'A repeated call with the same key returns the same answer and does nothing.' }) idempotencyKey?:
    string | null;
}

@InputType({ description: "Deletes a deployment's scaling policy. The deployment goes back to the `replicas` of its spec." })
export class DeleteScalingPolicyInput {
  @Field(() => DeploymentRefInput, { description: 'Which deployment.' }) deployment!: DeploymentRefInput;
  @Field(() => Int, { nullable: true, description: "The policy's generation that the caller read. Any other current generation gives CONFLICT." })
  expectedGeneration?: number | null;
}

@ObjectType('ScalingPolicyPayload', { description: 'What a mutation made of a scaling policy.' })
export class ScalingPolicyPayload extends PayloadType {
  @Field(() => ScalingPolicyType, { nullable: true, description: 'The policy as it is now; null when nothing was changed.' })
  scalingPolicy?: ScalingPolicyType | null;
  @Field(() => DeploymentType, { nullable: true, description: 'Its deployment as it is now; null when nothing was changed.' })
  deployment?: DeploymentType | null;
}
