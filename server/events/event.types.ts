/** GraphQL types of the feed's events. Features add their own fields with field resolvers on the concrete type. */
import 'reflect-metadata';
import { ArgsType, Field, ID, Int, InterfaceType, ObjectType } from 'type-graphql';
import { toNodeId } from '../api/node-id.js';
import { JsonObjectScalar } from '../api/scalars.js';
import { type Connection, connectionType, toConnection } from '../api/conventions.types.js';
import type { Page } from '../database/pagination.js';
import type { FeedItem } from './event-feed.js';
import type { FeedEvent } from './event-store.js';
import { SUBJECT_TYPES, type Topic } from './topics.js';

const TYPE_NAMES: Record<Topic, string> = { deployment: 'DeploymentEvent', version: 'VersionEvent', alert: 'AlertEvent', alias: 'AliasEvent' };

@InterfaceType('Event', {
  description: 'One entry of the durable, ordered feed that every subscription reads.',
  resolveType: (event: EventType) => TYPE_NAMES[event.topic],
})
export abstract class EventType {
  @Field(() => String, { description: 'Give this cursor as `after` to continue after this event.' }) cursor!: string;
  @Field(() => Date, { description: 'When the change was made.' }) at!: Date;
  @Field(() => String, { description: 'Who made the change: `token:<name>` for a caller, `system:<part>` for Pilothouse itself.' }) actor!: string;
  @Field(() => String, { description: 'The kind of the event, such as `REPLICA_READY`.' }) type!: string;
  @Field(() => String, { description: 'What happened, as text for people.' }) message!: string;
  @Field(() => ID, { description: 'Id of the object that the event is about. `node(id)` takes it.' }) subjectId!: string;
  @Field(() => JsonObjectScalar, { description: 'Data of the event. Its fields depend on the topic.' }) payload!: Readonly<Record<string, unknown>>;
  /** Not in the schema: the concrete types tell it. */
  topic!: Topic;
  /** The entry itself, for field resolvers of features. */
  event!: FeedEvent;
}

@ObjectType('DeploymentEvent', { implements: EventType, description: 'A step of a deployment, from the mutation to READY and after.' })
export class DeploymentEventType extends EventType {}

@ObjectType('VersionEvent', { implements: EventType, description: 'A step in the validation of a version.' })
export class VersionEventType extends EventType {}

@ObjectType('AlertEvent', { implements: EventType, description: 'An alert fired or was resolved.' })
export class AlertEventType extends EventType {}

@ObjectType('AliasEvent', { implements: EventType, description: 'An alias was created or moved.' })
export class AliasEventType extends EventType {}

const CLASSES: Record<Topic, new () => EventType> = {
  deployment: DeploymentEventType,
  version: VersionEventType,
  alert: AlertEventType,
  alias: AliasEventType,
};

/** Which subscriptions take. */
@ArgsType()
export class AfterArgs {
  @Field(() => String, {
    nullable: true,
    description: 'Cursor of the last event that you have. Later events are sent first. Without it, only new events are sent.',
  })
  after?: string | null;
}

/** Pages of events run from the oldest to the newest. */
@ArgsType()
export class EventsArgs {
  @Field(() => Int, { defaultValue: 20, description: 'How many to return, 1 to 100.' }) first!: number;
  @Field(() => String, { nullable: true, description: 'Cursor of an event, from this list or from a subscription. The page starts after it.' }) after?:
    string | null;
}

/** An entry of the feed as GraphQL shows it. */
export function toEventType<T extends EventType = EventType>({ cursor, event }: FeedItem): T {
  const { at, actor, type, topic, payload } = event;
  const message = typeof payload['message'] === 'string' ? payload['message'] : '';
  return Object.assign(new CLASSES[topic](), {
    cursor,
    at,
    actor,
    type,
    topic,
    payload,
    message,
    event,
    subjectId: toNodeId(SUBJECT_TYPES[topic], event.subjectId),
  }) as T;
}

/** A page of the feed as a connection, whose cursors are the events' own. */
export const toEventConnection = <T extends EventType = EventType>(page: Page<FeedEvent>): Connection<T> => {
  const cursors = new Map(page.rows.map((event, i) => [event, page.cursors[i]!]));
  return toConnection(page, (event) => toEventType<T>({ cursor: cursors.get(event)!, event }));
};

export const EventConnection = connectionType('Event', () => EventType as never);
export const DeploymentEventConnection = connectionType('DeploymentEvent', () => DeploymentEventType);
