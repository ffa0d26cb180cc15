import { EventEntity } from '../database/change.entities.js';
import { EventFeedEntity } from './event.entities.js';

/** The durable feed. */
export const events = {
  entities: [EventEntity, EventFeedEntity],
  load: async () => {
    const { createEvents, EVENT_RESOLVERS } = await import('./events.js');
    return { resolvers: EVENT_RESOLVERS, create: createEvents };
  },
};
