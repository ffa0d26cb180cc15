/** Events of deployments: live, and as a list. */
import { Arg, Args, Ctx, FieldResolver, Int, Resolver, Root, Subscription } from 'type-graphql';
import type { DataSource } from 'typeorm';
import type { ApiContext } from '../api/context.js';
import { rowsById } from '../api/row-loaders.js';
import type { Connection } from '../api/conventions.types.js';
import type { FeedItem } from '../events/event-feed.js';
import { AfterArgs, DeploymentEventConnection, DeploymentEventType, EventsArgs, toEventConnection, toEventType } from '../events/event.types.js';
import { followFeed } from '../events/follow-feed.js';
import type { DeploymentEventPayload } from '../events/topics.js';
import { ReplicaEntity } from './deployment.entities.js';
import { loadDeployment } from './deployment-loader.js';
import { DeploymentRefInput, toRef } from './deployment-inputs.types.js';
import { toReplica } from './deployment.mappers.js';
import type { DeploymentService } from './deployment.service.js';
import { DeploymentPhaseEnum, DeploymentType, ReplicaType } from './deployment.types.js';

const REF = 'The deployment, by `id`, or by `project` and `name`.';

@Resolver(() => DeploymentEventType)
export class DeploymentEventsResolver {
  constructor(
    private readonly dataSource: DataSource,
    private readonly deployments: DeploymentService,
  ) {}

  /** For `subscribe`, which type-graphql calls without an instance. */
  async rowIdOf(ref: DeploymentRefInput, comesBack: boolean): Promise<string> {
    const named = toRef(ref, 'deployment');
    // A subscriber that comes back after the deletion gets that event, also by name.
    return (await (comesBack ? this.deployments.getEvenDeleted(named) : this.deployments.get(named))).id;
  }

  @Subscription(() => DeploymentEventType, {
    description: 'Every event of a deployment, live and in order. With `after`, the events since that cursor are sent first.',
    subscribe: followFeed<{ deployment: DeploymentRefInput; after?: string | null }>(async ({ deployment, after }, context) => ({
      topic: 'deployment',
      subjectId: await context.instance(DeploymentEventsResolver).rowIdOf(deployment, after != null),
    })),
  })
  deploymentEvents(
    @Root() item: FeedItem,
    @Arg('deployment', () => DeploymentRefInput, { description: REF }) _deployment: DeploymentRefInput,
    @Args(() => AfterArgs) _after: AfterArgs,
  ): DeploymentEventType {
    return toEventType(item);
  }

  @FieldResolver(() => DeploymentPhaseEnum, { description: 'The phase of the deployment when the event was written.' })
  phase(@Root() { event }: DeploymentEventType): string {
    return payloadOf(event).phase;
  }

  @FieldResolver(() => Int, { description: 'The generation of the deployment when the event was written.' })
  generation(@Root() { event }: DeploymentEventType): number {
    return payloadOf(event).generation;
  }

  @FieldResolver(() => DeploymentType, { description: 'The deployment as it is now.' })
  async deployment(@Root() { event }: DeploymentEventType, @Ctx() context: ApiContext): Promise<DeploymentType> {
    return loadDeployment(context, this.dataSource, event.subjectId);
  }

  @FieldResolver(() => ReplicaType, { nullable: true, description: 'The replica that the event is about, as it is now. Null if it is about no replica.' })
  async replica(@Root() { event }: DeploymentEventType, @Ctx() context: ApiContext): Promise<ReplicaType | null> {
    const { replicaId } = payloadOf(event);
    const row = replicaId ? await rowsById(context, this.dataSource.manager, ReplicaEntity).load(replicaId) : undefined;
    return row ? toReplica(row) : null;
  }
}

@Resolver(() => DeploymentType)
export class DeploymentEventListResolver {
  @FieldResolver(() => DeploymentEventConnection, { description: 'Its events, oldest first. The cursors also work for `deploymentEvents`.' })
  async events(
    @Root() { rowId }: DeploymentType,
    @Args(() => EventsArgs) { first, after }: EventsArgs,
    @Ctx() context: ApiContext,
  ): Promise<Connection<DeploymentEventType>> {
    const loader = context.loaders.of<string, Connection<DeploymentEventType>>(`deployment.events:${first}:${after ?? ''}`, async (ids) => {
      const pages = await context.events.listOfSubjects('deployment', ids, { first, after });
      return pages.map((page) => toEventConnection<DeploymentEventType>(page));
    });
    return loader.load(rowId);
  }
}

const payloadOf = (event: { payload: Readonly<Record<string, unknown>> }): DeploymentEventPayload => event.payload as unknown as DeploymentEventPayload;
