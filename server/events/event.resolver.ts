import { Arg, Args, ID, Query, registerEnumType, Resolver, Root, Subscription } from 'type-graphql';
import type { Connection } from '../api/conventions.types.js';
import { readNodeId } from '../api/node-id.js';
import { DomainError } from '../errors.js';
import type { EventFeed, FeedItem } from './event-feed.js';
import { AfterArgs, EventConnection, EventsArgs, EventType, toEventConnection, toEventType } from './event.types.js';
import { followFeed } from './follow-feed.js';
import type { FeedFilter } from './event-store.js';
import type { Topic } from './topics.js';

export const EventTopicEnum = { DEPLOYMENT: 'deployment', VERSION: 'version', ALERT: 'alert', ALIAS: 'alias' } as const satisfies Record<string, Topic>;
registerEnumType(EventTopicEnum, {
  name: 'EventTopic',
  description: 'The kind of object that an event is about.',
  valuesConfig: {
    DEPLOYMENT: { description: 'Deployments: each step.' },
    VERSION: { description: 'Versions: each step of their validation.' },
    ALERT: { description: 'Alerts: fired and resolved.' },
    ALIAS: { description: 'Aliases: created and moved.' },
  },
});

const topicArg = { nullable: true, description: 'Only events of this topic.' };
const subjectArg = { nullable: true, description: 'Only events of the object with this id: a deployment, a version, an alert or an alias.' };
const projectArg = { nullable: true, description: 'Only events in the project of this name.' };

interface Selection {
  readonly topic?: Topic | null | undefined;
  readonly project?: string | null | undefined;
  readonly subject?: string | null | undefined;
}

@Resolver(() => EventType)
export class EventResolver {
  /** @param projectId finds a project's row id by its name */
  constructor(
    private readonly feed: EventFeed,
    private readonly projectId: (name: string) => Promise<string | undefined>,
  ) {}

  @Query(() => EventConnection, { description: 'The event feed, oldest first. The cursors also work for subscriptions.' })
  async events(
    @Args(() => EventsArgs) page: EventsArgs,
    @Arg('topic', () => EventTopicEnum, topicArg) topic?: Topic | null,
    @Arg('project', () => String, projectArg) project?: string | null,
    @Arg('subject', () => ID, subjectArg) subject?: string | null,
  ): Promise<Connection<EventType>> {
    return toEventConnection(await this.feed.list(await this.filter({ topic, project, subject }), page));
  }

  @Query(() => String, {
    description: 'Cursor of the newest event. Read it before a change and subscribe with it as `after` to get every event of the change.',
  })
  eventCursor(): Promise<string> {
    return this.feed.head();
  }

  @Subscription(() => EventType, {
    description: 'Every event as it happens.',
    subscribe: followFeed<Selection>((selection, context) => context.instance(EventResolver).filter(selection)),
  })
  eventFeed(
    @Root() item: FeedItem,
    @Args(() => AfterArgs) _after: AfterArgs,
    @Arg('topic', () => EventTopicEnum, topicArg) _topic?: Topic | null,
    @Arg('project', () => String, projectArg) _project?: string | null,
    @Arg('subject', () => ID, subjectArg) _subject?: string | null,
  ): EventType {
    return toEventType(item);
  }

  /** @throws DomainError INVALID, NOT_FOUND */
  async filter({ topic, project, subject }: Selection): Promise<FeedFilter> {
    const named = subject == null ? undefined : readNodeId(subject);
    if (subject != null && named === undefined) throw new DomainError('INVALID', `"${subject.slice(0, 80)}" is not an id`, ['subject']);
    const filter = { topic: topic ?? undefined, subjectId: named?.id };
    if (project == null) return filter;
    const projectId = await this.projectId(project);
    if (projectId === undefined) throw new DomainError('NOT_FOUND', `project "${project.slice(0, 80)}" does not exist`, ['project']);
    return { ...filter, projectId };
  }
}
