/** Deployments as GraphQL shows them. */
import { GraphQLISODateTime, Field, Float, ID, Int, ObjectType, registerEnumType } from 'type-graphql';
import { connectionType, NodeType } from '../api/conventions.types.js';
import type { DeploymentSpec } from './deployment.entities.js';

export const DeploymentPhaseEnum = {
  PENDING: 'PENDING',
  STARTING: 'STARTING',
  LOADING: 'LOADING',
  READY: 'READY',
  FAILED: 'FAILED',
  DELETING: 'DELETING',
  DELETED: 'DELETED',
} as const;
registerEnumType(DeploymentPhaseEnum, {
  name: 'DeploymentPhase',
  description: 'State of the current generation of a deployment.',
  valuesConfig: {
    PENDING: { description: 'The spec is stored; nothing of it runs yet.' },
    STARTING: { description: 'Replica processes are starting.' },
    LOADING: { description: 'A replica is loading its model, or gateways are loading the route.' },
    READY: { description: 'Every gateway serves it. Each replica answered a real inference first.' },
    FAILED: { description: 'Its rollout failed. The version that served before still serves. `conditions` says why.' },
    DELETING: { description: 'Its route was removed, and its replicas are draining.' },
    DELETED: { description: 'Nothing of it runs any more, and its name is free.' },
  },
});

export const ReplicaStateEnum = {
  PENDING: 'PENDING',
  STARTING: 'STARTING',
  LOADING: 'LOADING',
  READY: 'READY',
  DRAINING: 'DRAINING',
  STOPPED: 'STOPPED',
  FAILED: 'FAILED',
} as const;
registerEnumType(ReplicaStateEnum, {
  name: 'ReplicaState',
  description: 'The state of one replica.',
  valuesConfig: {
    PENDING: { description: 'It waits for its start. After failures the wait grows.' },
    STARTING: { description: 'Its process is starting.' },
    LOADING: { description: 'It is loading the model.' },
    READY: { description: 'It answered a real inference.' },
    DRAINING: { description: 'It gets no new requests and finishes those under way.' },
    STOPPED: { description: 'It was stopped because it was no longer needed.' },
    FAILED: { description: 'It ended unexpectedly. `reason` and `logTail` say how.' },
  },
});

export const RolloutStateEnum = { PROGRESSING: 'PROGRESSING', SUCCEEDED: 'SUCCEEDED', FAILED: 'FAILED', SUPERSEDED: 'SUPERSEDED' } as const;
registerEnumType(RolloutStateEnum, {
  name: 'RolloutState',
  description: 'State of a rollout.',
  valuesConfig: {
    PROGRESSING: { description: 'It is in progress.' },
    SUCCEEDED: { description: 'Every gateway serves the revision.' },
    FAILED: { description: 'It was given up; `reason` says why. The version that served before still serves.' },
    SUPERSEDED: { description: 'Another revision replaced it before it was done.' },
  },
});

export const ConditionTypeEnum = { Available: 'Available', Progressing: 'Progressing', Degraded: 'Degraded' } as const;
registerEnumType(ConditionTypeEnum, {
  name: 'ConditionType',
  description: 'What a condition is about.',
  valuesConfig: {
    Available: { description: 'Whether the deployment answers requests.' },
    Progressing: { description: 'Whether work on the deployment is still going on.' },
    Degraded: { description: 'Whether something is missing or differs from the spec, although the deployment may answer requests.' },
  },
});

export const ConditionStatusEnum = { TRUE: 'TRUE', FALSE: 'FALSE', UNKNOWN: 'UNKNOWN' } as const;
registerEnumType(ConditionStatusEnum, {
  name: 'ConditionStatus',
  description: 'Whether a condition holds.',
  valuesConfig: {
    TRUE: { description: 'The condition holds.' },
    FALSE: { description: 'The condition does not hold.' },
    UNKNOWN: { description: 'It is not known whether the condition holds.' },
  },
});

@ObjectType('Condition', { description: "One aspect of a deployment's status." })
export class ConditionType {
  @Field(() => ConditionTypeEnum, { description: 'What the condition is about.' }) type!: keyof typeof ConditionTypeEnum;
  @Field(() => ConditionStatusEnum, { description: 'Whether the condition holds.' }) status!: keyof typeof ConditionStatusEnum;
  @Field(() => String, { description: 'Reason in one word, such as `ShadowMissing`.' }) reason!: string;
  @Field(() => String, { description: 'Explanation in a sentence. May be empty.' }) message!: string;
  @Field(() => GraphQLISODateTime, { description: 'When `status` last changed.' }) lastTransitionAt!: Date;
}

export const BatchingModeEnum = { AUTO: 'AUTO', ON: 'ON', OFF: 'OFF' } as const;
registerEnumType(BatchingModeEnum, {
  name: 'BatchingMode',
  description: 'Whether waiting requests of one target are merged into one inference. `Target.batching` shows the result.',
  valuesConfig: {
    AUTO: { description: "Requests are merged if validation showed that the version's rows are INDEPENDENT." },
    ON: { description: 'Requests are merged whatever validation showed: you vouch for the model. Refused for a version that is FIXED.' },
    OFF: { description: 'Requests are never merged.' },
  },
});

@ObjectType('DeploymentSpec', { description: 'The wanted settings of a deployment.' })
export class DeploymentSpecType {
  @Field(() => Int, { description: 'Replicas of each target. A scaling policy, if there is one, decides instead.' }) replicas!: number;
  @Field(() => Int, { description: 'How long a request may take from its arrival, including waiting, unless it sets its own timeout.' }) timeoutMs!: number;
  @Field(() => Int, { description: 'Inferences that one replica works on at a time. Each gateway process sends a replica this many before others wait.' })
  maxConcurrency!: number;
  @Field(() => Int, { description: 'Requests that may wait in each gateway process. A further request is answered "overloaded" at once.' }) maxQueue!: number;
  @Field(() => BatchingModeEnum, { description: 'Whether waiting requests of one target are merged into one inference.' })
  batching!: keyof typeof BatchingModeEnum;
  @Field(() => Int, { description: 'Most rows of one merged inference. 1 merges nothing.' }) maxBatchSize!: number;
  @Field(() => Float, { description: 'How long a request may wait for others to be merged with.' }) maxDelayMs!: number;
  @Field(() => String, {
    nullable: true,
    description: 'Name of a request header, in lower case. Requests with the same value go to the same version. Null: every request is routed by itself.',
  })
  stickyHeader!: string | null;
  @Field(() => Int, { description: 'Threads of one replica.' }) threads!: number;
  @Field(() => String, {
    nullable: true,
    description: 'Memory that a replica may use in addition to its idle runtime, as a 64-bit integer. Null: no limit.',
  })
  memoryLimitBytes!: string | null;
}

@ObjectType('Deployment', {
  implements: NodeType,
  description: 'A named endpoint, with a spec (the wanted state, with a generation) and a status (the actual state).',
})
export class DeploymentType extends NodeType {
  @Field(() => String, { description: 'Name, unique in the project.' }) name!: string;
  @Field(() => DeploymentSpecType, { description: 'The wanted settings, without the targets.' }) spec!: DeploymentSpecType;
  @Field(() => Int, { description: 'Counts the changes of the spec. Give it back as `expectedGeneration`.' }) generation!: number;
  @Field(() => Int, { description: 'The generation that `phase` and `conditions` describe.' }) observedGeneration!: number;
  @Field(() => Int, { nullable: true, description: 'Replicas of each target that the scaling policy asks for. Null if there is no policy.' }) scaledReplicas!:
    number | null;
  @Field(() => DeploymentPhaseEnum, { description: 'State of the current generation.' }) phase!: keyof typeof DeploymentPhaseEnum;
  @Field(() => [ConditionType], { description: 'The status in detail.' }) conditions!: ConditionType[];
  @Field(() => String, { description: 'Who created it.' }) createdBy!: string;
  @Field(() => GraphQLISODateTime, { description: 'When it was created.' }) createdAt!: Date;
  @Field(() => GraphQLISODateTime, { description: 'When its spec last changed.' }) updatedAt!: Date;
  /** Row ids, for the field resolvers. */
  rowId!: string;
  projectRowId!: string;
  specRow!: DeploymentSpec;
}
export const DeploymentConnection = connectionType('Deployment', () => DeploymentType);

@ObjectType('TargetBatching', { description: 'Whether the requests of a target are merged, and why.' })
export class TargetBatchingType {
  @Field(() => Boolean, { description: 'Whether its requests are merged.' }) enabled!: boolean;
  @Field(() => String, { description: 'Reason in a sentence: what the spec says, or what validation found.' }) reason!: string;
  @Field(() => Int, { nullable: true, description: 'Most rows of one merged inference. Null if nothing is merged.' }) maxBatchSize!: number | null;
  @Field(() => Float, { nullable: true, description: 'How long a request may wait for others to be merged with. Null if nothing is merged.' })
  maxDelayMs!: number | null;
}

@ObjectType('Target', { description: 'One version that a deployment sends traffic to, or a copy of it.' })
export class TargetType {
  @Field(() => Int, { description: 'Its share of the traffic, relative to the sum of the weights.' }) weight!: number;
  @Field(() => Float, { description: 'Percentage of the requests that are copied to it, if it is a shadow. 0 for any other target.' }) shadowPercent!: number;
  versionRowId!: string;
  deploymentRowId!: string;
  specRow!: DeploymentSpec;
}

@ObjectType('Revision', { implements: NodeType, description: "An immutable snapshot of a deployment's spec." })
export class RevisionType extends NodeType {
  @Field(() => Int, { description: 'The generation of the spec that it made.' }) number!: number;
  @Field(() => DeploymentSpecType, { description: 'The spec, without the targets.' }) spec!: DeploymentSpecType;
  @Field(() => String, { description: 'Who made it.' }) actor!: string;
  @Field(() => String, { description: 'The reason that the actor gave.' }) reason!: string;
  @Field(() => Int, { nullable: true, description: 'The revision whose spec it restored. Null if it is not a rollback.' }) rollbackTo!: number | null;
  @Field(() => GraphQLISODateTime, { description: 'When it was made.' }) createdAt!: Date;
  rowId!: string;
  deploymentRowId!: string;
  specRow!: DeploymentSpec;
}
export const RevisionConnection = connectionType('Revision', () => RevisionType);

@ObjectType('RolloutStep', { description: 'One thing that happened in a rollout.' })
export class RolloutStepType {
  @Field(() => String, { description: 'The type of the event.' }) name!: string;
  @Field(() => String, { description: 'What happened, in a sentence.' }) message!: string;
  @Field(() => GraphQLISODateTime, { description: 'When the change was made.' }) at!: Date;
}

@ObjectType('Rollout', { implements: NodeType, description: 'The process of making one revision serve: its steps, its outcome and the reason.' })
export class RolloutType extends NodeType {
  @Field(() => RolloutStateEnum, { description: 'State of the rollout.' }) state!: keyof typeof RolloutStateEnum;
  @Field(() => String, { nullable: true, description: 'Why it FAILED or was SUPERSEDED.' }) reason!: string | null;
  @Field(() => [RolloutStepType], { description: 'Its steps, in order.' }) steps!: RolloutStepType[];
  @Field(() => GraphQLISODateTime, { description: 'When it started.' }) startedAt!: Date;
  @Field(() => GraphQLISODateTime, { nullable: true, description: 'When it ended. Null while it is PROGRESSING.' }) finishedAt!: Date | null;
  @Field(() => Float, { nullable: true, description: 'How long it took. Null while it is PROGRESSING.' }) durationMs!: number | null;
  rowId!: string;
  deploymentRowId!: string;
  revisionRowId!: string;
}
export const RolloutConnection = connectionType('Rollout', () => RolloutType);

@ObjectType('Replica', { implements: NodeType, description: 'One running runtime process of one target.' })
export class ReplicaType extends NodeType {
  @Field(() => ReplicaStateEnum, { description: 'Its state.' }) state!: keyof typeof ReplicaStateEnum;
  @Field(() => Int, { description: 'Generation of the spec it was started for.' }) generation!: number;
  @Field(() => Int, { description: 'Number of failed starts of its target in a row before this one.' }) attempt!: number;
  @Field(() => Int, { nullable: true, description: 'Process id on its host.' }) pid!: number | null;
  @Field(() => String, { nullable: true, description: 'Backend that runs the model, such as `cpu`, `tensorflow` or `wasm`.' }) backend!: string | null;
  @Field(() => String, { nullable: true, description: "Why it FAILED or was stopped: the runtime's own message, or how the process ended." }) reason!:
    string | null;
  @Field(() => Int, { nullable: true, description: 'The exit code of its process.' }) exitCode!: number | null;
  @Field(() => String, { nullable: true, description: 'The signal that ended its process.' }) exitSignal!: string | null;
  @Field(() => String, { nullable: true, description: 'The last lines of its log, stored when it FAILED.' }) logTail!: string | null;
  @Field(() => String, { nullable: true, description: 'Resident memory when it became READY, as a 64-bit integer.' }) memoryBytes!: string | null;
  @Field(() => GraphQLISODateTime, { description: 'When it was created.' }) createdAt!: Date;
  @Field(() => GraphQLISODateTime, { nullable: true, description: 'It is not started before this time. After failures, this is in the future.' })
  startAfter!: Date | null;
  @Field(() => GraphQLISODateTime, { nullable: true, description: 'When it first answered a real inference.' }) readyAt!: Date | null;
  @Field(() => GraphQLISODateTime, { nullable: true, description: 'When it ended.' }) stoppedAt!: Date | null;
  rowId!: string;
  deploymentRowId!: string;
  versionRowId!: string;
}
export const ReplicaConnection = connectionType('Replica', () => ReplicaType);

@ObjectType('RouteBatching', { description: 'How gateways merge the requests of a target.' })
export class RouteBatchingType {
  @Field(() => Int, { description: 'Most rows of one merged inference.' }) maxBatchSize!: number;
  @Field(() => Float, { description: 'How long a request may wait for others to be merged with.' }) maxDelayMs!: number;
}

@ObjectType('RouteTarget', { description: 'A version to which a route sends a share of the traffic, or a copy of it.' })
export class RouteTargetType {
  @Field(() => Int, { description: 'Its share of the traffic, relative to the sum of the weights.' }) weight!: number;
  @Field(() => Float, { description: 'For a shadow: percentage of the requests that are copied to it. 0 for any other target.' }) shadowPercent!: number;
  @Field(() => RouteBatchingType, { nullable: true, description: 'How its requests are merged. Null if they are not merged.' })
  batching!: RouteBatchingType | null;
  @Field(() => [ID], { description: 'Ids of the replicas that get requests now. Empty while the only replica is being replaced; requests then wait.' })
  replicaIds!: string[];
  versionRowId!: string;
}

@ObjectType('Route', { description: 'The route of a deployment: what gateways serve now.' })
export class RouteType {
  @Field(() => String, { description: 'The version of the route table when this route last changed, as a 64-bit integer.' }) version!: string;
  @Field(() => Int, { description: 'The generation that it serves. During a rollout this is the previous one.' }) generation!: number;
  @Field(() => String, {
    nullable: true,
    description: 'Name of a header. Requests with the same value go to the same version. Null: routed by weight only.',
  })
  stickyHeader!: string | null;
  @Field(() => [RouteTargetType], { description: 'Where the traffic goes.' }) targets!: RouteTargetType[];
  @Field(() => GraphQLISODateTime, { description: 'When it last changed.' }) updatedAt!: Date;
}
