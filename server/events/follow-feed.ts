/** Turns the feed into the `subscribe` of a type-graphql subscription. */
import type { ApiContext } from '../api/context.js';
import type { FeedItem } from './event-feed.js';
import type { FeedFilter } from './event-store.js';

/**
 * ```ts
 * @Subscription(() => DeploymentEventType, { description, subscribe: followFeed<{ deployment: string }>(({ deployment }, context) => context.instance(XResolver).filterOf(deployment)) })
 * deploymentEvents(@Root() item: FeedItem, @Arg('deployment', () => ID, …) _deployment: string, @Args(() => AfterArgs) _args: AfterArgs): EventType { return toEventType(item); }
 * ```
 * @param select which events are meant; it may look something up and throw a DomainError, which becomes the subscription's error
 */
export function followFeed<A extends object>(select: (args: A, context: ApiContext) => FeedFilter | Promise<FeedFilter>) {
  return async ({ args, context }: { args: unknown; context: unknown }): Promise<AsyncIterable<FeedItem>> => {
    const api = context as ApiContext;
    const { after } = args as { after?: string | null };
    const items = await api.events.open({ ...(await select(args as A, api)), after });
    return {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          const step = await items.next();
          // Every event is resolved with loaders of its own: those of the subscription's start would answer from their cache for ever.
          api.loaders.clear();
          return step;
        },
        return: () => items.return!(),
      }),
    };
  };
}
