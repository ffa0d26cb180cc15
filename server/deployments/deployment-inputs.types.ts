/** Inputs and payloads of the deployments' mutations. */
import { Field, Float, ID, InputType, Int, ObjectType } from 'type-graphql';
import { PayloadType } from '../api/conventions.types.js';
import { expectNodeId } from '../api/node-id.js';
import { DomainError } from '../errors.js';
import { MODEL_NAME_RULE } from '../registry/names.js';
import type { DeploymentRef } from './deployment.service.js';
import { BatchingModeEnum, DeploymentType, RolloutType } from './deployment.types.js';

@InputType({ description: 'Names a deployment: by `id`, or by `project` and `name`.' })
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
  description: "One version that gets a share of the traffic, or a copy of it: by `versionId`, or by `model` and `version` in the deployment's project.",
})
export class TargetInput {
  @Field(() => ID, { nullable: true, description: "The version's id." }) versionId?: string | null;
  @Field(() => String, { nullable: true, description: "The model's name." }) model?: string | null;
  @Field(() => Int, { nullable: true, description: "The version's number; the newest READY one where it is left out." }) version?: number | null;
  @Field(() => Int, { nullable: true, description: 'Its share, relative to the sum of the weights, 0 to 10000. Default 100, and 0 for a shadow.' })
  weight?: number | null;
  @Field(() => Float, {
    defaultValue: 0,
    description: 'Makes it a shadow: it gets a copy of this percentage of the requests, 0 to 100, and no caller sees its answers. A shadow has weight 0.',
  })
  shadowPercent!: number;
}

@InputType({ description: 'Creates a deployment, or changes its spec. What is left out keeps its value, or takes its default at creation.' })
export class DeployInput {
  @Field(() => String, { defaultValue: 'default', description: "The project's name." }) project!: string;
  @Field(() => String, {
    description: `The deployment's name: ${MODEL_NAME_RULE} In the project \`default\` it must not begin with the name of a project and a dot: \`vision.digits\` is the deployment \`digits\` of the project \`vision\`.`,
  })
  name!: string;
  @Field(() => [TargetInput], { nullable: true, description: 'Where the traffic goes, at most 10, no two with one version number. Needed at creation.' })
  targets?: TargetInput[] | null;
  @Field(() => Int, { nullable: true, description: 'Replicas of each target, 1 to 64. Default 1.' }) replicas?: number | null;
  @Field(() => Int, { nullable: true, description: 'How long a request may take from its arrival. Default 30000.' }) timeoutMs?: number | null;
  @Field(() => Int, {
    nullable: true,
    description: 'Inferences one replica works on at a time; each gateway process sends it so many before others wait. Default 2.',
  })
  maxConcurrency?: number | null;
  @Field(() => Int, { nullable: true, description: 'Requests that may wait in each gateway process. Default 1000.' }) maxQueue?: number | null;
  @Field(() => BatchingModeEnum, { nullable: true, description: 'Whether waiting requests are merged into one inference. Default AUTO.' })
  batching?: keyof typeof BatchingModeEnum | null;
  @Field(() => Int, { nullable: true, description: 'Rows of one merged inference, 1 to 4096; 1 merges nothing. Default 64.' }) maxBatchSize?: number | null;
  @Field(() => Float, {
    nullable: true,
    description:
      'How long a request may be held back for others to be merged with, 0 to 1000; never one that is alone while a replica is free. 0 merges only what waits anyway. Default 2.',
  })
  maxDelayMs?: number | null;
  @Field(() => String, {
    nullable: true,
    description:
      'A header of yours whose value keeps its callers on one version, such as `x-user-id`; null routes every request on its own, which is the default.',
  })
  stickyHeader?: string | null;
  @Field(() => Int, { nullable: true, description: 'Threads of one replica. Default 1.' }) threads?: number | null;
  @Field(() => String, {
    nullable: true,
    description: 'Memory a replica may use on top of what its runtime needs idle, as a 64-bit integer. Default: no limit of its own.',
  })
  memoryLimitBytes?: string | null;
  @Field(() => String, { defaultValue: '', description: 'Why, for the revision.' }) reason!: string;
  @Field(() => Int, { nullable: true, description: 'The generation that the caller read; 0 for "does not exist". Another one is a CONFLICT.' })
  expectedGeneration?: number | null;
  @Field(() => String, { nullable: true, description: 'A repetition with the same key answers the same and does nothing.' }) idempotencyKey?: string | null;
}

@InputType({ description: 'Changes the number of replicas.' })
export class ScaleInput {
  @Field(() => DeploymentRefInput, { description: 'Which deployment.' }) deployment!: DeploymentRefInput;
  @Field(() => Int, { description: 'Replicas of each target, 1 to 64.' }) replicas!: number;
  @Field(() => String, { defaultValue: '', description: 'Why, for the revision.' }) reason!: string;
  @Field(() => Int, { nullable: true, description: 'The generation that the caller read. Another one is a CONFLICT.' }) expectedGeneration?: number | null;
}

@InputType({ description: "Takes an earlier revision's spec back, as a new revision." })
export class RollbackInput {
  @Field(() => DeploymentRefInput, { description: 'Which deployment.' }) deployment!: DeploymentRefInput;
  @Field(() => Int, { nullable: true, description: 'Number of the revision; the newest that served before the present one, where it is left out.' })
  toRevision?: number | null;
  @Field(() => String, { defaultValue: '', description: 'Why, for the revision.' }) reason!: string;
  @Field(() => Int, { nullable: true, description: 'The generation that the caller read. Another one is a CONFLICT.' }) expectedGeneration?: number | null;
}

@InputType({ description: 'Deletes a deployment: its route is withdrawn, its replicas drain and stop.' })
export class DeleteDeploymentInput {
  @Field(() => DeploymentRefInput, { description: 'Which deployment.' }) deployment!: DeploymentRefInput;
  @Field(() => String, { defaultValue: '', description: 'Why, for the audit.' }) reason!: string;
  @Field(() => Int, { nullable: true, description: 'The generation that the caller read. Another one is a CONFLICT.' }) expectedGeneration?: number | null;
}

@ObjectType('DeploymentPayload', { description: 'What a mutation made of a deployment.' })
export class DeploymentPayload extends PayloadType {
  @Field(() => DeploymentType, { nullable: true, description: 'The deployment as it is now; null when nothing was changed.' })
  deployment?: DeploymentType | null;
  @Field(() => RolloutType, { nullable: true, description: 'The rollout that carries out the present revision: follow it, or `deploymentEvents`.' })
  rollout?: RolloutType | null;
  @Field(() => String, {
    nullable: true,
    description: 'Give it to `deploymentEvents` as `after`: every step of this change is told, those that were before you asked included.',
  })
  eventsAfter?: string | null;
}
