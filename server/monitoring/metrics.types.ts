/** Metrics of deployments as GraphQL shows them. */
import { Field, Float, GraphQLISODateTime, Int, ObjectType } from 'type-graphql';

@ObjectType('ErrorCount', { description: 'Failed requests of one kind.' })
export class ErrorCountType {
  @Field(() => String, {
    description: 'The kind of failure: `INVALID`, `CANCELLED`, `OVERLOADED`, `DEADLINE_EXCEEDED`, `UNAVAILABLE`, `RUNTIME_FAILED` or `REPLICA_LOST`.',
  })
  kind!: string;
  @Field(() => Float, { description: 'The count, a whole number.' }) count!: number;
  @Field(() => Boolean, { description: "Whether it counts in the error rate. The caller's own mistakes (INVALID) and cancellations (CANCELLED) do not." })
  serverSide!: boolean;
}

@ObjectType('BatchSizeCount', { description: 'The number of batches of one size.' })
export class BatchSizeCountType {
  @Field(() => Int, {
    nullable: true,
    description: 'Upper limit of the rows of these batches, a power of two; each batch has more than half of it. Null for batches of more than 4096 rows.',
  })
  atMost!: number | null;
  @Field(() => Float, { description: 'The count, a whole number.' }) count!: number;
}

@ObjectType()
export abstract class MetricsType {
  @Field(() => Int, {
    description:
      'How much of the requested time gateways have reported on, at most `windowMs`. The newest seconds may be missing. 0 means that nothing is known, which is not the same as no requests.',
  })
  coveredMs!: number;
  @Field(() => Int, {
    description:
      'Length of time that the other figures cover; divide by it to get a rate. Gateways count in windows of 5 s, and in longer ones while they wait for the database. A window counts if its middle lies in the requested time, and then as a whole.',
  })
  measuredMs!: number;
  @Field(() => Float, { description: 'Number of finished requests, including failed ones, a whole number.' }) requests!: number;
  @Field(() => Float, {
    nullable: true,
    description: "Failed requests as a fraction of all, 0 to 1. The caller's own mistakes and cancellations do not count as failed. Null without requests.",
  })
  errorRate!: number | null;
  @Field(() => [ErrorCountType], { description: 'Failed requests by kind. Kinds that did not occur are left out.' }) errors!: ErrorCountType[];
  @Field(() => Float, {
    nullable: true,
    description: 'Median time from arrival to answer. Null without requests. Computed from a histogram: off by at most 19 %.',
  })
  latencyP50Ms!: number | null;
  @Field(() => Float, { nullable: true, description: '95th percentile of the time from arrival to answer. Null without requests.' }) latencyP95Ms!:
    number | null;
  @Field(() => Float, { nullable: true, description: '99th percentile of the time from arrival to answer. Null without requests.' }) latencyP99Ms!:
    number | null;
  @Field(() => Float, {
    nullable: true,
    description: 'Median time from the arrival of an answered request until it was sent to a replica. Null without any.',
  })
  queueTimeP50Ms!: number | null;
  @Field(() => Float, { nullable: true, description: '95th percentile of the time until an answered request was sent to a replica. Null without any.' })
  queueTimeP95Ms!: number | null;
  @Field(() => Float, { nullable: true, description: '99th percentile of the time until an answered request was sent to a replica. Null without any.' })
  queueTimeP99Ms!: number | null;
  @Field(() => Float, {
    nullable: true,
    description: 'Median time in the runtime of answered requests; for a merged request, the time of the whole batch. Null without any.',
  })
  computeTimeP50Ms!: number | null;
  @Field(() => Float, { nullable: true, description: '95th percentile of the time in the runtime of answered requests. Null without any.' })
  computeTimeP95Ms!: number | null;
  @Field(() => Float, { nullable: true, description: '99th percentile of the time in the runtime of answered requests. Null without any.' })
  computeTimeP99Ms!: number | null;
  @Field(() => Float, { description: 'Number of batches that runtimes executed, a whole number. A request that was not merged is a batch too.' })
  executions!: number;
  @Field(() => Float, { nullable: true, description: 'Mean number of rows of a batch. Null without executions.' }) meanBatchSize!: number | null;
  @Field(() => [BatchSizeCountType], { description: 'Number of batches by their size. Sizes that did not occur are left out.' })
  batchSizes!: BatchSizeCountType[];
  @Field(() => Float, { description: 'Bytes of the bodies of answered requests as received (gRPC messages: decompressed), a whole number.' })
  requestBytes!: number;
  @Field(() => Float, {
    description: 'Bytes of the tensors in the answers, counted in binary form for every protocol, a whole number.',
  })
  responseBytes!: number;
  @Field(() => Float, {
    nullable: true,
    description: 'Mean number of accepted requests without an answer, including waiting ones. Null if nothing is known.',
  })
  inFlight!: number | null;
  @Field(() => Int, { nullable: true, description: 'Highest number of requests in flight at one gateway for one target. Null if nothing is known.' })
  inFlightMax!: number | null;
  @Field(() => Float, { nullable: true, description: 'Mean number of requests that waited for a replica. Null if nothing is known.' }) queue!: number | null;
  @Field(() => Int, { nullable: true, description: 'Highest number of requests that waited at one gateway for one target. Null if nothing is known.' })
  queueMax!: number | null;
}

@ObjectType('TargetMetrics', { description: 'What gateways measured of one version in a deployment.' })
export class TargetMetricsType extends MetricsType {
  versionRowId!: string;
}

@ObjectType('DeploymentMetrics', { description: 'What gateways measured of a deployment, over all its targets.' })
export class DeploymentMetricsType extends MetricsType {
  @Field(() => Int, { description: 'Length of the requested time.' }) windowMs!: number;
  @Field(() => GraphQLISODateTime, { description: 'Start of the measured time.' }) from!: Date;
  @Field(() => GraphQLISODateTime, { description: 'End of the measured time: now.' }) to!: Date;
  @Field(() => [TargetMetricsType], { description: 'The same for each version that gateways reported on, including versions that are no longer in the spec.' })
  targets!: TargetMetricsType[];
}
