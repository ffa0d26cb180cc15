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
  description: 'How far the present generation of a deployment is.',
  valuesConfig: {
    PENDING: { description: 'It was written down; nothing of it runs yet.' },
    STARTING: { description: 'Replica processes are starting.' },
    LOADING: { description: 'A replica loads its model, or gateways are taking up the route.' },
    READY: { description: 'Every gateway serves it. A replica counted for this only after a real inference went through it.' },
    FAILED: { description: 'Its rollout failed; what served before goes on serving. `conditions` say why.' },
    DELETING: { description: 'Its route was withdrawn and its replicas are draining.' },
    DELETED: { description: 'Nothing of it runs, and its name is free.' },
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
    PENDING: { description: 'It waits for its start, after failures for a while that grows.' },
    STARTING: { description: 'Its process is starting.' },
    LOADING: { description: 'It loads the model.' },
    READY: { description: 'A real inference went through it.' },
    DRAINING: { description: 'It gets nothing new and finishes what is under way.' },
    STOPPED: { description: 'It ended because it was no longer wanted.' },
    FAILED: { description: 'It ended by itself; `reason` and `logTail` say how.' },
  },
});

export const RolloutStateEnum = { PROGRESSING: 'PROGRESSING', SUCCEEDED: 'SUCCEEDED', FAILED: 'FAILED', SUPERSEDED: 'SUPERSEDED' } as const;
registerEnumType(RolloutStateEnum, {
  name: 'RolloutState',
  description: 'How the carrying out of a revision stands.',
  valuesConfig: {
    PROGRESSING: { description: 'It is under way.' },
    SUCCEEDED: { description: 'Every gateway serves the revision.' },
    FAILED: { description: 'It was given up; `reason` says why. What served before goes on serving.' },
    SUPERSEDED: { description: 'Another revision came before it was done.' },
  },
});

export const ConditionTypeEnum = { Available: 'Available', Progressing: 'Progressing', Degraded: 'Degraded' } as const;
registerEnumType(ConditionTypeEnum, {
  name: 'ConditionType',
  description: 'What a condition is about.',
  valuesConfig: {
    Available: { description: 'Whether requests are served.' },
    Progressing: { description: 'Whether something is still being done.' },
    Degraded: { description: 'Whether what serves is less than, or other than, what is wanted.' },
  },
});

export const ConditionStatusEnum = { TRUE: 'TRUE', FALSE: 'FALSE', UNKNOWN: 'UNKNOWN' } as const;
registerEnumType(ConditionStatusEnum, {
  name: 'ConditionStatus',
  description: 'Whether a condition holds.',
  valuesConfig: { TRUE: { description: 'It holds.' }, FALSE: { description: 'It does not hold.' }, UNKNOWN: { description: 'It cannot be told.' } },
});

@ObjectType('Condition', { description: "One aspect of a deployment's status." })
export class ConditionType {
  @Field(() => ConditionTypeEnum, { description: 'What it is about.' }) type!: keyof typeof ConditionTypeEnum;
  @Field(() => ConditionStatusEnum, { description: 'Whether it holds.' }) status!: keyof typeof ConditionStatusEnum;
  @Field(() => String, { description: 'Why, in one word.' }) reason!: string;
  @Field(() => String, { description: 'Why, in a sentence; empty where there is nothing to say.' }) message!: string;
  @Field(() => GraphQLISODateTime, { description: 'When the status last changed.' }) lastTransitionAt!: Date;
}

export const BatchingModeEnum = { AUTO: 'AUTO', ON: 'ON', OFF: 'OFF' } as const;
registerEnumType(BatchingModeEnum, {
  name: 'BatchingMode',
  description: 'Whether waiting requests of one target are merged into one inference. `Target.batching` says what came of it.',
  valuesConfig: {
    AUTO: { description: "They are, where validation showed that a version's rows are INDEPENDENT." },
    ON: { description: 'They are, whatever validation showed: the caller vouches for the model. Refused for a version that is FIXED.' },
    OFF: { description: 'They are not.' },
  },
});

@ObjectType('DeploymentSpec', { description: 'What is wanted of a deployment.' })
export class DeploymentSpecType {
  @Field(() => Int, { description: 'Replicas of each target; a scaling policy, where there is one, moves them instead.' }) replicas!: number;
  @Field(() => Int, { description: 'How long a request may take from its arrival, waiting included, unless it says so itself.' }) timeoutMs!: number;
  @Field(() => Int, { description: 'Inferences one replica works on at a time; each gateway process sends it so many before others wait.' })
  maxConcurrency!: number;
  @Field(() => Int, { description: 'Requests that may wait in each gateway process; beyond it the answer is "overloaded", at once.' }) maxQueue!: number;
  @Field(() => BatchingModeEnum, { description: 'Whether waiting requests of one target are merged into one inference.' })
  batching!: keyof typeof BatchingModeEnum;
  @Field(() => Int, { description: 'Rows of one merged inference; 1 merges nothing.' }) maxBatchSize!: number;
  @Field(() => Float, { description: 'How long a request may be held back for others to be merged with.' }) maxDelayMs!: number;
  @Field(() => String, {
    nullable: true,
    description: 'Header, in lower case, whose value keeps its callers on one version; null where every request is routed on its own.',
  })
  stickyHeader!: string | null;
  @Field(() => Int, { description: 'Threads of one replica.' }) threads!: number;
  @Field(() => String, {
    nullable: true,
    description: 'Memory a replica may use on top of what its runtime needs idle, as a 64-bit integer; null for no limit of its own.',
  })
  memoryLimitBytes!: string | null;
}

@ObjectType('Deployment', { implements: NodeType, description: 'A named endpoint: a spec (what is wanted, with a generation) and a status (what is).' })
export class DeploymentType extends NodeType {
  @Field(() => String, { description: 'Unique in its project.' }) name!: string;
  @Field(() => DeploymentSpecType, { description: 'What is wanted, beside the targets.' }) spec!: DeploymentSpecType;
  @Field(() => Int, { description: 'Counts the changes of the spec. Give it back as `expectedGeneration`.' }) generation!: number;
  @Field(() => Int, { description: 'The generation that phase and conditions speak of.' }) observedGeneration!: number;
  @Field(() => Int, { nullable: true, description: 'Replicas of each target that the scaling policy asks for; null where there is none.' }) scaledReplicas!:
    number | null;
  @Field(() => DeploymentPhaseEnum, { description: 'How far the present generation is.' }) phase!: keyof typeof DeploymentPhaseEnum;
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
  @Field(() => Boolean, { description: 'Whether they are.' }) enabled!: boolean;
  @Field(() => String, { description: 'Why, in a sentence: what the spec says, or what validation found.' }) reason!: string;
  @Field(() => Int, { nullable: true, description: 'Rows of one merged inference; null where nothing is merged.' }) maxBatchSize!: number | null;
  @Field(() => Float, { nullable: true, description: 'How long a request may be held back for others; null where nothing is merged.' })
  maxDelayMs!: number | null;
}

@ObjectType('Target', { description: 'One version that a deployment sends traffic to, or a copy of it.' })
export class TargetType {
  @Field(() => Int, { description: 'Its share of the traffic, relative to the sum of the weights.' }) weight!: number;
  @Field(() => Float, { description: 'Percentage of the requests that it gets a copy of, its answers unseen by callers; 0 for a target that is no shadow.' })
  shadowPercent!: number;
  versionRowId!: string;
  deploymentRowId!: string;
  specRow!: DeploymentSpec;
}

@ObjectType('Revision', { implements: NodeType, description: "An immutable snapshot of a deployment's spec." })
export class RevisionType extends NodeType {
  @Field(() => Int, { description: 'The generation it made.' }) number!: number;
  @Field(() => DeploymentSpecType, { description: 'The spec, beside the targets.' }) spec!: DeploymentSpecType;
  @Field(() => String, { description: 'Who made it.' }) actor!: string;
  @Field(() => String, { description: "Why, in the actor's words." }) reason!: string;
  @Field(() => Int, { nullable: true, description: 'The revision whose spec it took back; null where it is no rollback.' }) rollbackTo!: number | null;
  @Field(() => GraphQLISODateTime, { description: 'When it was made.' }) createdAt!: Date;
  rowId!: string;
  deploymentRowId!: string;
  specRow!: DeploymentSpec;
}
export const RevisionConnection = connectionType('Revision', () => RevisionType);

@ObjectType('RolloutStep', { description: 'One thing that happened in a rollout.' })
export class RolloutStepType {
  @Field(() => String, { description: 'The type of the event.' }) name!: string;
  @Field(() => String, { description: 'What happened.' }) message!: string;
  @Field(() => GraphQLISODateTime, { description: 'When.' }) at!: Date;
}

@ObjectType('Rollout', { implements: NodeType, description: 'The carrying out of one revision: steps, outcome, and why.' })
export class RolloutType extends NodeType {
  @Field(() => RolloutStateEnum, { description: 'How it stands.' }) state!: keyof typeof RolloutStateEnum;
  @Field(() => String, { nullable: true, description: 'Why it FAILED or was SUPERSEDED.' }) reason!: string | null;
  @Field(() => [RolloutStepType], { description: 'What happened, in order.' }) steps!: RolloutStepType[];
  @Field(() => GraphQLISODateTime, { description: 'When it began.' }) startedAt!: Date;
  @Field(() => GraphQLISODateTime, { nullable: true, description: 'When it ended; null while it is PROGRESSING.' }) finishedAt!: Date | null;
  @Field(() => Float, { nullable: true, description: 'How long it took; null while it is PROGRESSING.' }) durationMs!: number | null;
  rowId!: string;
  deploymentRowId!: string;
  revisionRowId!: string;
}
export const RolloutConnection = connectionType('Rollout', () => RolloutType);

@ObjectType('Replica', { implements: NodeType, description: 'One running runtime process of one target.' })
export class ReplicaType extends NodeType {
  @Field(() => ReplicaStateEnum, { description: 'Its state.' }) state!: keyof typeof ReplicaStateEnum;
  @Field(() => Int, { description: 'Generation of the spec it was started for.' }) generation!: number;
  @Field(() => Int, { description: 'How many starts of its target failed in a row before this one.' }) attempt!: number;
  @Field(() => Int, { nullable: true, description: "Its process id on the engine's host." }) pid!: number | null;
  @Field(() => String, { nullable: true, description: 'What computes: `cpu`, `tensorflow`, `wasm`...' }) backend!: string | null;
  @Field(() => String, { nullable: true, description: "Why it FAILED or was stopped: the runtime's own message, or how the process ended." }) reason!:
    string | null;
  @Field(() => Int, { nullable: true, description: 'The exit code of its process.' }) exitCode!: number | null;
  @Field(() => String, { nullable: true, description: 'The signal that ended its process.' }) exitSignal!: string | null;
  @Field(() => String, { nullable: true, description: 'The last lines of its log, kept when it FAILED.' }) logTail!: string | null;
  @Field(() => String, { nullable: true, description: 'Resident memory when it became READY, as a 64-bit integer.' }) memoryBytes!: string | null;
  @Field(() => GraphQLISODateTime, { description: 'When it was created.' }) createdAt!: Date;
  @Field(() => GraphQLISODateTime, { nullable: true, description: 'Not started before this time; after failures it lies ahead.' }) startAfter!: Date | null;
  @Field(() => GraphQLISODateTime, { nullable: true, description: 'When a real inference first went through it.' }) readyAt!: Date | null;
  @Field(() => GraphQLISODateTime, { nullable: true, description: 'When it ended.' }) stoppedAt!: Date | null;
  rowId!: string;
  deploymentRowId!: string;
  versionRowId!: string;
}
export const ReplicaConnection = connectionType('Replica', () => ReplicaType);

@ObjectType('RouteBatching', { description: 'How gateways merge the requests of a target.' })
export class RouteBatchingType {
  @Field(() => Int, { description: 'Rows of one merged inference.' }) maxBatchSize!: number;
  @Field(() => Float, { description: 'How long a request may be held back for others.' }) maxDelayMs!: number;
}

@ObjectType('RouteTarget', { description: 'Where a route sends a share of the traffic, or a copy of it.' })
export class RouteTargetType {
  @Field(() => Int, { description: 'Its share, relative to the sum of the weights.' }) weight!: number;
  @Field(() => Float, { description: 'Percentage of the requests that it gets a copy of; 0 for a target that is no shadow.' }) shadowPercent!: number;
  @Field(() => RouteBatchingType, { nullable: true, description: 'How its requests are merged; null where they are not.' }) batching!: RouteBatchingType | null;
  @Field(() => [ID], { description: 'Ids of the replicas that take requests now. Empty while the only one is being replaced: requests wait.' })
  replicaIds!: string[];
  versionRowId!: string;
}

@ObjectType('Route', { description: 'What gateways serve of a deployment now.' })
export class RouteType {
  @Field(() => String, { description: 'The version of the route table when this route last changed, as a 64-bit integer.' }) version!: string;
  @Field(() => Int, { description: 'The generation it carries: the one before, while a rollout is under way.' }) generation!: number;
  @Field(() => String, { nullable: true, description: 'Header whose value keeps its callers on one version; null where every request is routed on its own.' })
  stickyHeader!: string | null;
  @Field(() => [RouteTargetType], { description: 'Where the traffic goes.' }) targets!: RouteTargetType[];
  @Field(() => GraphQLISODateTime, { description: 'When it last changed.' }) updatedAt!: Date;
}
