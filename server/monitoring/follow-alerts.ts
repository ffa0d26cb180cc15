/** The feed's alert events as a subscription: an alert is its own subject, so a deployment's alerts are told by their payload. */
import type { ApiContext } from '../api/context.js';
import type { FeedItem } from '../events/event-feed.js';
import { followFeed } from '../events/follow-feed.js';
import type { AlertEventPayload } from '../events/topics.js';

export interface AlertFilter {
  readonly projectId?: string;
  readonly deploymentId?: string;
}

/** @param select which alerts are meant; a DomainError that it throws becomes the subscription's error */
export function followAlerts<A extends object>(select: (args: A, context: ApiContext) => Promise<AlertFilter>) {
  return async ({ args, context }: { args: unknown; context: unknown }): Promise<AsyncIterable<FeedItem>> => {
    const { deploymentId, ...filter } = await select(args as A, context as ApiContext);
    const items = await followFeed(() => ({ ...filter, topic: 'alert' }))({ args, context });
    return deploymentId === undefined ? items : onlyDeployment(items, deploymentId);
  };
}

function onlyDeployment(items: AsyncIterable<FeedItem>, deploymentId: string): AsyncIterable<FeedItem> {
  return {
    [Symbol.asyncIterator]: () => {
      const source = items[Symbol.asyncIterator]();
      return {
        next: async () => {
          for (;;) {
            const step = await source.next();
            if (step.done || (step.value.event.payload as Partial<AlertEventPayload>).deploymentId === deploymentId) return step;
          }
        },
        // Not a generator: ending one waits for its pending step, and the next alert may be days away.
        return: async () => (await source.return?.()) ?? { done: true, value: undefined },
      };
    },
  };
}
