/** Metrics of deployments as GraphQL shows them. */
import { Field, Float, GraphQLISODateTime, Int, ObjectType } from 'type-graphql';

@ObjectType('ErrorCount', { description: 'Failed requests of one kind.' })
export class ErrorCountType {
  @Field(() => String, { description: 'The kind: `INVALID`, `CANCELLED`, `OVERLOADED`, `DEADLINE_EXCEEDED`, `UNAVAILABLE`, `RUNTIME_FAILED`, `REPLICA_LOST`.' })
  kind!: string;
  @Field(() => Float, { description: 'How many; a whole number.' }) count!: number;
  @Field(() => Boolean, { description: "Whether it counts towards the error rate: the caller's own mistakes (INVALID) and choices (CANCELLED) do not." })
  serverSide!: boolean;
}

@ObjectType('BatchSizeCount', { description: 'How many batches had so many rows.' })
export class BatchSizeCountType {
  @Field(() => Int, {
    nullable: true,
    description: 'The most rows of these batches, a power of two; each has more than half of it. null for those beyond the largest, 4096.',
  })
  atMost!: number | null;
  @Field(() => Float, { description: 'How many; a whole number.' }) count!: number;
}

@ObjectType()
export abstract class MetricsType {
  @Field(() => Int, {
    description:
      'For how much of the asked time gateways have reported, up to `windowMs`; the newest seconds may be missing. 0: nothing is known, which is not the same as no requests.',
  })
  coveredMs!: number;
  @Field(() => Int, {
    description:
      'Over how much time the other figures were counted; divide by it for a rate. Gateways count in windows of 5 s, those that wait for the database in longer ones, and each counts as a whole or not at all: to the asked time belong those whose middle lies in it.',
  })
  measuredMs!: number;
  @Field(() => Float, { description: 'Finished requests, failed ones included; a whole number.' }) requests!: number;
  @Field(() => Float, { nullable: true, description: "Failed requests that were not the caller's doing, as a fraction of all, 0 to 1; null without requests." })
  errorRate!: number | null;
  @Field(() => [ErrorCountType], { description: 'Failed requests by kind; kinds that did not happen are left out.' }) errors!: ErrorCountType[];
  @Field(() => Float, {
    nullable: true,
    description: 'Half of the requests took at most this long, from arrival to answer; null without requests. Read from a histogram: off by at most 19 %.',
  })
  latencyP50Ms!: number | null;
  @Field(() => Float, { nullable: true, description: '95 of 100 requests took at most this long; null without requests.' }) latencyP95Ms!: number | null;
  @Field(() => Float, { nullable: true, description: '99 of 100 requests took at most this long; null without requests.' }) latencyP99Ms!: number | null;
  @Field(() => Float, {
    nullable: true,
    description: 'Half of the answered requests went to a replica at most this long after their arrival; null without answered requests.',
  })
  queueTimeP50Ms!: number | null;
  @Field(() => Float, { nullable: true, description: '95 of 100 answered requests waited at most this long; null without any.' }) queueTimeP95Ms!:
    number | null;
  @Field(() => Float, { nullable: true, description: '99 of 100 answered requests waited at most this long; null without any.' }) queueTimeP99Ms!:
    number | null;
  @Field(() => Float, {
    nullable: true,
    description: 'For half of the answered requests the runtime took at most this long, for the whole batch where requests were merged; null without any.',
  })
  computeTimeP50Ms!: number | null;
  @Field(() => Float, { nullable: true, description: 'For 95 of 100 answered requests the runtime took at most this long; null without any.' })
  computeTimeP95Ms!: number | null;
  @Field(() => Float, { nullable: true, description: 'For 99 of 100 answered requests the runtime took at most this long; null without any.' })
  computeTimeP99Ms!: number | null;
  @Field(() => Float, { description: 'Batches that runtimes executed, a request on its own being one too; a whole number.' }) executions!: number;
  @Field(() => Float, { nullable: true, description: 'Mean rows of a batch; null without executions.' }) meanBatchSize!: number | null;
  @Field(() => [BatchSizeCountType], { description: 'Batches by their rows; sizes that did not occur are left out.' }) batchSizes!: BatchSizeCountType[];
  @Field(() => Float, { description: 'Bytes of the bodies of answered requests, as they came (messages over gRPC: inflated); a whole number.' })
  requestBytes!: number;
  @Field(() => Float, {
    description: 'Bytes of the tensors that answered them, in binary form whatever the protocol made of them; a whole number.',
  })
  responseBytes!: number;
  @Field(() => Float, {
    nullable: true,
    description: 'Mean number of requests accepted and not yet answered, waiting ones included; null when nothing is known.',
  })
  inFlight!: number | null;
  @Field(() => Int, { nullable: true, description: 'The most that one gateway had in flight at one time for one target; null when nothing is known.' })
  inFlightMax!: number | null;
  @Field(() => Float, { nullable: true, description: 'Mean number of requests that waited for a replica; null when nothing is known.' }) queue!: number | null;
  @Field(() => Int, { nullable: true, description: 'The most that waited at one gateway at one time for one target; null when nothing is known.' }) queueMax!:
    number | null;
}

@ObjectType('TargetMetrics', { description: 'What gateways measured of one version in a deployment.' })
export class TargetMetricsType extends MetricsType {
  versionRowId!: string;
}

@ObjectType('DeploymentMetrics', { description: 'What gateways measured of a deployment, all its targets together.' })
export class DeploymentMetricsType extends MetricsType {
  @Field(() => Int, { description: 'Length of the asked time.' }) windowMs!: number;
  @Field(() => GraphQLISODateTime, { description: 'Its beginning.' }) from!: Date;
  @Field(() => GraphQLISODateTime, { description: 'Its end: now.' }) to!: Date;
  @Field(() => [TargetMetricsType], { description: 'The same for every version that gateways reported on, those no longer in the spec included.' })
  targets!: TargetMetricsType[];
}
