/** The feature as features.ts lists it. */
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import type { ResolverClass } from '../api/create-schema.js';
import { NOTIFICATION } from '../database/notification-names.js';
import type { Notifier } from '../database/notifications.js';
import type { RunningFeature } from '../feature.js';
import { EventFeed } from './event-feed.js';
import { EventResolver } from './event.resolver.js';
import { pruneEvents } from './retention.js';
import { Sequencer, type SequencerOptions } from './sequencer.js';

export interface EventsOptions {
  readonly dataSource: DataSource;
  readonly notifier: Notifier;
  readonly log: Logger;
  /** Finds a project's row id by its name. */
  readonly projectId: (name: string) => Promise<string | undefined>;
  readonly sequencer?: SequencerOptions;
}

export interface Events extends RunningFeature {
  readonly feed: EventFeed;
}

export const EVENT_RESOLVERS: readonly ResolverClass[] = [EventResolver];

export function createEvents({ dataSource, notifier, log, projectId, sequencer: options }: EventsOptions): Events {
  const feed = new EventFeed(dataSource);
  const sequencer = new Sequencer(dataSource, notifier, log, options);
  return {
    feed,
    resolvers: [new EventResolver(feed, projectId)],
    gauges: [
      {
        name: 'pilothouse_event_feed_position',
        help: 'Position of the newest event that this server has read from the feed.',
        values: () => [[{}, feed.position]],
      },
      { name: 'pilothouse_event_feed_subscribers_waiting', help: 'Subscribers that have been sent every event.', values: () => [[{}, feed.waiting]] },
    ],
    wakes: {
      [NOTIFICATION.EVENTS]: () => feed.wake().catch((error: unknown) => log.warn({ err: error }, 'the feed could not be read')),
      [NOTIFICATION.UNSEQUENCED]: () => sequencer.wake(),
    },
    beforeApi: () => feed.start(),
    lead: (fence, signal) => sequencer.lead(fence, signal),
    idle: () => sequencer.idle(),
    tidy: (fence, now) => pruneEvents(dataSource, fence, now),
  };
}
