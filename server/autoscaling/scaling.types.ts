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
    SCALE_UP: { description: 'More replicas.' },
    SCALE_DOWN: { description: 'Fewer replicas.' },
    HOLD: { description: 'As many as before; written down when the reason is another than before.' },
  },
});

@ObjectType('ScalingPolicy', { implements: NodeType, description: 'How the replicas of a deployment follow its load.' })
export class ScalingPolicyType extends NodeType {
  @Field(() => Int, { description: 'Counts the changes of the policy. Give it back as `expectedGeneration`.' }) generation!: number;
  @Field(() => Int, { description: 'Never fewer replicas of each target.' }) minReplicas!: number;
  @Field(() => Int, { description: 'Never more replicas of each target.' }) maxReplicas!: number;
  @Field(() => Float, { description: 'Requests that one replica should have in flight, waiting ones included.' }) targetInFlight!: number;
  @Field(() => Int, { description: 'The load is averaged over this time.' }) windowMs!: number;
  @Field(() => Int, { description: 'Scaling down goes to the highest number that was right at any moment of this time.' }) scaleDownWindowMs!: number;
  @Field(() => String, { description: 'Who created it.' }) createdBy!: string;
  @Field(() => GraphQLISODateTime, { description: 'When it was created.' }) createdAt!: Date;
  @Field(() => GraphQLISODateTime, { description: 'When it last changed.' }) updatedAt!: Date;
  @Field(() => GraphQLISODateTime, { nullable: true, description: 'When it was deleted; null while it holds. Its decisions stay.' }) deletedAt!: Date | null;
  rowId!: string;
  deploymentRowId!: string;
}

@ObjectType('ScalingDecision', { implements: NodeType, description: 'One decision of the autoscaler, with what it saw and why.' })
export class ScalingDecisionType extends NodeType {
  @Field(() => GraphQLISODateTime, { description: 'When it was made.' }) at!: Date;
  @Field(() => ScalingActionEnum, { description: 'What was decided.' }) action!: keyof typeof ScalingActionEnum;
  @Field(() => Int, { description: 'Replicas of each target before.' }) fromReplicas!: number;
  @Field(() => Int, { description: 'Replicas of each target from then on.' }) toReplicas!: number;
  @Field(() => String, { description: 'Why, in a sentence.' }) reason!: string;
  @Field(() => JsonObjectScalar, {
    description: 'What it was decided from: the policy, the load by version id, the ratio, and `rule`, the part of the rule that decided.',
  })
  inputs!: Readonly<Record<string, unknown>>;
  rowId!: string;
  policyRowId!: string;
  deploymentRowId!: string;
}
export const ScalingDecisionConnection = connectionType('ScalingDecision', () => ScalingDecisionType);

@InputType({ description: "Creates a deployment's scaling policy, or replaces it. Replicas outside its bounds are corrected at once." })
export class SetScalingPolicyInput {
  @Field(() => DeploymentRefInput, { description: 'Which deployment.' }) deployment!: DeploymentRefInput;
  @Field(() => Int, { defaultValue: 1, description: 'Never fewer replicas of each target, 1 to 64.' }) minReplicas!: number;
  @Field(() => Int, { description: 'Never more replicas of each target, up to 64.' }) maxReplicas!: number;
  @Field(() => Float, { description: 'Requests that one replica should have in flight, waiting ones included; more than 0.' }) targetInFlight!: number;
  @Field(() => Int, { defaultValue: 30_000, description: 'The load is averaged over this time, 10000 to 3600000.' }) windowMs!: number;
  @Field(() => Int, { defaultValue: 300_000, description: 'Scaling down goes to the highest number that was right at any moment of this time, 0 to 3600000.' })
  scaleDownWindowMs!: number;
  @Field(() => Int, { nullable: true, description: 'The policy\'s generation that the caller read; 0 for "there is none". Another one is a CONFLICT.' })
  expectedGeneration?: number | null;
  @Field(() => String, { nullable: true, description: 'A repetition with the same key answers the same and does nothing.' }) idempotencyKey?: string | null;
}

@InputType({ description: "Deletes a deployment's scaling policy: it goes back to the replicas of its spec." })
export class DeleteScalingPolicyInput {
  @Field(() => DeploymentRefInput, { description: 'Which deployment.' }) deployment!: DeploymentRefInput;
  @Field(() => Int, { nullable: true, description: "The policy's generation that the caller read. Another one is a CONFLICT." }) expectedGeneration?:
    number | null;
}

@ObjectType('ScalingPolicyPayload', { description: 'What a mutation made of a scaling policy.' })
export class ScalingPolicyPayload extends PayloadType {
  @Field(() => ScalingPolicyType, { nullable: true, description: 'The policy as it is now; null when nothing was changed.' })
  scalingPolicy?: ScalingPolicyType | null;
  @Field(() => DeploymentType, { nullable: true, description: 'Its deployment as it is now; null when nothing was changed.' })
  deployment?: DeploymentType | null;
}
