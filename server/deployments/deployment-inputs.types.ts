/** Inputs and payloads of the deployments' mutations. */
import { Field, Float, ID, InputType, Int, ObjectType } from 'type-graphql';
import { PayloadType } from '../api/conventions.types.js';
import { expectNodeId } from '../api/node-id.js';
import { DomainError } from '../errors.js';
import { MODEL_NAME_RULE } from '../registry/names.js';
import type { DeploymentRef } from './deployment.service.js';
import { BatchingModeEnum, DeploymentType, RolloutType } from './deployment.types.js';

@InputType({ description: 'Names a deployment by `id`, or by `project` and `name`.' })
export class DeploymentRefInput {
  @Field(() => ID, { nullable: true, description: "The deployment's id." }) id?: string | null;
  @Field(() => String, { defaultValue: 'default', description: "The project's name." }) project!: string;
  @Field(() => String, { nullable: true, description: "The deployment's name." }) name?: string | null;
}

/** @throws DomainError INVALID unless exactly one of id and name is given */
export function toRef({ id, project, name }: DeploymentRefInput, ...field: string[]): DeploymentRef {
  if ((id == null) === (name == null)) throw new DomainError('INVALID', 'name a deployment either by `id` or by `project` and `name`', field);
  return id != null ? { id: expectNodeId('Deployment', id, ...field, 'id') } : { project, name: name! };
}

@InputType({
  description:
    "A version that gets a share of the traffic, or a copy of it. Name it by `versionId`, or by `model` and `version` or `alias` in the deployment's project.",
})
export class TargetInput {
  @Field(() => ID, { nullable: true, description: "The version's id." }) versionId?: string | null;
  @Field(() => String, { nullable: true, description: "The model's name." }) model?: string | null;
  @Field(() => Int, { nullable: true, description: "The version's number. The newest READY version if left out." }) version?: number | null;
  @Field(() => String, { nullable: true, description: 'An alias of the model, in place of `version`: the version that it names now.' }) alias?: string | null;
  @Field(() => Int, {
    nullable: true,
    description: 'Its share of the traffic, relative to the sum of the weights, 0 to 10000. Default 100, and 0 for a shadow.',
  })
  weight?: number | null;
  @Field(() => Float, {
    defaultValue: 0,
    description:
      'Makes the target a shadow: it gets a copy of this percentage of the requests, 0 to 100, and callers do not get its answers. A shadow has weight 0.',
  })
  shadowPercent!: number;
}

const KEY = { nullable: true, description: 'A repeated call with the same key returns the same answer and does nothing.' };

@InputType({ description: 'Creates a deployment, or changes its spec. A field that is left out keeps its value; a new deployment gets the default.' })
export class DeployInput {
  @Field(() => String, { defaultValue: 'default', description: "The project's name." }) project!: string;
  @Field(() => String, {
    description: `The deployment's name: ${MODEL_NAME_RULE} In the project \`default\` it must not begin with the name of a project and a dot: \`vision.digits\` is the deployment \`digits\` of the project \`vision\`.`,
  })
  name!: string;
  @Field(() => [TargetInput], {
    nullable: true,
    description: 'The versions that get the traffic: at most 10, each with a different version number. Required for a new deployment.',
  })
  targets?: TargetInput[] | null;
  @Field(() => Int, { nullable: true, description: 'Replicas of each target, 1 to 64. Default 1.' }) replicas?: number | null;
  @Field(() => Int, { nullable: true, description: 'How long a request may take from its arrival. Default 30000.' }) timeoutMs?: number | null;
  @Field(() => Int, {
    nullable: true,
    description: 'Inferences that one replica works on at a time. Each gateway process sends a replica this many before others wait. Default 2.',
  })
  maxConcurrency?: number | null;
  @Field(() => Int, { nullable: true, description: 'Requests that may wait in each gateway process. Default 1000.' }) maxQueue?: number | null;
  @Field(() => BatchingModeEnum, { nullable: true, description: 'Whether waiting requests are merged into one inference. Default AUTO.' })
  batching?: keyof typeof BatchingModeEnum | null;
  @Field(() => Int, { nullable: true, description: 'Most rows of one merged inference, 1 to 4096. 1 merges nothing. Default 64.' }) maxBatchSize?:
    number | null;
  @Field(() => Float, {
    nullable: true,
    description:
      'How long a request may wait for others to be merged with, 0 to 1000. A request that finds a free replica never waits. 0 merges only requests that wait anyway. Default 2.',
  })
  maxDelayMs?: number | null;
  @Field(() => String, {
    nullable: true,
    description:
      'Name of a request header, such as `x-user-id`. Requests with the same value go to the same version. Null, the default: every request is routed by itself.',
  })
  stickyHeader?: string | null;
  @Field(() => Int, { nullable: true, description: 'Threads of one replica. Default 1.' }) threads?: number | null;
  @Field(() => String, {
    nullable: true,
    description: 'Memory that a replica may use in addition to its idle runtime, as a 64-bit integer. Default: no limit.',
  })
  memoryLimitBytes?: string | null;
  @Field(() => String, { defaultValue: '', description: 'Reason for the change, stored with the revision.' }) reason!: string;
  @Field(() => Int, {
    nullable: true,
    description: 'The generation that the caller read, or 0 for "does not exist". Any other current generation gives CONFLICT.',
  })
  expectedGeneration?: number | null;
  @Field(() => String, KEY) idempotencyKey?: string | null;
}

@InputType({ description: 'Changes the number of replicas.' })
export class ScaleInput {
  @Field(() => DeploymentRefInput, { description: 'Which deployment.' }) deployment!: DeploymentRefInput;
  @Field(() => Int, { description: 'Replicas of each target, 1 to 64.' }) replicas!: number;
  @Field(() => String, { defaultValue: '', description: 'Reason for the change, stored with the revision.' }) reason!: string;
  @Field(() => Int, { nullable: true, description: 'The generation that the caller read. Any other current generation gives CONFLICT.' }) expectedGeneration?:
    number | null;
  @Field(() => String, KEY) idempotencyKey?: string | null;
}

@InputType({ description: 'Restores the spec of an earlier revision, as a new revision.' })
export class RollbackInput {
  @Field(() => DeploymentRefInput, { description: 'Which deployment.' }) deployment!: DeploymentRefInput;
  @Field(() => Int, { nullable: true, description: 'Number of the revision to restore. If left out: the newest one that served before the current one.' })
  toRevision?: number | null;
  @Field(() => String, { defaultValue: '', description: 'Reason for the change, stored with the revision.' }) reason!: string;
  @Field(() => Int, { nullable: true, description: 'The generation that the caller read. Any other current generation gives CONFLICT.' }) expectedGeneration?:
    number | null;
  @Field(() => String, KEY) idempotencyKey?: string | null;
}

@InputType({ description: 'Deletes a deployment: its route is removed, and its replicas drain and stop.' })
export class DeleteDeploymentInput {
  @Field(() => DeploymentRefInput, { description: 'Which deployment.' }) deployment!: DeploymentRefInput;
  @Field(() => String, { defaultValue: '', description: 'Reason for the change, stored with the audit entry.' }) reason!: string;
  @Field(() => Int, { nullable: true, description: 'The generation that the caller read. Any other current generation gives CONFLICT.' }) expectedGeneration?:
    number | null;
  @Field(() => String, KEY) idempotencyKey?: string | null;
}

@ObjectType('DeploymentPayload', { description: 'What a mutation made of a deployment.' })
export class DeploymentPayload extends PayloadType {
  @Field(() => DeploymentType, { nullable: true, description: 'The deployment as it is now; null when nothing was changed.' })
  deployment?: DeploymentType | null;
  @Field(() => RolloutType, {
    nullable: true,
    description: 'The rollout of the current revision. Read it, or subscribe to `deploymentEvents`, to follow the change.',
  })
  rollout?: RolloutType | null;
  @Field(() => String, {
    nullable: true,
    description: 'Give this cursor to `deploymentEvents` as `after` to get every step of this change, including those before you subscribed.',
  })
  eventsAfter?: string | null;
}
