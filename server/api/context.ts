import DataLoader from 'dataloader';
import type { Actor } from '../database/unit-of-work.js';
import type { EventFeed } from '../events/event-feed.js';

/** Batches the loads of one request. Each name is one loader, made when it is first asked for. */
export class Loaders {
  private readonly loaders = new Map<string, DataLoader<never, never, string>>();

  /**
   * @param name what is loaded and how; two calls with one name share a loader, so everything that `batch` closes over must be part of it
   * @param batch answers in the order of its keys, an Error or undefined where there is nothing
   */
  of<K, V>(name: string, batch: (keys: readonly K[]) => Promise<readonly (V | Error)[]>): DataLoader<K, V, string> {
    let loader = this.loaders.get(name) as DataLoader<K, V, string> | undefined;
    if (!loader) {
      loader = new DataLoader<K, V, string>(batch, { cacheKeyFn: String, maxBatchSize: 1000 });
      this.loaders.set(name, loader as never);
    }
    return loader;
  }

  /** Forgets everything that was loaded: a subscription does so before each event. */
  clear(): void {
    this.loaders.clear();
  }
}

/** What every resolver knows. */
export interface ApiContext {
  readonly actor: Actor;
  readonly tokenId: string;
  readonly requestId: string;
  readonly loaders: Loaders;
  readonly events: EventFeed;
  /** The instance of a resolver class, for `subscribe` functions, which type-graphql calls without one. */
  instance<T extends object>(resolver: abstract new (...args: never[]) => T): T;
}
